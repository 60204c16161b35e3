//! The key that the user has, or is to have: for who came by a password.

use super::config::{AgentSocket, Destination};
use super::known_hosts::fingerprint;
use crate::error::{Exit, Fault};
use crate::keys::{self, KeyPair};
use anyhow::{Context, Result};
use ssh_key::PublicKey;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A user's key.
#[derive(Clone, Debug)]
pub struct OwnKey {
    /// The public half, type and base64.
    pub public: String,
    /// Its fingerprint, `SHA256:…`.
    pub fingerprint: String,
    /// Where it is.
    pub place: Place,
}

/// Where a user's key is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In the agent, which calls it so.
    Agent(String),
    /// In this file.
    File(PathBuf),
    /// Nowhere yet.
    New(NewKey),
}

/// A key that is to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The file of the private half; that of the public one has `.pub` behind it.
    pub path: PathBuf,
    /// Both.
    pub pair: KeyPair,
}

/// The key that `ssh` would try first at that destination, else a new one where it looks for one: the same new one for all
/// destinations of this process.
///
/// # Errors
/// When the key that was named cannot be read.
pub fn of(destination: &Destination) -> Result<OwnKey> {
    if let Some(path) = &destination.only_key {
        return own(&keys::public_half(path)?, Place::File(path.clone()));
    }
    if let Some((comment, key)) = of_agent(destination) {
        return own(&key, Place::Agent(comment));
    }
    for path in destination.identity_files.iter().filter(|path| path.exists()) {
        if let Ok(public) = keys::public_half(path) {
            return own(&public, Place::File(path.clone()));
        }
    }
    let new = new(destination)?;
    own(&new.pair.public_openssh, Place::New(new.clone()))
}

fn own(public: &str, place: Place) -> Result<OwnKey> {
    let public = keys::bare(public);
    let key = PublicKey::from_openssh(&public).context("reading a public key")?;
    Ok(OwnKey {
        fingerprint: fingerprint(key.key_data()),
        public,
        place,
    })
}

fn of_agent(destination: &Destination) -> Option<(String, String)> {
    if destination.identities_only {
        return None;
    }
    let session = ssh2::Session::new().ok()?;
    let mut agent = session.agent().ok()?;
    match &destination.agent {
        AgentSocket::Off => return None,
        AgentSocket::Environment => drop(std::env::var_os("SSH_AUTH_SOCK")?),
        AgentSocket::Path(path) => agent.set_identity_path(path).ok()?,
    }
    agent.connect().ok()?;
    agent.list_identities().ok()?;
    let first = agent.identities().ok()?.into_iter().next()?;
    let key = PublicKey::from_bytes(first.blob()).ok()?.to_openssh().ok()?;
    Some((first.comment().to_owned(), key))
}

static NEW: OnceLock<NewKey> = OnceLock::new();

fn new(destination: &Destination) -> Result<&'static NewKey> {
    if let Some(new) = NEW.get() {
        return Ok(new);
    }
    let free = |path: &&PathBuf| !path.exists() && !public_path(path).exists();
    let modern = |path: &&PathBuf| path.file_name().is_some_and(|name| name == "id_ed25519");
    let mut files = destination.identity_files.iter().filter(free);
    let files = &mut files;
    let Some(path) = files.clone().find(modern).or_else(|| files.next()) else {
        let message = "there is no key to authorise on the hypervisor, and no place for a new one";
        return Err(Fault::new(Exit::Usage, message)
            .hint("name one with --host-key")
            .into());
    };
    let mut seed = [0u8; 32];
    ssh_key::rand_core::RngCore::try_fill_bytes(&mut ssh_key::rand_core::OsRng, &mut seed)
        .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    let pair = keys::from_seed(seed, &crate::lease::who())?;
    let path = path.clone();
    Ok(NEW.get_or_init(|| NewKey { path, pair }))
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

impl NewKey {
    /// Writes it, unless that was done; a file of somebody else's is never written over.
    ///
    /// # Errors
    /// When a file of that name has come meanwhile, or the folder takes none.
    pub fn write(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("making '{}'", folder.display()))?;
        create(&self.path, &self.pair.private_openssh, 0o600)?;
        create(
            &public_path(&self.path),
            &format!("{}\n", self.pair.public_openssh),
            0o644,
        )
    }
}

fn create(path: &Path, text: &str, mode: u32) -> Result<()> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    match file {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && std::fs::read_to_string(path)? == text => {
            Ok(())
        }
        Err(error) => Err(error),
    }
    .with_context(|| format!("writing '{}'", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_key_is_written_once_and_over_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ssh/id_ed25519");
        let key = |byte| NewKey {
            path: path.clone(),
            pair: keys::from_seed([byte; 32], "me@here").unwrap(),
        };
        key(1).write().unwrap();
        key(1).write().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(
            keys::public_half(&path).unwrap(),
            keys::bare(&std::fs::read_to_string(public_path(&path)).unwrap())
        );
        let before = std::fs::read(&path).unwrap();
        assert!(key(2).write().is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
