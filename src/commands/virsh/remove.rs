//! Removing nodes, a deployment, or everything: the same road with less wanted.

mod prepare;

use super::facts::{Part, login_key, write_outputs};
use super::first_boot;
use super::fleet::{Crew, Each};
use super::input::Request;
use super::mode::Mode;
use super::persist::{PAUSES, Progress, persist};
use super::removal::{self, Laid};
use super::report::{self, Report};
use super::{Session, blocking, carry_out, looking, show_plan};
use crate::actual::{self, Actual};
use crate::apply::{self, Tools};
use crate::blueprint::Blueprint;
use crate::commands::{list, nowhere, ssh_config};
use crate::deployment::Identity;
use crate::error::{Exit, Fault};
use crate::names;
use crate::plan::{Change, Plan};
use crate::resolve::counts;
use crate::ssh::node::NodeKey;
use crate::steps::disks::outside;
use crate::steps::domains::leavings;
use crate::steps::host;
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::pools::{self, ActualPool};
use crate::steps::host::record::Record;
use crate::ui::Ui;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use prepare::{Prepared, prepare};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Removes what the flags name.
///
/// # Errors
/// See the exit codes.
pub async fn run(request: &Request, ui: &Ui) -> Result<()> {
    persist(&PAUSES, ui, async |progress| {
        attempt(request, None, ui, progress).await
    })
    .await
}

/// Removes a deployment that is as these records say, by its hypervisors; whoever asks for it tells of it.
///
/// # Errors
/// Those of [`run`]; `Busy` when another run changed it since the records were read.
pub async fn unchanged(request: &Request, records: &BTreeMap<String, Record>, ui: &Ui) -> Result<()> {
    persist(&PAUSES, ui, async |progress| {
        attempt(request, Some(records), ui, progress).await
    })
    .await
}

async fn attempt(
    request: &Request,
    records: Option<&BTreeMap<String, Record>>,
    ui: &Ui,
    progress: &mut Progress,
) -> Result<()> {
    let (mut crew, mut prepared) = {
        let (request, ui) = (request.clone(), ui.clone());
        let mut crew = Crew::new(&request, &ui);
        looking(move || prepare(&request, &mut crew, &ui).map(|prepared| (crew, prepared))).await?
    };
    for (_, one) in &prepared {
        let record = one.actual.facts.record.as_ref();
        progress.recognise(&one.id, record, true)?;
        let is_known = |records: &BTreeMap<String, Record>| records.get(&one.id.host) == record;
        if progress.cuts == 0 && !records.is_none_or(is_known) {
            let (name, host) = (&one.id.name, &one.id.host);
            let message = format!("deployment '{name}' on '{host}' was changed by another run meanwhile");
            bail!(Fault::new(Exit::Busy, message));
        }
    }
    if request.mode == Mode::Kill && prepared.iter().all(|(_, one)| one.plan.is_empty()) {
        tell_of_others(request, &prepared, ui);
    }
    let joined = Plan::joined(prepared.iter().map(|(_, one)| &one.plan), crew.is_several());
    if request.dry_run {
        for (_, one) in &prepared {
            if let Some((file, domain)) = one.held.first_key_value() {
                ui.warn(&still_used(&one.held, file, domain, &one.id));
            }
        }
        let nodes = prepared.iter().flat_map(|(_, one)| one.nodes());
        let report = Report::new(request, request.deployment(), nodes.collect()).left_out(&crew);
        show_plan(&joined, report, ui)?;
        return crew.end();
    }
    if request.mode == Mode::CleanupAll && !joined.is_empty() && progress.cuts == 0 {
        let (request, plan, ui) = (request.clone(), joined.clone(), ui.clone());
        looking(move || confirm(&request, &plan, &ui)).await?;
    }
    if request.mode == Mode::CleanupAll {
        progress.agree(&joined)?;
    }
    if let Mode::RemoveNodes(names) = &request.mode {
        for (_, one) in &prepared {
            let (tools, names) = (Arc::clone(&one.tools), one.actual.full_names(names, &one.id));
            let before = one.actual.facts.blueprint.clone();
            blocking(move || forget_nodes(&tools, before, &names)).await?;
        }
    }
    for (_, one) in &prepared {
        let (tools, actual, laid) = (Arc::clone(&one.tools), one.actual.clone(), one.laid.clone());
        let going = one.going.clone();
        blocking(move || {
            note_laid(&tools, &actual, &laid)?;
            removal::going::note(&tools.host, &going)
        })
        .await?;
    }
    let through = {
        let plans = prepared.iter().map(|(at, one)| (*at, (&one.plan, &one.tools)));
        carry_out(plans.collect(), &mut crew, progress).await?
    };
    prepared.retain(|(at, _)| through.contains(at));
    for (_, one) in prepared.iter().filter(|(_, one)| !one.going.is_empty()) {
        let host = one.tools.host.clone();
        blocking(move || removal::going::forget(&host)).await?;
    }
    if request.mode == Mode::Kill {
        let mut last = Vec::new();
        for (at, one) in &prepared {
            last.push((*at, last_one(&one.actual, &one.tools).await?, &one.tools));
        }
        let plans = last.iter().map(|(at, plan, tools)| (*at, (plan, *tools)));
        let through = carry_out(plans.collect(), &mut crew, progress).await?;
        prepared.retain(|(at, _)| through.contains(at));
    }
    for (_, one) in &prepared {
        if let Some((file, domain)) = one.held.first_key_value() {
            bail!(
                Fault::new(Exit::Failed, still_used(&one.held, file, domain, &one.id))
                    .hint("remove that domain, or take the disk from it, then run the same command again")
            );
        }
    }
    let mut nodes = Vec::new();
    match &request.mode {
        Mode::RemoveNodes(_) => {
            nodes = after_nodes(request, &prepared, &mut crew, &mut progress.changes).await?;
        }
        Mode::Kill if crew.failed().next().is_some() => ui.note(&format!(
            "the workspace '{}' stays for what is left; --forget-host is for a hypervisor that is gone for good",
            request.workspace.path().display()
        )),
        Mode::Kill if records.is_some() && request.known.is_none() => {}
        Mode::Kill => forget(&request.workspace, request.deployment(), ui)?,
        _ => {
            let names: BTreeSet<&str> =
                prepared.iter().flat_map(|(_, one)| one.actual.deployments()).collect();
            for name in &names {
                forget(&Workspace::named(name)?, name, ui)?;
            }
            // Those that are called otherwise.
            let marked = |name: &&str| prepared.iter().find_map(|(_, one)| one.actual.marked_uuid(name));
            let gone: BTreeSet<Uuid> = names.iter().filter_map(marked).collect();
            for workspace in Workspace::all()? {
                if let Ok(Some(record)) = workspace.record()
                    && gone.contains(&record.uuid)
                {
                    forget(&workspace, &record.deployment, ui)?;
                }
            }
        }
    }
    drop(prepared);
    if records.is_some() {
        return crew.end();
    }
    let report = Report::new(request, request.deployment(), nodes)
        .left_out(&crew)
        .changed(std::mem::take(&mut progress.changes));
    ui.result(&report.summary(&request.workspace, &ui.elapsed()));
    report.print(ui)?;
    crew.end()
}

/// Of an environment that is not there nothing goes: somebody who mistyped it is told which ones are.
fn tell_of_others(request: &Request, prepared: &Each<Prepared>, ui: &Ui) {
    let there = prepared.iter().flat_map(|(_, one)| one.actual.deployments());
    let there: BTreeSet<&str> = there.collect();
    if !there.is_empty() && !there.contains(request.deployment()) {
        let hosts: Vec<&str> = prepared.iter().map(|(_, one)| one.id.host.as_str()).collect();
        let fault = nowhere::nowhere(request.deployment(), &hosts, &there);
        ui.note(&format!("{fault}; {}", fault.hint.as_deref().unwrap_or_default()));
    }
}

fn still_used(held: &BTreeMap<String, String>, file: &str, domain: &str, id: &Identity) -> String {
    let more = match held.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!(
        "'{file}' on '{}' stays{more}: domain '{domain}', which stays, uses it",
        id.host
    )
}

/// What only the last deployment takes along, when others went beside this one: each saw the others still there.
async fn last_one(before: &Actual, tools: &Arc<Tools>) -> Result<Plan> {
    let uuid = before.facts.uuid;
    let own = names::pool(&tools.id.name);
    let others = |pool: &&ActualPool| pool.name != own && is_deployment_pool(pool, uuid);
    if before.pools.iter().find(others).is_none() {
        return Ok(Plan::default());
    }
    let (tools, access) = (Arc::clone(tools), before.facts.access.clone());
    blocking(move || {
        let pools = pools::read(&tools.libvirt, &|_| false)?;
        match pools.iter().any(|pool| is_deployment_pool(pool, uuid)) {
            true => Ok(Plan::default()),
            false => {
                let limits = host::access::limits::restore(&access, uuid, &tools.id.host);
                let pools = host::diff::remove_base(&pools, uuid, &tools.id.host);
                Ok(Plan::new(pools.chain(limits).collect()))
            }
        }
    })
    .await
}

fn confirm(request: &Request, plan: &Plan, ui: &Ui) -> Result<()> {
    if request.yes {
        return Ok(());
    }
    ui.note(plan.to_string().trim_end());
    let hosts: Vec<&str> = request.ways.all.iter().map(|way| way.host.as_str()).collect();
    match ui.confirm(&format!("remove all of this from '{}'?", hosts.join("' and '"))) {
        Some(true) => Ok(()),
        Some(false) => bail!(Fault::new(Exit::Interrupted, "nothing was removed")),
        None => bail!(
            Fault::new(
                Exit::Usage,
                "--cleanup without --prefix removes all of the above, and there is no terminal to ask on"
            )
            .hint("add --yes, or name one environment with --prefix")
        ),
    }
}

/// Before a removal: what snapshots laid elsewhere is known by domains only, and those go first. A run after a killed one
/// finds it in the records.
fn note_laid(tools: &Tools, actual: &Actual, laid: &BTreeMap<String, Laid>) -> Result<()> {
    if laid.values().all(Laid::is_empty) {
        return Ok(());
    }
    for (name, mut record) in list::records(&tools.host, actual, &tools.storage)? {
        let before = record.laid.clone();
        record.laid.extend(laid.get(&name).cloned().unwrap_or_default());
        if record.laid != before {
            let folder = removal::storage::folder(&name, actual, &tools.storage);
            host::apply::write_record(&tools.host, &folder, &record)?;
        }
    }
    Ok(())
}

/// Before a removal of nodes: the blueprint forgets them, or the next run would make again what a killed one removed.
fn forget_nodes(tools: &Tools, blueprint: Option<Blueprint>, names: &BTreeMap<String, String>) -> Result<()> {
    match blueprint {
        Some(before) if names.keys().any(|name| before.node(name).is_some()) => {
            let names = names.keys().cloned().collect();
            leavings::remove_lost(&tools.libvirt, &tools.host, &before, Some(&names))?;
            host::apply::write_blueprint(&tools.host, &tools.setting.folder, &before.without(&names))
        }
        _ => Ok(()),
    }
}

/// After a removal of nodes: those that stay are told, the records forget them, the outputs are written anew. What was told
/// joins the `changes`.
async fn after_nodes(
    request: &Request,
    prepared: &Each<Prepared>,
    crew: &mut Crew,
    changes: &mut Vec<Change>,
) -> Result<Vec<report::NodeReport>> {
    let mut read = Vec::new();
    for (at, one) in prepared {
        let (session, id, tools) = (Arc::clone(&one.session), one.id.clone(), Arc::clone(&one.tools));
        let request = one.request.clone();
        let after = blocking(move || after_nodes_of(&request, &session, &id, &tools)).await;
        read.push((*at, after));
    }
    let mut after = crew.sort(read)?;
    let mut seats = BTreeMap::new();
    for ((_, one), (_, (actual, _))) in prepared.iter().zip(&after) {
        seats.insert(one.id.uuid, counts::present(&one.id, actual));
    }
    let mut stopped = Ok(());
    for ((_, one), (_, (actual, record))) in prepared.iter().zip(&mut after) {
        let Some(record) = record else { continue };
        for member in &mut record.fleet {
            if let Some(seats) = seats.get(&member.uuid) {
                member.nodes.clone_from(seats);
                member.nodes.sort();
            }
        }
        let key = login_key(&one.request.workspace, &one.id, actual, record)?;
        let way = (&NodeKey::new(key.private_openssh), one.request.timeout);
        let (later, ui) = (&one.plan.later[..], &one.tools.ui);
        match first_boot::tell(&one.session, actual, record, way, (later, ui)).await {
            Ok(told) => changes.extend(told),
            Err(error) => stopped = stopped.and(Err(error)),
        }
        if Some(&*record) != actual.facts.record.as_ref() {
            let (tools, record) = (Arc::clone(&one.tools), record.clone());
            blocking(move || host::apply::write_record(&tools.host, &tools.setting.folder, &record)).await?;
        }
    }
    let parts = prepared.iter().zip(&after);
    let parts = parts.filter_map(|((at, one), (_, (actual, record)))| {
        Some(Part {
            at: *at,
            host: &one.tools.host,
            id: &one.id,
            actual,
            record: Some(record.as_ref()?),
        })
    });
    let parts: Vec<Part<'_>> = parts.collect();
    if !parts.is_empty() {
        write_outputs(request.place(), &parts)?;
    }
    stopped?;
    let nodes = prepared
        .iter()
        .zip(&after)
        .flat_map(|((_, one), (_, (actual, record)))| {
            let ready = record.as_ref().map(|record| record.ready.clone());
            report::nodes(actual, &one.id, &ready.unwrap_or_default())
        });
    Ok(nodes.collect())
}

/// What is there afterwards, and what the record must say of it.
fn after_nodes_of(
    request: &Request,
    session: &Session,
    id: &Identity,
    tools: &Tools,
) -> Result<(Actual, Option<Record>)> {
    let read = || {
        let request = session.at_its_folder(request)?;
        actual::read(&session.host, &session.libvirt, &request.wanted.storage, &id.name)
    };
    let actual = read().map_err(|error| apply::explain(tools, error))?;
    let mut record = actual.facts.record.clone();
    if let Some(record) = &mut record {
        let names: BTreeSet<&str> = actual
            .domains_of(id.uuid)
            .map(|domain| domain.name.as_str())
            .collect();
        record.ready.retain(|name| names.contains(name.as_str()));
        record.handed.retain(|name, _| names.contains(name.as_str()));
        record.hosts.retain(|name, _| names.contains(name.as_str()));
        record.lan.retain(|name, _| names.contains(name.as_str()));
        let files = outside::of_nodes(&actual, id.uuid);
        record.files.retain(|file| files.contains(file));
        record.laid.retain(|name, _| names.contains(name.as_str()));
        record.extend = None;
        if Some(&*record) != actual.facts.record.as_ref() {
            record.touch()?;
        }
    }
    Ok((actual, record))
}

/// Removes a workspace's files, when they are that deployment's.
fn forget(workspace: &Workspace, deployment: &str, ui: &Ui) -> Result<()> {
    match workspace.record() {
        Ok(Some(record)) if record.deployment != deployment => ui.note(&format!(
            "the workspace '{}' belongs to deployment '{}' and stays",
            workspace.path().display(),
            record.deployment
        )),
        _ => {
            workspace.remove()?;
            ssh_config::forget(workspace)?;
        }
    }
    Ok(())
}
