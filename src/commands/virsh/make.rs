//! Making, extending and repairing a deployment.

use super::facts::note_deployment;
use super::input::Request;
use super::persist::{self, PAUSES, Progress, persist};
use super::prepare::{Prepared, prepare};
use super::report::{self, Report};
use super::settle::settle;
use super::{blocking, carry_out, looking, show_plan};
use crate::actual::Actual;
use crate::apply;
use crate::deployment::{Deployment, Slot};
use crate::resolve::slots::Forced;
use crate::steps::host::record::Record;
use crate::topology::{self, Topology};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;

/// The networks when neither the flag nor the deployment names any.
const DEFAULT_NETWORK: &str = "3_nets";

/// Makes what is missing.
///
/// # Errors
/// See the exit codes.
pub async fn run(request: &Request, ui: &Ui) -> Result<()> {
    let slot = request.forced.provisional(request.prefix.as_deref());
    let checked =
        load(&request.topology, request.prefix.as_deref(), None, &slot).map_err(Problems::into_fault)?;
    for note in &checked.notes {
        ui.note(&format!("note: {note}"));
    }
    if request.way().is_default {
        ui.note("no --host-address: working on this machine (local)");
    }
    persist(&PAUSES, ui, async |progress| attempt(request, ui, progress).await).await
}

async fn attempt(request: &Request, ui: &Ui, progress: &mut Progress) -> Result<()> {
    let prepared = {
        let (request, ui) = (request.clone(), ui.clone());
        looking(move || prepare(&request, &ui)).await?
    };
    let Prepared {
        session,
        deployment,
        plan,
        tools,
        lease,
        actual,
    } = prepared;
    progress.recognise(&deployment.id, actual.facts.record.as_ref(), false)?;
    if request.dry_run {
        let nodes = planned_nodes(&deployment, &actual);
        return show_plan(&plan, Report::new(request, &deployment.id.name, nodes), ui);
    }
    if let (Some(record), false) = (&tools.record, plan.is_empty()) {
        note_deployment(request, &deployment.id, record)?;
    }
    carry_out(&plan, &tools, progress).await?;
    let unchanged = plan.is_empty().then_some(actual);
    let outcome = settle(request, &session, &deployment, &tools, unchanged).await;
    drop(lease);
    let (report, result) = match outcome {
        Ok(settled) => settled,
        Err(error) => return blocking(move || Err(apply::explain(&tools, error))).await,
    };
    if result.as_ref().is_err_and(persist::is_lost) {
        return result;
    }
    let report = report.changed(std::mem::take(&mut progress.changes));
    ui.result(&report.summary(request.workspace.path()));
    result?;
    ui.json(&report)
}

/// The network file: the flag's, else the one that the deployment was made with, else infrared's default.
pub fn network_of(request: &Request, record: Option<&Record>) -> String {
    let named = (!request.topology.network.is_empty()).then(|| request.topology.network.clone());
    named
        .or_else(|| record.and_then(|record| record.network.clone()))
        .unwrap_or_else(|| DEFAULT_NETWORK.into())
}

/// What is wrong with the topology, for a command line that is wrong already.
pub fn faults(topology: &topology::Request, forced: Forced) -> Problems {
    load(topology, None, None, &forced.provisional(None))
        .err()
        .unwrap_or_default()
}

/// Loads the topology for a pair of subnets.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn load(
    topology: &topology::Request,
    prefix: Option<&str>,
    network: Option<&str>,
    slot: &Slot,
) -> Result<Topology, Problems> {
    let named = match topology.network.as_str() {
        "" => DEFAULT_NETWORK,
        named => named,
    };
    let wanted = topology::Request {
        network: network.unwrap_or(named).to_owned(),
        ..topology.clone()
    };
    let variables = topology::Variables {
        net: slot.net.clone(),
        data_net: slot.data_net.clone(),
        prefix: prefix.unwrap_or_default().to_owned(),
    };
    topology::load(&wanted, &variables)
}

/// The nodes of a dry run: those that are there, and those that would be.
fn planned_nodes(deployment: &Deployment, actual: &Actual) -> Vec<report::NodeReport> {
    let ready = actual
        .facts
        .record
        .as_ref()
        .map(|record| record.ready.clone())
        .unwrap_or_default();
    let mut nodes = report::nodes(actual, &deployment.id, &ready);
    for node in &deployment.nodes {
        if !nodes.iter().any(|found| found.name == node.name) {
            nodes.push(report::absent(node, &deployment.id.host));
        }
    }
    nodes.sort_by(|a, b| (&a.node_type, a.index).cmp(&(&b.node_type, b.index)));
    nodes
}
