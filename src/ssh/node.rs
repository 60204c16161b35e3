//! A login to a node, directly or through its hypervisor's session.

use super::auth;
use super::bridge::{self, Target};
use super::exec::{Bounds, exec};
use super::link::{Link, LinkError};
use super::shown_key;
use crate::remote::{Cmd, Host, Output, Sudo};
use anyhow::Result;
use ssh_key::PublicKey;
use std::fmt;
use std::net::{IpAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a node may answer to a command.
const ANSWER: Bounds = Bounds {
    bytes: 1 << 20,
    time: Some(Duration::from_secs(60)),
};

/// The private key that irs made for the nodes, as OpenSSH's text.
#[derive(Clone)]
pub struct NodeKey(String);

impl NodeKey {
    /// A key from the text of an unencrypted OpenSSH private key.
    pub fn new(openssh: impl Into<String>) -> NodeKey {
        NodeKey(openssh.into())
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(…)")
    }
}

/// Why a node could not be logged in to.
#[derive(Debug)]
pub enum LoginFailure {
    /// Nothing answers on port 22, or what answers is no sshd yet.
    NoAnswer(String),
    /// The node shows another host key than it was given; its fingerprint.
    HostKeyMismatch(String),
    /// The node does not accept the key for this user (yet).
    KeyRefused,
    /// The hypervisor cannot be used as the way, or something else failed.
    Other(String),
}

impl fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoginFailure::NoAnswer(why) => write!(f, "no answer on port 22: {why}"),
            LoginFailure::HostKeyMismatch(print) => {
                write!(f, "it shows a host key that irs did not give it: {print}")
            }
            LoginFailure::KeyRefused => f.write_str("the key is refused"),
            LoginFailure::Other(why) => f.write_str(why),
        }
    }
}

/// A login on a node.
pub struct NodeSession {
    link: Link,
    name: String,
}

impl NodeSession {
    /// Runs a command as the login user. What the node answers is bounded: whoever is root there may have changed it.
    pub fn run(&mut self, cmd: &Cmd) -> Result<Output> {
        self.run_within(cmd, ANSWER)
    }

    /// As [`NodeSession::run`], with bounds of one's own; what goes beyond them counts as a lost connection.
    pub fn run_within(&mut self, cmd: &Cmd, bounds: Bounds) -> Result<Output> {
        let command = cmd.shell_text(&Sudo::No)?;
        let done = exec(&mut self.link, &command, &mut cmd.input(), &|_| (), bounds)
            .map_err(|e| super::link_lost(&self.name, e.error))?;
        Ok(done.into())
    }
}

/// Logs in to the node at `ip`, port 22, as `user`, all within `timeout`; the node must show exactly
/// `host_key` (`type base64`, as in a `.pub` file).
pub fn login_through(
    host: &Host,
    ip: IpAddr,
    user: &str,
    key: &NodeKey,
    host_key: &str,
    timeout: Duration,
) -> Result<NodeSession, LoginFailure> {
    login_at(host, ip, 22, user, key, host_key, timeout)
}

/// As [`login_through`], on another port than 22.
pub fn login_at(
    host: &Host,
    ip: IpAddr,
    port: u16,
    user: &str,
    key: &NodeKey,
    host_key: &str,
    timeout: Duration,
) -> Result<NodeSession, LoginFailure> {
    let end = Instant::now() + timeout;
    let left = || {
        end.saturating_duration_since(Instant::now())
            .max(Duration::from_millis(100))
    };
    let other = |e: LinkError| LoginFailure::Other(e.to_string());
    let wanted =
        PublicKey::from_openssh(host_key).map_err(|e| LoginFailure::Other(format!("host key: {e}")))?;
    let socket: OwnedFd = match host {
        Host::Local(_) => connect(ip, port, timeout)?.into(),
        Host::Ssh(_) => through(host, ip, port, left())?.into(),
    };
    let mut link = Link::new(socket).map_err(other)?;
    let algorithm = match wanted.algorithm().as_str() {
        "ssh-rsa" => "rsa-sha2-512,rsa-sha2-256".to_owned(),
        name => name.to_owned(),
    };
    link.session()
        .method_pref(ssh2::MethodType::HostKey, &algorithm)
        .map_err(|e| other(e.into()))?;
    link.handshake(left()).map_err(|e| match e.code() {
        // No algorithm in common: it has host keys, but not ours.
        Some(-5 | -8 | -33) => LoginFailure::HostKeyMismatch(format!("no {algorithm} key")),
        _ => LoginFailure::NoAnswer(e.to_string()),
    })?;
    let shown = shown_key(&link).map_err(|e| LoginFailure::Other(format!("{e:#}")))?;
    if shown.key_data() != wanted.key_data() {
        return Err(LoginFailure::HostKeyMismatch(super::known_hosts::fingerprint(
            shown.key_data(),
        )));
    }
    match auth::by_private(&mut link, user, &key.0, left()) {
        Ok(()) => Ok(NodeSession {
            link,
            name: ip.to_string(),
        }),
        Err(e) if auth::failure(&e) == auth::Failure::Refused => Err(LoginFailure::KeyRefused),
        Err(e) => Err(other(e)),
    }
}

/// A stream to a port that the host can reach, within `limit`.
pub fn stream_to(host: &Host, ip: IpAddr, port: u16, limit: Duration) -> Result<UnixStream, LoginFailure> {
    if let Host::Ssh(_) = host {
        return through(host, ip, port, limit);
    }
    let tcp = connect(ip, port, limit)?;
    let (ours, theirs) = UnixStream::pair().map_err(|e| LoginFailure::Other(e.to_string()))?;
    std::thread::spawn(move || crate::remote::join(&tcp, &theirs));
    Ok(ours)
}

fn connect(ip: IpAddr, port: u16, limit: Duration) -> Result<TcpStream, LoginFailure> {
    let no_answer = |e: std::io::Error| LoginFailure::NoAnswer(e.to_string());
    let tcp = TcpStream::connect_timeout(&(ip, port).into(), limit).map_err(no_answer)?;
    tcp.set_nodelay(true).map_err(no_answer)?;
    Ok(tcp)
}

/// A stream to a port that the hypervisor can reach, carried by a thread of its own.
fn through(host: &Host, ip: IpAddr, port: u16, limit: Duration) -> Result<UnixStream, LoginFailure> {
    let Host::Ssh(remote) = host else {
        return Err(LoginFailure::Other("not a remote host".into()));
    };
    let (ours, theirs) = UnixStream::pair().map_err(|e| LoginFailure::Other(e.to_string()))?;
    let (opened, answer) = std::sync::mpsc::channel();
    let remote = Arc::clone(remote);
    std::thread::spawn(move || {
        let mut connection = match remote.take_tunnel() {
            Ok(connection) => connection,
            Err(e) => return drop(opened.send(Err(LoginFailure::Other(format!("{e:#}"))))),
        };
        let target = match remote.forwarding_forbidden.load(Ordering::Relaxed) {
            false => Target::Tcp(ip.to_string(), port),
            true => by_command(ip, port),
        };
        let mut result = bridge::open(&mut connection.link, &target, limit);
        if let (Target::Tcp(..), Err(e)) = (&target, &result)
            && e.to_string().contains("prohibited")
        {
            remote.forwarding_forbidden.store(true, Ordering::Relaxed);
            result = bridge::open(&mut connection.link, &by_command(ip, port), limit);
        }
        let target = match remote.forwarding_forbidden.load(Ordering::Relaxed) {
            false => target,
            true => by_command(ip, port),
        };
        let channel = match result {
            Ok(channel) => channel,
            Err(e) => {
                // A refused channel leaves the connection whole; one that is still waited for does not.
                if matches!(e, LinkError::Ssh(_)) {
                    remote.give_tunnel(connection);
                }
                return drop(opened.send(Err(LoginFailure::NoAnswer(e.to_string()))));
            }
        };
        let _ = opened.send(Ok(()));
        if bridge::carry(&mut connection.link, channel, theirs, &target, &mut |_| ()).is_ok() {
            remote.give_tunnel(connection);
        }
    });
    match answer.recv_timeout(limit + Duration::from_secs(1)) {
        Ok(Ok(())) => Ok(ours),
        Ok(Err(e)) => Err(e),
        Err(_) => Err(LoginFailure::NoAnswer("no connection in time".into())),
    }
}

/// The way where sshd forbids forwarding: a program there that connects.
fn by_command(ip: IpAddr, port: u16) -> Target {
    // Whichever side ends, nothing of it stays behind.
    let script = "if command -v nc >/dev/null 2>&1; then exec nc \"$1\" \"$2\"; fi; \
                  exec 3<>\"/dev/tcp/$1/$2\" || exit 1; (cat <&3; kill $$) & from=$!; cat >&3; kill $from";
    let cmd = Cmd::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .arg(ip.to_string())
        .arg(port.to_string());
    Target::command(cmd.shell_text(&Sudo::No).unwrap_or_default(), None)
}
