//! A channel of a connection, joined to a local socket.

use super::exec::{SHELL, after_marker, marked};
use super::link::{Link, LinkError, OPENING};
use crate::secret::Secret;
use rustix::event::PollFlags;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// What a channel leads to on the other side.
#[derive(Clone, Debug)]
pub enum Target {
    /// A TCP port that the server connects to.
    Tcp(String, u16),
    /// A socket in the server's file system.
    Socket(String),
    /// The stdin and stdout of a command.
    Command {
        /// It, as text for a shell.
        text: String,
        /// What it gets on stdin before anything else.
        first: Secret,
    },
}

impl Target {
    /// A command (shell text), and what it gets on stdin before anything else.
    pub(crate) fn command(text: String, first: Option<Secret>) -> Target {
        let first = first.unwrap_or_else(|| Secret::new(""));
        Target::Command { text, first }
    }
}

/// Most that is held for one direction.
const BUFFER: usize = 256 * 1024;
/// How long the other side may go on after the local one has ended.
const LINGER: Duration = Duration::from_secs(2);

/// Opens a channel to `target`, within `limit`.
pub fn open(link: &mut Link, target: &Target, limit: Duration) -> Result<ssh2::Channel, LinkError> {
    match target {
        Target::Tcp(host, port) => link.drive("opening a forwarded port", limit, |s| {
            s.channel_direct_tcpip(host, *port, None)
        }),
        Target::Socket(path) => link.drive("opening a forwarded socket", limit, |s| {
            s.channel_direct_streamlocal(path, None)
        }),
        Target::Command { text, .. } => {
            let mut channel = link.drive("opening a channel", limit, |s| s.channel_session())?;
            let command = marked(text);
            link.drive("starting a command", limit, |_| channel.exec(&command))?;
            Ok(channel)
        }
    }
}

/// Carries bytes both ways until one side ends; `said` gets the end of what the other side wrote to stderr.
///
/// Fails when the connection is lost or the channel does not close, and is not to be used again then; the
/// local socket is closed in any case.
pub fn carry(
    link: &mut Link,
    mut channel: ssh2::Channel,
    local: UnixStream,
    target: &Target,
    said: &mut dyn FnMut(&[u8]),
) -> Result<(), LinkError> {
    local.set_nonblocking(true)?;
    let mut bridge = Bridge {
        begun: !matches!(target, Target::Command { .. }),
        up: match target {
            Target::Command { first, .. } => first.reveal().into(),
            Target::Tcp(..) | Target::Socket(_) => Vec::new(),
        },
        down: Vec::new(),
        ended: None,
        local,
    };
    let opened = Instant::now();
    loop {
        if !bridge.begun && opened.elapsed() >= OPENING {
            return Err(LinkError::Silent(SHELL));
        }
        let mut progressed = bridge.read_local(link, &mut channel)?;
        progressed |= bridge.write_channel(link, &mut channel)?;
        progressed |= bridge.read_channel(link, &mut channel)?;
        let mut noise = [0; 1024];
        while let Some(n @ 1..) = link.attempt(|_| channel.stderr().read(&mut noise))? {
            said(&noise[..n]);
            progressed = true;
        }
        match bridge.write_local() {
            Ok(wrote) => progressed |= wrote,
            // Whoever used the local socket has gone.
            Err(_) => break,
        }
        let drained = bridge.down.is_empty() || !bridge.begun;
        if channel.eof() && drained || bridge.ended.is_some_and(|t| t.elapsed() >= LINGER) {
            break;
        }
        if !progressed && (channel.read_window().available == 0 || !bridge.down.is_empty()) {
            let limit = match (bridge.ended, bridge.begun) {
                (Some(_), _) => LINGER,
                (None, true) => Duration::from_secs(60),
                (None, false) => OPENING,
            };
            let flags = bridge.interest();
            let other = (!flags.is_empty()).then(|| (bridge.local.as_fd(), flags));
            link.wait(other, limit)?;
        }
    }
    drop(bridge);
    link.drive("closing a channel", OPENING, |_| channel.close())?;
    // Until the other side has closed it too, it counts for sshd's MaxSessions.
    link.drive("closing a channel", LINGER, |_| channel.wait_close())
}

struct Bridge {
    local: UnixStream,
    up: Vec<u8>,
    down: Vec<u8>,
    /// Whether the other side's own output has begun.
    begun: bool,
    /// Since when the local side is at its end.
    ended: Option<Instant>,
}

impl Bridge {
    fn interest(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.up.is_empty() && self.ended.is_none());
        flags.set(PollFlags::OUT, self.begun && !self.down.is_empty());
        flags
    }

    fn read_local(&mut self, link: &mut Link, channel: &mut ssh2::Channel) -> Result<bool, LinkError> {
        if !self.up.is_empty() || self.ended.is_some() {
            return Ok(false);
        }
        let mut buffer = [0; 32 * 1024];
        match self.local.read(&mut buffer) {
            Ok(n @ 1..) => self.up.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Ok(_) | Err(_) => {
                self.ended = Some(Instant::now());
                if !channel.eof() {
                    link.drive("ending a channel", OPENING, |_| channel.send_eof())?;
                }
            }
        }
        Ok(true)
    }

    fn write_channel(&mut self, link: &mut Link, channel: &mut ssh2::Channel) -> Result<bool, LinkError> {
        if self.up.is_empty() || channel.eof() {
            return Ok(false);
        }
        match link.attempt(|_| channel.write(&self.up))? {
            Some(n) => {
                self.up.drain(..n);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn read_channel(&mut self, link: &mut Link, channel: &mut ssh2::Channel) -> Result<bool, LinkError> {
        let mut buffer = [0; 32 * 1024];
        let mut progressed = false;
        while self.down.len() < BUFFER {
            match link.attempt(|_| channel.read(&mut buffer))? {
                Some(n @ 1..) => self.down.extend_from_slice(&buffer[..n]),
                _ => break,
            }
            progressed = true;
        }
        if !self.begun
            && let Some(begin) = after_marker(&self.down)
        {
            self.down.drain(..begin);
            self.begun = true;
        }
        Ok(progressed)
    }

    fn write_local(&mut self) -> io::Result<bool> {
        if !self.begun || self.down.is_empty() {
            return Ok(false);
        }
        match self.local.write(&self.down) {
            Ok(n) => {
                self.down.drain(..n);
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(e) => Err(e),
        }
    }
}
