//! ed25519 key pairs: the login key of a workspace, the host keys of nodes.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey};

use crate::error::{Exit, Fault, FaultContext};
use crate::ssh::key_file::KeyFile;
use crate::workspace::{self, atomic};

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

/// Makes a new random ed25519 pair. Fails only when the system gives no randomness.
pub fn generate(comment: &str) -> anyhow::Result<KeyPair> {
    let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).context("making an ed25519 key")?;
    key.set_comment(comment);
    let private_openssh = key
        .to_openssh(LineEnding::LF)
        .context("encoding an ed25519 key")?
        .to_string();
    Ok(KeyPair {
        private_openssh,
        public_openssh: key.public_key().to_openssh()?,
    })
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

/// The pair `id_ed25519` and `id_ed25519.pub` of the folder `workspace`, made when absent; says whether
/// a file was written. A lost public half is written again from the private one.
pub fn load_or_create(workspace: &Path, comment: &str) -> anyhow::Result<(KeyPair, bool)> {
    let private = workspace.join(workspace::KEY);
    let public = workspace.join(workspace::PUBLIC_KEY);
    match std::fs::read_to_string(&private) {
        Ok(text) => {
            let key = PrivateKey::from_openssh(&text).fault(|| {
                Fault::new(
                    Exit::Usage,
                    format!("'{}' is not a private key of OpenSSH", private.display()),
                )
                .hint("put the right file back; without it the nodes that trust this key cannot be entered")
            })?;
            let pair = KeyPair {
                private_openssh: text,
                public_openssh: key.public_key().to_openssh()?,
            };
            let written = atomic::write_if_changed(&public, line(&pair.public_openssh).as_bytes(), 0o600)?;
            Ok((pair, written))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let pair = generate(comment)?;
            atomic::write_if_changed(&private, pair.private_openssh.as_bytes(), 0o600)?;
            atomic::write_if_changed(&public, line(&pair.public_openssh).as_bytes(), 0o600)?;
            Ok((pair, true))
        }
        Err(e) => Err(e).with_context(|| format!("reading '{}'", private.display())),
    }
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

fn line(text: &str) -> String {
    format!("{text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
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
    fn openssh_reads_the_pair_and_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (first, made) = load_or_create(dir.path(), "irs test").unwrap();
        assert!(made && first.public_openssh.ends_with(" irs test"));
        let private = dir.path().join("id_ed25519");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&private), mode(&public_path(&private))), (0o600, 0o600));
        assert_eq!(
            keygen(&["-y", "-f", private.to_str().unwrap()]).trim(),
            first.public_openssh
        );

        let (second, made) = load_or_create(dir.path(), "other comment").unwrap();
        assert!(!made);
        assert_eq!(second.private_openssh, first.private_openssh);
        std::fs::remove_file(public_path(&private)).unwrap();
        let (third, made) = load_or_create(dir.path(), "x").unwrap();
        assert!(made);
        assert_eq!(third.public_openssh, first.public_openssh);
        assert!(!format!("{third:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_broken_workspace_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("id_ed25519"), "rubbish").unwrap();
        let error = load_or_create(dir.path(), "x").unwrap_err();
        assert!(error.to_string().contains("is not a private key of OpenSSH"));
        assert_eq!(
            std::fs::read_to_string(dir.path().join("id_ed25519")).unwrap(),
            "rubbish"
        );
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
