//! What people and programs see: progress and remarks on stderr, results on stdout.
//!
//! On a terminal a step, a working node and a transfer have a live line each; elsewhere there are plain lines,
//! without control characters. A reader of stdout or stderr that has gone away is nobody's failure.

pub mod cut;
mod format;
mod frame;
pub mod harmless;
mod lines;
pub mod live;
pub mod raw;
mod screen;
pub mod table;
mod transfer;

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

pub use format::Format;
pub use lines::{NodeLine, StepLine};
pub use transfer::Transfer;

use crate::error::Report;
use crate::log::{self, Level};
use crate::units::format_elapsed;
use harmless::{clean, coloured, one_line};
use live::Live;

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
    live: Option<Mutex<Live>>,
    colour: bool,
    /// Only warnings, errors and results are shown.
    quiet: bool,
    /// Since when it speaks: since the program began.
    began: Instant,
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
        Self::speaking(format, false)
    }

    /// The same; who is `quiet` shows only warnings, errors and results.
    pub fn speaking(format: Format, quiet: bool) -> Self {
        let able = std::io::stderr().is_terminal() && moves_cursor();
        let ui = Self::over(
            format,
            (able && !quiet).then(Mutex::default),
            wants_colour(able),
            quiet,
            Box::new(std::io::stdout()),
            Box::new(std::io::stderr()),
        );
        ui.register();
        ui
    }

    /// Plain lines into streams of one's own.
    pub fn plain(format: Format, out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self::over(format, None, false, false, out, err)
    }

    fn over(
        format: Format,
        live: Option<Mutex<Live>>,
        colour: bool,
        quiet: bool,
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
                quiet,
                began: Instant::now(),
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

    /// How long the program has been at work, in words.
    pub fn elapsed(&self) -> String {
        format_elapsed(self.inner.began.elapsed())
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

    /// Says whom a run waits for, and shows on a terminal for how long until that is dropped.
    pub fn waiting(&self, who: &str) -> StepLine {
        self.note(&format!("waiting: {who}"));
        StepLine::new(self, "waiting for that run to end".to_owned())
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
        log::line(Level::Warning, &text);
        self.say(&format!("{} {text}", self.painted("33", "warning:")));
    }

    /// How something is done, for who asked for it.
    pub fn tell(&self, level: Level, text: &str) {
        let head = self.painted("2", &format!("{}:", level.word()));
        self.say(&format!("{head} {}", self.about(&clean(text))));
    }

    /// A word in a colour, where stderr takes some.
    fn painted(&self, colour: &str, word: &str) -> String {
        match self.inner.colour {
            true => format!("\x1b[{colour}m{word}\x1b[0m"),
            false => word.to_owned(),
        }
    }

    /// A remark.
    pub fn note(&self, text: &str) {
        self.remark(Level::Info, &self.about(&clean(text)));
    }

    /// Something for the log, and for who is not quiet.
    fn remark(&self, level: Level, line: &str) {
        log::line(level, line);
        if !self.inner.quiet {
            self.say(line);
        }
    }

    /// The result for people, on stdout; nothing with [`Format::Json`].
    pub fn result(&self, text: &str) {
        log::line(Level::Info, text);
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

    /// What belongs to an error, after it.
    pub fn point(&self, text: &str) {
        self.say(&clean(text));
    }

    /// The error that ends the program, where stdout has told of it: on stderr.
    pub fn fault(&self, report: &Report) {
        self.hide_lines();
        let text = clean(&report.to_string());
        log::line(Level::Error, text.strip_prefix("error: ").unwrap_or(&text));
        let lines = text.split('\n').map(|line| self.headed(line));
        self.say(&lines.collect::<Vec<_>>().join("\n"));
    }

    /// The error that ends the program: on stderr, and with [`Format::Json`] as an object on stdout too.
    pub fn error(&self, report: &Report) {
        self.fault(report);
        if !self.inner.told.load(Ordering::Relaxed) {
            let _ = self.report(report);
        }
    }

    /// A line of an error, its first word in a colour.
    fn headed(&self, line: &str) -> String {
        let heads = [("error:", "1;31"), ("caused by:", "31"), ("hint:", "36")];
        let blanks = line.len() - line.trim_start().len();
        let head = heads.iter().find(|(head, _)| line[blanks..].starts_with(head));
        match head {
            Some((head, colour)) => {
                let rest = &line[blanks + head.len()..];
                format!("{}{}{rest}", &line[..blanks], self.painted(colour, head))
            }
            None => line.to_owned(),
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
        let _held = live::hold();
        self.quietly(|err| {
            let _ = write!(err, "{} [y/N] ", clean(question));
            let _ = err.flush();
        });
        // The stream is free meanwhile: a signal is announced, and ends the program.
        self.inner.asking.store(true, Ordering::Relaxed);
        let mut answer = String::new();
        let _ = std::io::stdin().lock().read_line(&mut answer);
        // Ctrl-D ends no line.
        self.inner
            .asking
            .store(!answer.ends_with('\n'), Ordering::Relaxed);
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// The last words of a process that ends in the middle of everything: the live lines go.
    pub fn leave(&self, text: &str) {
        self.hide_lines();
        crate::ssh::passphrase::restore();
        // Not past a thread that holds the stream: it may hang in it.
        let _ = std::io::stderr().write_all(format!("{}\n", clean(text)).as_bytes());
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
        log::line(Level::Info, line);
        if self.inner.quiet {
            return;
        }
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
        self.without_lines(|| {
            let mut out = locked(&self.inner.out);
            let _ = out.write_all(text.as_bytes());
            let _ = out.flush();
        });
    }
}

fn locked(stream: &Stream) -> MutexGuard<'_, Box<dyn Write + Send>> {
    // A thread that panicked while writing leaves a stream that still writes.
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows and columns of the terminal that stderr is.
pub fn size() -> (usize, usize) {
    screen::size_of(std::io::stderr())
}

/// Whether results on stdout may be coloured.
pub fn colours_stdout() -> bool {
    wants_colour(std::io::stdout().is_terminal() && moves_cursor())
}

/// Whether messages on stderr may be coloured.
pub fn colours_stderr() -> bool {
    wants_colour(std::io::stderr().is_terminal() && moves_cursor())
}

fn moves_cursor() -> bool {
    std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

/// Whether a stream gets colours: what the user says, else whether it is a terminal.
fn wants_colour(is_able: bool) -> bool {
    let said = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if said("NO_COLOR").is_some() {
        return false;
    }
    match (said("CLICOLOR_FORCE"), said("CLICOLOR")) {
        (Some(force), _) if force != "0" => true,
        (_, Some(colour)) if colour == "0" => false,
        _ => is_able,
    }
}

#[cfg(test)]
mod tests;
