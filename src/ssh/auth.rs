//! Logging in: the agent's keys, then the key files, and what to say when none is accepted.

use super::config::{AgentSocket, Destination};
use super::key_file::{KeyFile, Usable};
use super::known_hosts::fingerprint;
use super::link::{Link, LinkError};
use crate::error::{Exit, Fault};
use anyhow::{Result, anyhow};
use ssh_key::PublicKey;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one login may take: the agent may wait for a touch or a confirmation.
const LOGIN: Duration = Duration::from_secs(60);

/// The way in that worked, to be used again by further connections of the run.
#[derive(Clone)]
pub(crate) enum Login {
    Agent(Vec<u8>),
    /// A key, and the file that it is from.
    Key(Usable, PathBuf),
}

/// A login, and the public key that made it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) login: Login,
    pub(crate) public: Option<PublicKey>,
}

/// Logs in again by what worked before.
pub(crate) fn again(
    link: &mut Link,
    destination: &Destination,
    credentials: &Credentials,
) -> Result<(), LinkError> {
    match &credentials.login {
        Login::Key(usable, _) => by_key(link, &destination.user, usable, None),
        Login::Agent(blob) => {
            let (agent, identities) =
                agent(link, &destination.agent).ok_or(LinkError::Silent("asking ssh-agent"))?;
            let identity = identities
                .iter()
                .find(|i| i.blob() == blob)
                .ok_or(LinkError::Silent("asking ssh-agent"))?;
            link.drive("logging in", LOGIN, |_| {
                agent.userauth(&destination.user, identity)
            })
        }
    }
}

/// Logs in by the first key that the server accepts.
pub(crate) fn first(link: &mut Link, destination: &Destination) -> Result<Credentials> {
    let mut attempt = Attempt {
        link,
        destination,
        tried: Vec::new(),
        put_off: None,
    };
    let files = key_files(destination, &mut attempt.tried)?;
    if let Some(credentials) = attempt.agent(&files)? {
        return Ok(credentials);
    }
    for file in &files {
        if let Some(credentials) = attempt.file(file)? {
            return Ok(credentials);
        }
    }
    Err(attempt.refused(None))
}

/// The files to try: the one that was named, which must be good, or those of the ssh configuration that exist.
fn key_files(destination: &Destination, notes: &mut Vec<String>) -> Result<Vec<KeyFile>> {
    if let Some(path) = &destination.only_key {
        return Ok(vec![KeyFile::read(path)?]);
    }
    let mut files = Vec::new();
    for path in destination.identity_files.iter().filter(|p| p.exists()) {
        match KeyFile::read(path) {
            Ok(file) => files.push(file),
            Err(e) => notes.push(format!("{e:#}")),
        }
    }
    Ok(files)
}

struct Attempt<'a> {
    link: &'a mut Link,
    destination: &'a Destination,
    tried: Vec<String>,
    /// Why a key that the server would take could not be used.
    put_off: Option<anyhow::Error>,
}

impl Attempt<'_> {
    fn agent(&mut self, files: &[KeyFile]) -> Result<Option<Credentials>> {
        let Some((agent, mut identities)) = agent(self.link, &self.destination.agent) else {
            return Ok(None);
        };
        let named = |identity: &ssh2::PublicKey| {
            files
                .iter()
                .filter_map(|f| f.public.as_ref())
                .any(|p| p.to_bytes().is_ok_and(|b| b == identity.blob()))
        };
        if self.destination.only_key.is_some() || self.destination.identities_only {
            identities.retain(&named);
        }
        // sshd gives up after six keys: those that were asked for go first.
        identities.sort_by_key(|i| !named(i));
        for identity in identities {
            let public = PublicKey::from_bytes(identity.blob()).ok().map(|mut public| {
                public.set_comment(identity.comment());
                public
            });
            let print = public
                .as_ref()
                .map(|p| fingerprint(p.key_data()))
                .unwrap_or_default();
            self.tried
                .push(format!("'{}' of ssh-agent ({print})", identity.comment()));
            let user = &self.destination.user;
            match self
                .link
                .drive("logging in", LOGIN, |_| agent.userauth(user, &identity))
            {
                Ok(()) => {
                    let login = Login::Agent(identity.blob().to_vec());
                    return Ok(Some(Credentials { login, public }));
                }
                Err(e) => self.go_on(e)?,
            }
        }
        Ok(None)
    }

    fn file(&mut self, file: &KeyFile) -> Result<Option<Credentials>> {
        let Some(plain) = file.plain() else {
            return Ok(None);
        };
        let print = file
            .public
            .as_ref()
            .map(|p| format!(" ({})", fingerprint(p.key_data())))
            .unwrap_or_default();
        self.tried.push(format!("'{}'{print}", file.path.display()));
        let user = &self.destination.user;
        if file.encrypted {
            // The server is asked first whether it would take the key: nobody types a passphrase in vain.
            if let Some(text) = file.public.as_ref().and_then(|p| p.to_openssh().ok())
                && let Err(e) = by_key(self.link, user, &plain, Some(&text))
                && failure(&e) == Failure::Refused
            {
                return Ok(None);
            }
        }
        let usable = match file.open() {
            Ok(usable) => usable,
            Err(e) if self.destination.only_key.is_some() || interrupted(&e) => return Err(e),
            Err(e) => {
                self.put_off.get_or_insert(e);
                return Ok(None);
            }
        };
        match by_key(self.link, user, &usable, None) {
            Ok(()) => {
                warn_if_open(&file.path);
                Ok(Some(Credentials {
                    login: Login::Key(usable, file.path.clone()),
                    public: file.public.clone(),
                }))
            }
            Err(e) if failure(&e) == Failure::Unusable => {
                let error = unusable(&file.path, usable.passphrase.is_some(), &e);
                if self.destination.only_key.is_some() {
                    return Err(error);
                }
                self.put_off.get_or_insert(error);
                Ok(None)
            }
            Err(e) => self.go_on(e).map(|()| None),
        }
    }

    /// Nothing when the server only refused this key; the fault when it hung up.
    fn go_on(&self, error: LinkError) -> Result<()> {
        match failure(&error) {
            Failure::Lost => Err(self.refused(Some(error))),
            Failure::Refused | Failure::Unusable => Ok(()),
        }
    }

    /// Where keys were looked for in vain.
    fn sources(&self) -> String {
        let agent = match agent(self.link, &self.destination.agent) {
            Some((_, keys)) if keys.is_empty() => "ssh-agent holds none",
            Some(_) => "ssh-agent holds none that your ssh config allows",
            None => "no ssh-agent answers",
        };
        let files = self.destination.identity_files.iter();
        let files: Vec<_> = files.map(|f| format!("'{}'", f.display())).collect();
        match files.is_empty() {
            true => agent.to_owned(),
            false => format!("{agent}, and there is no private key in {}", files.join(", ")),
        }
    }

    fn refused(&self, hung_up: Option<LinkError>) -> anyhow::Error {
        if let (Some(e), None) = (&self.put_off, &hung_up) {
            return match e.downcast_ref::<Fault>() {
                Some(f) => f.clone().into(),
                None => anyhow!("{e:#}"),
            };
        }
        let login = self.destination.login();
        let fault = match (self.tried.is_empty(), &self.destination.only_key) {
            (true, Some(key)) => Fault::new(
                Exit::Unreachable,
                format!(
                    "'{}' is a public key, and ssh-agent does not hold its private half",
                    key.display()
                ),
            )
            .hint("add that to the agent with `ssh-add`, or give the private key's file with --host-key"),
            (true, None) => Fault::new(
                Exit::Unreachable,
                format!("there is no key to log in to '{login}' with: {}", self.sources()),
            )
            .hint("give one with --host-key, or to ssh-agent (`ssh-add`)"),
            (false, _) => {
                let port = match self.destination.port {
                    22 => String::new(),
                    port => format!("-p {port} "),
                };
                Fault::new(
                    Exit::Unreachable,
                    format!(
                        "'{login}' refused every key that was tried: {}",
                        self.tried.join(", ")
                    ),
                )
                .hint(format!(
                    "give another key with --host-key, or authorise one by `ssh-copy-id {port}{login}`"
                ))
            }
        };
        match hung_up {
            Some(e) => anyhow!("the server hung up: {e}").context(fault),
            None => fault.into(),
        }
    }
}

/// Says of a key file that others may read it: ssh, which the outputs hand it to, takes no such key.
fn warn_if_open(path: &Path) {
    let Ok(file) = std::fs::metadata(path) else { return };
    let own = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == file.uid());
    let mode = file.mode() & 0o777;
    if own && mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(
            "the key file '{path}' is open to others (mode {mode:04o}): ssh and Ansible will not take it; close it by `chmod 600`"
        );
    }
}

fn interrupted(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Fault>()
        .is_some_and(|f| f.exit == Exit::Interrupted)
}

/// What a failed login means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server does not want this key.
    Refused,
    /// The connection is gone.
    Lost,
    /// This side cannot use the key.
    Unusable,
}

/// Reads libssh2's code; it has one (-19) for three things, which only the texts tell apart.
pub(crate) fn failure(error: &LinkError) -> Failure {
    match error.code() {
        Some(-18) => Failure::Refused,
        Some(-13 | -43 | -7 | -9) | None => Failure::Lost,
        Some(-19) => match error.to_string() {
            text if text.starts_with("Waiting for") => Failure::Lost,
            text if text.starts_with("Invalid signature") || text == "Auth failed" => Failure::Refused,
            _ => Failure::Unusable,
        },
        Some(_) => Failure::Unusable,
    }
}

fn unusable(path: &Path, passphrase: bool, error: &LinkError) -> anyhow::Error {
    let fault = if passphrase {
        Fault::new(
            Exit::Unreachable,
            format!("wrong passphrase for '{}'", path.display()),
        )
    } else {
        Fault::new(
            Exit::Usage,
            format!("the key in '{}' cannot be used", path.display()),
        )
        .hint("keys on security tokens work through ssh-agent only (`ssh-add`)")
    };
    anyhow!("{error}").context(fault)
}

fn by_key(link: &mut Link, user: &str, key: &Usable, public: Option<&str>) -> Result<(), LinkError> {
    link.drive("logging in", LOGIN, |session| {
        // Without a passphrase libssh2 would hand OpenSSL a null pointer for an encrypted PEM.
        let passphrase = key.passphrase.as_deref().unwrap_or_default();
        session.userauth_pubkey_memory(user, public, &key.private, Some(passphrase))
    })
}

/// Logs in by a private key's text.
pub(crate) fn by_private(
    link: &mut Link,
    user: &str,
    private: &str,
    limit: Duration,
) -> Result<(), LinkError> {
    link.drive("logging in", limit, |session| {
        session.userauth_pubkey_memory(user, None, private, Some(""))
    })
}

fn agent(link: &Link, socket: &AgentSocket) -> Option<(ssh2::Agent, Vec<ssh2::PublicKey>)> {
    let mut agent = link.session().agent().ok()?;
    match socket {
        AgentSocket::Off => return None,
        AgentSocket::Environment => {
            std::env::var_os("SSH_AUTH_SOCK")?;
        }
        AgentSocket::Path(path) => agent.set_identity_path(path).ok()?,
    }
    agent.connect().ok()?;
    agent.list_identities().ok()?;
    let identities = agent.identities().ok()?;
    Some((agent, identities))
}
