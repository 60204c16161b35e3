//! Secrets on the command line, in the environment and in files: none is shown.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

/// A hypervisor that no name server knows.
const NOWHERE: &str = "nowhere.invalid";

fn irs(home: &Path, line: &str, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_irs"))
        .args(shlex::split(line).unwrap())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("IRS_HOME", home.join("home"))
        .envs(environment.iter().copied())
        .current_dir(home)
        .output()
        .unwrap()
}

#[test]
fn a_password_on_the_command_line_is_told_and_kept_to_itself() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("screens"), "sesame\n").unwrap();
    let line = format!("virsh -vv --host-address {NOWHERE} --topology-nodes compute:1 --vnc-external");
    let url = "https://me:hush@host/x.qcow2";
    let said = |more: &str, environment: &[(&str, &str)]| {
        let output = irs(home.path(), &format!("{line} {more}"), environment);
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8(text).unwrap()
    };
    for form in ["", "--format json"] {
        let shown = said(&format!("--vnc-password sesame --image-url {url} {form}"), &[]);
        assert!(
            shown.contains("the password in --vnc-password stands in the process list"),
            "{shown}"
        );
        assert!(shown.contains("IRS_IMAGE_URL keeps it to yourself"), "{shown}");
        assert!(!shown.contains("sesame") && !shown.contains("hush"), "{shown}");
    }
    // Of every command, and of every flag that takes a URL.
    for (line, instead) in [
        ("image pull https://me:hush@host/x", "IRS_IMAGE_URL"),
        ("image pull x --image-proxy http://me:hush@p:1", "IRS_IMAGE_PROXY"),
        (
            "virsh --image-checksum https://host/x?sig=hush",
            "IRS_IMAGE_CHECKSUM",
        ),
        ("virsh --tls-ca https://me:hush@host/x", "IRS_TLS_CA"),
        (
            "virsh --image-mirror-url ftp://me:hush@host/x",
            "IRS_IMAGE_MIRROR_URL",
        ),
        (
            "virsh --topology-net-url 'https://me:hu/sh@host/x y'",
            "IRS_TOPOLOGY_NET_URL",
        ),
    ] {
        let line = format!("{line} --host-address {NOWHERE}");
        let output = irs(home.path(), &line, &[]);
        let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            shown.contains(&format!("{instead} keeps it to yourself")),
            "{line}: {shown}"
        );
        assert!(
            !shown.contains("hush") && !shown.contains("hu/sh"),
            "{line}: {shown}"
        );
    }
    for (more, environment) in [
        ("--vnc-password-file screens", vec![]),
        ("", vec![("IRS_VNC_PASSWORD", "sesame"), ("IRS_IMAGE_URL", url)]),
    ] {
        let shown = said(more, &environment);
        assert!(
            !shown.contains("process list") && !shown.contains("sesame") && !shown.contains("hush"),
            "{shown}"
        );
    }
    // The log has all of it but the secrets.
    let workspace = home.path().join("home/default");
    std::fs::create_dir_all(&workspace).unwrap();
    let shown = said(
        &format!("--vnc-password sesame --image-url {url} -e admin_password=sesame"),
        &[],
    );
    let log = workspace.join("irs.log");
    assert!(shown.contains(&format!("log: {}", log.display())), "{shown}");
    let text = std::fs::read_to_string(&log).unwrap();
    for part in [
        "info: irs 0.",
        "virsh -vv --host-address nowhere.invalid --topology-nodes compute:1",
        "stands in the process list",
        "error: ",
        "error: caused by: ",
        "exit code 3, after ",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("sesame") && !text.contains("hush"), "{text}");
    // Nor in what is refused.
    let refused = said(
        "--vnc-password sesame-sesame --image-url 'https://me:hush@host/a b'",
        &[],
    );
    assert!(
        refused.contains("is longer than 8 characters") && refused.contains("has blanks"),
        "{refused}"
    );
    assert!(
        !refused.contains("sesame-") && !refused.contains("hush"),
        "{refused}"
    );
}

/// What a user's own ProxyCommand and the commands on this machine see of irs's environment.
#[test]
fn programs_that_irs_starts_are_not_told_its_secrets() {
    let home = tempfile::tempdir().unwrap();
    let seen = home.path().join("seen");
    let config = home.path().join(".ssh/config");
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    let text = format!("Host hv\n ProxyCommand env >'{}'; echo nothing\n", seen.display());
    std::fs::write(&config, text).unwrap();
    let line = "hypervisor check --host-address hv";
    let environment = [
        ("IRS_HOST_PASSWORD", "sesame"),
        ("IRS_IMAGE_PROXY", "http://me:hush@p:1"),
    ];
    let output = irs(home.path(), line, &environment);
    let seen = std::fs::read_to_string(&seen).unwrap_or_else(|_| panic!("{output:?}"));
    assert!(seen.contains("PATH="), "{seen}");
    assert!(!seen.contains("sesame") && !seen.contains("hush"), "{seen}");
}

/// A crash of irs, which waits for a password on its stdin.
#[test]
fn a_crash_leaves_no_core_dump() {
    use std::os::unix::process::ExitStatusExt;
    let home = tempfile::tempdir().unwrap();
    let crash = |line: &str| {
        let script = format!("ulimit -c unlimited; exec {line}");
        let mut child = Command::new("bash")
            .args(["-c", &script])
            .env("IRS_HOME", home.path().join("home"))
            .current_dir(home.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // It sleeps on a pipe that nobody writes to.
        let program = line.split(' ').next().unwrap().rsplit('/').next().unwrap();
        let waits = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            assert!(!stat.contains(") Z "), "it ended by itself");
            stat.contains(&format!("({program}) S "))
        };
        while !waits() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(child.id() as i32).unwrap(),
            rustix::process::Signal::ABORT,
        )
        .unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(6), "{status}");
        status.core_dumped()
    };
    let irs = env!("CARGO_BIN_EXE_irs");
    let file = "--topology-nodes compute:1 --vnc-password-file /dev/stdin";
    assert!(!crash(&format!("{irs} virsh --host-address {NOWHERE} {file}")));
    if !crash("cat") {
        eprintln!("this machine makes no core dumps of anything");
    }
}
