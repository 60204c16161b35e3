//! A private key in a file: OpenSSH's format, or PEM.

use super::{certificate, passphrase};
use crate::error::{Exit, Fault, FaultContext};
use anyhow::{Result, anyhow};
use ssh_key::{LineEnding, PrivateKey, PublicKey};
use std::path::{Path, PathBuf};

/// A key file as it was found.
pub(crate) struct KeyFile {
    pub(crate) path: PathBuf,
    /// The private key's text; none when the file holds a public key, whose private half an agent holds.
    private: Option<String>,
    /// The public half, where it can be read without a passphrase.
    pub(crate) public: Option<PublicKey>,
    pub(crate) encrypted: bool,
}

/// A private key that libssh2 can use.
#[derive(Clone)]
pub(crate) struct Usable {
    pub(crate) private: String,
    pub(crate) passphrase: Option<String>,
    /// A certificate of it, as a line of text, to be shown in place of the key.
    pub(crate) certificate: Option<String>,
}

impl KeyFile {
    /// Reads a key file; fails when it cannot be read or holds no key.
    pub(crate) fn read(path: &Path) -> Result<KeyFile> {
        let name = path.display();
        let bytes = std::fs::read(path).fault(|| {
            Fault::new(Exit::Usage, format!("cannot read the key file '{name}'"))
                .hint("give the path of a private key with --host-key")
        })?;
        let bad = |why: String| {
            anyhow!(why).context(
                Fault::new(Exit::Usage, format!("'{name}' holds no private key"))
                    .hint("keys in OpenSSH's own format and in PEM are accepted (`ssh-keygen -t ed25519` makes one)"),
            )
        };
        let text = String::from_utf8(bytes).map_err(|_| bad("it is not text".into()))?;
        if let Ok(public) = PublicKey::from_openssh(text.trim()) {
            return Ok(KeyFile {
                path: path.into(),
                private: None,
                public: Some(public),
                encrypted: false,
            });
        }
        let (public, encrypted) = if text.contains("BEGIN OPENSSH PRIVATE KEY") {
            let key = PrivateKey::from_openssh(&text).map_err(|e| bad(e.to_string()))?;
            (Some(key.public_key().clone()), key.is_encrypted())
        } else if text.contains("PRIVATE KEY-----") {
            let encrypted = text.contains("ENCRYPTED");
            (public_of_pem(path, encrypted), encrypted)
        } else {
            return Err(bad("there is no line 'BEGIN … PRIVATE KEY'".into()));
        };
        let public = public.map(|p| with_comment(p, path));
        Ok(KeyFile {
            path: path.into(),
            private: Some(text),
            public,
            encrypted,
        })
    }

    /// The certificates of the key: of these files, and of the one beside it.
    pub(crate) fn certificates(&self, files: &[PathBuf]) -> Vec<String> {
        let mut own = self.path.as_os_str().to_owned();
        own.push("-cert.pub");
        let mut texts = Vec::new();
        for path in files.iter().map(PathBuf::as_path).chain([Path::new(&own)]) {
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            let key = certificate::key_of_text(&text);
            let own = self.public.as_ref().map(PublicKey::key_data);
            if own.is_some() && own == key.as_ref().map(PublicKey::key_data) {
                texts.push(text.trim().to_owned());
            }
        }
        texts.dedup();
        texts
    }

    /// The private key as it stands in the file, with no passphrase.
    pub(crate) fn plain(&self) -> Option<Usable> {
        self.private.clone().map(|private| Usable {
            private,
            passphrase: None,
            certificate: None,
        })
    }

    /// The key opened by the passphrase of the environment or of the terminal; a fault when there is
    /// neither, or when it is wrong.
    pub(crate) fn open(&self) -> Result<Usable> {
        let Some(private) = &self.private else {
            return Err(Fault::new(Exit::Usage, format!("'{}' is a public key", self.path.display())).into());
        };
        if !self.encrypted {
            return Ok(Usable {
                private: private.clone(),
                passphrase: None,
                certificate: None,
            });
        }
        let wrong = || {
            Fault::new(
                Exit::Unreachable,
                format!("wrong passphrase for '{}'", self.path.display()),
            )
            .hint("it is read from the terminal, or from $IRS_KEY_PASSPHRASE")
        };
        if let Some(passphrase) = passphrase::from_environment() {
            return self.unlock(private, passphrase).ok_or_else(|| wrong().into());
        }
        for _ in 0..3 {
            let prompt = format!("passphrase for '{}': ", self.path.display());
            let Some(passphrase) = passphrase::ask(&prompt)? else {
                return Err(Fault::new(
                    Exit::Unreachable,
                    format!("the key '{}' needs a passphrase", self.path.display()),
                )
                .hint("give the key to ssh-agent (`ssh-add`), set $IRS_KEY_PASSPHRASE, or run on a terminal")
                .into());
            };
            match self.unlock(private, passphrase) {
                Some(usable) => return Ok(usable),
                None => eprintln!("wrong passphrase"),
            }
        }
        Err(wrong().into())
    }

    fn unlock(&self, private: &str, passphrase: String) -> Option<Usable> {
        let Ok(key) = PrivateKey::from_openssh(private) else {
            // Whether a PEM's passphrase is right is found out by libssh2, when it signs.
            return Some(Usable {
                private: private.to_owned(),
                passphrase: Some(passphrase),
                certificate: None,
            });
        };
        let text = key.decrypt(&passphrase).ok()?.to_openssh(LineEnding::LF).ok()?;
        Some(Usable {
            private: text.to_string(),
            passphrase: None,
            certificate: None,
        })
    }
}

/// The public half of a PEM key, from the file beside it, or as ssh-keygen derives it.
fn public_of_pem(path: &Path, encrypted: bool) -> Option<PublicKey> {
    if let Some(public) = beside(path) {
        return Some(public);
    }
    if encrypted {
        return None;
    }
    let output = std::process::Command::new("ssh-keygen")
        .args(["-y", "-P", "", "-f"])
        .arg(path)
        .stdin(std::process::Stdio::null())
        .output()
        .ok()?;
    PublicKey::from_openssh(String::from_utf8(output.stdout).ok()?.trim()).ok()
}

fn beside(path: &Path) -> Option<PublicKey> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PublicKey::from_openssh(std::fs::read_to_string(name).ok()?.trim()).ok()
}

/// An encrypted key file hides its comment; the public file beside it has it.
fn with_comment(mut public: PublicKey, path: &Path) -> PublicKey {
    if public.comment().is_empty()
        && let Some(beside) = beside(path).filter(|b| b.key_data() == public.key_data())
    {
        public.set_comment(beside.comment());
    }
    public
}
