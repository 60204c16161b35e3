//! Host keys: only the right one is accepted, and the others are told apart.

use crate::sshd::{Sshd, keygen, public, refusal};
use irs::ssh::config::{ClientOptions, Strictness, resolve};
use irs::ssh::known_hosts::KnownHosts;
use std::process::Command;

fn hash(sshd: &Sshd) {
    let status = Command::new("ssh-keygen")
        .arg("-H")
        .arg("-f")
        .arg(sshd.path("known_hosts"))
        .output()
        .unwrap()
        .status;
    assert!(status.success());
}

#[test]
fn a_known_key_is_accepted_in_all_its_spellings() {
    let sshd = Sshd::start();
    let key = sshd.host_key("ed25519");
    let port = sshd.port;
    for names in [
        format!("[127.0.0.1]:{port}"),
        format!("other,[127.0.0.1]:{port}"),
        format!("[127.0.0.*]:{port}"),
        "127.0.0.1".to_owned(),
        "*".to_owned(),
    ] {
        sshd.write_known(&format!("{names} {key} a comment"));
        assert_eq!(sshd.connect().expect(&names).host_key(), Some(key.clone()));
    }
    sshd.write_known(&format!("[127.0.0.1]:{port} {key}"));
    hash(&sshd);
    assert!(
        std::fs::read_to_string(sshd.path("known_hosts"))
            .unwrap()
            .starts_with("|1|")
    );
    sshd.connect().unwrap();
    let destination = resolve("hv", &sshd.options()).unwrap();
    assert_eq!(KnownHosts::of(&destination).keys(), [key]);
}

#[test]
fn an_unknown_key_is_refused_with_its_fingerprint_and_the_way_to_accept_it() {
    let sshd = Sshd::start();
    sshd.write_known(&format!("other {}", sshd.host_key("ed25519")));
    let (text, exit) = sshd.refusal();
    assert_eq!(exit, 3, "{text}");
    let print = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(sshd.path("host_ed25519.pub"))
        .output()
        .unwrap();
    let print = String::from_utf8(print.stdout).unwrap();
    let print = print.split_whitespace().nth(1).unwrap();
    assert!(
        text.contains("the host key of 'hv' is not known") && text.contains(print),
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "ssh-keyscan -p {} 127.0.0.1 >> '{}'",
            sshd.port,
            sshd.path("known_hosts").display()
        )),
        "{text}"
    );

    let file = sshd.path("mine");
    let options = ClientOptions {
        known_hosts: Some(file.clone()),
        ..sshd.options()
    };
    assert_eq!(refusal(irs::remote::Host::connect("hv", &options)).1, 3);
    let scan = Command::new("ssh-keyscan")
        .args(["-p", &sshd.port.to_string(), "127.0.0.1"])
        .output()
        .unwrap();
    std::fs::write(&file, scan.stdout).unwrap();
    irs::remote::Host::connect("hv", &options).expect("the hint's way works");
}

#[test]
fn a_changed_key_is_refused_and_its_place_named() {
    let sshd = Sshd::start();
    keygen(&sshd.path("another"), "ed25519", "");
    let line = format!("[127.0.0.1]:{} {}", sshd.port, public(&sshd.path("another.pub")));
    sshd.write_known(&format!("# mine\n{line}"));
    for strictness in ["yes", "accept-new", "no"] {
        sshd.write_client(&format!("  StrictHostKeyChecking {strictness}"));
        let (text, exit) = sshd.refusal();
        assert_eq!(exit, 3, "{text}");
        assert!(
            text.contains("HAS CHANGED") && text.contains("known_hosts:2"),
            "{text}"
        );
    }
    hash(&sshd);
    assert!(sshd.refusal().0.contains("HAS CHANGED"));
}

#[test]
fn a_new_key_is_remembered_where_ssh_would() {
    let sshd = Sshd::start();
    std::fs::write(sshd.path("known_hosts"), "# no newline at the end").unwrap();
    sshd.write_client("  StrictHostKeyChecking accept-new");
    sshd.connect().unwrap();
    let known = std::fs::read_to_string(sshd.path("known_hosts")).unwrap();
    assert_eq!(
        known.lines().nth(1).unwrap(),
        format!("[127.0.0.1]:{} {}", sshd.port, sshd.host_key("ed25519"))
    );
    sshd.write_client("");
    sshd.connect().unwrap();
    assert_eq!(std::fs::read_to_string(sshd.path("known_hosts")).unwrap(), known);
}

#[test]
fn a_new_key_is_accepted_when_the_user_says_so_and_its_host_hidden_when_ssh_would() {
    let sshd = Sshd::start();
    sshd.write_client("  HashKnownHosts yes\n  StrictHostKeyChecking yes");
    sshd.write_known("");
    let accepting = ClientOptions {
        strictness: Some(Strictness::AcceptNew),
        ..sshd.options()
    };
    assert_eq!(sshd.refusal().1, 3);
    irs::remote::Host::connect("hv", &accepting).unwrap();
    let known = std::fs::read_to_string(sshd.path("known_hosts")).unwrap();
    assert!(
        known.trim().starts_with("|1|") && !known.contains("127.0.0.1"),
        "{known}"
    );
    sshd.connect().expect("it is known now");
    let found = Command::new("ssh-keygen")
        .args(["-F", &format!("[127.0.0.1]:{}", sshd.port), "-f"])
        .arg(sshd.path("known_hosts"))
        .status();
    assert!(found.unwrap().success(), "ssh knows it, too");

    keygen(&sshd.path("another"), "ed25519", "");
    sshd.write_known(&format!(
        "[127.0.0.1]:{} {}",
        sshd.port,
        public(&sshd.path("another.pub"))
    ));
    assert!(
        refusal(irs::remote::Host::connect("hv", &accepting))
            .0
            .contains("HAS CHANGED")
    );
    // And the other way round: the flag is stronger than the configuration.
    sshd.write_client("  StrictHostKeyChecking no");
    sshd.write_known("");
    let strict = ClientOptions {
        strictness: Some(Strictness::Refuse),
        ..sshd.options()
    };
    assert!(
        refusal(irs::remote::Host::connect("hv", &strict))
            .0
            .contains("is not known")
    );
}

#[test]
fn a_revoked_key_is_refused_and_a_bad_line_spoils_nothing() {
    let sshd = Sshd::start();
    let good = format!("[127.0.0.1]:{} {}", sshd.port, sshd.host_key("ed25519"));
    sshd.write_known(&format!(
        "not a line\n[127.0.0.1]:{} ssh-ed25519 AAAA\n{good}",
        sshd.port
    ));
    sshd.connect().unwrap();
    sshd.write_known(&format!("{good}\n@revoked * {}", sshd.host_key("ed25519")));
    let (text, exit) = sshd.refusal();
    assert_eq!(exit, 3);
    assert!(
        text.contains("is revoked by") && text.contains("known_hosts:2"),
        "{text}"
    );
}

#[test]
fn a_host_of_which_only_the_rsa_key_is_known() {
    let sshd = Sshd::with_host_keys(&["rsa", "ed25519", "ecdsa"], "");
    assert_eq!(sshd.connect().unwrap().host_key(), Some(sshd.host_key("rsa")));
    sshd.write_known(&format!("[127.0.0.1]:{} {}", sshd.port, sshd.host_key("ecdsa")));
    assert_eq!(sshd.connect().unwrap().host_key(), Some(sshd.host_key("ecdsa")));
}

#[test]
fn an_alias_is_looked_up_in_place_of_the_name() {
    let sshd = Sshd::start();
    sshd.write_client("  HostKeyAlias the-hypervisor");
    assert_eq!(sshd.refusal().1, 3);
    sshd.write_known(&format!("the-hypervisor {}", sshd.host_key("ed25519")));
    sshd.connect().unwrap();
}
