//! An SSH connection as irs drives it: non-blocking, by `poll`, with every wait bounded.

use super::liveness::Liveness;
use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// How long nothing may go out: on a slow link much may be under way.
const SENDING: Duration = Duration::from_secs(15);

/// How long a connection may take to open a channel or to start a command.
pub(crate) const OPENING: Duration = Duration::from_secs(30);

/// The ciphers that are asked for, those that processors compute by themselves first.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";

/// What can go wrong on a connection.
#[derive(Debug)]
pub enum LinkError {
    /// libssh2 refused or failed.
    Ssh(ssh2::Error),
    /// A channel or the socket failed.
    Io(io::Error),
    /// The other side did not answer in time; what was waited for.
    Silent(&'static str),
}

impl LinkError {
    /// libssh2's error code, if it is its error.
    pub fn code(&self) -> Option<i32> {
        match self {
            LinkError::Ssh(e) => match e.code() {
                ssh2::ErrorCode::Session(code) => Some(code),
                ssh2::ErrorCode::SFTP(_) => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Ssh(e) => f.write_str(e.message()),
            LinkError::Io(e) => write!(f, "{e}"),
            LinkError::Silent(what) => write!(f, "no answer while {what}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// An error that may mean "not now".
pub trait MayBlock: Into<LinkError> {
    /// Whether the operation is to be repeated as soon as the socket is ready.
    fn would_block(&self) -> bool;
}

impl MayBlock for ssh2::Error {
    fn would_block(&self) -> bool {
        // LIBSSH2_ERROR_EAGAIN
        self.code() == ssh2::ErrorCode::Session(-37)
    }
}

impl MayBlock for io::Error {
    fn would_block(&self) -> bool {
        self.kind() == io::ErrorKind::WouldBlock
    }
}

impl From<ssh2::Error> for LinkError {
    fn from(e: ssh2::Error) -> Self {
        LinkError::Ssh(e)
    }
}

impl From<io::Error> for LinkError {
    fn from(e: io::Error) -> Self {
        LinkError::Io(e)
    }
}

struct Fd(OwnedFd);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// One SSH connection, used by one thread at a time.
pub struct Link {
    session: ssh2::Session,
    socket: OwnedFd,
    liveness: Liveness,
}

impl Link {
    /// A connection over `socket`, before its handshake.
    pub fn new(socket: OwnedFd) -> Result<Link, LinkError> {
        let mut session = ssh2::Session::new()?;
        session.set_tcp_stream(Fd(socket.try_clone()?));
        session.set_blocking(false);
        session.set_keepalive(true, 1);
        // libssh2's own order begins with ChaCha20, which it computes itself, and slowly.
        for direction in [ssh2::MethodType::CryptCs, ssh2::MethodType::CryptSc] {
            session.method_pref(direction, CIPHERS)?;
        }
        Ok(Link {
            session,
            socket,
            liveness: Liveness::new(),
        })
    }

    /// The libssh2 session, for calls that do not touch the network.
    pub fn session(&self) -> &ssh2::Session {
        &self.session
    }

    /// The beginning of what the server says first, left where it is: its version, or why it will not talk to us. Empty when
    /// it hangs up without a word, or says nothing within `limit`.
    pub fn first_words(&self, limit: Duration) -> String {
        let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
        let mut words = [0; 64];
        match poll_for(&mut fds, limit) {
            Ok(true) => {}
            _ => return String::new(),
        }
        let peek = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
        let (length, _) = rustix::net::recv(&self.socket, &mut words[..], peek).unwrap_or((0, 0));
        String::from_utf8_lossy(&words[..length]).trim().to_owned()
    }

    /// Exchanges versions and keys within `limit`.
    pub fn handshake(&mut self, limit: Duration) -> Result<(), LinkError> {
        let mut session = self.session.clone();
        self.drive("beginning the ssh session", limit, |_| session.handshake())
    }

    /// Does `op` until it is done, waiting as often as it would block, `limit` at most.
    pub fn drive<T, E: MayBlock>(
        &mut self,
        what: &'static str,
        limit: Duration,
        mut op: impl FnMut(&ssh2::Session) -> Result<T, E>,
    ) -> Result<T, LinkError> {
        let end = Instant::now() + limit;
        loop {
            if let Some(done) = self.attempt(&mut op)? {
                return Ok(done);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LinkError::Silent(what));
            }
            self.wait(None, left)?;
        }
    }

    /// Does `op` if that is possible now; `None` means that it waits for the other side.
    ///
    /// While libssh2 has a packet half-sent it takes no other call than the same again, so that
    /// waiting for room in the socket is done here.
    pub fn attempt<T, E: MayBlock>(
        &mut self,
        mut op: impl FnMut(&ssh2::Session) -> Result<T, E>,
    ) -> Result<Option<T>, LinkError> {
        loop {
            match op(&self.session) {
                Ok(done) => return Ok(Some(done)),
                Err(e) if !e.would_block() => return Err(e.into()),
                Err(_) => match self.session.block_directions() {
                    ssh2::BlockDirections::Outbound | ssh2::BlockDirections::Both => self.until_writable()?,
                    _ => return Ok(None),
                },
            }
        }
    }

    /// Waits until the connection, or `other` (with its events), has something to do, `limit` at most.
    /// Keeps the connection alive meanwhile; fails when the other side has gone silent.
    pub fn wait(
        &mut self,
        other: Option<(BorrowedFd<'_>, PollFlags)>,
        limit: Duration,
    ) -> Result<(), LinkError> {
        let end = Instant::now() + limit;
        loop {
            let now = Instant::now();
            if self.liveness.dead(now) {
                return Err(LinkError::Silent("waiting for a sign of life"));
            }
            if self.liveness.ask(now) {
                // When this cannot be sent, nothing is heard either, and that is what counts.
                let _ = self.session.keepalive_send();
            }
            let left = end.saturating_duration_since(now).min(self.liveness.pause(now));
            let mut fds = vec![PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
            fds.extend(
                other
                    .as_ref()
                    .map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)),
            );
            let ready = poll_for(&mut fds, left)?;
            if !fds[0].revents().is_empty() {
                self.liveness.heard();
            }
            if ready || Instant::now() >= end {
                return Ok(());
            }
        }
    }

    fn until_writable(&mut self) -> Result<(), LinkError> {
        let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::OUT)];
        match poll_for(&mut fds, SENDING)? {
            true => Ok(()),
            false => Err(LinkError::Silent("sending")),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.session.disconnect(None, "done", None);
        // The session outlives us in a channel's handle; the peer must see the end now.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }
}

/// Polls `fds` for `limit`; true when one of them is ready. An interrupted wait is "not yet".
fn poll_for(fds: &mut [PollFd<'_>], limit: Duration) -> Result<bool, LinkError> {
    // Rounded up to a millisecond, so that a nearly passed deadline does not spin.
    let limit = limit.saturating_add(Duration::from_millis(1));
    let timeout = limit.try_into().map_err(|_| LinkError::Silent("waiting"))?;
    match poll(fds, Some(&timeout)) {
        Ok(n) => Ok(n > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(LinkError::Io(e.into())),
    }
}
