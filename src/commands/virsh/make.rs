//! Making, extending and repairing a deployment.

use super::ansible_facts;
use super::facts::note_deployment;
use super::fleet::{self, Crew};
use super::ground::on_level_ground;
use super::input::Request;
use super::persist::{self, PAUSES, Progress, persist};
use super::prepare::{Prepared, prepare};
use super::report::{self, Report};
use super::settle::settle;
use super::{blocking, carry_out, show_plan};
use crate::actual::Actual;
use crate::catalogue::Catalogue;
use crate::deployment::{Deployment, Slot};
use crate::plan::Plan;
use crate::resolve::slots::Forced;
use crate::steps::host::apply::write_record;
use crate::steps::host::record::Record;
use crate::topology::{self, Topology};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;
use std::sync::Arc;

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
    let mut problems = Problems::default();
    topology::image::check(&checked, &request.wanted.catalogue, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    for note in &checked.notes {
        ui.note(&format!("note: {note}"));
    }
    if request.way().is_default {
        ui.note(&request.here);
    }
    persist(&PAUSES, ui, async |progress| attempt(request, ui, progress).await).await
}

async fn attempt(request: &Request, ui: &Ui, progress: &mut Progress) -> Result<()> {
    let plan = {
        let (request, ui) = (request.clone(), ui.clone());
        move || {
            let mut crew = Crew::new(&request, &ui);
            prepare(&request, &mut crew, &ui).map(|prepared| (crew, prepared))
        }
    };
    let Some((mut crew, prepared)) = on_level_ground(request, ui, progress, plan).await? else {
        return Ok(());
    };
    for (_, one) in &prepared {
        progress.recognise(&one.deployment.id, one.actual.facts.record.as_ref(), false)?;
    }
    let plans = || prepared.iter().map(|(_, one)| &one.plan);
    if request.dry_run {
        let nodes = prepared
            .iter()
            .flat_map(|(_, one)| planned_nodes(&one.deployment, &one.actual));
        let networks = prepared
            .iter()
            .flat_map(|(_, one)| report::networks(&one.actual, &one.deployment.id));
        let report = Report::new(request, request.deployment(), nodes.collect())
            .networks(networks)
            .left_out(&crew);
        show_plan(&Plan::joined(plans(), crew.is_several()), report, ui)?;
        return crew.end();
    }
    if plans().any(|plan| !plan.is_empty()) {
        let noted = prepared
            .iter()
            .filter_map(|(at, one)| Some((*at, &one.deployment.id, Some(one.tools.record.as_ref()?))));
        note_deployment(request.place(), &noted.collect::<Vec<_>>())?;
    }
    let noted = prepared
        .into_iter()
        .map(async |(at, one)| (at, wait_anew(&one).await.map(|()| one)));
    let prepared = crew.sort(fleet::all(noted.collect()).await)?;
    let through = {
        let plans = prepared.iter().map(|(at, one)| (*at, (&one.plan, &one.tools)));
        carry_out(plans.collect(), &mut crew, progress).await?
    };
    let mut prepared = prepared;
    prepared.retain(|(at, _)| through.contains(at));
    let (report, result) = settle(request, prepared, &mut crew, &mut progress.changes).await?;
    if result.as_ref().is_err_and(persist::is_lost) {
        return result;
    }
    let report = report.changed(std::mem::take(&mut progress.changes));
    let collected = match result.is_ok() && request.collect_facts {
        true => ansible_facts::collect(&request.workspace, report.reached(), ui).await,
        false => Ok(()),
    };
    ui.result(&report.summary(&request.workspace, &ui.elapsed()));
    result.and(collected)?;
    report.print(ui)?;
    crew.end()
}

/// Notes which nodes are to be waited for anew, before they are started: the next run waits for them when this one is killed.
async fn wait_anew(one: &Prepared) -> Result<()> {
    let (Some(record), Some(before)) = (&one.tools.record, &one.actual.facts.record) else {
        return Ok(());
    };
    if record.ready == before.ready || !record.plans_the_same(before) || one.plan.is_empty() {
        return Ok(());
    }
    let (tools, record) = (Arc::clone(&one.tools), record.clone());
    blocking(move || write_record(&tools.host, &tools.setting.folder, &record)).await
}

/// The network file: the flag's, else the one that the deployment was made with, else infrared's default.
pub fn network_of(request: &Request, record: Option<&Record>) -> String {
    let named = (!request.topology.network.is_empty()).then(|| request.topology.network.clone());
    named
        .or_else(|| record.and_then(|record| record.network.clone()))
        .unwrap_or_else(|| DEFAULT_NETWORK.into())
}

/// What is wrong with the topology, for a command line that is wrong already.
pub fn faults(topology: &topology::Request, forced: Forced, catalogue: &Catalogue) -> Problems {
    load(topology, None, None, &forced.provisional(None)).map_or_else(
        |problems| problems,
        |topology| {
            let mut problems = Problems::default();
            topology::image::check(&topology, catalogue, &mut problems);
            problems
        },
    )
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
