//! Libvirt's socket on a host, made reachable here, and commands as local streams.

use super::{Cmd, Host, Remote};
use crate::error::{Exit, Fault, FaultContext};
use crate::ssh::bridge::{self, Target};
use crate::ssh::link::{LinkError, OPENING};
use crate::ssh::{Connection, link_lost, lock};
use anyhow::Result;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Keeps the way to libvirt open; it closes when this is dropped.
#[derive(Default)]
pub struct TunnelGuard {
    shared: Arc<Shared>,
    dir: Option<tempfile::TempDir>,
}

#[derive(Default)]
struct Shared {
    closing: AtomicBool,
    trouble: Mutex<String>,
}

impl TunnelGuard {
    /// Why the way to libvirt broke, where that is known: a lost connection, or what the program at the
    /// other end wrote.
    pub fn trouble(&self) -> Option<String> {
        Some(lock(&self.shared.trouble).trim().to_owned()).filter(|t| !t.is_empty())
    }
}

impl Drop for TunnelGuard {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        if let Some(dir) = &self.dir {
            // The listening thread wakes, sees that it is to end, and ends.
            let _ = UnixStream::connect(socket_in(dir.path()));
        }
    }
}

fn socket_in(dir: &Path) -> std::path::PathBuf {
    dir.join("libvirt-sock")
}

/// Where libvirt may listen, and by which programs it can be reached: one a line.
const PROBE: &str = "for s in libvirt-sock virtqemud-sock; do \
    if [ -S /run/libvirt/$s ]; then echo /run/libvirt/$s; break; fi; done; \
    command -v virt-ssh-helper >/dev/null && echo virt-ssh-helper; command -v nc >/dev/null && echo nc; true";

impl Host {
    /// Whether sshd there forwards TCP, which `ProxyJump` needs. It is asked by a port that nobody listens on:
    /// the refusal tells a forbidden way from a closed door.
    pub fn tcp_forwarding(&self) -> bool {
        let Host::Ssh(remote) = self else { return true };
        if remote.forwarding_forbidden.load(Ordering::Relaxed) {
            return false;
        }
        let Ok((mut connection, _)) = remote.pool.take(&remote.client) else {
            return true;
        };
        let closed = Target::Tcp("127.0.0.1".to_owned(), 1);
        match bridge::open(&mut connection.link, &closed, OPENING) {
            Err(e) if e.to_string().contains("prohibited") => {
                remote.forwarding_forbidden.store(true, Ordering::Relaxed);
                remote.pool.give(connection);
                false
            }
            Err(LinkError::Ssh(_)) => {
                remote.pool.give(connection);
                true
            }
            _ => {
                remote.pool.lost();
                true
            }
        }
    }

    /// A URI that libvirt's client library can open now, and what keeps it good.
    ///
    /// For a host over SSH it is a private socket, joined to libvirt's own over connections of their
    /// own: forwarded by sshd, else (and for a user who is not root, whom polkit would refuse) by
    /// `virt-ssh-helper` or `nc` there.
    pub fn libvirt_uri(&self) -> Result<(String, TunnelGuard)> {
        let Host::Ssh(remote) = self else {
            return Ok(("qemu:///system".into(), TunnelGuard::default()));
        };
        let found = self.check(&Cmd::script(PROBE, &[]))?.text();
        let Some(socket) = found.lines().find(|l| l.starts_with('/')) else {
            let message = format!(
                "libvirt does not run on '{}': there is no socket in /run/libvirt",
                self.name()
            );
            return Err(Fault::new(Exit::Resources, message)
                .hint(
                    "install it and start it there (`systemctl enable --now libvirtd` or `virtqemud.socket`)",
                )
                .into());
        };
        let sudo = remote.sudo;
        let mut ways = Vec::new();
        if !sudo {
            ways.push(Target::Socket(socket.to_owned()));
        }
        if found.lines().any(|l| l == "virt-ssh-helper") {
            ways.push(Target::Command(
                Cmd::new("virt-ssh-helper")
                    .arg("qemu:///system")
                    .shell_text(sudo)?,
            ));
        }
        if found.lines().any(|l| l == "nc") {
            ways.push(Target::Command(
                Cmd::new("nc").args(["-U", socket]).shell_text(sudo)?,
            ));
        }
        let first = remote.first_way(&ways)?;
        let fault = || Fault::new(Exit::Failed, "cannot make a private socket for libvirt");
        // A socket's path has room for 107 bytes, libvirt's URI for no odd characters.
        let dir = tempfile::Builder::new()
            .prefix("irs-")
            .tempdir_in("/tmp")
            .fault(fault)?;
        let path = socket_in(dir.path());
        let listener = UnixListener::bind(&path).fault(fault)?;
        let shared = Arc::new(Shared::default());
        let (remote, both) = (Arc::clone(remote), Arc::clone(&shared));
        thread::spawn(move || serve(&remote, &listener, first, &both));
        let uri = format!("qemu+unix:///system?socket={}", path.display());
        Ok((
            uri,
            TunnelGuard {
                shared,
                dir: Some(dir),
            },
        ))
    }

    /// Starts `cmd` as root and gives its stdin and stdout as one stream; over SSH on a connection of
    /// its own. The command's stdin ends when the stream is closed, or when this process dies.
    pub(crate) fn duplex(&self, cmd: &Cmd) -> Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        match self {
            Host::Local(local) => {
                let argv = cmd.argv(local.sudo)?;
                let out = OwnedFd::from(theirs.try_clone()?);
                let mut child = Command::new(&argv[0])
                    .args(&argv[1..])
                    .stdin(Stdio::from(OwnedFd::from(theirs)))
                    .stdout(Stdio::from(out))
                    .stderr(Stdio::null())
                    .process_group(0)
                    .spawn()
                    .fault(|| Fault::new(Exit::Failed, format!("cannot run '{cmd}' on this machine")))?;
                thread::spawn(move || child.wait());
            }
            Host::Ssh(remote) => {
                let target = Target::Command(cmd.shell_text(remote.sudo)?);
                let mut connection = remote.dedicated()?;
                let channel = bridge::open(&mut connection.link, &target, OPENING)
                    .map_err(|e| link_lost(&remote.name, e))?;
                let name = remote.name.clone();
                thread::spawn(move || {
                    let log = &mut |said: &[u8]| {
                        tracing::debug!("{name}: {}", String::from_utf8_lossy(said).trim())
                    };
                    if let Err(e) = bridge::carry(&mut connection.link, channel, theirs, &target, log) {
                        tracing::debug!("a stream to '{name}' ended: {e}");
                    }
                });
            }
        }
        Ok(ours)
    }
}

/// An open channel to libvirt, for one connection of its client.
struct Opened {
    connection: Connection,
    channel: ssh2::Channel,
    way: Target,
}

impl Remote {
    /// The first of `ways` that sshd allows, opened.
    fn first_way(&self, ways: &[Target]) -> Result<Opened> {
        let mut refusals = Vec::new();
        for way in ways {
            let mut connection = self.dedicated()?;
            match bridge::open(&mut connection.link, way, OPENING) {
                Ok(channel) => {
                    return Ok(Opened {
                        connection,
                        channel,
                        way: way.clone(),
                    });
                }
                Err(e) => refusals.push(e.to_string()),
            }
        }
        let fault = Fault::new(Exit::Unreachable, format!("libvirt on '{}' cannot be reached over ssh", self.name))
            .hint("allow stream-local forwarding in its sshd_config, or install virt-ssh-helper (libvirt-client) or nc there");
        Err(anyhow::anyhow!("{}", refusals.join(", ")).context(fault))
    }
}

/// Joins each client of the private socket to libvirt, until the guard is gone.
fn serve(remote: &Arc<Remote>, listener: &UnixListener, first: Opened, shared: &Arc<Shared>) {
    let way = first.way.clone();
    let mut ready = Some(first);
    for client in listener.incoming() {
        if shared.closing.load(Ordering::Relaxed) {
            return;
        }
        let Ok(client) = client else { return };
        let opened = ready
            .take()
            .map_or_else(|| remote.first_way(std::slice::from_ref(&way)), Ok);
        let shared = Arc::clone(shared);
        match opened {
            Ok(opened) => drop(thread::spawn(move || join(opened, client, &shared))),
            Err(e) => *lock(&shared.trouble) = format!("{e:#}"),
        }
    }
}

fn join(opened: Opened, client: UnixStream, shared: &Shared) {
    let Opened {
        mut connection,
        channel,
        way,
    } = opened;
    let said = &mut |said: &[u8]| {
        let mut trouble = lock(&shared.trouble);
        trouble.push_str(&String::from_utf8_lossy(said));
        let excess = trouble.len().saturating_sub(1024);
        let excess = (excess..=trouble.len())
            .find(|at| trouble.is_char_boundary(*at))
            .unwrap_or(0);
        trouble.drain(..excess);
    };
    if let Err(e) = bridge::carry(&mut connection.link, channel, client, &way, said) {
        *lock(&shared.trouble) = e.to_string();
    }
}
