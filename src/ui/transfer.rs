//! The line of a transfer: bytes, rate, time left.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::Line;
use super::live::LiveLine;
use super::{Mark, Ui, one_line};
use crate::log::Level;
use crate::units::{bytes, format_elapsed};

const EVERY: Duration = Duration::from_secs(10);

/// A transfer that is under way. Dropped without a word, it vanishes.
pub struct Transfer {
    ui: Ui,
    label: String,
    line: Option<LiveLine>,
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
    /// Bytes a second.
    fn rate(&self) -> u64 {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        ((self.position - self.first.min(self.position)) as f64 / seconds) as u64
    }

    fn progress(&self) -> String {
        let (position, rate) = (bytes(self.position), bytes(self.rate()));
        match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let percent = u128::from(self.position) * 100 / u128::from(total);
                format!("{percent} % of {}, {rate}/s", bytes(total))
            }
            None => format!("{position}, {rate}/s"),
        }
    }
}

impl Transfer {
    pub(super) fn new(ui: &Ui, label: &str, total: Option<u64>) -> Self {
        let label = one_line(label);
        let line = LiveLine::new(
            ui,
            Line::Transfer {
                label: label.clone(),
                position: 0,
                total,
                rate: 0,
            },
        );
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
            line,
            state: Mutex::new(state),
        }
    }

    /// So many bytes are there already, from an earlier attempt.
    pub fn resume(&self, position: u64) {
        let mut state = self.state();
        state.first = position;
        self.advance(&mut state, position);
    }

    /// Another `bytes` went over.
    pub fn inc(&self, more: u64) {
        let mut state = self.state();
        let position = state.position + more;
        self.advance(&mut state, position);
    }

    /// `position` bytes are there in all.
    pub fn position(&self, position: u64) {
        self.advance(&mut self.state(), position);
    }

    fn advance(&self, state: &mut State, position: u64) {
        state.position = position;
        if let Some(line) = &self.line {
            let (at, speed) = (state.position, state.rate());
            line.change(|line| {
                if let Line::Transfer { position, rate, .. } = line {
                    (*position, *rate) = (at, speed);
                }
            });
        } else if state.shown.elapsed() >= EVERY {
            state.shown = Instant::now();
            let line = format!("{}: {}", self.label, state.progress());
            self.ui.remark(Level::Debug, &line);
        }
    }

    /// Ends a transfer that is complete.
    pub fn done(mut self) {
        self.line = None;
        let state = self.state();
        let line = format!(
            "{}: {} in {} ({}/s)",
            self.label,
            bytes(state.position),
            format_elapsed(state.began.elapsed()),
            bytes(state.rate())
        );
        self.ui.finish(Mark::None, &line);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!((9 << 20..=10 << 20).contains(&state.rate()));
        state.total = None;
        assert!(state.progress().starts_with("150.00 MiB, "));
    }
}
