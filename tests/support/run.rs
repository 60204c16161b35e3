//! What a finished command said, with the checks that tests make of it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A finished command.
#[derive(Debug)]
pub struct Run {
    /// The command line, for messages.
    pub command: String,
    /// The exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Time from start to end.
    pub time: Duration,
}

impl Run {
    /// Runs a command to its end with no standard input.
    pub fn of(command: &mut Command) -> Run {
        let start = Instant::now();
        let line = format!("{command:?}");
        let output = command
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|e| panic!("starting {line}: {e}"));
        Run {
            command: line,
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            time: start.elapsed(),
        }
    }

    /// Panics with everything that was said unless the command exited with 0.
    #[track_caller]
    pub fn ok(self) -> Run {
        self.exits(0)
    }

    /// Panics with everything that was said unless the command exited with this status.
    #[track_caller]
    pub fn exits(self, status: i32) -> Run {
        if self.status != Some(status) {
            panic!("expected exit status {status}\n{}", self.transcript());
        }
        self
    }

    /// Panics unless standard error contains each of these texts.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Run {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "expected {text:?} on standard error\n{}",
                self.transcript()
            );
        }
        self
    }

    /// Panics unless standard output contains each of these texts.
    #[track_caller]
    pub fn prints(self, texts: &[&str]) -> Run {
        for text in texts {
            assert!(
                self.stdout.contains(text),
                "expected {text:?} on standard output\n{}",
                self.transcript()
            );
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("standard output is not JSON: {e}\n{}", self.transcript()))
    }

    /// The run as it would look on a terminal, for messages.
    pub fn transcript(&self) -> String {
        let Run {
            command,
            status,
            stdout,
            stderr,
            time,
        } = self;
        let status = status.map_or("killed by a signal".to_owned(), |s| format!("status {s}"));
        format!(
            "$ {command}\n{stdout}{stderr}[{status}, {:.1} s]",
            time.as_secs_f64()
        )
    }
}
