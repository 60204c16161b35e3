//! The log of a workspace, `irs.log`: everything that the runs on an environment do, whatever the screen shows.
//!
//! Each step, remote command, change, remark, warning and error is a line with its time and the id of its process. Several
//! processes may write at once. What is said before the workspace is known waits in memory, and is never written
//! where none becomes known. That a log cannot be written is never a failure.

mod events;
mod said;

use crate::workspace::{LOG, LOG_BEFORE, Workspace};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use events::Events;

/// How large a log gets before the next one is begun; the one before it is kept.
const MOST: u64 = 4 << 20;
/// How much waits in memory at most.
const WAITING: usize = 1 << 20;
/// After how many bytes of its own a process looks how large the log is.
const LOOKS: u64 = 256 << 10;

static THE_LOG: Mutex<Log> = Mutex::new(Log::new());

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It ends the run.
    Error,
    /// Not as it should be.
    Warning,
    /// What is done.
    Info,
    /// How it is done.
    Debug,
}

impl Level {
    /// The word for it, as messages begin.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// Begins with the version and the command line, without its secrets.
pub fn begin(arguments: &[std::ffi::OsString]) {
    let version = env!("CARGO_PKG_VERSION");
    line(Level::Info, &format!("irs {version}: {}", said::shown(arguments)));
}

/// Writes a line; a text of several lines becomes as many.
pub fn line(level: Level, text: &str) {
    the_log().line(level, text);
}

/// From now on what is said goes into the log of this workspace, with what was said before. A workspace that is not there is
/// not made.
pub fn attach(workspace: &Workspace) {
    if workspace.path().is_dir() {
        the_log().attach(workspace.path());
    }
}

/// The file that is written, if there is one.
pub fn file() -> Option<PathBuf> {
    the_log().to.as_ref().map(|to| to.folder.join(LOG))
}

/// What became of the log, when it could not be written to its end.
pub fn failure() -> Option<String> {
    the_log().failed.clone()
}

fn the_log() -> MutexGuard<'static, Log> {
    THE_LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Log {
    /// What no file is known for yet.
    waiting: Vec<u8>,
    to: Option<To>,
    failed: Option<String>,
}

struct To {
    folder: PathBuf,
    file: File,
    /// Bytes since its size was looked at.
    since: u64,
}

impl Log {
    const fn new() -> Log {
        Log {
            waiting: Vec::new(),
            to: None,
            failed: None,
        }
    }

    fn line(&mut self, level: Level, text: &str) {
        let lines = lines(SystemTime::now(), level, text);
        match &mut self.to {
            None => {
                if self.failed.is_none() && self.waiting.len() + lines.len() <= WAITING {
                    self.waiting.extend(lines.into_bytes());
                }
            }
            Some(to) => {
                if let Err(error) = to.write(lines.as_bytes()) {
                    let file = to.folder.join(LOG);
                    self.failed = Some(format!("the log '{}' is not complete: {error}", file.display()));
                    self.to = None;
                }
            }
        }
    }

    fn attach(&mut self, folder: &Path) {
        if self.failed.is_some() || self.to.as_ref().is_some_and(|to| to.folder == folder) {
            return;
        }
        let opened = open(folder).and_then(|file| {
            let mut to = To {
                folder: folder.to_owned(),
                file,
                since: 0,
            };
            to.bound()?;
            to.write(&std::mem::take(&mut self.waiting))?;
            Ok(to)
        });
        match opened {
            Ok(to) => self.to = Some(to),
            Err(error) => {
                let file = folder.join(LOG);
                self.failed = Some(format!("no log is written: '{}': {error}", file.display()));
            }
        }
    }
}

impl To {
    /// In one piece: the file is open for appending, so that processes do not mix within a line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.since += bytes.len() as u64;
        if self.since > LOOKS {
            self.since = 0;
            self.bound()?;
        }
        Ok(())
    }

    /// Puts a log that is large aside, and begins a new one; of several processes one does.
    fn bound(&mut self) -> io::Result<()> {
        let path = self.folder.join(LOG);
        let is_it = |file: &File| -> io::Result<bool> {
            let there = std::fs::symlink_metadata(&path).map(|it| it.ino()).ok();
            Ok(there == Some(file.metadata()?.ino()))
        };
        if self.file.metadata()?.len() < MOST {
            return Ok(());
        }
        // Who waits for nobody loses nothing: the other process does it.
        if self.file.try_lock().is_ok() && is_it(&self.file)? {
            std::fs::rename(&path, self.folder.join(LOG_BEFORE))?;
        }
        // A workspace that was removed meanwhile stays so.
        if self.folder.is_dir() && !is_it(&self.file)? && self.file.metadata()?.nlink() > 0 {
            self.file = open(&self.folder)?;
        }
        Ok(())
    }
}

/// The log in a folder, for its owner only.
fn open(folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(folder.join(LOG))?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if found.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// `2026-11-21T13:05:00.123Z [4711] warning: text`, without what steers a terminal that shows it.
fn lines(now: SystemTime, level: Level, text: &str) -> String {
    let head = format!(
        "{} [{}] {}: ",
        humantime::format_rfc3339_millis(now),
        std::process::id(),
        level.word()
    );
    let text = crate::ui::harmless::clean(&crate::ui::harmless::uncoloured(text));
    text.split('\n').map(|line| format!("{head}{line}\n")).collect()
}

#[cfg(test)]
mod tests;
