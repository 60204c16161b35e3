//! `irs hypervisor`: what a server must have, and making it so.

mod check;
pub(super) mod pool;
mod prepare;
mod report;

use crate::apply;
use crate::cli::environment::WorkspaceFlag;
use crate::cli::host::ConnectFlags;
use crate::cli::hypervisor::{Command, Hypervisor};
use crate::commands::connection::{self, Way};
use crate::interrupt;
use crate::ui::Ui;
use crate::workspace::choice;
use crate::yaml::Problems;
use anyhow::Result;

/// Runs `irs hypervisor`.
///
/// # Errors
/// See the exit codes of [`crate::error::Exit`].
pub async fn run(args: &Hypervisor, ui: &Ui) -> Result<()> {
    let announce = || {
        if interrupt::has_changed() {
            ui.note("stopping at the next safe point; once more stops now");
        }
    };
    let leave = || ui.leave("stopped now: the same command goes on from here");
    let work = async {
        match &args.command {
            Command::Check(args) => check::run(args, ui).await,
            Command::Prepare(args) => prepare::run(args, ui).await,
        }
    };
    tokio::select! {
        result = work => result,
        error = interrupt::listen(announce, leave) => Err(error.map_or_else(Into::into, |()| apply::stopped())),
    }
}

/// The hypervisors that are meant.
fn ways(
    flags: &ConnectFlags,
    workspace: &WorkspaceFlag,
    problems: &mut Problems,
    ui: &Ui,
) -> Result<Vec<Way>> {
    connection::check_hosts(&flags.host_address, problems);
    if !problems.is_empty() {
        return Err(std::mem::take(problems).into_fault());
    }
    let choice = choice::choose(None, workspace.workspace.as_deref())?;
    let known = choice.record.as_ref().filter(|_| flags.host_address.is_empty());
    let ways = connection::ways(flags, known).all;
    if ways.iter().any(|way| way.is_default) {
        choice.must_be_there()?;
        ui.note(&connection::here("working on", &choice));
    }
    Ok(ways)
}

/// Does the same on each hypervisor, on all at once; the answers are in their order.
fn on_each<T: Send>(ways: &[Way], work: impl Fn(&Way) -> Result<T> + Sync) -> Vec<Result<T>> {
    connection::at_once(ways.iter().collect(), work)
}
