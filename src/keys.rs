//! ed25519 key pairs: the login key of a workspace, the host keys of nodes.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ssh_key::{LineEnding, PrivateKey, PublicKey};

use crate::error::{Exit, Fault};
use crate::ssh::key_file::KeyFile;

/// A key pair in OpenSSH's formats. Its `Debug` does not show the private half.
#[derive(Clone)]
pub struct KeyPair {
    /// The private half, not encrypted, with a newline at the end.
    pub private_openssh: String,
    /// The public half in one line (type, base64, comment), without a newline.
    pub public_openssh: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("public_openssh", &self.public_openssh)
            .finish_non_exhaustive()
    }
}

/// The ed25519 pair of those 32 secret bytes: always the same for the same bytes.
pub fn from_seed(seed: [u8; 32], comment: &str) -> anyhow::Result<KeyPair> {
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&seed);
    // The format has a random check number; a fixed one makes the file the same every time.
    let key = PrivateKey::new(ssh_key::private::KeypairData::Ed25519(pair), comment)
        .context("making an ed25519 key")?;
    let private_openssh = key
        .to_openssh(LineEnding::LF)
        .context("encoding an ed25519 key")?
        .to_string();
    Ok(KeyPair {
        private_openssh,
        public_openssh: key.public_key().to_openssh()?,
    })
}

/// A public key's type and base64, without its comment.
pub fn bare(public: &str) -> String {
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The pair whose private half is in the OpenSSH file `path`; `None` when there is none that can be read.
pub fn load(path: &Path) -> Option<KeyPair> {
    let private_openssh = std::fs::read_to_string(path).ok()?;
    let key = PrivateKey::from_openssh(&private_openssh).ok()?;
    let public_openssh = key.public_key().to_openssh().ok()?;
    Some(KeyPair {
        private_openssh,
        public_openssh,
    })
}

/// The public half of the key file `path`, without a comment, so that it is the same text from wherever the
/// key is used. A public key file is its own; an encrypted key needs no passphrase where OpenSSH's format
/// carries its public half in clear; for PEM the `.pub` file beside it is read, or `ssh-keygen` asked.
pub fn public_half(path: &Path) -> anyhow::Result<String> {
    if let Some(public) = KeyFile::read(path)?.public {
        return without_comment(public);
    }
    let (key, public) = (
        path.display().to_string(),
        public_path(path).display().to_string(),
    );
    let quote = |s: &str| shlex::try_quote(s).map_or_else(|_| s.to_owned(), |q| q.into_owned());
    Err(Fault::new(
        Exit::Usage,
        format!("cannot tell the public half of the private key '{key}'"),
    )
    .hint(format!(
        "write it beside: ssh-keygen -y -f {} >{}",
        quote(&key),
        quote(&public)
    ))
    .into())
}

fn without_comment(mut key: PublicKey) -> anyhow::Result<String> {
    key.set_comment("");
    Ok(key.to_openssh()?.trim_end().to_owned())
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::atomic::write_if_changed;
    use std::process::Command;

    fn keygen(args: &[&str]) -> String {
        let out = Command::new("ssh-keygen").args(args).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn two_fields(text: &str) -> String {
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn openssh_reads_a_derived_pair_which_is_always_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id_ed25519");
        let pair = from_seed([7; 32], "irs test").unwrap();
        write_if_changed(&path, pair.private_openssh.as_bytes(), 0o600).unwrap();
        assert_eq!(
            keygen(&["-y", "-f", path.to_str().unwrap()]).trim(),
            pair.public_openssh
        );
        assert_eq!(
            from_seed([7; 32], "irs test").unwrap().private_openssh,
            pair.private_openssh
        );
        assert_ne!(
            from_seed([8; 32], "irs test").unwrap().public_openssh,
            pair.public_openssh
        );
        let read = load(&path).unwrap();
        assert_eq!(read.public_openssh, pair.public_openssh);
        assert!(!format!("{read:?}").contains("PRIVATE"));
        std::fs::write(&path, "rubbish").unwrap();
        assert!(load(&path).is_none());
    }

    #[test]
    fn public_halves_of_every_kind_of_key() {
        let dir = tempfile::tempdir().unwrap();
        for (kind, args) in [
            ("ed25519", vec!["-N", ""]),
            ("ecdsa", vec!["-N", ""]),
            ("rsa", vec!["-b", "2048", "-N", ""]),
            ("ed25519", vec!["-N", "secret", "-a", "1"]),
            ("rsa", vec!["-b", "2048", "-m", "PEM", "-N", ""]),
            ("rsa", vec!["-b", "2048", "-m", "PEM", "-N", "secret"]),
        ] {
            let locked_pem = args.contains(&"PEM") && args.contains(&"secret");
            let path = dir.path().join(kind);
            let text = path.to_str().unwrap();
            keygen(&[&["-q", "-t", kind, "-C", "me@home", "-f", text], &args[..]].concat());
            let public = std::fs::read_to_string(public_path(&path)).unwrap();
            assert_eq!(public_half(&public_path(&path)).unwrap(), two_fields(&public));
            if !locked_pem {
                std::fs::remove_file(public_path(&path)).unwrap();
            }
            assert_eq!(
                public_half(&path).unwrap(),
                two_fields(&public),
                "{kind} {args:?}"
            );
            let _ = std::fs::remove_file(public_path(&path));
            if locked_pem {
                let error = public_half(&path).unwrap_err();
                let hint = error.downcast_ref::<Fault>().unwrap().hint.clone().unwrap();
                assert!(hint.contains("ssh-keygen -y -f"), "{hint}");
            }
            std::fs::remove_file(&path).unwrap();
        }
    }
}
