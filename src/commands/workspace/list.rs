//! `irs workspace list`.

use super::View;
use crate::error::{Exit, Fault};
use crate::names::DEFAULT_DEPLOYMENT;
use crate::ui::Ui;
use crate::ui::table::{row, table};
use crate::workspace::{Workspace, active};
use anyhow::{Result, bail};
use serde::Serialize;

/// The workspaces, in the shape of `--format json`; with `--active` that one by itself.
#[derive(Debug, Serialize)]
struct Workspaces {
    /// All of them, by name.
    workspaces: Vec<View>,
    /// The name of the active one, which need not be there any more.
    active: Option<String>,
}

/// Runs `irs workspace list`.
///
/// # Errors
/// `Usage` when the active one is asked for, and there is none.
pub(super) fn run(only_active: bool, ui: &Ui) -> Result<()> {
    let active = active::name()?;
    if only_active {
        let Some(name) = active else {
            bail!(Fault::new(Exit::Usage, "no workspace is active").hint(format!(
                "'irs workspace checkout NAME' makes one active; until then '{DEFAULT_DEPLOYMENT}' is meant"
            )));
        };
        let workspace = Workspace::named(&name)?;
        ui.result(&name);
        return ui.json(&View::of(&workspace, Some(&name)));
    }
    let all: Vec<View> = Workspace::all()?
        .iter()
        .map(|workspace| View::of(workspace, active.as_deref()))
        .collect();
    let mut rows = vec![row(&["NAME", "ACTIVE", "ENVIRONMENT", "HYPERVISOR"])];
    rows.extend(all.iter().map(|view| {
        row(&[
            &view.name,
            if view.active { "*" } else { "" },
            view.deployment.as_deref().unwrap_or("-"),
            &match view.hosts.is_empty() {
                true => "-".to_owned(),
                false => view.hosts.join(","),
            },
        ])
    }));
    match all.is_empty() {
        true => ui.result("no workspaces yet: 'irs virsh' makes one, or 'irs workspace create NAME'"),
        false => ui.result(table(&rows).trim_end()),
    }
    if let Some(lost) = active
        .as_ref()
        .filter(|name| !all.iter().any(|view| view.name == **name))
    {
        ui.warn(&format!(
            "the active workspace '{lost}' is gone: 'irs workspace checkout NAME' takes another one"
        ));
    }
    ui.json(&Workspaces {
        workspaces: all,
        active,
    })
}
