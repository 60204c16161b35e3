//! Whether nodes that are to be restarted would start again: before they are stopped.

use crate::actual::Actual;
use crate::deployment::Deployment;
use crate::error::{Exit, Fault};
use crate::plan::{Action, Verb};
use crate::units::{MIB, format_size};
use crate::yaml::Problems;
use anyhow::{Result, bail};

/// Checks the memory that they need more than now, and the networks that others plugged them into.
///
/// # Errors
/// Nodes that would stay off; `Resources` when the hypervisor lacks memory.
pub fn check(deployment: &Deployment, actual: &Actual, starts: &[Action], overcommit: bool) -> Result<()> {
    let host = &deployment.id.host;
    let mut problems = Problems::default();
    let mut more = 0;
    let restarts = starts.iter().filter(|action| action.verb == Verb::Restart);
    for name in restarts.map(|action| &action.name) {
        let node = deployment.nodes.iter().find(|node| node.name == *name);
        let found = actual.domains.iter().find(|domain| domain.name == *name);
        let (Some(node), Some(found)) = (node, found) else {
            continue;
        };
        if let Some(live) = &found.live {
            more += node.memory_mib.saturating_sub(live.memory_mib);
        }
        let foreign = found.nics.iter().filter(|nic| !node.gone.contains(&nic.mac));
        for nic in foreign.filter(|nic| !node.nics.iter().any(|own| own.mac == nic.mac)) {
            let Some(network) = &nic.network else { continue };
            // The deployment's own are started by this run.
            let own = deployment.networks.iter().any(|own| own.name == *network);
            let there = actual.networks.iter().find(|there| there.name == *network);
            if own || there.is_some_and(|there| there.active) {
                continue;
            }
            problems
                .push(
                    None,
                    format!("domain '{name}' on '{host}' would not start again: somebody plugged its NIC {} into network '{network}', which is not active", nic.mac),
                )
                .hint(format!(
                    "on the hypervisor, 'virsh net-start {network}', or unplug it; or leave --restart"
                ));
        }
    }
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    if more * MIB > actual.facts.memory_available && !overcommit {
        let message = format!(
            "'{host}' lacks memory: the nodes to be restarted need {} more, {} are available",
            format_size(more * MIB),
            format_size(actual.facts.memory_available)
        );
        bail!(
            Fault::new(Exit::Resources, message)
                .hint("make the nodes smaller with -e override.TYPE.memory=MIB, or allow it with --host-memory-overcommit yes")
        );
    }
    Ok(())
}
