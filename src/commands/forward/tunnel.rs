//! An ssh that forwards ports, and says when it does.

use crate::commands::ssh::INSTALL;
use crate::error::{Exit, Fault};
use crate::libvirt::sys;
use crate::ssh::lock;
use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What ssh prints when it listens.
const READY: &str = "irs: ready";

/// How often it is looked whether ssh is still there.
const EVERY: Duration = Duration::from_millis(200);

/// What becomes of an ssh.
pub(super) enum News {
    /// It listens.
    Ready,
    /// It has ended.
    Ended,
}

/// A running ssh, which ends when this is dropped, and with the program in any case.
pub(super) struct Tunnel {
    login: String,
    ssh: Arc<Mutex<Child>>,
}

impl Tunnel {
    /// Starts it; `tell` hears from a thread what becomes of it.
    ///
    /// # Errors
    /// When ssh is not installed.
    pub(super) fn start(
        config: &Path,
        login: &str,
        ports: &[(SocketAddr, u16)],
        tell: impl Fn(News) + Send + 'static,
    ) -> Result<Tunnel> {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F")
            .arg(config)
            .args(["-N", "-T", "-o", "ExitOnForwardFailure=yes"]);
        // A link that is silent is noticed.
        ssh.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]);
        // ssh runs it when it has logged in and listens.
        ssh.args([
            "-o",
            "PermitLocalCommand=yes",
            "-o",
            &format!("LocalCommand=echo '{READY}'"),
        ]);
        for (local, port) in ports {
            let ip = local.ip();
            let bind = if ip.is_ipv6() {
                format!("[{ip}]")
            } else {
                ip.to_string()
            };
            ssh.args(["-L", &format!("{bind}:{}:localhost:{port}", local.port())]);
        }
        ssh.arg(login).stdin(Stdio::null()).stdout(Stdio::piped());
        sys::end_with_us(&mut ssh);
        let mut ssh = ssh.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Fault::new(Exit::Failed, "'ssh' is not installed on this machine").hint(INSTALL)
            }
            _ => Fault::new(Exit::Failed, format!("cannot start 'ssh': {error}")),
        })?;
        let said = ssh.stdout.take();
        let ssh = Arc::new(Mutex::new(ssh));
        let running = Arc::clone(&ssh);
        thread::spawn(move || {
            for line in said.into_iter().flat_map(|said| BufReader::new(said).lines()) {
                match line {
                    Ok(line) if line.contains(READY) => tell(News::Ready),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            // That ssh has closed its output says nothing of its end.
            while matches!(lock(&running).try_wait(), Ok(None)) {
                thread::sleep(EVERY);
            }
            tell(News::Ended);
        });
        let login = login.to_owned();
        Ok(Tunnel { login, ssh })
    }

    /// The fault of an ssh that has ended, which has said why itself.
    pub(super) fn fault(&self, listened: bool) -> Fault {
        let login = &self.login;
        match listened {
            true => Fault::new(
                Exit::Unreachable,
                format!("the connection to '{login}' has ended"),
            ),
            false => Fault::new(Exit::Failed, format!("ssh cannot forward ports of '{login}'"))
                .hint(format!("'irs ssh {login}' shows whether it can be logged in to")),
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let mut ssh = lock(&self.ssh);
        let pid = i32::try_from(ssh.id()).ok().and_then(Pid::from_raw);
        // Until it is waited for, the number is its own.
        if let (Ok(None), Some(pid)) = (ssh.try_wait(), pid) {
            let _ = kill_process(pid, Signal::TERM);
            let _ = ssh.wait();
        }
    }
}
