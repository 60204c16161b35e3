//! Long work on a host that outlives the connection it was begun on: a download, a copied disk.
//!
//! It runs in a process of its own there, whose state lies in `/run/irs/job-NAME`: private, and gone with a reboot as the
//! process is. The name follows from what is run, so that whoever asks for the same finds it, waits for it and takes its
//! result: the same run on a new connection, or another one after a client that was killed. While it runs it holds a
//! `flock` on that folder, and nothing else of ours. When nobody comes back it ends by itself, and its folder goes with the
//! next job that begins an hour later, with a removal of a deployment, or with a reboot.

use super::{Cmd, Host, Output};
use crate::error::{Exit, Fault};
use crate::{apply, interrupt};
use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a job is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// How long a job may take to be over in its first answer, in seconds: most copies of small disks are.
const AT_ONCE: &str = "0.3";
/// How often a job is begun that something else on the host ends.
const BEGINNINGS: usize = 3;
/// How often it is tried to begin one whose folder another client removes just then.
const TRIES: usize = 20;

/// What looks after long work on the host.
const SCRIPT: &str = include_str!("job.sh");

/// Long work.
pub struct Job<'a> {
    /// What it is for: [`Host::end_jobs`] finds it by this.
    pub purpose: &'a str,
    /// A script for `sh`.
    pub script: &'a str,
    /// Its `$1`, `$2`, ….
    pub args: &'a [&'a str],
    /// Its stdin, which no list of processes shows; not part of its name.
    pub stdin: &'a str,
    /// The file that it writes, whose size is its progress; may be empty.
    pub file: &'a str,
    /// Whether its result stays until [`Host::forget`], so that a client which is lost before it made use of it costs nothing.
    pub kept: bool,
}

/// How a job ended.
pub enum Ended {
    /// By itself; with its status and what it wrote.
    Done(Output),
    /// Another client has taken its result.
    Taken,
}

/// What is heard of a job.
pub enum News {
    /// Another run began it.
    Joined,
    /// The size of its file, in bytes.
    Size(u64),
}

impl Job<'_> {
    /// The same for the same work: a hash of what is run.
    fn name(&self) -> String {
        let mut hash = Sha256::new_with_prefix(self.script);
        for arg in self.args {
            hash.update([0]);
            hash.update(arg);
        }
        let digest = hash.finalize();
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A script for `sh`, and its arguments, by which a host forgets this job: for the command that makes use of its result, as
    /// a client may be lost between two of them.
    pub fn forgetting(&self) -> (&'static str, [String; 2]) {
        (SCRIPT, ["forget".to_owned(), self.name()])
    }

    fn ask(&self, verb: &str, who: &str) -> Cmd {
        let name = self.name();
        let kept = if self.kept { "kept" } else { "" };
        let mut words = vec![verb, &name, who, self.file];
        if verb == "start" {
            words.extend([self.purpose, AT_ONCE, kept, self.script]);
            words.extend(self.args);
        }
        Cmd::script(SCRIPT, &words).stdin(if verb == "start" { self.stdin } else { "" })
    }
}

impl Host {
    /// Does long work, or waits for the end of the same work that was begun before. An interruption ends it, unless
    /// another run waits for it, too; a lost connection does not, nor an error of `news`, with which the waiting ends.
    ///
    /// # Errors
    /// An interruption; a host that cannot be reached; work that something else ends again and again. Work that fails is
    /// no error here, see [`Output::check`].
    pub fn job(&self, job: &Job<'_>, news: &dyn Fn(News) -> Result<()>) -> Result<Ended> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let who = format!("{}-{nanos}", std::process::id());
        let mut begun = 0;
        let mut why = String::new();
        for _ in 0..TRIES {
            let first = self.check(&job.ask("start", &who))?;
            let (word, mut state) = split(first).context("a job gave no answer")?;
            match word.as_str() {
                "again" => {
                    why = state.errors();
                    std::thread::sleep(EVERY);
                    continue;
                }
                "joined" => news(News::Joined)?,
                _ => begun += 1,
            }
            loop {
                let (word, rest) = split(state).context("a job gave no answer")?;
                match word.split_once(' ') {
                    Some(("ended", status)) => {
                        return Ok(Ended::Done(Output {
                            status: status.parse().context("a job's status")?,
                            ..rest
                        }));
                    }
                    Some(("runs", size)) => news(News::Size(size.parse().unwrap_or(0)))?,
                    _ if word == "gone" && job.kept => return Ok(Ended::Taken),
                    // Something ended it, or removed what it was about to tell.
                    _ => break,
                }
                if interrupt::pause(EVERY) {
                    self.check(&job.ask("stop", &who))?;
                    return Err(apply::stopped());
                }
                state = self.check(&job.ask("look", &who))?;
            }
            if begun >= BEGINNINGS {
                break;
            }
        }
        if begun == 0 {
            let fault = format!("cannot keep the state of long work on '{}'", self.name());
            return Err(anyhow!(why.trim().to_owned()).context(Fault::new(Exit::Failed, fault)));
        }
        Err(Fault::new(
            Exit::Failed,
            format!("long work on '{}' was ended by something else there", self.name()),
        )
        .hint("does the host lack memory, or does something kill the processes of a login that ends?")
        .into())
    }

    /// Forgets a job whose result was made use of.
    ///
    /// # Errors
    /// When the host cannot be reached.
    pub fn forget(&self, job: &Job<'_>) -> Result<()> {
        self.check(&job.ask("forget", "")).map(|_| ())
    }

    /// Ends the jobs that are for `purpose`, whoever began them, and forgets those that have ended and nobody asks for.
    ///
    /// # Errors
    /// When the host cannot be reached.
    pub fn end_jobs(&self, purpose: &str) -> Result<()> {
        let end = Cmd::script(SCRIPT, &["stop-all", "", "", purpose]);
        self.check(&end).map(|_| ())
    }
}

/// The first line of an answer, and the rest.
fn split(output: Output) -> Option<(String, Output)> {
    let end = output.stdout.iter().position(|byte| *byte == b'\n')?;
    let line = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let stdout = output.stdout[end + 1..].to_vec();
    Some((line, Output { stdout, ..output }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_work_from_other_work() {
        let job = |args: &'static [&'static str]| Job {
            purpose: "",
            script: "true",
            args,
            stdin: "",
            file: "",
            kept: false,
        };
        assert_eq!(job(&["a", "b"]).name(), job(&["a", "b"]).name());
        assert_ne!(job(&["a", "b"]).name(), job(&["ab"]).name());
        assert_ne!(job(&["a"]).name(), job(&["b"]).name());
    }
}
