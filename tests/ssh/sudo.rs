//! A sudoer whose sudo wants a password.

use crate::accounts::{FREE, PASSWORD, sshd};
use crate::sshd::{Sshd, child};
use irs::remote::{Cmd, Host};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rules that ask, and with which sudo would remember the password as long, and as widely, as it can.
const ASKS: &str = "Defaults timestamp_timeout=-1, timestamp_type=global\ntester ALL=(ALL) ALL";
/// A server that takes the password, too.
const PASSWORDS: &str = "Match User tester\n  PasswordAuthentication yes";

/// What the child does: all kinds of commands, none of which may get to see the password.
pub fn as_root(host: &Host) {
    assert!(host.sudo());
    for _ in 0..2 {
        assert_eq!(host.check(&Cmd::new("id").arg("-u")).unwrap().text(), "0\n");
    }
    // Every command's input is its own, to the byte.
    let input: Vec<u8> = (0..3_000_000u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    for length in [0, 1, 3_000_000] {
        let back = host.check(&Cmd::new("cat").stdin(&input[..length])).unwrap();
        assert!(back.stdout == input[..length], "{length}");
    }
    // Its stderr, too: sudo gives its lecture each time.
    let fails = Cmd::script("echo gone wrong >&2; exit 3", &[]);
    let output = host.run(&fails).unwrap();
    assert_eq!((output.status, output.errors().as_str()), (3, "gone wrong\n"));
    let path = std::env::temp_dir().join(format!("irs-test-sudo-{}", std::process::id()));
    let name = path.to_str().unwrap();
    host.upload(&input[..], Some(3_000_000), name, 0o600, &|_| ())
        .unwrap();
    assert!(host.check(&Cmd::new("cat").arg(name)).unwrap().stdout == input);
    host.check(&Cmd::new("rm").arg(name)).unwrap();
    // A large one, too, which ssh itself sends where it gets in by a key.
    let large = input.repeat(6);
    let name = format!("{name}.part");
    let sent = host
        .send(
            &mut std::io::Cursor::new(&large),
            large.len() as u64,
            &name,
            &|_| (),
        )
        .unwrap();
    assert!(sent.found == 0 && host.check(&Cmd::new("cat").arg(&name)).unwrap().stdout == large);
    host.check(&Cmd::new("rm").arg(&name)).unwrap();
    // A stream, and what is in the list of processes meanwhile.
    let name = format!("test-sudo-{}", std::process::id());
    let lease = irs::lease::Lease::acquire(host, &name, "x", None).unwrap();
    let script = "wanted=$(cat); cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | while IFS= read -r word; do
        case $word in *\"$wanted\"*) echo found; break ;; esac; done";
    for (word, found) in [("sshd", "found\n"), (PASSWORD, "")] {
        let seen = host.run(&Cmd::script(script, &[]).stdin(word)).unwrap();
        assert_eq!(seen.text(), found, "{}", seen.errors());
    }
    assert!(!lease.lost());
    if host.is_local() {
        let (_, _guard, libvirt) = crate::libvirt::open(host);
        assert_eq!(libvirt.num_of_defined_networks().unwrap(), 0);
    }
    // Its end is noticed, password or not.
    let kill = "read -r name; for process in /proc/[0-9]*; do
        [ \"$(cat \"$process/comm\" 2>/dev/null)\" != bash ] || ! grep -zqx \"$name\" \"$process/cmdline\" || kill -9 \"${process#/proc/}\"; done";
    host.check(&Cmd::script(kill, &[]).stdin(format!("{name}\n")))
        .unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !lease.lost() {
        assert!(Instant::now() < end, "the lease is held by nobody");
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("did all as root");
}

fn part(name: &str, sshd: &Sshd, variables: &[(&str, &str)]) -> String {
    let output = child(name, sshd, variables)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_password_for_sudo_goes_to_sudo_alone() {
    let sshd = sshd(ASKS, PASSWORDS);
    // The password that logged in is sudo's, too, if nothing else is said.
    let said = part("root", &sshd, &[("IRS_HOST_PASSWORD", PASSWORD)]);
    assert!(said.contains("did all as root"), "{said}{}", sshd.log());
    std::fs::rename(sshd.path("kept"), sshd.path("login")).unwrap();
    let said = part("root", &sshd, &[("IRS_HOST_SUDO_PASSWORD", PASSWORD)]);
    assert!(said.contains("did all as root"), "{said}{}", sshd.log());
    for name in ["IRS_HOST_SUDO_PASSWORD", "IRS_HOST_PASSWORD"] {
        let said = part("connect", &sshd, &[(name, PASSWORD)]);
        assert!(said.contains("connected, by a key"), "{name}: {said}");
        let said = part("connect", &sshd, &[(name, "wrong one")]);
        assert!(
            said.contains(&format!(
                "sudo on 'hv' refuses the password of ${name} for user 'tester'"
            )) && !said.contains("wrong one"),
            "{said}"
        );
    }
    let said = part("connect", &sshd, &[]);
    assert!(
        said.contains("user 'tester' is not root and cannot use sudo without a password on 'hv'")
            && said.contains("set $IRS_HOST_SUDO_PASSWORD, or run irs on a terminal"),
        "{said}"
    );
}

/// Enters the mount namespace of an sshd, and is `tester` there, beside a libvirtd that ends with its parent: nobody but
/// root may end it so. `SCRIPT PID PROGRAM …`.
const ENTER: &str = r#"exec nsenter --mount="/proc/$2/ns/mnt" sh -c "$1" sh yes "$@""#;
const BECOME: &str = r#"
mount -t tmpfs none /mnt && touch /mnt/program && mount --bind "$3" /mnt/program || exit 1
shift 3
setpriv --reuid 4242 --regid 4242 --clear-groups /mnt/program "$@"
exit $?
"#;

#[test]
fn a_password_for_sudo_does_on_this_machine() {
    for (rules, password) in [(ASKS, PASSWORD), (FREE, "")] {
        let sshd = sshd(rules, "");
        let pid = std::fs::read_to_string(sshd.path("pid")).unwrap();
        let program = child("root", &sshd, &[]);
        let output = Command::new("sh")
            .args([
                "-c",
                ENTER,
                "sh",
                &format!("{}{BECOME}", crate::libvirt::LIBVIRTD),
            ])
            .arg(pid.trim())
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear()
            .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("USER", "tester")])
            .envs([("IRS_TEST_PART", "root"), ("IRS_TEST_ADDRESS", "local")])
            .env("IRS_HOST_SUDO_PASSWORD", password)
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("did all as root"), "{said}");
    }
}

#[test]
fn a_sudo_that_asks_for_nothing_gets_no_password() {
    let sshd = sshd(FREE, PASSWORDS);
    let said = part("root", &sshd, &[("IRS_HOST_PASSWORD", PASSWORD)]);
    assert!(said.contains("did all as root"), "{said}");
}

#[test]
fn who_may_not_use_sudo_is_told_so() {
    let sshd = sshd("nobody ALL=(ALL) ALL", PASSWORDS);
    let said = part("connect", &sshd, &[("IRS_HOST_PASSWORD", PASSWORD)]);
    assert!(
        said.contains("user 'tester' is not root and may not use sudo on 'hv'"),
        "{said}"
    );
}

#[test]
fn the_password_for_sudo_is_typed_without_an_echo() {
    let sshd = sshd(ASKS, "");
    std::fs::rename(sshd.path("kept"), sshd.path("login")).unwrap();
    let question = "sudo password of 'tester' on 'hv': ";
    let command: Command = child("connect", &sshd, &[]);
    let shown = crate::passwords::at_a_terminal(&command, &[(question, "wrong one"), (question, PASSWORD)]);
    assert!(
        shown.contains("sorry, that is not it") && shown.contains("connected"),
        "{shown}"
    );
    assert!(
        !shown.contains("wrong one") && !shown.contains(PASSWORD),
        "{shown}"
    );
}
