//! One command on a connection: its input, its output, its end.

use super::link::{Link, LinkError, OPENING};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// How much is read from a source, and sent, in one go.
const CHUNK: usize = 256 * 1024;

/// How long a command that takes no more input may take to end.
const END: Duration = Duration::from_secs(5);

/// How much a command may answer, and for how long it may run: for machines that nobody trusts.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of both outputs together.
    pub bytes: usize,
    /// From its start on; none for as long as it takes.
    pub time: Option<Duration>,
}

impl Bounds {
    fn check(self, done: &Finished, begun: Instant) -> Result<(), LinkError> {
        if done.stdout.len() + done.stderr.len() > self.bytes {
            return Err(std::io::Error::other("it answers without end").into());
        }
        match self.time.is_some_and(|time| begun.elapsed() > time) {
            true => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            false => Ok(()),
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit status; 255 when a signal ended it.
    pub status: i32,
    /// The signal that ended it, without `SIG`.
    pub signal: Option<String>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
    /// How many bytes of its input it was sent.
    pub sent: u64,
    /// Whether it was begun at all; else what was written is the login shell's.
    pub begun: bool,
}

/// What is waited for until that line has come: a start-up file may wait for ever.
pub(crate) const SHELL: &str = "the login shell starts";

/// A line that is written before a command's own output, so that what the login shell's start-up
/// files print can be told from it.
pub(crate) const MARKER: &str = "irs-begins-4c2e91d0";

/// The command line for the login shell: the marker, then `command`.
pub(crate) fn marked(command: &str) -> String {
    format!("echo {MARKER}; exec {command}")
}

/// Where the command's own output begins; `None` while the marker has not come.
pub(crate) fn after_marker(output: &[u8]) -> Option<usize> {
    let marker = MARKER.as_bytes();
    let at = output
        .windows(marker.len() + 1)
        .position(|w| w.starts_with(marker) && w.ends_with(b"\n"))?;
    Some(at + marker.len() + 1)
}

/// Runs `command` (shell text) with `input` as its stdin, and reports the bytes sent to `progress`.
///
/// Both outputs are drained while input is sent, so that neither side waits for the other. A
/// command that ends before it has read its input is no error here.
pub fn exec(
    link: &mut Link,
    command: &str,
    input: &mut dyn Read,
    progress: &dyn Fn(u64),
    bounds: Bounds,
) -> Result<Finished, ExecError> {
    let channel = link.drive("opening a channel", OPENING, |s| s.channel_session());
    let mut channel = channel.map_err(|error| ExecError {
        started: false,
        error,
    })?;
    run(link, &mut channel, &marked(command), input, progress, bounds)
        .map_err(|error| ExecError { started: true, error })
}

/// A connection that failed, before or after the command may have begun.
#[derive(Debug)]
pub struct ExecError {
    /// Whether the command may have been started.
    pub started: bool,
    /// What happened to the connection.
    pub error: LinkError,
}

fn run(
    link: &mut Link,
    channel: &mut ssh2::Channel,
    command: &str,
    input: &mut dyn Read,
    progress: &dyn Fn(u64),
    bounds: Bounds,
) -> Result<Finished, LinkError> {
    let begun = Instant::now();
    link.drive("starting a command", OPENING, |_| channel.exec(command))?;
    let mut done = Finished {
        status: 255,
        signal: None,
        stdout: Vec::new(),
        stderr: Vec::new(),
        sent: 0,
        begun: false,
    };
    let mut source = Some(Source {
        input,
        chunk: Vec::new(),
        at: 0,
        end: 0,
    });
    let mut broken: Option<(LinkError, Instant)> = None;
    loop {
        let mut progressed = false;
        while let Some(true) = link.attempt(|_| take(channel, &mut done.stdout))? {
            bounds.check(&done, begun)?;
            progressed = true;
        }
        while let Some(true) = link.attempt(|_| take(&mut channel.stderr(), &mut done.stderr))? {
            bounds.check(&done, begun)?;
            progressed = true;
        }
        if channel.eof() {
            break;
        }
        bounds.check(&done, begun)?;
        done.begun = done.begun || after_marker(&done.stdout).is_some();
        if !done.begun && begun.elapsed() >= OPENING {
            return Err(LinkError::Silent(SHELL));
        }
        if let Some(from) = &mut source {
            if from.fill()? {
                // As much as goes: each look at the outputs costs calls of the system.
                while from.at < from.end {
                    match link.attempt(|_| channel.write(&from.chunk[from.at..from.end])) {
                        Ok(Some(n)) => {
                            from.at += n;
                            done.sent += n as u64;
                            progressed = true;
                        }
                        Ok(None) => break,
                        // The command has closed its stdin: its status and stderr say why.
                        Err(e) => {
                            broken = Some((e, Instant::now()));
                            progressed = true;
                            break;
                        }
                    }
                }
                progress(done.sent);
                if broken.is_some() {
                    source = None;
                }
            } else {
                source = None;
                link.drive("ending a command's input", OPENING, |_| channel.send_eof())?;
                progressed = true;
            }
        }
        if let Some((e, _)) = broken.take_if(|(_, since)| since.elapsed() > END) {
            return Err(e);
        }
        // Reading one stream may have taken in data of the other: then the socket has nothing to say.
        if !progressed && channel.read_window().available == 0 && !channel.eof() {
            let patience = if broken.is_some() { END } else { OPENING };
            link.wait(None, bounds.time.map_or(patience, |time| time.min(patience)))?;
        }
    }
    link.drive("closing a channel", OPENING, |_| channel.close())?;
    link.drive("closing a channel", OPENING, |_| channel.wait_close())?;
    done.status = channel.exit_status()?;
    done.signal = channel.exit_signal()?.exit_signal;
    if done.signal.is_some() {
        done.status = 255;
    }
    if let Some(begin) = after_marker(&done.stdout) {
        done.stdout.drain(..begin);
        done.begun = true;
    }
    Ok(done)
}

fn take(from: &mut dyn Read, into: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut buffer = [0; 32 * 1024];
    let n = from.read(&mut buffer)?;
    into.extend_from_slice(&buffer[..n]);
    Ok(n > 0)
}

struct Source<'a> {
    input: &'a mut dyn Read,
    chunk: Vec<u8>,
    /// What of it is to be sent.
    at: usize,
    end: usize,
}

impl Source<'_> {
    /// Makes sure that there is something to send; false at the end of the input.
    fn fill(&mut self) -> std::io::Result<bool> {
        if self.at == self.end {
            (self.at, self.end) = (0, 0);
            self.chunk.resize(CHUNK, 0);
            while self.end < CHUNK {
                match self.input.read(&mut self.chunk[self.end..]) {
                    Ok(0) => break,
                    Ok(count) => self.end += count,
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(self.at < self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_login_shell_prints_is_cut_off() {
        let output = format!("Welcome!\nno newline{MARKER}\nmine\n");
        assert_eq!(&output[after_marker(output.as_bytes()).unwrap()..], "mine\n");
        assert_eq!(after_marker(b"Welcome!\n"), None);
        assert_eq!(
            after_marker(MARKER.as_bytes()),
            None,
            "the line is not complete yet"
        );
    }
}
