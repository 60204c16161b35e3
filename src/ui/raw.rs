//! A terminal whose keys go to somebody else: nothing that is typed means anything here.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

/// The terminal as it was before.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Standard input as a raw terminal, which is itself again when this is dropped.
pub struct Raw(());

impl Raw {
    /// Makes it raw; nothing when it is no terminal.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn new() -> io::Result<Option<Raw>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // First of all: from here on a signal may end the program.
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Some(Raw(())))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was, from wherever the program ends.
pub fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}
