//! Certificates of keys: which key one is of. The `ssh-key` crate refuses those that are valid for ever.

use super::agent::{string, take};
use ssh_key::PublicKey;

const MARK: &str = "-cert-v01";

/// The key that a certificate is of; `None` when it is no certificate.
pub(super) fn key_of(blob: &[u8]) -> Option<PublicKey> {
    let mut rest = blob;
    let kind = std::str::from_utf8(take(&mut rest)?).ok()?;
    let (begin, end) = kind.split_once(MARK)?;
    let _nonce = take(&mut rest)?;
    // How many parts a key of that type has; those of security tokens are of openssh.com.
    let (plain, parts) = match begin {
        "ssh-ed25519" => (begin.to_owned(), 1),
        "ssh-rsa" => (begin.to_owned(), 2),
        _ if begin.starts_with("ecdsa-sha2-") => (begin.to_owned(), 2),
        "sk-ssh-ed25519" => (format!("{begin}{end}"), 2),
        "sk-ecdsa-sha2-nistp256" => (format!("{begin}{end}"), 3),
        _ => return None,
    };
    let mut key = string(plain.as_bytes());
    for _ in 0..parts {
        key.extend(string(take(&mut rest)?));
    }
    PublicKey::from_bytes(&key).ok()
}

/// The same for a certificate's file, `TYPE BASE64 COMMENT`.
pub(super) fn key_of_text(text: &str) -> Option<PublicKey> {
    let mut words = text.split_whitespace();
    words.next().filter(|kind| kind.contains(MARK))?;
    key_of(&decode(words.next()?)?)
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(base64.len());
    let (mut bits, mut count) = (0u32, 0);
    for c in base64.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_key_of_a_certificate_of_each_type() {
        let dir = tempfile::tempdir().unwrap();
        let keygen = |args: &[&str]| {
            let mut command = Command::new("ssh-keygen");
            assert!(
                command
                    .arg("-q")
                    .args(args)
                    .current_dir(&dir)
                    .status()
                    .unwrap()
                    .success()
            );
        };
        keygen(&["-t", "ed25519", "-N", "", "-f", "ca"]);
        for kind in ["ed25519", "ecdsa", "rsa"] {
            keygen(&["-t", kind, "-N", "", "-f", kind]);
            keygen(&["-s", "ca", "-I", "me", &format!("{kind}.pub")]);
            let text = |end: &str| std::fs::read_to_string(dir.path().join(format!("{kind}{end}"))).unwrap();
            let key = PublicKey::from_openssh(text(".pub").trim()).unwrap();
            let found = key_of_text(&text("-cert.pub")).unwrap();
            assert_eq!(found.key_data(), key.key_data(), "{kind}");
            assert!(key_of_text(&text(".pub")).is_none() && key_of(&key.to_bytes().unwrap()).is_none());
        }
        assert!(key_of(b"").is_none() && key_of_text("a-cert-v01 b").is_none());
    }
}
