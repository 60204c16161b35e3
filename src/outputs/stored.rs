//! `nodes.json`: what the other files are made from, so that a workspace can be shown, moved and written in other forms
//! without asking the hypervisor. It has no secret.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{HostView, NodeView, View};
use crate::error::{Exit, Fault, FaultContext};
use crate::workspace::{NODES, Workspace};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    deployment: String,
    hosts: Vec<HostView>,
    nodes: Vec<NodeView>,
}

/// The text of the file: keys that lie in the workspace are named without it.
pub(super) fn render(view: &View) -> anyhow::Result<String> {
    let mut hosts = view.hosts.clone();
    for host in &mut hosts {
        let inside = host
            .key
            .as_ref()
            .and_then(|key| key.strip_prefix(&view.workspace).ok());
        host.key = inside.map(Path::to_owned).or(host.key.take());
    }
    let file = File {
        version: VERSION,
        deployment: view.deployment.clone(),
        hosts,
        nodes: view.sorted().into_iter().cloned().collect(),
    };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

/// Reads the file's bytes, for the workspace in `folder`.
///
/// # Errors
/// `Usage` when it cannot be understood.
pub fn parse(bytes: &[u8], folder: &Path) -> anyhow::Result<View> {
    let path = folder.join(NODES);
    let path = path.display();
    let fault = || {
        Fault::new(Exit::Usage, format!("'{path}' cannot be understood"))
            .hint("'irs inventory --host-address HOST' writes it anew from the hypervisor, as the next run of 'irs virsh' does")
    };
    let version: serde_json::Value = serde_json::from_slice(bytes).fault(fault)?;
    if version["version"].as_u64() > Some(VERSION.into()) {
        let message = format!(
            "'{path}' was written by a newer irs (format {})",
            version["version"]
        );
        return Err(Fault::new(Exit::Usage, message).hint("use that irs").into());
    }
    let file: File = serde_json::from_value(version).fault(fault)?;
    let mut hosts = file.hosts;
    for host in &mut hosts {
        host.key = host.key.take().map(|key| folder.join(key));
    }
    if let Some(node) = file.nodes.iter().find(|node| node.host >= hosts.len()) {
        let message = format!("'{}' is on a hypervisor that the file does not have", node.name);
        return Err(anyhow::anyhow!(message)).fault(fault);
    }
    Ok(View {
        deployment: file.deployment,
        workspace: folder.to_owned(),
        hosts,
        nodes: file.nodes,
    })
}

/// What the last run noted in a workspace; none when there was no run yet, or none that came so far.
///
/// # Errors
/// `Usage` when it cannot be understood; `Failed` when another user could have laid it out.
pub fn load(workspace: &Workspace) -> anyhow::Result<Option<View>> {
    workspace.check_owner()?;
    let path = workspace.path().join(NODES);
    match std::fs::read(&path) {
        Ok(bytes) => parse(&bytes, workspace.path()).map(Some),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("reading '{}'", path.display())),
    }
}
