//! The lines of steps and of working nodes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::frame::Line;
use super::harmless::one_line;
use super::live::LiveLine;
use super::{Mark, Ui};
use crate::log::{self, Level};
use crate::units::format_elapsed;

// Longer than the interval at which a node is asked, shorter than people's patience.
const QUIET: Duration = Duration::from_secs(5);

/// A step that is under way. Dropped without a word, it vanishes.
pub struct StepLine {
    ui: Ui,
    label: String,
    line: Option<LiveLine>,
    began: Instant,
}

impl StepLine {
    pub(super) fn new(ui: &Ui, label: String) -> Self {
        let label = one_line(&label);
        log::line(Level::Debug, &format!("{label}: begins"));
        let line = LiveLine::new(
            ui,
            Line::Step {
                label: label.clone(),
                text: String::new(),
                since: Duration::ZERO,
            },
        );
        StepLine {
            ui: ui.clone(),
            label,
            line,
            began: Instant::now(),
        }
    }

    /// What the step is at, for the live line only.
    pub fn set(&self, new: &str) {
        if let Some(line) = &self.line {
            line.change(|line| {
                if let Line::Step { text, .. } = line {
                    *text = one_line(new);
                }
            });
        }
    }

    /// Ends the step; `summary` says what it did, and may be empty.
    pub fn done(mut self, summary: &str) {
        let summary = one_line(summary);
        let time = format_elapsed(self.began.elapsed());
        let line = match summary.is_empty() {
            true => format!("{}: done in {time}", self.label),
            false => format!("{}: done in {time} ({summary})", self.label),
        };
        self.line = None;
        self.ui.finish(Mark::Done, &line);
    }

    /// Ends the step that failed; the error itself is shown elsewhere.
    pub fn failed(mut self) {
        let time = format_elapsed(self.began.elapsed());
        self.line = None;
        self.ui
            .finish(Mark::Failed, &format!("{}: failed after {time}", self.label));
    }
}

/// A node that is being worked on or waited for. Dropped without a word, it vanishes.
pub struct NodeLine {
    ui: Ui,
    name: String,
    line: Option<LiveLine>,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    text: String,
    at: Option<Instant>,
}

impl NodeLine {
    pub(super) fn new(ui: &Ui, name: &str) -> Self {
        let name = one_line(name);
        let line = LiveLine::new(
            ui,
            Line::Node {
                name: name.clone(),
                text: String::new(),
            },
        );
        NodeLine {
            ui: ui.clone(),
            name,
            line,
            said: Mutex::default(),
        }
    }

    /// What the node is at, or why it is not ready. Without a terminal a line appears when the text is another
    /// than the last one shown, and at most every five seconds a node: say it again until it is outdated.
    pub fn set(&self, text: &str) {
        let new = one_line(text);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{}: {new}", self.name);
        if let Some(live) = &self.line {
            live.change(|line| {
                if let Line::Node { text, .. } = line {
                    text.clone_from(&new);
                }
            });
            if said.text != new {
                log::line(Level::Debug, &line);
                said.text = new;
            }
            return;
        }
        let quiet = said.at.is_some_and(|at| at.elapsed() < QUIET);
        if said.text != new && !quiet {
            self.ui.remark(Level::Debug, &line);
            *said = Said {
                text: new,
                at: Some(Instant::now()),
            };
        }
    }

    /// Ends the line of a node that is as it should be.
    pub fn done(self, text: &str) {
        self.end(Mark::Done, text);
    }

    /// Ends the line of a node that failed.
    pub fn failed(self, text: &str) {
        self.end(Mark::Failed, text);
    }

    fn end(mut self, mark: Mark, text: &str) {
        self.line = None;
        self.ui
            .finish(mark, &format!("{}: {}", self.name, one_line(text)));
    }
}
