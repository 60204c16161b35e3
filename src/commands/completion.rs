//! `irs completion`: the script by which a shell asks irs how a word may go on.

use crate::cli::completion::{Completion, Shell};
use crate::ui::Ui;

/// Runs `irs completion`.
pub fn run(args: &Completion, ui: &Ui) {
    ui.document(script(args.shell));
}

/// The script for a shell; each hands the words over to `irs __complete`.
pub fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => include_str!("completion/irs.bash"),
        Shell::Zsh => include_str!("completion/_irs.zsh"),
        Shell::Fish => include_str!("completion/irs.fish"),
    }
}
