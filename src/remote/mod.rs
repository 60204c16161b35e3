//! The machine that is acted on: this one, or one reached over SSH.

mod bulk;
mod command;
mod forward;
mod job;
mod join;
mod pool;
mod run;
mod send;
mod sparse;
mod sudo;
mod tunnel;
mod upload;

pub use command::{Cmd, Output};
pub use job::{Ended, Job, News};
pub use join::join;
pub use send::Sent;
pub use tunnel::{Said, TunnelGuard};

use crate::ssh::config::{ClientOptions, Destination, resolve};
use crate::ssh::{Client, Connection};
use anyhow::Result;
use pool::Pool;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
pub(crate) use sudo::Sudo;

/// The address of this very machine, which is worked on without SSH.
pub const LOCAL: &str = "local";

/// A machine that is acted on. Cheap to clone; every method may be called from any thread, and blocks.
#[derive(Clone)]
pub enum Host {
    /// One reached over SSH.
    Ssh(Arc<Remote>),
    /// The one that irs runs on.
    Local(Arc<Local>),
}

/// A machine reached over SSH.
pub struct Remote {
    name: String,
    client: Client,
    pool: Pool,
    /// Idle connections that carry streams to nodes.
    tunnels: Mutex<Vec<Connection>>,
    /// sshd was seen to refuse forwarding.
    pub(crate) forwarding_forbidden: AtomicBool,
    sudo: Sudo,
}

/// This machine.
pub struct Local {
    sudo: Sudo,
}

/// How many idle connections to nodes are kept.
const TUNNELS: usize = 10;

impl Host {
    /// Connects to `address` (`local`, or whatever [`resolve`] takes) and makes sure that commands can
    /// run as root there; faults say why that cannot be.
    pub fn connect(address: &str, options: &ClientOptions) -> Result<Host> {
        let root =
            |host: &Host| -> Result<bool> { Ok(host.run(&Cmd::new("id").arg("-u"))?.text().trim() == "0") };
        if address == LOCAL {
            if root(&Host::Local(Arc::new(Local { sudo: Sudo::No })))? {
                return Ok(Host::Local(Arc::new(Local { sudo: Sudo::No })));
            }
            return Host::here().with_sudo(&std::env::var("USER").unwrap_or_default(), None);
        }
        let client = Client::new(resolve(address, options)?);
        let pool = Pool::new(client.connect()?);
        let user = client.destination().user.clone();
        let remote = Remote {
            name: address.to_owned(),
            client,
            pool,
            tunnels: Mutex::default(),
            forwarding_forbidden: AtomicBool::new(false),
            sudo: Sudo::No,
        };
        if user == "root" {
            return Ok(Host::Ssh(Arc::new(remote)));
        }
        let host = Host::Ssh(Arc::new(remote));
        if root(&host)? {
            return Ok(host);
        }
        let password = match &host {
            Host::Ssh(remote) => remote.client.login_password(),
            Host::Local(_) => None,
        };
        host.with_sudo(&user, password)
    }

    /// This machine, for what needs no rights.
    pub fn here() -> Host {
        Host::Local(Arc::new(Local { sudo: Sudo::No }))
    }

    /// The name as the user typed it.
    pub fn name(&self) -> &str {
        match self {
            Host::Ssh(remote) => &remote.name,
            Host::Local(_) => LOCAL,
        }
    }

    /// Whether it is this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Host::Local(_))
    }

    /// Where it is and how it is reached; `None` for this machine.
    pub fn destination(&self) -> Option<&Destination> {
        match self {
            Host::Ssh(remote) => Some(remote.client.destination()),
            Host::Local(_) => None,
        }
    }

    /// Whether commands need sudo there.
    pub fn sudo(&self) -> bool {
        match self {
            Host::Ssh(remote) => remote.sudo.is_used(),
            Host::Local(local) => local.sudo.is_used(),
        }
    }

    /// The host's verified SSH key, `type base64`; `None` for this machine.
    pub fn host_key(&self) -> Option<String> {
        match self {
            Host::Ssh(remote) => remote.client.host_key(),
            Host::Local(_) => None,
        }
    }

    /// The private key file that logged in; `None` for this machine, and where an agent holds the key.
    pub fn login_key_file(&self) -> Option<PathBuf> {
        match self {
            Host::Ssh(remote) => remote.client.login_key_file(),
            Host::Local(_) => None,
        }
    }

    /// Whether a password logged in, in place of a key: nodes and `ssh` need a key.
    pub fn logged_in_by_password(&self) -> bool {
        match self {
            Host::Ssh(remote) => {
                remote.client.login_public_key().is_none() && remote.client.login_password().is_some()
            }
            Host::Local(_) => false,
        }
    }

    /// The public half of the key that logged in, as a line of authorized_keys.
    pub fn login_public_key(&self) -> Option<String> {
        match self {
            Host::Ssh(remote) => remote.client.login_public_key(),
            Host::Local(_) => None,
        }
    }
}

impl Remote {
    /// A connection of the caller's own.
    pub(crate) fn dedicated(&self) -> Result<Connection> {
        self.client.connect()
    }

    /// A connection that carries a stream to a node, kept or new.
    pub(crate) fn take_tunnel(&self) -> Result<Connection> {
        let kept = crate::ssh::lock(&self.tunnels).pop();
        kept.map_or_else(|| self.client.connect(), Ok)
    }

    /// Keeps such a connection for the next stream.
    pub(crate) fn give_tunnel(&self, connection: Connection) {
        let mut tunnels = crate::ssh::lock(&self.tunnels);
        if tunnels.len() < TUNNELS {
            tunnels.push(connection);
        }
    }
}
