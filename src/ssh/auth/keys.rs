//! Keys of an agent and of files.

use super::{Attempt, Done, Failure, LOGIN, Login, failure};
use crate::error::{Exit, Fault};
use crate::ssh::agent::{self, Identity};
use crate::ssh::config::Destination;
use crate::ssh::key_file::{KeyFile, Usable};
use crate::ssh::known_hosts::fingerprint;
use crate::ssh::link::{Link, LinkError};
use anyhow::{Result, anyhow};
use ssh_key::PublicKey;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

impl Attempt<'_> {
    /// The agent's keys, then those of files.
    pub(super) fn keys(&mut self) -> Result<Done> {
        let files = self.files()?;
        if let Some(done) = self.agent(&files)? {
            return Ok(Some(done));
        }
        for file in &files {
            if !self.halves.is_empty() {
                break;
            }
            if let Some(done) = self.file(file)? {
                return Ok(Some(done));
            }
        }
        Ok(None)
    }

    /// The files to try: the one that was named, which must be good, or those of the ssh configuration that exist.
    fn files(&mut self) -> Result<Vec<KeyFile>> {
        if let Some(path) = &self.destination.only_key {
            return Ok(vec![KeyFile::read(path)?]);
        }
        let mut files = Vec::new();
        for path in self.destination.identity_files.iter().filter(|p| p.exists()) {
            match KeyFile::read(path) {
                Ok(file) => files.push(file),
                Err(e) => self.tried.push(format!("{e:#}")),
            }
        }
        Ok(files)
    }

    fn agent(&mut self, files: &[KeyFile]) -> Result<Done> {
        let Some((agent, mut identities)) = agent::connect(self.link, &self.destination.agent) else {
            return Ok(None);
        };
        let named = |identity: &Identity| {
            let keys = files.iter().filter_map(|f| f.public.as_ref());
            let own = identity.public.as_ref().map(PublicKey::key_data);
            keys.map(PublicKey::key_data).any(|key| Some(key) == own)
        };
        if self.destination.only_key.is_some() || self.destination.identities_only {
            identities.retain(&named);
        }
        // sshd gives up after six keys: those that were asked for go first.
        identities.sort_by_key(|i| (!named(i), !i.is_certificate));
        for Identity {
            key,
            public,
            is_certificate,
        } in identities
        {
            let print = public
                .as_ref()
                .map(|p| fingerprint(p.key_data()))
                .unwrap_or_default();
            let what = if is_certificate { ", a certificate" } else { "" };
            self.tried
                .push(format!("'{}' of ssh-agent ({print}{what})", key.comment()));
            let user = &self.destination.user;
            let login = Login::Agent(key.blob().to_vec());
            match self
                .link
                .drive("logging in", LOGIN, |_| agent.userauth(user, &key))
            {
                Ok(()) => return Ok(Some((login, public))),
                Err(e) => {
                    let signed = was_signed(&e);
                    self.go_on(e)?;
                    if signed && self.half(login, public)? {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    fn file(&mut self, file: &KeyFile) -> Result<Done> {
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
        let certificates = file.certificates(&self.destination.certificates);
        if file.encrypted {
            // The server is asked first whether it would take the key: nobody types a passphrase in vain.
            let text = file.public.as_ref().and_then(|p| p.to_openssh().ok());
            let texts: Vec<&String> = certificates.iter().chain(&text).collect();
            let mut refused = !texts.is_empty() && text.is_some();
            for text in texts {
                let asked = by_key(self.link, user, &plain, Some(text));
                refused &= matches!(&asked, Err(e) if failure(e) == Failure::Refused);
            }
            if refused {
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
        for text in certificates {
            let certified = Usable {
                certificate: Some(text),
                ..usable.clone()
            };
            match by_key(self.link, user, &certified, None) {
                Ok(()) => {
                    warn_if_open(&file.path);
                    let login = Login::Key(certified, file.path.clone());
                    return Ok(Some((login, file.public.clone())));
                }
                Err(e) => self.go_on(e)?,
            }
        }
        match by_key(self.link, user, &usable, None) {
            Ok(()) => {
                warn_if_open(&file.path);
                let login = Login::Key(usable, file.path.clone());
                Ok(Some((login, file.public.clone())))
            }
            Err(e) if failure(&e) == Failure::Unusable => {
                let error = unusable(&file.path, usable.passphrase.is_some(), &e);
                if self.destination.only_key.is_some() {
                    return Err(error);
                }
                self.put_off.get_or_insert(error);
                Ok(None)
            }
            Err(e) => {
                let signed = was_signed(&e);
                self.go_on(e)?;
                if signed {
                    self.half(Login::Key(usable, file.path.clone()), file.public.clone())?;
                }
                Ok(None)
            }
        }
    }

    /// Where keys were looked for in vain.
    pub(super) fn sources(&self) -> String {
        let agent = match agent::connect(self.link, &self.destination.agent) {
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
}

/// Whether the server refused a signature, which it had asked for: then the key is a good one to it.
fn was_signed(error: &LinkError) -> bool {
    error.code() == Some(-19) && failure(error) == Failure::Refused
}

/// Says of a key file that others may read it: ssh, which the outputs hand it to, takes no such key.
fn warn_if_open(path: &Path) {
    let Ok(file) = std::fs::metadata(path) else { return };
    let own = rustix::process::geteuid().as_raw() == file.uid();
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

pub(super) fn by_key(
    link: &mut Link,
    user: &str,
    key: &Usable,
    public: Option<&str>,
) -> Result<(), LinkError> {
    link.drive("logging in", LOGIN, |session| {
        // Without a passphrase libssh2 would hand OpenSSL a null pointer for an encrypted PEM.
        let passphrase = key.passphrase.as_deref().unwrap_or_default();
        let public = public.or(key.certificate.as_deref());
        session.userauth_pubkey_memory(user, public, &key.private, Some(passphrase))
    })
}

/// Logs in by the agent's key of this name.
pub(super) fn by_agent(link: &mut Link, destination: &Destination, blob: &[u8]) -> Result<(), LinkError> {
    let (agent, identities) =
        agent::connect(link, &destination.agent).ok_or(LinkError::Silent("asking ssh-agent"))?;
    let identity = identities
        .iter()
        .map(|identity| &identity.key)
        .find(|key| key.blob() == blob)
        .ok_or(LinkError::Silent("asking ssh-agent"))?;
    link.drive("logging in", LOGIN, |_| {
        agent.userauth(&destination.user, identity)
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
