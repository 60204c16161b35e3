use super::Seed;
use super::early;
use super::hosts::script;
use super::tests::with_seed;
use std::path::Path;
use std::process::Command;

const BLOCK: &str = "172.16.0.2 a-0.lab.example a-0\n172.16.0.3 b-0.lab.example b-0";

/// Runs a node's script with its /etc and /var in a folder.
#[track_caller]
fn run(script: &str, root: &Path) -> String {
    let root = root.display();
    let script = script
        .replace("/etc/", &format!("{root}/etc/"))
        .replace("/var/", &format!("{root}/var/"))
        .replace("command -v dhcpcd", "false");
    let ran = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let hosts = format!("{root}/etc/hosts");
    std::fs::read_to_string(hosts).unwrap_or_default()
}

#[test]
fn the_block_comes_and_changes_and_what_is_not_ours_stays() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let hosts = root.path().join("etc/hosts");
    assert_eq!(run(&script(BLOCK, false), root.path()), "");
    let text = run(&script(BLOCK, true), root.path());
    assert!(text.starts_with("127.0.0.1 localhost\n"), "{text}");

    std::fs::write(&hosts, "127.0.0.1 localhost\n\n1.2.3.4 mine").unwrap();
    let ours = |block: &str| format!("# begin irs\n{block}\n# end irs\n");
    let with = |block: &str, behind: &str| {
        let mine = "127.0.0.1 localhost\n\n1.2.3.4 mine\n";
        format!("{mine}{behind}{}", ours(block))
    };
    // Where there is no block it comes with the first boot alone.
    run(&script(BLOCK, false), root.path());
    assert!(!std::fs::read_to_string(&hosts).unwrap().contains("irs"));
    for _ in 0..2 {
        assert_eq!(run(&script(BLOCK, true), root.path()), with(BLOCK, ""));
    }
    let behind = with(BLOCK, "") + "5.6.7.8 behind\n";
    std::fs::write(&hosts, behind).unwrap();
    assert_eq!(
        run(&script("172.16.0.4 c-0", false), root.path()),
        with("172.16.0.4 c-0", "5.6.7.8 behind\n")
    );
    // Half a block is nobody's but the user's.
    let half = "# begin irs\n1.2.3.4 mine\n";
    std::fs::write(&hosts, half).unwrap();
    for first in [false, true] {
        assert_eq!(run(&script(BLOCK, first), root.path()), half);
    }
    assert!(!root.path().join("etc/hosts.irs-new").exists());
}

#[test]
fn the_first_boot_is_once() {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: &str| std::fs::create_dir_all(root.path().join(name)).unwrap();
    folder("etc/dhcp/dhclient-enter-hooks.d");
    folder("etc/pki/ca-trust/source/anchors");
    folder("etc/sysconfig/network");
    let wicked = root.path().join("etc/sysconfig/network/dhcp");
    std::fs::write(&wicked, "A=1\nDHCLIENT_SET_HOSTNAME=\"yes\"\n").unwrap();
    let pems = ["one\n".to_owned(), "two\n".to_owned()];
    let whole = with_seed(|seed| {
        early::script(&Seed {
            hosts: Some(BLOCK),
            certificates: &pems,
            ..*seed
        })
    });
    // A store that refuses is told, and tried again with the next boot.
    let refused = whole.replace("update='update-ca-trust extract'", "update=false");
    let root_text = root.path().display().to_string();
    let refused = refused
        .replace("/etc/", &format!("{root_text}/etc/"))
        .replace("/var/", &format!("{root_text}/var/"));
    assert_eq!(
        Command::new("sh").args(["-c", &refused]).status().unwrap().code(),
        Some(1)
    );
    let fine = whole.replace("update='update-ca-trust extract'", "update=true");
    assert!(run(&fine, root.path()).contains("172.16.0.3 b-0.lab.example b-0\n"));
    let read = |name: &str| std::fs::read_to_string(root.path().join(name)).unwrap();
    assert!(read("etc/dhcp/dhclient-enter-hooks.d/irs-host-name").ends_with("\nunset new_host_name\n"));
    assert_eq!(read("etc/pki/ca-trust/source/anchors/irs-002.crt"), "two\n");
    assert_eq!(
        read("etc/sysconfig/network/dhcp"),
        "A=1\nDHCLIENT_SET_HOSTNAME=\"no\"\n"
    );
    std::fs::write(root.path().join("etc/hosts"), "mine\n").unwrap();
    assert_eq!(run(&fine, root.path()), "mine\n", "the second boot did it again");
}
