//! The lines of steps and of working nodes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::harmless::one_line;
use super::{Mark, Ui};

// Longer than the interval at which a node is asked, shorter than people's patience.
const QUIET: Duration = Duration::from_secs(5);

/// A step that is under way. Dropped without a word, it vanishes.
pub struct StepLine {
    ui: Ui,
    label: String,
    bar: Option<ProgressBar>,
}

impl StepLine {
    pub(super) fn new(ui: &Ui, label: String) -> Self {
        let label = one_line(&label);
        let bar = ui.bar(None, "{spinner:.cyan} {prefix} {msg:.dim} {elapsed:.dim}");
        if let Some(bar) = &bar {
            bar.set_prefix(label.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        StepLine {
            ui: ui.clone(),
            label,
            bar,
        }
    }

    /// What the step is at, for the live line only.
    pub fn set(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(one_line(text));
        }
    }

    /// Ends the step; `summary` says what it did, and may be empty.
    pub fn done(self, summary: &str) {
        let summary = one_line(summary);
        let line = match summary.is_empty() {
            true => format!("{}: done", self.label),
            false => format!("{}: done ({summary})", self.label),
        };
        clear(&self.bar);
        self.ui.finish(Mark::Done, &line);
    }

    /// Ends the step that failed; the error itself is shown elsewhere.
    pub fn failed(self) {
        clear(&self.bar);
        self.ui.finish(Mark::Failed, &format!("{}: failed", self.label));
    }
}

impl Drop for StepLine {
    fn drop(&mut self) {
        clear(&self.bar);
    }
}

/// A node that is being worked on or waited for. Dropped without a word, it vanishes.
pub struct NodeLine {
    ui: Ui,
    name: String,
    bar: Option<ProgressBar>,
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
        let bar = ui.bar(None, "  {prefix}: {wide_msg:.dim}");
        if let Some(bar) = &bar {
            bar.set_prefix(name.clone());
        }
        NodeLine {
            ui: ui.clone(),
            name,
            bar,
            said: Mutex::default(),
        }
    }

    /// What the node is at, or why it is not ready. Without a terminal a line appears when the text is another
    /// than the last one shown, and at most every five seconds a node: say it again until it is outdated.
    pub fn set(&self, text: &str) {
        let text = one_line(text);
        if let Some(bar) = &self.bar {
            bar.set_message(text);
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = said.at.is_some_and(|at| at.elapsed() < QUIET);
        if said.text != text && !quiet {
            self.ui.say(&format!("{}: {text}", self.name));
            *said = Said {
                text,
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

    fn end(self, mark: Mark, text: &str) {
        clear(&self.bar);
        self.ui
            .finish(mark, &format!("{}: {}", self.name, one_line(text)));
    }
}

impl Drop for NodeLine {
    fn drop(&mut self) {
        clear(&self.bar);
    }
}

pub(super) fn clear(bar: &Option<ProgressBar>) {
    if let Some(bar) = bar.as_ref().filter(|bar| !bar.is_finished()) {
        bar.finish_and_clear();
    }
}
