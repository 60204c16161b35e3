//! When a silent connection counts as dead.

use std::time::{Duration, Instant};

/// How long nothing is heard before a sign of life is asked for.
const QUIET: Duration = Duration::from_secs(5);
/// How long a sign of life may take: as long as the holder of a lease waits for one.
const SILENCE: Duration = Duration::from_secs(8);

/// What is known of the other side's life: it is dead when it leaves a question unanswered, not
/// when this process itself was stopped for a while.
pub(crate) struct Liveness {
    heard: Instant,
    asked: Option<Instant>,
    last_asked: Instant,
}

impl Liveness {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Liveness {
            heard: now,
            asked: None,
            last_asked: now,
        }
    }

    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
        self.asked = None;
    }

    /// Whether to ask for a sign of life now; if so it counts as asked.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        let due = now.duration_since(self.heard) >= QUIET && now.duration_since(self.last_asked) >= QUIET;
        if due {
            self.last_asked = now;
            self.asked.get_or_insert(now);
        }
        due
    }

    pub(crate) fn dead(&self, now: Instant) -> bool {
        self.asked
            .is_some_and(|asked| now.duration_since(asked) >= SILENCE)
    }

    /// How long nothing needs to be asked or decided.
    pub(crate) fn pause(&self, now: Instant) -> Duration {
        let next = (self.heard.max(self.last_asked)) + QUIET;
        next.saturating_duration_since(now).max(Duration::from_millis(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_question_is_death_and_an_answer_is_life() {
        let mut life = Liveness::new();
        let start = Instant::now();
        assert!(!life.ask(start + Duration::from_secs(4)));
        assert!(life.ask(start + Duration::from_secs(6)));
        assert!(!life.ask(start + Duration::from_secs(7)), "not twice in a row");
        assert!(!life.dead(start + Duration::from_secs(13)));
        assert!(life.dead(start + Duration::from_secs(15)));
        life.heard();
        assert!(!life.dead(start + Duration::from_secs(15)));
    }

    #[test]
    fn a_stopped_process_does_not_bury_its_peer() {
        let life = Liveness::new();
        assert!(!life.dead(Instant::now() + Duration::from_secs(3600)));
    }
}
