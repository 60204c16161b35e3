//! `irs workspace delete`.

use super::{existing, still_there, was_strange};
use crate::commands::ssh_config;
use crate::names::DEFAULT_DEPLOYMENT;
use crate::ui::Ui;
use crate::workspace::{Workspace, active};
use anyhow::Result;
use serde::Serialize;

/// What was deleted, in the shape of `--format json`.
#[derive(Debug, Serialize)]
struct Deleted {
    /// The names of the workspaces.
    deleted: Vec<String>,
}

/// Runs `irs workspace delete`.
///
/// # Errors
/// `Usage` when one of them is not there; then none is deleted.
pub(super) fn run(names: &[String], ui: &Ui) -> Result<()> {
    // All of them, or none.
    let mut all: Vec<Workspace> = Vec::new();
    for name in names {
        let workspace = existing(name)?;
        if !all.contains(&workspace) {
            all.push(workspace);
        }
    }
    for workspace in &all {
        let name = workspace.name();
        still_there(workspace, ui);
        let strange = workspace.delete()?;
        ssh_config::forget(workspace)?;
        was_strange(&strange, ui);
        ui.result(&format!("workspace '{name}' deleted"));
        if active::unset(workspace)? {
            ui.note(&format!(
                "it was the active one: '{DEFAULT_DEPLOYMENT}' is meant until another one is checked out"
            ));
        }
    }
    ui.json(&Deleted {
        deleted: all.iter().map(|workspace| workspace.name().to_owned()).collect(),
    })
}
