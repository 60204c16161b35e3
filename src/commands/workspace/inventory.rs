//! `irs workspace inventory`.

use super::meant;
use crate::error::{Exit, Fault};
use crate::ui::Ui;
use crate::workspace::{INVENTORY, INVENTORY_LINK};
use anyhow::{Result, bail};
use serde::Serialize;

/// Where the inventory is, in the shape of `--format json`.
#[derive(Debug, Serialize)]
struct Path {
    /// The name of the workspace.
    workspace: String,
    /// The path of its inventory.
    inventory: String,
}

/// Runs `irs workspace inventory`.
///
/// # Errors
/// `Usage` for a workspace without one.
pub(super) fn run(name: Option<&str>, ui: &Ui) -> Result<()> {
    let workspace = meant(name)?;
    if !workspace.path().join(INVENTORY).exists() {
        let message = format!("the workspace '{}' has no inventory yet", workspace.name());
        bail!(Fault::new(Exit::Usage, message).hint(
            "'irs virsh' writes one; 'irs inventory --host-address HOST --prefix NAME' that of an environment which is there"
        ));
    }
    let path = workspace.path().join(INVENTORY_LINK).display().to_string();
    ui.result(&path);
    ui.json(&Path {
        workspace: workspace.name().to_owned(),
        inventory: path,
    })
}
