//! A secret, from the environment or typed without an echo.

use crate::error::{Exit, Fault};
use anyhow::Result;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Read, Write};
use std::sync::Mutex;

/// The terminal as it was before somebody was asked.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whose turn it is to ask.
static TURN: Mutex<()> = Mutex::new(());

/// The variable that holds the passphrase where there is no terminal to ask on.
pub const VARIABLE: &str = "IRS_KEY_PASSPHRASE";

/// The passphrase of the environment.
pub(crate) fn from_environment() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

/// Whether there is a terminal to ask on.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal; `None` when there is none. Ctrl-C is a fault that says so.
pub(crate) fn ask(prompt: &str) -> Result<Option<String>> {
    ask_shown(prompt, false)
}

/// The same, for something that may be `shown` as it is typed.
pub(crate) fn ask_shown(prompt: &str, shown: bool) -> Result<Option<String>> {
    if !can_ask() {
        return Ok(None);
    }
    // Several hosts may be logged in to at once: one question after the other.
    let _turn = super::lock(&TURN);
    let _held = crate::ui::live::hold();
    let _quiet = Quiet::new()?;
    eprint!("{prompt}");
    io::stderr().flush()?;
    let mut typed = Vec::new();
    let answer = loop {
        let mut byte = [0];
        if io::stdin().lock().read(&mut byte)? == 0 {
            break Ok(None);
        }
        match byte[0] {
            b'\r' | b'\n' => break Ok(Some(String::from_utf8_lossy(&typed).into_owned())),
            3 => break Err(Fault::new(Exit::Interrupted, "interrupted").into()),
            4 if typed.is_empty() => break Ok(None),
            8 | 127 => {
                typed.pop();
            }
            21 => typed.clear(),
            other => {
                typed.push(other);
                if shown {
                    io::stderr().write_all(&[other])?;
                }
            }
        }
    };
    eprintln!();
    answer
}

/// A terminal that shows nothing of what is typed, and is itself again when this is dropped.
struct Quiet;

impl Quiet {
    fn new() -> Result<Quiet> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        // Without signals of its own: a Ctrl-C must not leave the terminal without echo.
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        // First of all: from here on a signal may end the program.
        *super::lock(&BEFORE) = Some(before);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Quiet)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal its echo back; whether it had none.
fn give_back() -> bool {
    let before = super::lock(&BEFORE).take();
    if let Some(before) = &before {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
    }
    before.is_some()
}

/// Gives the terminal its echo back, and ends the line of the question, when the program ends while it asks.
pub(crate) fn restore() {
    if give_back() {
        eprintln!();
    }
}
