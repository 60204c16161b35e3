//! Login shells that talk, are slow, are no `sh`, or run nothing; sudo that wants more than there is; a German hypervisor.

use super::storage::{fill_when_begun, free_some};
use super::{TWO, nothing_to_do, on, virsh};
use crate::support::{Lab, Run, difference};

/// Gives root of the hypervisor a shell and its start-up file.
fn shell(lab: &Lab, shell: &str, rc: &str) {
    let path = lab.state().join("etc/rc");
    std::fs::write(path, rc).expect("a file");
    on(
        lab,
        &format!(
            "cd /run/root && mkdir -p .config/fish && cp /etc/rc .bashrc && cp /etc/rc .cshrc && cp /etc/rc .config/fish/config.fish
             sed -i 's|^\\(root:.*:\\)[^:]*$|\\1{shell}|' /etc/passwd"
        ),
    );
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_shell_that_prints_a_banner_on_login_or_is_no_bash() {
    let lab = Lab::up("faults-shells", &["--default-network"]).warm();
    let before = lab.snapshot();
    let banner = "echo welcome; echo held; echo 'it is maintained on sundays' >&2; printf 'no newline'\n";
    let odd =
        "set -eu; cd /usr; umask 0; alias ls=false cat=false; export POSIXLY_CORRECT=1 LC_ALL=de_DE.UTF-8\n";
    for (path, rc) in [
        ("/bin/bash", banner),
        ("/bin/bash", odd),
        ("/bin/dash", ""),
        ("/bin/tcsh", "echo welcome\n"),
        ("/usr/bin/fish", "echo welcome\n"),
    ] {
        shell(&lab, path, rc);
        virsh(&lab, TWO).ok();
        nothing_to_do(&lab, TWO);
        let kill = virsh(&lab, &["--kill"]).ok();
        assert_eq!(
            difference(&before, &lab.snapshot_but_cache()),
            "",
            "{path}: {}",
            kill.transcript()
        );
    }

    let ends = format!(
        "error: the login shell of 'root@{}' ends before it runs a command",
        lab.address()
    );
    let hint =
        "hint: ~/.bashrc and its like must not end the shell, or exec another one, when there is no terminal";
    for (path, rc, said) in [
        ("/bin/bash", "exit 3\n", "it says nothing, and its status is 3"),
        ("/bin/bash", "echo 'no entry'; exec true\n", "it says: no entry"),
        (
            "/usr/sbin/nologin",
            "",
            "it says: This account is currently not available.",
        ),
    ] {
        shell(&lab, path, rc);
        virsh(&lab, TWO).exits(3).says(&[&ends, said, hint]);
    }
    if super::long() {
        shell(&lab, "/bin/bash", "sleep 1000\n");
        virsh(&lab, TWO).exits(3).says(&[
            "has not begun a command within 30 s: connecting again in 1 s",
            "hint: ~/.bashrc and its like must not wait for anything",
        ]);
        // What waits for input gets all of ours: after a while that is noticed.
        shell(&lab, "/bin/bash", "echo 'no entry'; exec cat\n");
        virsh(&lab, TWO)
            .exits(3)
            .says(&[&ends, "it says: no entry", hint]);
    }
    shell(&lab, "/bin/bash", "");
    assert_eq!(difference(&before, &lab.snapshot()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn sudo_that_wants_more_than_there_is_and_a_lock_that_cannot_be_had() {
    let lab = Lab::up("faults-sudo", &["--default-network", "--sudoer"]).warm();
    let before = lab.snapshot();
    let rules = |text: &str| {
        let path = lab.state().join("etc/sudoers.d/operator");
        std::fs::write(path, format!("{text}\n")).expect("a file");
    };
    let as_operator = |args: &[&str]| -> Run { virsh(&lab, &[&["--host-user", "operator"], args].concat()) };
    let address = lab.address();

    let password =
        format!("error: user 'operator' is not root and cannot use sudo without a password on '{address}'");
    for rule in [
        "operator ALL=(ALL) ALL",
        "operator ALL=(ALL) NOPASSWD: /usr/bin/virsh",
        "",
    ] {
        rules(rule);
        as_operator(TWO).exits(3).says(&[
            &password,
            "hint: log in as root (--host-user root), or set $IRS_HOST_SUDO_PASSWORD",
            "or give 'operator' a NOPASSWD rule for all commands",
        ]);
    }
    rules("Defaults requiretty\noperator ALL=(ALL) NOPASSWD: ALL");
    let terminal = format!("error: sudo on '{address}' wants a terminal of user 'operator'");
    as_operator(TWO).exits(3).says(&[
        &terminal,
        "put 'Defaults:operator !requiretty' into /etc/sudoers.d there",
    ]);

    // A path without env, a lecture, a terminal of sudo's own: no harm.
    rules("Defaults secure_path=/nowhere, use_pty, lecture=always\noperator ALL=(ALL) NOPASSWD: ALL");
    as_operator(TWO).ok();
    as_operator(TWO).ok().prints(&["nothing to change"]);
    as_operator(&["--kill"]).ok();

    let lock = format!("error: cannot take the lock of deployment 'default' on '{address}'");
    let needed = "hint: bash, flock and a writable /run are needed there";
    on(
        &lab,
        "mkdir /run/irs && mount --bind /run/irs /run/irs && mount -o bind,remount,ro /run/irs",
    );
    virsh(&lab, TWO)
        .exits(1)
        .says(&[&lock, "Read-only file system", needed]);
    on(
        &lab,
        "umount /run/irs && rmdir /run/irs && printf '#!/bin/no-such-shell\\n' >/run/flock && chmod 755 /run/flock",
    );
    on(&lab, "mount --bind /run/flock /usr/bin/flock");
    virsh(&lab, TWO).exits(1).says(&[&lock, needed]);
    on(&lab, "umount /usr/bin/flock && rm /run/flock; rm -rf /run/irs");
    assert_eq!(difference(&before, &lab.snapshot()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_hypervisor_that_speaks_german() {
    let german = "LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 LANGUAGE=de LOCPATH=/run/locale";
    let sshd = format!("SetEnv {german}");
    let lab = Lab::up(
        "faults-german",
        &["--default-network", "--sudoer", "--sshd", &sshd],
    )
    .warm();
    let before = lab.snapshot();
    on(
        &lab,
        &format!(
            "mkdir -p /run/locale && localedef -i de_DE -f UTF-8 /run/locale/de_DE.UTF-8 || [ -e /run/locale/de_DE.UTF-8/LC_TIME ]
             process=$(cat /run/libvirtd.pid); kill $process; while kill -0 $process 2>/dev/null; do sleep 0.1; done
             env {german} libvirtd -d; until virsh -q list; do sleep 0.1; done"
        ),
    );
    // It does.
    let said = on(
        &lab,
        &format!("{german} virsh start nobody 2>&1; {german} ls /nowhere 2>&1; true"),
    );
    assert!(
        said.contains("Domain") && said.contains("nicht gefunden"),
        "{said}"
    );

    for user in ["root", "operator"] {
        let run = |args: &[&str]| -> Run { virsh(&lab, &[&["--host-user", user], args].concat()) };
        run(TWO).ok();
        run(TWO).ok().prints(&["nothing to change"]);
        run(&[
            "--topology-nodes",
            "compute:3",
            "-e",
            "override.compute.memory=96",
        ])
        .ok();
        run(&["--remove-nodes", "compute-2"]).ok();
        run(&["--kill"]).ok();
        assert_eq!(difference(&before, &lab.snapshot_but_cache()), "", "{user}");
    }

    // What is behind a failure is told in irs's own words, whatever libvirt's are.
    let images = "/var/lib/libvirt/images";
    on(
        &lab,
        "mount -t tmpfs -o size=32M,mode=711 images /var/lib/libvirt/images",
    );
    let full = format!(
        "error: the file system '{images}' on '{}' is full: ",
        lab.address()
    );
    fill_when_begun(&lab);
    virsh(&lab, TWO)
        .exits(4)
        .says(&[&full, "hint: free some space there"]);
    free_some(&lab);
    virsh(&lab, &["--kill"]).ok();
    on(&lab, "umount /var/lib/libvirt/images");
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
