//! `irs workspace node-list`: from the workspace's files.

use super::meant;
use crate::cli::workspace::NodeList;
use crate::error::{Exit, Fault};
use crate::outputs::{self, View};
use crate::ui::Ui;
use crate::ui::table::{row, table};
use crate::workspace::Workspace;
use crate::yaml::nearest;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// The nodes, in the shape of `--format json`.
#[derive(Debug, Serialize)]
struct Nodes {
    /// The nodes; with `--group hypervisor` the hypervisors.
    nodes: Vec<Node>,
}

/// A node.
#[derive(Debug, Serialize)]
pub(super) struct Node {
    /// The domain's name.
    pub(super) name: String,
    /// Its address; null without an OS.
    pub(super) address: Option<String>,
    /// Its groups in the inventory.
    pub(super) groups: Vec<String>,
}

/// What the last run noted in a workspace, which must have come so far.
pub(super) fn view(workspace: &Workspace) -> Result<View> {
    let loaded = outputs::load(workspace)?;
    loaded.ok_or_else(|| {
        let message = format!("the workspace '{}' has no nodes yet", workspace.name());
        let hint = "'irs virsh' makes some; 'irs inventory --host-address HOST --prefix NAME' takes up those of an environment";
        Fault::new(Exit::Usage, message).hint(hint).into()
    })
}

/// The nodes, then the hypervisors.
pub(super) fn hosts(view: &View) -> Vec<Node> {
    let nodes = view.sorted().into_iter().map(|node| Node {
        name: node.name.clone(),
        address: node.address.map(|address| address.to_string()),
        groups: node.groups.clone(),
    });
    let hypervisors = view.hosts.iter().enumerate().map(|(index, host)| Node {
        name: view.alias(index),
        address: Some(host.address.clone()),
        groups: vec!["hypervisor".to_owned()],
    });
    nodes.chain(hypervisors).collect()
}

/// The names in each group.
pub(super) fn by_group(hosts: &[Node]) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in hosts {
        for group in &node.groups {
            groups.entry(group).or_default().push(&node.name);
        }
    }
    groups
}

/// Runs `irs workspace node-list`.
///
/// # Errors
/// `Usage` for a workspace without nodes, or a group that it does not have.
pub(super) fn run(args: &NodeList, ui: &Ui) -> Result<()> {
    let view = view(&meant(args.name.as_deref())?)?;
    let mut hosts = hosts(&view);
    match &args.group {
        Some(group) => {
            let groups = by_group(&hosts);
            if !groups.contains_key(group.as_str()) {
                let hint = match nearest(group, groups.keys().copied()) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("there are: {}", groups.into_keys().collect::<Vec<_>>().join(", ")),
                };
                let message = format!(
                    "there is no group '{group}' in the inventory of '{}'",
                    view.deployment
                );
                return Err(Fault::new(Exit::Usage, message).hint(hint).into());
            }
            hosts.retain(|node| node.groups.contains(group));
        }
        None => hosts.truncate(view.nodes.len()),
    }
    let mut rows = vec![row(&["NODE", "ADDRESS", "GROUPS"])];
    rows.extend(hosts.iter().map(|node| {
        row(&[
            &node.name,
            node.address.as_deref().unwrap_or("NA"),
            &node.groups.join(", "),
        ])
    }));
    ui.result(table(&rows).trim_end());
    ui.json(&Nodes { nodes: hosts })
}
