//! The line of a transfer: bytes, rate, time left.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar};

use super::lines::clear;
use super::{Mark, Ui, one_line};

const EVERY: Duration = Duration::from_secs(10);
const KNOWN: &str = "  {prefix} {bar:24} {bytes}/{total_bytes} {binary_bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "  {prefix} {bytes} {binary_bytes_per_sec}";

/// A transfer that is under way. Dropped without a word, it vanishes.
pub struct Transfer {
    ui: Ui,
    label: String,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    began: Instant,
    shown: Instant,
    /// Where it started: what was there already does not count for the rate.
    first: u64,
    position: u64,
    total: Option<u64>,
}

impl State {
    fn rate(&self) -> HumanBytes {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        HumanBytes(((self.position - self.first.min(self.position)) as f64 / seconds) as u64)
    }

    fn progress(&self) -> String {
        let (position, rate) = (HumanBytes(self.position), self.rate());
        match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let percent = u128::from(self.position) * 100 / u128::from(total);
                format!("{percent} % of {}, {rate}/s", HumanBytes(total))
            }
            None => format!("{position}, {rate}/s"),
        }
    }
}

impl Transfer {
    pub(super) fn new(ui: &Ui, label: &str, total: Option<u64>) -> Self {
        let label = one_line(label);
        let bar = ui.bar(total, if total.is_some() { KNOWN } else { UNKNOWN });
        if let Some(bar) = &bar {
            bar.set_prefix(label.clone());
        }
        let now = Instant::now();
        let state = State {
            began: now,
            shown: now,
            first: 0,
            position: 0,
            total,
        };
        Transfer {
            ui: ui.clone(),
            label,
            bar,
            state: Mutex::new(state),
        }
    }

    /// So many bytes are there already, from an earlier attempt.
    pub fn resume(&self, position: u64) {
        let mut state = self.state();
        state.first = position;
        state.position = position;
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.reset_eta();
        }
    }

    /// Another `bytes` went over.
    pub fn inc(&self, bytes: u64) {
        let mut state = self.state();
        let position = state.position + bytes;
        self.advance(&mut state, position);
    }

    /// `position` bytes are there in all.
    pub fn position(&self, position: u64) {
        self.advance(&mut self.state(), position);
    }

    fn advance(&self, state: &mut State, position: u64) {
        state.position = position;
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        } else if state.shown.elapsed() >= EVERY {
            state.shown = Instant::now();
            self.ui.say(&format!("{}: {}", self.label, state.progress()));
        }
    }

    /// Ends a transfer that is complete.
    pub fn done(self) {
        clear(&self.bar);
        let state = self.state();
        let line = format!(
            "{}: {} ({}/s)",
            self.label,
            HumanBytes(state.position),
            state.rate()
        );
        self.ui.finish(Mark::None, &line);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        clear(&self.bar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_share_and_rate_of_what_was_really_moved() {
        let ten = Instant::now() - Duration::from_secs(10);
        let mut state = State {
            began: ten,
            shown: ten,
            first: 50 << 20,
            position: 150 << 20,
            total: Some(200 << 20),
        };
        let text = state.progress();
        assert!(
            text.starts_with("75 % of 200.00 MiB, ") && text.ends_with(" MiB/s"),
            "{text}"
        );
        assert!((9 << 20..=10 << 20).contains(&state.rate().0));
        state.total = None;
        assert!(state.progress().starts_with("150.00 MiB, "));
    }
}
