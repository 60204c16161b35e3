//! Large files through OpenSSH's own client, where it is there and gets in without asking anybody.
//!
//! libssh2 hands its cipher 16 bytes at a time, which makes one core the limit. That client is shown the one host key that irs
//! has verified, and none of what the configuration says for a user's own sessions counts.

use super::run::feed_local;
use super::sudo::own_words;
use super::{Cmd, Host, Output, Remote};
use crate::ssh::exec::{after_marker, marked};
use crate::ssh::link::LinkError;
use crate::ssh::{jump, link_lost};
use anyhow::Result;
use std::io::{self, Read, Write};
use tempfile::NamedTempFile;

/// From which size on the second login is worth it.
const LARGE: u64 = 16 << 20;

/// What counts for irs's session, whatever the configuration says.
const OPTIONS: [&str; 18] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=none",
    "HostKeyAlias=irs",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "LogLevel=ERROR",
    "Ciphers=^aes128-gcm@openssh.com",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
];

/// The client, and what it needs.
pub(super) struct Bulk<'a> {
    remote: &'a Remote,
    /// Its command line, up to the command.
    argv: Vec<String>,
    /// What that names: the host's key, and the configuration of the hosts on the way.
    _files: Vec<NamedTempFile>,
}

impl Host {
    /// The client for a file of that size, when it is worth it and gets in.
    pub(super) fn bulk(&self, size: u64) -> Option<Bulk<'_>> {
        match self {
            Host::Ssh(remote) if size >= LARGE => Bulk::of(remote).filter(Bulk::gets_in),
            _ => None,
        }
    }
}

impl<'a> Bulk<'a> {
    fn of(remote: &'a Remote) -> Option<Bulk<'a>> {
        let destination = remote.client.destination();
        // A password is not handed on; a proxy may ask on the terminal, and a token wants a touch for each login.
        let touched = |key: String| key.starts_with("sk-");
        if remote.client.login_password().is_some()
            || destination.proxy_command.is_some()
            || remote.client.login_public_key().is_some_and(touched)
        {
            return None;
        }
        let mut known = NamedTempFile::new().ok()?;
        writeln!(known, "irs {}", remote.client.host_key()?).ok()?;
        let mut argv = vec!["ssh".to_owned()];
        if let Some(config) = &destination.config {
            argv.extend([
                "-F".to_owned(),
                std::path::absolute(config).ok()?.display().to_string(),
            ]);
        }
        let file = format!("UserKnownHostsFile=\"{}\"", known.path().display());
        for option in OPTIONS.into_iter().chain([&*file]) {
            argv.extend(["-o", option].map(str::to_owned));
        }
        let mut files = vec![known];
        if let Some((command, config)) = jump::silent(destination).ok()? {
            let command = format!("ProxyCommand={}", command.replace('%', "%%"));
            argv.extend(["-o".to_owned(), command]);
            files.push(config);
        }
        if let Some(key) = remote.client.login_key_file() {
            let key = std::path::absolute(key).ok()?.display().to_string();
            argv.extend(["-o", "IdentitiesOnly=yes", "-i", &key].map(str::to_owned));
        }
        argv.extend(["-l", &destination.user, "-p", &destination.port.to_string()].map(str::to_owned));
        argv.extend(["--", &destination.typed].map(str::to_owned));
        Some(Bulk {
            remote,
            argv,
            _files: files,
        })
    }

    fn gets_in(&self) -> bool {
        self.run(marked("true"), &mut io::empty(), &|_| ())
            .is_ok_and(|output| output.success())
    }

    fn run(&self, command: String, input: &mut dyn Read, progress: &dyn Fn(u64)) -> io::Result<Output> {
        let mut argv = self.argv.clone();
        argv.push(command);
        feed_local(&argv, input, progress)
    }

    /// Runs `cmd` as root with `input` as its stdin, as [`Host::run`] does.
    pub(super) fn feed(&self, cmd: &Cmd, input: &mut dyn Read, progress: &dyn Fn(u64)) -> Result<Output> {
        let remote = self.remote;
        tracing::debug!(host = remote.name, "{cmd} (by ssh)");
        let first = remote.sudo.preamble();
        let before = first.reveal().len() as u64;
        let progress = |sent: u64| progress(sent.saturating_sub(before));
        let input = &mut first.reveal().as_bytes().chain(input);
        let command = marked(&cmd.shell_text(&remote.sudo)?);
        let mut output = self.run(command, input, &progress)?;
        let sudos = own_words(&output.stderr);
        output.stderr.drain(..sudos);
        // ssh's own status: its connection ended, or the command by a signal.
        if output.status == 255 {
            let said = output.errors();
            let said = said.trim().lines().last().unwrap_or("it ended").to_owned();
            return Err(link_lost(&remote.name, LinkError::Io(io::Error::other(said))));
        }
        if let Some(begin) = after_marker(&output.stdout) {
            output.stdout.drain(..begin);
        }
        Ok(output)
    }
}
