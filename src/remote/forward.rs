//! Libvirt's socket on a host, made reachable here, and commands as local streams.

use super::run::send;
use super::tunnel::{Said, TunnelGuard};
use super::{Cmd, Host, Local, Remote};
use crate::error::{Exit, Fault, FaultContext};
use crate::ssh::bridge::{self, Target};
use crate::ssh::link::{LinkError, OPENING};
use crate::ssh::{Connection, link_lost};
use anyhow::{Context, Result};
use std::io::Read;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

/// Where libvirt may listen, and by which programs it can be reached: one a line. Not every `nc` knows sockets.
const PROBE: &str = "for s in libvirt-sock virtqemud-sock; do \
    if [ -S /run/libvirt/$s ]; then echo /run/libvirt/$s; break; fi; done; \
    command -v virt-ssh-helper >/dev/null && echo virt-ssh-helper; \
    nc -h 2>&1 | grep -q -e -U && echo nc; true";

const NO_PROGRAM: &str = "virt-ssh-helper comes with libvirt 6.8 and later (package libvirt-daemon-common or libvirt-daemon); \
    netcat-openbsd or nmap-ncat has a fitting nc";
const NO_FORWARDING: &str = "allow stream-local forwarding in its sshd_config (AllowStreamLocalForwarding yes), \
    or install virt-ssh-helper (package libvirt-daemon-common or libvirt-daemon), netcat-openbsd or nmap-ncat there";

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
    /// For root on this machine it is libvirt's own. Else it is a private socket for one client, joined to libvirt's: over SSH on a
    /// connection of its own, forwarded by sshd or by `virt-ssh-helper` or `nc` there; for a user who is
    /// not root, whom polkit would refuse, by one of these programs under sudo.
    pub fn libvirt_uri(&self) -> Result<(String, TunnelGuard)> {
        if self.is_local() && !self.sudo() {
            return Ok(("qemu:///system".into(), TunnelGuard::default()));
        }
        // sshd takes its time with a login: the tunnel's own goes beside the question where libvirt listens.
        let (ways, early) = thread::scope(|scope| {
            let early = scope.spawn(|| match self {
                Host::Ssh(remote) => remote.dedicated().ok(),
                Host::Local(_) => None,
            });
            (self.ways_to_libvirt(), early.join().ok().flatten())
        });
        let (socket, programs) = ways?;
        match self {
            Host::Ssh(remote) => {
                let mut ways = Vec::new();
                if !remote.sudo.is_used() {
                    ways.push(Target::Socket(socket));
                }
                for program in programs {
                    ways.push(remote.target(&program)?);
                }
                let opened = remote.first_way(&ways, early)?;
                TunnelGuard::listen(|client, trouble| {
                    let trouble = Arc::clone(trouble);
                    thread::spawn(move || join(opened, client, &trouble));
                })
            }
            Host::Local(local) => {
                let local = Arc::clone(local);
                let program = programs.into_iter().next().context("no way to libvirt")?;
                TunnelGuard::listen(move |client, trouble| {
                    if let Err(e) = local.start(&program, client, trouble) {
                        trouble.set(format!("{e:#}"));
                    }
                })
            }
        }
    }

    /// Libvirt's socket there, and the programs that can join a stream to it, the best first; a user who is not
    /// root needs one of them.
    fn ways_to_libvirt(&self) -> Result<(String, Vec<Cmd>)> {
        let found = self.check(&Cmd::script(PROBE, &[]))?.text();
        let Some(socket) = found.lines().find(|l| l.starts_with('/')) else {
            let message = format!(
                "libvirt does not run on '{}': there is no socket in /run/libvirt",
                self.name()
            );
            return Err(Fault::new(Exit::Resources, message)
                .hint(
                    "'irs hypervisor prepare' installs what is missing there and starts it, 'irs hypervisor check' shows what that is",
                )
                .into());
        };
        let has = |program: &str| found.lines().any(|l| l == program);
        let mut programs = Vec::new();
        if has("virt-ssh-helper") {
            programs.push(Cmd::new("virt-ssh-helper").arg("qemu:///system"));
        }
        if has("nc") {
            programs.push(Cmd::new("nc").args(["-U", socket]));
        }
        if self.sudo() && programs.is_empty() {
            let message = format!(
                "libvirt on '{}' cannot be reached with sudo: that needs virt-ssh-helper or nc there, and neither is installed",
                self.name()
            );
            return Err(Fault::new(Exit::Unreachable, message).hint(NO_PROGRAM).into());
        }
        Ok((socket.to_owned(), programs))
    }

    /// Starts `cmd` as root and gives its stdin and stdout as one stream; over SSH on a connection of
    /// its own. The command's stdin ends when the stream is closed, or when this process dies. `said` gets its stderr.
    pub(crate) fn duplex(&self, cmd: &Cmd, said: &Arc<Said>) -> Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        match self {
            Host::Local(local) => local.start(cmd, theirs, said)?,
            Host::Ssh(remote) => {
                let target = remote.target(cmd)?;
                let mut connection = remote.dedicated()?;
                let channel = bridge::open(&mut connection.link, &target, OPENING)
                    .map_err(|e| link_lost(&remote.name, e))?;
                let name = remote.name.clone();
                let said = Arc::clone(said);
                thread::spawn(move || {
                    let log = &mut |words: &[u8]| {
                        tracing::debug!("{name}: {}", String::from_utf8_lossy(words).trim());
                        said.add(words);
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
    /// A command as root.
    fn target(&self, cmd: &Cmd) -> Result<Target> {
        let text = cmd.shell_text(&self.sudo)?;
        Ok(Target::command(text, Some(self.sudo.preamble())))
    }

    /// The first of `ways` that sshd allows, opened; `early` is a connection that is there already.
    fn first_way(&self, ways: &[Target], mut early: Option<Connection>) -> Result<Opened> {
        let mut refusals = Vec::new();
        for way in ways {
            let mut connection = early.take().map_or_else(|| self.dedicated(), Ok)?;
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
        let fault = Fault::new(
            Exit::Unreachable,
            format!("libvirt on '{}' cannot be reached over ssh", self.name),
        )
        .hint(match self.sudo.is_used() {
            true => "log in as root (--host-user root), whom sshd can forward libvirt's socket to",
            false => NO_FORWARDING,
        });
        Err(anyhow::anyhow!("{}", refusals.join(", ")).context(fault))
    }
}

impl Local {
    /// Starts `cmd` as root with `stream` as its stdin and stdout; `said` gets its stderr. In a group of its own: a Ctrl-C is
    /// for irs.
    fn start(&self, cmd: &Cmd, stream: UnixStream, said: &Arc<Said>) -> Result<()> {
        let argv = cmd.argv(&self.sudo)?;
        let out = OwnedFd::from(stream.try_clone()?);
        let first = self.sudo.preamble();
        let (stdin, through) = match first.reveal() {
            "" => (Stdio::from(OwnedFd::from(stream)), None),
            _ => (Stdio::piped(), Some((stream.try_clone()?, stream))),
        };
        let mut child = crate::secret::keep_from(&mut Command::new(&argv[0]))
            .args(&argv[1..])
            .stdin(stdin)
            .stdout(Stdio::from(out))
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .fault(|| Fault::new(Exit::Failed, format!("cannot run '{cmd}' on this machine")))?;
        let mut ours = None;
        if let (Some((mut up, stream)), Some(stdin)) = (through, child.stdin.take()) {
            ours = Some(stream);
            // Nothing may come before the password. And not by io::copy: that splices, and while it waits for more it keeps
            // the pipe's reader out.
            thread::spawn(move || send(&mut first.reveal().as_bytes().chain(&mut up), stdin, &|_| ()));
        }
        let said = Arc::clone(said);
        thread::spawn(move || {
            attend(child, &said);
            // While we hold an end of it, the other side would not see that the program is gone.
            ours.map(|stream| stream.shutdown(Shutdown::Both))
        });
        Ok(())
    }
}

/// Notes what a program says, until it ends.
fn attend(mut child: Child, said: &Said) {
    let mut buffer = [0; 1024];
    if let Some(mut stderr) = child.stderr.take() {
        while let Ok(n @ 1..) = stderr.read(&mut buffer) {
            said.add(&buffer[..n]);
        }
    }
    let _ = child.wait();
}

fn join(opened: Opened, client: UnixStream, trouble: &Said) {
    let Opened {
        mut connection,
        channel,
        way,
    } = opened;
    let said = &mut |said: &[u8]| trouble.add(said);
    if let Err(e) = bridge::carry(&mut connection.link, channel, client, &way, said) {
        trouble.set(e.to_string());
    }
}
