//! Running commands as root.

use super::command::tail;
use super::sudo::own_words;
use super::{Cmd, Host, Output, Remote};
use crate::error::{Exit, Fault, FaultContext};
use crate::secret;
use crate::ssh::exec::{Bounds, Finished, exec};
use crate::ssh::link_lost;
use crate::units::format_elapsed;
use anyhow::{Result, anyhow};
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

/// How much is moved at once into a local command.
const CHUNK: usize = 256 * 1024;
/// What any host answers to a command stays far below that.
const ANSWER: Bounds = Bounds {
    bytes: 256 << 20,
    time: None,
};

impl Host {
    /// Runs `cmd` as root; a command that fails is no error here (see [`Host::check`]), an
    /// unreachable host is.
    pub fn run(&self, cmd: &Cmd) -> Result<Output> {
        self.feed(cmd, &mut cmd.input(), &|_| ())
    }

    /// Runs `cmd` as root; a command that fails is a fault with its status and the end of its stderr.
    pub fn check(&self, cmd: &Cmd) -> Result<Output> {
        self.run(cmd)?.check(cmd, self.name())
    }

    /// Runs `cmd` as root and gives back its stdout; fails as [`Host::check`] does.
    pub fn text(&self, cmd: &Cmd) -> Result<String> {
        Ok(self.check(cmd)?.text())
    }

    /// Runs `cmd` as root with `input` as its stdin; `progress` gets the number of bytes sent so far.
    pub(super) fn feed(&self, cmd: &Cmd, input: &mut dyn Read, progress: &dyn Fn(u64)) -> Result<Output> {
        tracing::debug!(host = self.name(), "{cmd}");
        let began = Instant::now();
        let mut output = match self {
            Host::Ssh(remote) => remote.feed(cmd, input, progress)?,
            Host::Local(local) => {
                let argv = cmd.argv(&local.sudo)?;
                let first = local.sudo.preamble();
                let before = first.reveal().len() as u64;
                let progress = |sent: u64| progress(sent.saturating_sub(before));
                feed_local(&argv, &mut first.reveal().as_bytes().chain(input), &progress)
                    .fault(|| Fault::new(Exit::Failed, format!("cannot run '{cmd}' on this machine")))?
            }
        };
        let sudos = own_words(&output.stderr);
        output.stderr.drain(..sudos);
        tracing::trace!(
            host = self.name(),
            "status {} after {}: {cmd}",
            output.status,
            format_elapsed(began.elapsed())
        );
        Ok(output)
    }
}

impl Remote {
    fn feed(&self, cmd: &Cmd, input: &mut dyn Read, progress: &dyn Fn(u64)) -> Result<Output> {
        let command = cmd.shell_text(&self.sudo)?;
        let first = self.sudo.preamble();
        let before = first.reveal().len() as u64;
        let progress = |sent: u64| progress(sent.saturating_sub(before));
        let input = &mut first.reveal().as_bytes().chain(input);
        loop {
            let (mut connection, used) = self.pool.take(&self.client)?;
            match exec(&mut connection.link, &command, input, &progress, ANSWER) {
                Ok(done) => {
                    self.pool.give(connection);
                    return match done.begun {
                        true => Ok(done.into()),
                        false => Err(self.no_shell(&done)),
                    };
                }
                Err(e) => {
                    self.pool.lost();
                    // An idle connection may have ended long ago: then nothing was run.
                    if !used || e.started {
                        return Err(link_lost(&self.name, e.error));
                    }
                }
            }
        }
    }
}

impl Remote {
    /// The login shell ended, or became another program, before it came to our command.
    fn no_shell(&self, done: &Finished) -> anyhow::Error {
        let login = self.client.destination().login();
        let fault = Fault::new(
            Exit::Unreachable,
            format!("the login shell of '{login}' ends before it runs a command"),
        )
        .hint(
            "~/.bashrc and its like must not end the shell, or exec another one, when there is no terminal; \
             and the account needs a shell that takes commands",
        );
        let said = [&done.stderr[..], &done.stdout].concat();
        let said = String::from_utf8_lossy(&said);
        match said.trim() {
            "" => anyhow!("it says nothing, and its status is {}", done.status).context(fault),
            said => anyhow!("it says: {}", tail(said)).context(fault),
        }
    }
}

pub(super) fn feed_local(
    argv: &[String],
    input: &mut dyn Read,
    progress: &dyn Fn(u64),
) -> io::Result<Output> {
    // In a group of its own: a Ctrl-C is for irs, which stops at a safe point.
    let mut child = secret::keep_from(&mut Command::new(&argv[0]))
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (stdout, stderr, sent) = thread::scope(|scope| {
        let stdout = scope.spawn(|| drain(stdout));
        let stderr = scope.spawn(|| drain(stderr));
        let sent = stdin.map_or(Ok(()), |stdin| send(input, stdin, progress));
        (
            stdout.join().unwrap_or_default(),
            stderr.join().unwrap_or_default(),
            sent,
        )
    });
    let status = child.wait()?;
    sent?;
    Ok(Output {
        status: status.code().unwrap_or(255),
        signal: status.signal().map(|n| n.to_string()),
        stdout,
        stderr,
    })
}

/// All that a pipe gives; what came before an error is still worth showing.
fn drain(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// Sends all of `input`; a command that closes its stdin early says why by its status.
pub(super) fn send(input: &mut dyn Read, mut stdin: impl Write, progress: &dyn Fn(u64)) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut sent = 0;
    loop {
        let n = match input.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        match stdin.write_all(&chunk[..n]) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
        sent += n as u64;
        progress(sent);
    }
}
