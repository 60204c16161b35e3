//! What people and programs see: progress and remarks on stderr, results on stdout.
//!
//! On a terminal a step, a working node and a transfer have a live line each; elsewhere there are plain lines,
//! without control characters. A reader of stdout or stderr that has gone away is nobody's failure.

pub mod harmless;
mod lines;
pub mod raw;
mod screen;
pub mod table;
mod transfer;

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::fmt::MakeWriter;

pub use lines::{NodeLine, StepLine};
pub use transfer::Transfer;

use crate::error::Report;
use harmless::{clean, coloured, one_line};

/// Form of the results on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text.
    #[default]
    Human,
    /// One JSON object.
    Json,
}

impl From<crate::cli::format::Form> for Format {
    /// All but JSON is text to the streams.
    fn from(form: crate::cli::format::Form) -> Format {
        match form {
            crate::cli::format::Form::Json => Format::Json,
            _ => Format::Human,
        }
    }
}

/// How many steps a run has.
pub const STEPS: usize = 6;

/// A handle to the two streams; clones share them, and any thread may use one.
#[derive(Clone)]
pub struct Ui {
    inner: Arc<Inner>,
    /// What is said is about this one of several hypervisors.
    host: Option<Arc<str>>,
}

type Stream = Mutex<Box<dyn Write + Send>>;

struct Inner {
    format: Format,
    live: Option<MultiProgress>,
    colour: bool,
    out: Stream,
    err: Stream,
    /// Whether a question stands there without its answer, and so without the end of its line.
    asking: AtomicBool,
    /// Whether the object on stdout tells of the error already.
    told: AtomicBool,
}

#[derive(Clone, Copy)]
enum Mark {
    Done,
    Failed,
    None,
}

impl Ui {
    /// The process's own streams: live lines where stderr is a terminal that can move its cursor.
    pub fn new(format: Format) -> Self {
        let able = std::io::stderr().is_terminal() && moves_cursor();
        let live = able.then(MultiProgress::new).filter(|live| !live.is_hidden());
        let colour = live.is_some() && !wants_no_colour();
        Self::over(
            format,
            live,
            colour,
            Box::new(std::io::stdout()),
            Box::new(std::io::stderr()),
        )
    }

    /// Plain lines into streams of one's own.
    pub fn plain(format: Format, out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self::over(format, None, false, out, err)
    }

    fn over(
        format: Format,
        live: Option<MultiProgress>,
        colour: bool,
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
    ) -> Self {
        let (out, err) = (Mutex::new(out), Mutex::new(err));
        Ui {
            host: None,
            inner: Arc::new(Inner {
                format,
                live,
                colour,
                out,
                err,
                asking: AtomicBool::new(false),
                told: AtomicBool::new(false),
            }),
        }
    }

    /// The form of the results.
    pub fn format(&self) -> Format {
        self.inner.format
    }

    /// Whether stderr takes colours.
    pub fn colour(&self) -> bool {
        self.inner.colour
    }

    /// The same streams, for what is said about one of several hypervisors.
    pub fn of(&self, host: &str) -> Ui {
        Ui {
            inner: Arc::clone(&self.inner),
            host: Some(clean(host).into()),
        }
    }

    /// A text with the hypervisor that it is about.
    fn about(&self, text: &str) -> String {
        match &self.host {
            Some(host) => format!("{host}: {text}"),
            None => text.to_owned(),
        }
    }

    /// Begins step `number` of [`STEPS`].
    pub fn step(&self, number: usize, title: &str) -> StepLine {
        StepLine::new(self, self.about(&format!("step {number}/{STEPS} {title}")))
    }

    /// Begins the line of the node `name`.
    pub fn node(&self, name: &str) -> NodeLine {
        NodeLine::new(self, name)
    }

    /// Begins a transfer of `total` bytes, if that is known.
    pub fn transfer(&self, label: &str, total: Option<u64>) -> Transfer {
        Transfer::new(self, &self.about(label), total)
    }

    /// Something that is not as it should be, but no failure.
    pub fn warn(&self, text: &str) {
        let text = self.about(&clean(text));
        match self.inner.colour {
            true => self.say(&format!("\x1b[33mwarning:\x1b[0m {text}")),
            false => self.say(&format!("warning: {text}")),
        }
    }

    /// A remark.
    pub fn note(&self, text: &str) {
        self.say(&self.about(&clean(text)));
    }

    /// The result for people, on stdout; nothing with [`Format::Json`].
    pub fn result(&self, text: &str) {
        if self.inner.format == Format::Human {
            self.print(&coloured(text));
        }
    }

    /// A result that has one form only.
    pub fn document(&self, text: &str) {
        self.print(&coloured(text));
    }

    /// The same in the place of what stood there before, when stdout is a terminal.
    pub fn refresh(&self, text: &str) {
        let moves = std::io::stdout().is_terminal() && moves_cursor();
        match moves && self.inner.format == Format::Human {
            true => self.write(&screen::frame(&coloured(text), screen::size())),
            false => self.result(text),
        }
    }

    /// The result for programs, on stdout; nothing with [`Format::Human`].
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        if self.inner.format == Format::Json {
            self.print(&harmless::json(&serde_json::to_string_pretty(value)?));
        }
        Ok(())
    }

    /// The result for programs of a run that ends with an error, and tells of it itself: stdout has one object.
    pub fn json_with_error(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.inner.told.store(true, Ordering::Relaxed);
        self.json(value)
    }

    /// The error that ends the program: on stderr, and with [`Format::Json`] as an object on stdout too.
    pub fn error(&self, report: &Report) {
        self.hide_lines();
        self.say(&clean(&report.to_string()));
        if !self.inner.told.load(Ordering::Relaxed) {
            let _ = self.report(report);
        }
    }

    /// An error's object for programs, on stdout; nothing with [`Format::Human`].
    pub fn report(&self, report: &Report) -> anyhow::Result<()> {
        self.json(&serde_json::json!({ "error": report }))
    }

    /// Asks a yes-or-no question; `None` when there is nobody to ask.
    pub fn confirm(&self, question: &str) -> Option<bool> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        self.quietly(|err| {
            let _ = write!(err, "{} [y/N] ", clean(question));
            let _ = err.flush();
        });
        // The stream is free meanwhile: a signal is announced, and ends the program.
        self.inner.asking.store(true, Ordering::Relaxed);
        let mut answer = String::new();
        let _ = std::io::stdin().lock().read_line(&mut answer);
        self.inner.asking.store(false, Ordering::Relaxed);
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// The last words of a process that ends in the middle of everything: the live lines go.
    pub fn leave(&self, text: &str) {
        self.hide_lines();
        crate::ssh::passphrase::restore();
        // Not past a thread that holds the stream: it may hang in it.
        let _ = std::io::stderr().write_all(format!("{}\n", clean(text)).as_bytes());
    }

    /// The live lines go for good: threads that are left behind may still have some.
    fn hide_lines(&self) {
        if let Some(live) = &self.inner.live {
            let _ = live.clear();
            live.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
    }

    fn say(&self, line: &str) {
        let before = match self.inner.asking.swap(false, Ordering::Relaxed) {
            true => "\n",
            false => "",
        };
        self.quietly(|err| {
            // One write, so that two processes on one terminal do not mix within a line.
            let _ = err.write_all(format!("{before}{line}\n").as_bytes());
            let _ = err.flush();
        });
    }

    fn finish(&self, mark: Mark, line: &str) {
        match (mark, self.inner.colour) {
            (Mark::Done, true) => self.say(&format!("\x1b[32m✓\x1b[0m {line}")),
            (Mark::Failed, true) => self.say(&format!("\x1b[31m✗\x1b[0m {line}")),
            _ => self.say(line),
        }
    }

    fn print(&self, text: &str) {
        self.write(&format!("{}\n", text.trim_end_matches('\n')));
    }

    fn write(&self, text: &str) {
        let write = || {
            let mut out = locked(&self.inner.out);
            let _ = out.write_all(text.as_bytes());
            let _ = out.flush();
        };
        match &self.inner.live {
            Some(live) => live.suspend(write),
            None => write(),
        }
    }

    /// Gives `work` stderr while the live lines are out of the way.
    fn quietly<T>(&self, work: impl FnOnce(&mut dyn Write) -> T) -> T {
        let work = || work(&mut **locked(&self.inner.err));
        match &self.inner.live {
            Some(live) => live.suspend(work),
            None => work(),
        }
    }

    fn bar(&self, total: Option<u64>, template: &str) -> Option<ProgressBar> {
        let live = self.inner.live.as_ref()?;
        let template = match self.inner.colour {
            true => template.to_owned(),
            false => template.replace(":.cyan", "").replace(":.dim", ""),
        };
        let style =
            ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        Some(live.add(bar.with_style(style)))
    }
}

fn locked(stream: &Stream) -> MutexGuard<'_, Box<dyn Write + Send>> {
    // A thread that panicked while writing leaves a stream that still writes.
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether results on stdout may be coloured.
pub fn colours_stdout() -> bool {
    std::io::stdout().is_terminal() && moves_cursor() && !wants_no_colour()
}

fn moves_cursor() -> bool {
    std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

fn wants_no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// A writer of logs that does not tear the live lines.
pub struct LogWriter(Ui);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.quietly(|err| {
            let _ = err.write_all(coloured(&String::from_utf8_lossy(bytes)).as_bytes());
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.quietly(|err| {
            let _ = err.flush();
        });
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Ui {
    type Writer = LogWriter;

    fn make_writer(&'a self) -> LogWriter {
        LogWriter(self.clone())
    }
}

#[cfg(test)]
mod tests;
