//! The way to a host: TCP, or the socket pair of a ProxyCommand or of `ssh -W` over a ProxyJump.

use super::config::{Destination, Strictness, expand_tokens};
use crate::error::{Exit, Fault, FaultContext};
use crate::secret;
use anyhow::{Result, anyhow};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::NamedTempFile;

/// A stream to a host's sshd, and the child that carries it, if any.
pub(crate) struct Way {
    pub(crate) socket: OwnedFd,
    pub(crate) proxy: Option<Proxy>,
}

/// A proxy's process; it ends with its connection.
pub(crate) struct Proxy {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    /// Its other end is dropped when nothing more is said.
    silence: Mutex<Receiver<()>>,
    /// It may read it at any time.
    _config: Option<NamedTempFile>,
}

impl Proxy {
    /// The end of what the proxy wrote to stderr. One that goes may be about to say why: it is waited for, up to a `limit`.
    pub(crate) fn last_words(&self, limit: Duration) -> String {
        let _ = super::lock(&self.silence).recv_timeout(limit);
        let said = self.said.lock().map(|s| s.clone()).unwrap_or_default();
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its stdin has ended: it passes the last words on and goes, or is made to.
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens the way that `destination` asks for.
pub(crate) fn open(destination: &Destination) -> Result<Way> {
    let config = hops_config(destination, false)?;
    if let Some(command) = proxy(destination, config.as_ref().map(NamedTempFile::path))? {
        return spawn(&command, config).fault(|| {
            Fault::new(
                Exit::Unreachable,
                format!("cannot start the proxy command of '{}'", destination.typed),
            )
        });
    }
    let tcp = dial(destination).map_err(|error| unreachable(destination, &error))?;
    Ok(Way {
        socket: tcp.into(),
        proxy: None,
    })
}

/// Says where it was tried, why that failed, and what to look at.
fn unreachable(destination: &Destination, error: &io::Error) -> anyhow::Error {
    let Destination {
        typed,
        hostname,
        port,
        ..
    } = destination;
    let place = match typed == hostname {
        true => format!("'{typed}', port {port}"),
        false => format!("'{typed}' ({hostname}, port {port})"),
    };
    let text = error.to_string();
    let name = text.starts_with("failed to lookup address information: ");
    let hint = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "the host is up, but nothing listens there: is sshd running, and is that its port?"
        }
        io::ErrorKind::PermissionDenied => "a firewall of this machine forbids it",
        _ if name => {
            "is the name spelled right? A short name needs a Host with HostName in your ssh config, or an entry in DNS"
        }
        _ => "is the host up and the address right, and does no firewall stand between?",
    };
    let cause = match error.kind() {
        io::ErrorKind::TimedOut => format!("no answer within {} s", destination.connect_timeout.as_secs()),
        _ => text
            .trim_start_matches("failed to lookup address information: ")
            .split(" (os error")
            .next()
            .unwrap_or(&text)
            .to_lowercase(),
    };
    anyhow!(cause).context(Fault::new(Exit::Unreachable, format!("cannot reach {place}")).hint(hint))
}

fn dial(destination: &Destination) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (destination.hostname.as_str(), destination.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, destination.connect_timeout) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// The command of a ProxyJump (without `exec`) for a session beside irs's own, and the configuration that it reads: no host
/// on the way asks for anything.
pub(crate) fn silent(destination: &Destination) -> Result<Option<(String, NamedTempFile)>> {
    let Some(config) = hops_config(destination, true)? else {
        return Ok(None);
    };
    let command = proxy(destination, Some(config.path()))?;
    Ok(command.map(|command| (command.trim_start_matches("exec ").to_owned(), config)))
}

/// What the command line says of host keys, and whether nobody may be asked, as a configuration before the usual ones, for
/// all hosts on the way: to ssh's own children only a file goes on.
fn hops_config(destination: &Destination, silent: bool) -> Result<Option<NamedTempFile>> {
    let said = destination.said_strictness;
    if destination.proxy_jump.is_none() || said.is_none() && !silent {
        return Ok(None);
    }
    let mut file = NamedTempFile::new()?;
    if silent {
        writeln!(file, "BatchMode yes")?;
    }
    if let Some(strictness) = said {
        let mode = match strictness {
            Strictness::AcceptNew => "accept-new",
            Strictness::Refuse => "yes",
        };
        writeln!(file, "StrictHostKeyChecking {mode}")?;
    }
    match &destination.config {
        Some(path) => writeln!(file, "Include \"{}\"", std::path::absolute(path)?.display())?,
        None => match other_home().map(|home| home.join(".ssh/config")) {
            Some(config) if config.is_file() => writeln!(file, "Include \"{}\"", config.display())?,
            _ => writeln!(file, "Include ~/.ssh/config\nInclude /etc/ssh/ssh_config")?,
        },
    }
    file.flush()?;
    Ok(Some(file))
}

/// The shell command that reaches the host, if it is not reached directly; `config` is for the hosts on the way.
fn proxy(destination: &Destination, config: Option<&Path>) -> Result<Option<String>> {
    if let Some(command) = &destination.proxy_command {
        return Ok(Some(expand_tokens(command, |token| match token {
            'h' => Some(quote(&destination.hostname)),
            'p' => Some(destination.port.to_string()),
            'r' => Some(quote(&destination.user)),
            'n' => Some(quote(&destination.typed)),
            _ => None,
        })));
    }
    let Some(jumps) = &destination.proxy_jump else {
        return Ok(None);
    };
    let (before, last) = match jumps.rsplit_once(',') {
        Some((before, last)) => (Some(before), last),
        None => (None, jumps.as_str()),
    };
    let host = &destination.hostname;
    let target = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let mut words: Vec<String> = ["exec", "ssh", "-o", "ServerAliveInterval=5"]
        .map(Into::into)
        .into();
    let named = config.or(destination.config.as_deref());
    if let Some(config) = named {
        words.extend(["-F".into(), std::path::absolute(config)?.display().to_string()]);
    }
    if let Some(home) = other_home().filter(|_| destination.config.is_none()) {
        // ssh goes by the password database and not by $HOME, as which its files were read for the host itself.
        let config = home.join(".ssh/config");
        if named.is_none() && config.is_file() {
            words.extend(["-F".into(), config.display().to_string()]);
        }
        let files = destination
            .known_hosts
            .iter()
            .cloned()
            .chain([home.join(".ssh/known_hosts")]);
        let files: Vec<String> = files.map(|file| format!("\"{}\"", file.display())).collect();
        words.extend(["-o".into(), format!("UserKnownHostsFile={}", files.join(" "))]);
    }
    if let Some(before) = before {
        words.extend(["-J".into(), before.into()]);
    }
    let last = if last.starts_with("ssh://") {
        last.to_owned()
    } else {
        format!("ssh://{last}")
    };
    words.extend([
        "-W".into(),
        format!("{target}:{}", destination.port),
        "--".into(),
        last,
    ]);
    Ok(Some(words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")))
}

/// `$HOME`, when it is another folder than the one that the password database has for this user.
fn other_home() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let uid = rustix::process::getuid().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&uid.as_str()))?;
    (Path::new(entry.get(5)?) != home).then_some(home)
}

fn quote(word: &str) -> String {
    shlex::try_quote(word).map(Into::into).unwrap_or_default()
}

fn spawn(command: &str, config: Option<NamedTempFile>) -> io::Result<Way> {
    let (ours, theirs) = UnixStream::pair()?;
    let out: OwnedFd = theirs.try_clone()?.into();
    // Ctrl-C goes to every process of the terminal; the proxy must live until we have stopped well.
    let mut child = secret::keep_from(&mut Command::new("sh"))
        .arg("-c")
        .arg(format!("trap '' INT; {command}"))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(out))
        .stderr(Stdio::piped())
        .spawn()?;
    let said = Arc::new(Mutex::new(Vec::new()));
    let (speaks, silence) = mpsc::channel();
    if let Some(mut stderr) = child.stderr.take() {
        let said = Arc::clone(&said);
        std::thread::spawn(move || {
            let _speaks = speaks;
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = stderr.read(&mut buffer) {
                if let Ok(mut said) = said.lock() {
                    said.extend_from_slice(&buffer[..n]);
                    let excess = said.len().saturating_sub(1024);
                    said.drain(..excess);
                }
            }
        });
    }
    Ok(Way {
        socket: ours.into(),
        proxy: Some(Proxy {
            child,
            said,
            silence: Mutex::new(silence),
            _config: config,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::super::config::{ClientOptions, resolve};
    use super::*;

    fn destination(config: &str) -> Destination {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(&file, config).unwrap();
        let mut destination = resolve(
            "hv",
            &ClientOptions {
                config: Some(file),
                ..Default::default()
            },
        )
        .unwrap();
        destination.config = None;
        destination
    }

    #[test]
    fn tokens_of_a_proxy_command_are_quoted() {
        let d = destination("Host hv\n HostName 10.0.0.1\n ProxyCommand nc %h %p 100%%\n");
        assert_eq!(proxy(&d, None).unwrap().unwrap(), "nc 10.0.0.1 22 100%");
    }

    #[test]
    fn the_last_jump_carries_the_stream() {
        let d = destination("Host hv\n HostName fe80::1\n ProxyJump a,bob@b:2222\n");
        assert_eq!(
            proxy(&d, None).unwrap().unwrap(),
            "exec ssh -o 'ServerAliveInterval=5' -J a -W '[fe80::1]:22' -- ssh://bob@b:2222"
        );
    }
}
