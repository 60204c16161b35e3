//! `irs topology`: what topologies are and would be, without a hypervisor.

mod draft;
mod render;

use crate::cli::topology::{Command, Topology};
use crate::ui::Ui;
use anyhow::Result;

/// Runs `irs topology`.
///
/// # Errors
/// `Usage`, with everything that is wrong with the files and flags.
pub fn run(args: &Topology, ui: &Ui) -> Result<()> {
    match &args.command {
        Command::Render(args) => render::run(args, ui),
    }
}
