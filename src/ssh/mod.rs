//! SSH connections to hypervisors and through them: configuration, host keys, logins, channels.

mod agent;
pub mod auth;
pub mod bridge;
mod certificate;
pub mod config;
pub mod exec;
pub(crate) mod jump;
pub(crate) mod key_file;
pub mod known_hosts;
pub mod link;
mod liveness;
pub mod node;
pub mod own_key;
pub(crate) mod passphrase;

use crate::error::{Exit, Fault, FaultContext};
use crate::secret::Secret;
use anyhow::{Result, anyhow};
use config::Destination;
use known_hosts::KnownHosts;
use link::{Link, LinkError, OPENING};
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a connection that the server drops before its banner is tried: sshd drops some of many
/// that begin at once (MaxStartups).
const TRIES: u32 = 7;

/// How long a proxy that hung up takes to say why.
const GOING: Duration = Duration::from_secs(2);

/// What sshd says in place of its version to a source that it penalises, and to one of many that begin at once.
const NOT_NOW: &str = "Not allowed at this time";

/// An authenticated connection, with the process that carries it, if one does.
pub struct Connection {
    /// The session.
    pub link: Link,
    // After the session in this struct: it must say good-bye before its proxy is killed.
    _proxy: Option<jump::Proxy>,
}

/// Makes connections to one host; the first one finds out how, the others do the same.
pub struct Client {
    destination: Destination,
    known: Mutex<KnownHosts>,
    credentials: Mutex<Option<auth::Credentials>>,
    host_key: Mutex<Option<String>>,
}

impl Client {
    /// A client for `destination`, not yet connected.
    pub fn new(destination: Destination) -> Client {
        let known = Mutex::new(KnownHosts::of(&destination));
        Client {
            destination,
            known,
            credentials: Mutex::new(None),
            host_key: Mutex::new(None),
        }
    }

    /// Where it connects to.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The verified host key of the last connection, `type base64`.
    pub fn host_key(&self) -> Option<String> {
        lock(&self.host_key).clone()
    }

    /// The public half of the key that logged in, as a line of authorized_keys; `None` before the first
    /// login, and for an encrypted PEM key without a `.pub` file.
    pub fn login_public_key(&self) -> Option<String> {
        lock(&self.credentials)
            .as_ref()?
            .public
            .as_ref()?
            .to_openssh()
            .ok()
    }

    /// The private key file that logged in; `None` before the first login, and where an agent holds the key.
    pub fn login_key_file(&self) -> Option<PathBuf> {
        let credentials = lock(&self.credentials);
        credentials.as_ref()?.logins.iter().find_map(|login| match login {
            auth::Login::Key(_, path) => Some(path.clone()),
            _ => None,
        })
    }

    /// The password that logged in; `None` where a key did.
    pub(crate) fn login_password(&self) -> Option<Secret> {
        let credentials = lock(&self.credentials);
        let logins = &credentials.as_ref()?.logins;
        logins.iter().find_map(|login| login.password().cloned())
    }

    /// Connects, verifies the host and logs in; faults say what to do.
    pub fn connect(&self) -> Result<Connection> {
        let mut tries = 1;
        loop {
            match self.greet() {
                Ok(connection) => return self.admit(connection),
                Err(e) if tries < TRIES && e.downcast_ref::<Dropped>().is_some() => {
                    std::thread::sleep(jitter(tries));
                    tries += 1;
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Opens the way and shakes hands.
    fn greet(&self) -> Result<Connection> {
        let host = &self.destination.typed;
        let unreachable = || {
            Fault::new(
                Exit::Unreachable,
                format!("cannot start an ssh session with '{host}'"),
            )
        };
        let way = jump::open(&self.destination)?;
        let mut link = Link::new(way.socket).fault(unreachable)?;
        let algorithms = lock(&self.known).algorithms();
        link.session()
            .method_pref(ssh2::MethodType::HostKey, &algorithms)
            .fault(unreachable)?;
        // OpenSSH says it in front of its version since 9.8.
        let end = Instant::now() + self.destination.connect_timeout;
        let words = link.first_words(self.destination.connect_timeout);
        if words.starts_with(NOT_NOW) {
            let fault = Fault::new(
                Exit::Unreachable,
                format!("sshd on '{host}' refuses this machine for a while"),
            );
            let hint = "it does so after failed logins (PerSourcePenalties), for up to 10 minutes: wait, or let an administrator there \
                        add this machine to PerSourcePenaltyExemptList and restart sshd; and when too many log in at once (MaxStartups)";
            return Err(anyhow!("it says: {NOT_NOW}")
                .context(Dropped)
                .context(fault.hint(hint)));
        }
        if let Err(error) = link.handshake(end.saturating_duration_since(Instant::now())) {
            let dropped = matches!(error.code(), Some(-13 | -2 | -3 | -43 | -7));
            if let Some(proxy) = &way.proxy {
                let said = proxy.last_words(if dropped { GOING } else { Duration::ZERO });
                let fault = Fault::new(
                    Exit::Unreachable,
                    format!("cannot reach '{host}' through its proxy"),
                );
                let fault = match said.contains("ssh: not found") {
                    true => fault.hint("ProxyJump is OpenSSH's work: install its client (package openssh-client or openssh-clients)"),
                    false => fault,
                };
                let cause = if said.is_empty() { error.to_string() } else { said };
                return Err(anyhow!(cause).context(fault));
            }
            let hint = match &error {
                LinkError::Silent(_) => {
                    "something takes connections at that port and says nothing: is it sshd's, and is the host well?"
                }
                _ => {
                    "is that port sshd's? After several failed logins a recent sshd refuses a client for some minutes"
                }
            };
            let error = match words.starts_with("SSH-") || words.is_empty() {
                true => anyhow::Error::new(error),
                false => anyhow!("it says: {words}"),
            };
            let error = if dropped { error.context(Dropped) } else { error };
            return Err(error.context(unreachable().hint(hint)));
        }
        Ok(Connection {
            link,
            _proxy: way.proxy,
        })
    }

    /// Verifies the host's key and logs in.
    fn admit(&self, mut connection: Connection) -> Result<Connection> {
        let host = &self.destination.typed;
        let key = shown_key(&connection.link).fault(|| {
            Fault::new(
                Exit::Unreachable,
                format!("'{host}' shows no host key that can be read"),
            )
        })?;
        {
            let mut known = lock(&self.known);
            known_hosts::verify(&self.destination, &known, &key)?;
            *known = KnownHosts::of(&self.destination);
        }
        *lock(&self.host_key) = known_hosts::text(&key);
        let link = &mut connection.link;
        let earlier = lock(&self.credentials).clone();
        match earlier {
            Some(credentials) => auth::again(link, &self.destination, &credentials).fault(|| {
                Fault::new(
                    Exit::Unreachable,
                    format!("cannot log in to '{}' once more", self.destination.login()),
                )
            })?,
            None => {
                let credentials = auth::first(link, &self.destination)?;
                lock(&self.credentials).get_or_insert(credentials);
            }
        }
        Ok(connection)
    }
}

/// The key that the server of a session proved to have.
pub(crate) fn shown_key(link: &Link) -> Result<ssh_key::PublicKey> {
    let (bytes, _) = link
        .session()
        .host_key()
        .ok_or_else(|| anyhow!("no host key was exchanged"))?;
    Ok(known_hosts::parse_wire(bytes)?)
}

/// The server hung up before it said who it is.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server closed the connection before it began")
    }
}

/// A time to wait before try number `tries` + 1, of another length for each process.
fn jitter(tries: u32) -> Duration {
    let noise = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    let span = 100 << tries.min(5);
    Duration::from_millis(50 + noise % span)
}

/// Locks, whatever happened to an earlier holder: what is behind these locks is always whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lost connection, as the user sees it.
pub(crate) fn link_lost(host: &str, error: LinkError) -> anyhow::Error {
    let fault = match error {
        // The connection is well: so it is said what it waits for.
        LinkError::Silent(exec::SHELL) => Fault::new(
            Exit::Unreachable,
            format!("the login shell on '{host}' has not begun a command within {} s", OPENING.as_secs()),
        )
        .hint("~/.bashrc and its like must not wait for anything when there is no terminal; is the host very busy?"),
        _ => Fault::new(Exit::Unreachable, format!("the ssh connection to '{host}' is lost")),
    };
    anyhow::Error::new(error).context(fault.passing())
}
