//! Keys: files, formats, passphrases, the agent, and what is said when none fits.

use crate::sshd::{Sshd, child, keygen, keygen_with, refusal};
use irs::remote::Host;
use irs::ssh::config::ClientOptions;
use std::process::{Command, Output};

fn with_key(sshd: &Sshd, name: &str) -> anyhow::Result<Host> {
    Host::connect(
        "hv",
        &ClientOptions {
            key: Some(sshd.path(name)),
            ..sshd.options()
        },
    )
}

#[test]
fn the_key_that_logged_in_is_known() {
    let sshd = Sshd::start();
    let key = std::fs::read_to_string(sshd.path("login.pub")).unwrap();
    let host = sshd.connect().unwrap();
    assert_eq!(host.login_public_key().unwrap(), key.trim());
    assert_eq!(host.login_key_file(), Some(sshd.path("login")));
    assert_eq!(host.name(), "hv");
    assert!(!host.is_local());
}

#[test]
fn keys_in_every_format() {
    let sshd = Sshd::start();
    for (name, kind, more) in [
        ("ed", "ed25519", &[][..]),
        ("ec", "ecdsa", &[]),
        ("rsa", "rsa", &[]),
        ("rsa-pem", "rsa", &["-m", "PEM"]),
        ("ec-pem", "ecdsa", &["-m", "PEM"]),
        ("rsa-pkcs8", "rsa", &["-m", "PKCS8"]),
    ] {
        keygen_with(&sshd.path(name), kind, "", more);
        sshd.authorise(&format!("{name}.pub"));
        let key = std::fs::read_to_string(sshd.path(&format!("{name}.pub"))).unwrap();
        std::fs::remove_file(sshd.path(&format!("{name}.pub"))).unwrap();
        let host = with_key(&sshd, name).unwrap_or_else(|e| panic!("{name}: {e:#}"));
        let login = host.login_public_key().unwrap();
        assert!(
            key.starts_with(login.split(" made").next().unwrap().trim()),
            "{name}: {login}"
        );
    }
}

#[test]
fn a_wrong_key_is_named() {
    let sshd = Sshd::start();
    keygen(&sshd.path("wrong"), "ed25519", "");
    let (text, exit) = refusal(with_key(&sshd, "wrong"));
    assert_eq!(exit, 3);
    assert!(
        text.contains("'root@hv' refused every key that was tried: '") && text.contains("/wrong' (SHA256:"),
        "{text}"
    );
}

#[test]
fn files_that_hold_no_key() {
    let sshd = Sshd::start();
    let (text, exit) = refusal(with_key(&sshd, "missing"));
    assert_eq!(exit, 2);
    assert!(
        text.contains("cannot read the key file") && text.contains("/missing'"),
        "{text}"
    );
    for (name, content) in [
        ("text", "hello\n"),
        (
            "half",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        ),
        (
            "pem",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        ),
    ] {
        std::fs::write(sshd.path(name), content).unwrap();
        let (text, exit) = refusal(with_key(&sshd, name));
        assert_eq!(exit, 2, "{text}");
        assert!(text.contains(&format!("/{name}'")), "{text}");
    }
}

#[test]
fn no_key_at_all() {
    let sshd = Sshd::start();
    std::fs::remove_file(sshd.path("login")).unwrap();
    let (text, exit) = sshd.refusal();
    assert_eq!(exit, 3);
    assert!(
        text.contains("there is no key to log in to 'root@hv' with: no ssh-agent answers, and there is no private key in '")
            && text.contains("/login'"),
        "{text}"
    );
}

/// Not a test by itself: what other tests run in a process of their own, for its environment or its death.
#[test]
fn in_a_child() {
    let Ok(part) = std::env::var("IRS_TEST_PART") else {
        return;
    };
    let options = ClientOptions {
        config: std::env::var_os("IRS_TEST_CONFIG").map(Into::into),
        key: std::env::var_os("IRS_TEST_KEY").map(Into::into),
        ..Default::default()
    };
    let address = std::env::var("IRS_TEST_ADDRESS").unwrap_or_else(|_| "hv".to_owned());
    match (part.as_str(), Host::connect(&address, &options)) {
        ("connect", Ok(host)) => {
            let by = if host.logged_in_by_password() {
                "a password"
            } else {
                "a key"
            };
            println!("connected, by {by}");
        }
        ("send", Ok(host)) => crate::uploads::send_as_told(&host),
        ("outputs", Ok(host)) => crate::outputs::use_them(&host),
        ("root", Ok(host)) => crate::sudo::as_root(&host),
        ("connect" | "root", Err(e)) => println!("{}", irs::error::Report::of(&e)),
        ("lease", host) => crate::leases::hold(&host.unwrap()),
        (other, _) => panic!("{other}"),
    }
}

fn said(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_key_with_a_passphrase() {
    let sshd = Sshd::start();
    for (name, kind, more) in [
        ("ed", "ed25519", &[][..]),
        ("rsa-pem", "rsa", &["-m", "PEM"]),
        ("p8", "ecdsa", &["-m", "PKCS8"]),
    ] {
        keygen_with(&sshd.path(name), kind, "open sesame", more);
        let key = sshd.path(name);
        let connect = |passphrase: Option<&str>| {
            let mut variables = vec![("IRS_TEST_KEY", key.to_str().unwrap())];
            variables.extend(passphrase.map(|p| ("IRS_KEY_PASSPHRASE", p)));
            said(child("connect", &sshd, &variables).output().unwrap())
        };
        let refused = connect(Some("open sesame"));
        assert!(
            refused.contains("refused every key"),
            "{name}: not authorised yet: {refused}"
        );
        sshd.authorise(&format!("{name}.pub"));
        assert!(connect(Some("open sesame")).contains("connected"), "{name}");
        let wrong = connect(Some("wrong"));
        assert!(
            wrong.contains(&format!("wrong passphrase for '{}'", key.display())),
            "{name}: {wrong}"
        );
        let none = connect(None);
        assert!(
            none.contains(&format!("the key '{}' needs a passphrase", key.display())),
            "{name}: {none}"
        );
    }
}

pub struct Agent {
    pub socket: std::path::PathBuf,
    child: std::process::Child,
}

impl Agent {
    pub fn start(sshd: &Sshd, keys: &[&str]) -> Agent {
        let socket = sshd.path("agent");
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let agent = Agent { socket, child };
        while !agent.socket.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        for key in keys {
            let added = Command::new("ssh-add")
                .arg("-q")
                .arg(sshd.path(key))
                .env("SSH_AUTH_SOCK", &agent.socket)
                .status();
            assert!(added.unwrap().success());
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_agents_keys() {
    let sshd = Sshd::start();
    for name in ["one", "two", "three"] {
        keygen(&sshd.path(name), "ed25519", "");
    }
    sshd.authorise("two.pub");
    let agent = Agent::start(&sshd, &["one", "two", "three"]);
    std::fs::remove_file(sshd.path("login")).unwrap();
    std::fs::remove_file(sshd.path("two")).unwrap();
    sshd.write_client(&format!("  IdentityAgent {}", agent.socket.display()));
    let two = std::fs::read_to_string(sshd.path("two.pub")).unwrap();
    let host = sshd.connect().unwrap();
    assert_eq!(host.login_public_key().unwrap(), two.trim());
    assert_eq!(host.login_key_file(), None);
    // A public key names the one that the agent is to use, and no other is tried.
    assert_eq!(
        with_key(&sshd, "two.pub").unwrap().login_public_key().unwrap(),
        two.trim()
    );
    let (text, _) = refusal(with_key(&sshd, "one"));
    assert!(
        text.contains("of ssh-agent") && text.matches("SHA256").count() == 2,
        "{text}"
    );
    keygen(&sshd.path("four"), "ed25519", "");
    let (text, exit) = refusal(with_key(&sshd, "four.pub"));
    assert_eq!(exit, 3);
    assert!(
        text.contains("/four.pub' is a public key, and ssh-agent does not hold its private half"),
        "{text}"
    );
    sshd.write_client(&format!(
        "  IdentitiesOnly yes\n  IdentityAgent {}",
        agent.socket.display()
    ));
    let text = sshd.refusal().0;
    assert!(
        text.contains("with: ssh-agent holds none that your ssh config allows, and there"),
        "{text}"
    );
    let emptied = Command::new("ssh-add")
        .arg("-qD")
        .env("SSH_AUTH_SOCK", &agent.socket)
        .status();
    assert!(emptied.unwrap().success());
    let text = sshd.refusal().0;
    assert!(text.contains("with: ssh-agent holds none, and there"), "{text}");
}

#[test]
fn sshd_hangs_up_after_too_many_keys() {
    let sshd = Sshd::with("MaxAuthTries 2");
    let names = ["one", "two", "three", "four"];
    names
        .iter()
        .for_each(|name| keygen(&sshd.path(name), "ed25519", ""));
    let agent = Agent::start(&sshd, &names);
    sshd.write_client(&format!("  IdentityAgent {}", agent.socket.display()));
    let (text, exit) = sshd.refusal();
    assert_eq!(exit, 3);
    assert!(
        text.contains("refused every key") && text.contains("the server hung up"),
        "{text}"
    );
}
