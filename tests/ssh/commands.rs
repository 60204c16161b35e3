//! Commands and uploads.

use crate::sshd::Sshd;
use irs::error::Report;
use irs::remote::Cmd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[test]
fn arguments_arrive_as_they_are() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let nasty = [
        "",
        " ",
        "a b",
        "it's",
        "\"",
        "$HOME",
        "$(id)",
        "`id`",
        "a\nb\n",
        "\\",
        "\\n",
        "!",
        "^",
        "*",
        "~",
        "-n",
        "ü 漢字 🦀",
        "'\"'\"'",
        "a;b|c&d>e<f",
        "\t",
        "\u{1}",
        "#",
        "%s",
        "{a,b}",
        "[x]",
    ];
    let output = host.check(&Cmd::new("printf").arg("%s\\0").args(nasty)).unwrap();
    let arrived: Vec<&[u8]> = output
        .stdout
        .strip_suffix(b"\0")
        .unwrap()
        .split(|b| *b == 0)
        .collect();
    assert_eq!(arrived, nasty.map(str::as_bytes));
    let script = Cmd::script("printf '%s|' \"$1\" \"$2\" \"$LC_ALL\"", &["it's", "$x"]);
    assert_eq!(host.check(&script).unwrap().text(), "it's|$x|C|");
    assert!(host.run(&Cmd::new("echo").arg("a\0b")).is_err());
}

#[test]
fn both_outputs_may_be_large_while_input_is_sent() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let script =
        "head -c 6000000 /dev/zero; head -c 5000000 /dev/zero >&2; head -c 4000000 /dev/zero; wc -c; exit 7";
    let output = host
        .run(&Cmd::script(script, &[]).stdin(vec![b'x'; 3_000_000]))
        .unwrap();
    assert_eq!(output.status, 7);
    assert_eq!(output.stderr.len(), 5_000_000);
    assert_eq!(output.stdout.len(), 10_000_000 + "3000000\n".len());
    let echo = host.run(&Cmd::new("cat").stdin(vec![b'y'; 5_000_000])).unwrap();
    assert_eq!(echo.stdout.len(), 5_000_000);
}

#[test]
fn ends_are_told_apart() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let killed = host.run(&Cmd::script("kill -TERM $$", &[])).unwrap();
    assert_eq!((killed.status, killed.signal.as_deref()), (255, Some("TERM")));
    assert!(!killed.success());
    assert_eq!(host.run(&Cmd::new("no-such-program")).unwrap().status, 127);
    let cmd = Cmd::script("echo gone wrong >&2; exit 3", &[]);
    let report = Report::of(&host.check(&cmd).unwrap_err());
    assert_eq!(report.causes, ["gone wrong"]);
    assert!(
        report.message.contains("failed with status 3 on 'hv'"),
        "{}",
        report.message
    );
    let early = host
        .run(&Cmd::script("exec <&-; echo no >&2; exit 4", &[]).stdin(vec![0; 10_000_000]))
        .unwrap();
    assert_eq!((early.status, early.errors().trim()), (4, "no"));
}

#[test]
fn a_long_command_keeps_no_other_waiting_even_with_one_session_a_connection() {
    for sshd in [Sshd::start(), Sshd::with("MaxSessions 1")] {
        let host = sshd.connect().unwrap();
        let folder = sshd.path("here");
        std::fs::create_dir(&folder).unwrap();
        // Each goes on only when three others have begun: so many connections commands get at once.
        let wait = r#"mktemp -p "$1" && for _ in $(seq 600); do
            [ "$(ls "$1" | wc -l)" -lt 4 ] || exit 0; sleep 0.05; done; exit 1"#;
        let wait = Cmd::script(wait, &[folder.to_str().unwrap()]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| host.check(&wait).unwrap());
            }
        });
    }
}

#[test]
fn many_connections_at_once_get_in_although_sshd_drops_some() {
    let sshd = Sshd::with("MaxStartups 2:50:4");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| sshd.connect().unwrap());
        }
    });
}

#[test]
fn an_upload_arrives_whole_with_its_mode_and_in_spite_of_new_keys_on_the_way() {
    use std::os::unix::fs::PermissionsExt;
    let sshd = Sshd::with("RekeyLimit 1M");
    let host = sshd.connect().unwrap();
    let content: Vec<u8> = (0..8_000_000u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let path = sshd.path("an 'image'");
    let sent = AtomicU64::new(0);
    host.upload(
        &content[..],
        Some(8_000_000),
        path.to_str().unwrap(),
        0o644,
        &|n| sent.store(n, Ordering::Relaxed),
    )
    .unwrap();
    assert!(std::fs::read(&path).unwrap() == content);
    assert_eq!(sent.into_inner(), 8_000_000);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o644);
    assert!(!sshd.path("an 'image'.part").exists());
    let back = host.check(&Cmd::new("cat").arg(path.to_str().unwrap())).unwrap();
    assert!(back.stdout == content);
}

#[test]
fn an_upload_to_a_full_disk_says_so() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    std::os::unix::fs::symlink("/dev/full", sshd.path("full.part")).unwrap();
    let path = sshd.path("full");
    let error = host
        .upload(&[7; 4_000_000][..], None, path.to_str().unwrap(), 0o600, &|_| ())
        .unwrap_err();
    let report = Report::of(&error);
    assert_eq!(report.exit_code, 4, "{report}");
    assert!(report.to_string().contains("No space left on device"), "{report}");
    assert!(!path.exists());
    host.check(&Cmd::new("true"))
        .expect("the connection is still good");
}

#[test]
fn an_idle_connection_that_the_server_ended_is_made_again() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let parent = host
        .check(&Cmd::script("ps -o ppid= -p $PPID; echo $PPID", &[]))
        .unwrap()
        .text();
    let session = parent.lines().last().unwrap().trim().to_owned();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &session])
            .status()
            .unwrap()
            .success()
    );
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(
        host.check(&Cmd::new("echo").arg("again")).unwrap().text(),
        "again\n"
    );
}
