//! `irs workspace group-list`: from the workspace's files.

use super::meant;
use super::node_list::{by_group, hosts, view};
use crate::cli::workspace::GroupList;
use crate::ui::Ui;
use crate::ui::table::{row, table};
use anyhow::Result;
use serde::Serialize;

/// The groups, in the shape of `--format json`.
#[derive(Debug, Serialize)]
struct Groups {
    /// The groups by name.
    groups: Vec<Group>,
}

/// A group of the inventory.
#[derive(Debug, Serialize)]
struct Group {
    /// Its name.
    name: String,
    /// The names of its nodes.
    nodes: Vec<String>,
}

/// Runs `irs workspace group-list`.
///
/// # Errors
/// `Usage` for a workspace without nodes.
pub(super) fn run(args: &GroupList, ui: &Ui) -> Result<()> {
    let view = view(&meant(args.name.as_deref())?)?;
    let hosts = hosts(&view);
    let groups = by_group(&hosts);
    let mut rows = vec![row(&["GROUP", "NODES"])];
    rows.extend(
        groups
            .iter()
            .map(|(group, names)| row(&[group, &names.join(", ")])),
    );
    ui.result(table(&rows).trim_end());
    ui.json(&Groups {
        groups: groups
            .iter()
            .map(|(name, nodes)| Group {
                name: (*name).to_owned(),
                nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            })
            .collect(),
    })
}
