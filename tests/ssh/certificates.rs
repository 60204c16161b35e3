//! Certificates, from files and from an agent, and keys of security tokens, which only an agent can use.

use crate::logins::Agent;
use crate::sshd::{Sshd, keygen, keygen_with, public};
use irs::remote::Cmd;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Command;

/// An sshd that trusts the authority `ca` in this folder, and no key.
fn sshd() -> (Sshd, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    keygen(&ca, "ed25519", "");
    let sshd = Sshd::with(&format!("TrustedUserCAKeys {}.pub", ca.display()));
    std::fs::write(sshd.path("authorized_keys"), "").unwrap();
    std::fs::remove_file(sshd.path("login")).unwrap();
    (sshd, folder)
}

/// A key and its certificate for root.
fn certified((sshd, folder): &(Sshd, tempfile::TempDir), name: &str, kind: &str, passphrase: &str) {
    keygen_with(&sshd.path(name), kind, passphrase, &[]);
    let status = Command::new("ssh-keygen")
        .args(["-q", "-I", "a test", "-n", "root", "-s"])
        .arg(folder.path().join("ca"))
        .arg(sshd.path(&format!("{name}.pub")))
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn certificates_of_an_agent() {
    let authority = sshd();
    let sshd = &authority.0;
    for kind in ["ed25519", "ecdsa", "rsa"] {
        certified(&authority, kind, kind, "");
        let key = public(&sshd.path(&format!("{kind}.pub")));
        let agent = Agent::start(sshd, &[kind]);
        for name in [kind, &format!("{kind}-cert.pub"), &format!("{kind}.pub")] {
            std::fs::remove_file(sshd.path(name)).unwrap();
        }
        sshd.write_client(&format!("  IdentityAgent {}", agent.socket.display()));
        let host = sshd
            .connect()
            .unwrap_or_else(|e| panic!("{kind}: {e:#}{}", sshd.log()));
        // What others are to trust is the key.
        assert!(host.login_public_key().unwrap().starts_with(&key), "{kind}");
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| host.check(&Cmd::new("sleep").arg("0.2")).unwrap());
            }
        });
        drop(agent);
        std::fs::remove_file(sshd.path("agent")).unwrap();
    }
}

#[test]
fn certificates_of_files() {
    let authority = sshd();
    let sshd = &authority.0;
    for (kind, passphrase) in [("ed25519", ""), ("ecdsa", ""), ("rsa", ""), ("ed25519", "sesame")] {
        let name = format!("{kind}{passphrase}");
        certified(&authority, &name, kind, passphrase);
        let beside = format!("  IdentityFile {}", sshd.path(&name).display());
        let variables = [("IRS_KEY_PASSPHRASE", passphrase)];
        let connect = |lines: &str| {
            sshd.write_client(lines);
            let output = crate::sshd::child("connect", sshd, &variables).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let said = connect(&beside);
        assert!(
            said.contains("connected, by a key"),
            "{name}: {said}{}",
            sshd.log()
        );
        std::fs::rename(sshd.path(&format!("{name}-cert.pub")), sshd.path("elsewhere")).unwrap();
        let said = connect(&beside);
        assert!(said.contains("refused every key"), "{name}: {said}");
        let named = format!("{beside}\n  CertificateFile {}", sshd.path("elsewhere").display());
        let said = connect(&named);
        assert!(
            said.contains("connected, by a key"),
            "{name}: {said}{}",
            sshd.log()
        );
    }
}

/// An agent that holds one key of a security token, whose part software plays: what it signs is what a token signs.
struct Token {
    folder: tempfile::TempDir,
    blob: Vec<u8>,
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn take<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let (length, rest) = from.split_at(4);
    let (taken, rest) = rest.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
    *from = rest;
    taken
}

impl Token {
    const APPLICATION: &str = "ssh:";
    const TYPE: &str = "sk-ssh-ed25519@openssh.com";

    fn new() -> Token {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let openssl = |args: &[&str]| {
            let output = Command::new("openssl").args(args).arg(&key).output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            output.stdout
        };
        openssl(&["genpkey", "-algorithm", "ed25519", "-out"]);
        let der = openssl(&["pkey", "-pubout", "-outform", "DER", "-in"]);
        let own = &der[der.len() - 32..];
        let blob = [
            string(Token::TYPE.as_bytes()),
            string(own),
            string(Token::APPLICATION.as_bytes()),
        ]
        .concat();
        Token { folder, blob }
    }

    fn sign(&self, data: &[u8], counter: u32) -> Vec<u8> {
        let ends = [&[1][..], &counter.to_be_bytes()].concat();
        let message = [
            &Sha256::digest(Token::APPLICATION)[..],
            &ends,
            &Sha256::digest(data),
        ]
        .concat();
        let path = self.folder.path().join(format!("message-{counter}"));
        std::fs::write(&path, message).unwrap();
        let signed = Command::new("openssl")
            .args(["pkeyutl", "-sign", "-rawin", "-inkey"])
            .arg(self.folder.path().join("key"))
            .arg("-in")
            .arg(path)
            .output()
            .unwrap();
        [string(Token::TYPE.as_bytes()), string(&signed.stdout), ends].concat()
    }

    fn serve(self, socket: &std::path::Path) {
        let listener = UnixListener::bind(socket).unwrap();
        let token = std::sync::Arc::new(self);
        let counter = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let (token, counter) = (token.clone(), counter.clone());
                std::thread::spawn(move || {
                    let mut length = [0; 4];
                    while client.read_exact(&mut length).is_ok() {
                        let mut question = vec![0; u32::from_be_bytes(length) as usize];
                        client.read_exact(&mut question).unwrap();
                        let answer = match question[0] {
                            11 => [&[12, 0, 0, 0, 1][..], &string(&token.blob), &string(b"a token")].concat(),
                            13 => {
                                let mut rest = &question[1..];
                                assert_eq!(take(&mut rest), token.blob);
                                let count = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                                [&[14][..], &string(&token.sign(take(&mut rest), count))].concat()
                            }
                            _ => vec![5],
                        };
                        client.write_all(&string(&answer)).unwrap();
                    }
                });
            }
        });
    }
}

#[test]
fn a_security_tokens_key_of_an_agent() {
    let (sshd, _authority) = sshd();
    let token = Token::new();
    let key = ssh_key::PublicKey::from_bytes(&token.blob)
        .unwrap()
        .to_openssh()
        .unwrap();
    std::fs::write(sshd.path("authorized_keys"), format!("{key}\n")).unwrap();
    let socket = sshd.path("token");
    token.serve(&socket);
    sshd.write_client(&format!("  User root\n  IdentityAgent {}", socket.display()));
    // What plays the token is good enough for ssh.
    let ssh = Command::new("ssh")
        .arg("-F")
        .arg(sshd.path("ssh_config"))
        .args(["-o", "BatchMode=yes", "hv", "true"])
        .output()
        .unwrap();
    assert!(ssh.status.success(), "{}", String::from_utf8_lossy(&ssh.stderr));
    let host = sshd.connect().unwrap_or_else(|e| panic!("{e:#}{}", sshd.log()));
    assert!(host.login_public_key().unwrap().starts_with(key.trim()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| host.check(&Cmd::new("sleep").arg("0.2")).unwrap());
        }
    });
}
