//! Removing nodes, a deployment, or everything: the same road with less wanted.

use super::facts::write_outputs;
use super::input::{Mode, Request};
use super::persist::{PAUSES, Progress, persist};
use super::report::{self, Report};
use super::{Session, blocking, carry_out, joined, lease, looking, removal, show_plan};
use crate::actual::{self, Actual};
use crate::apply::{self, Tools};
use crate::blueprint::Blueprint;
use crate::deployment::Identity;
use crate::error::{Exit, Fault};
use crate::lease::Lease;
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::plan::Plan;
use crate::remote::Host;
use crate::steps::disks::stored::{self, Stored};
use crate::steps::disks::{Materials, outside};
use crate::steps::domains::leavings;
use crate::steps::domains::read::ActualDomain;
use crate::steps::domains::template::Setting;
use crate::steps::host;
use crate::steps::host::check::check_switch_of;
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::pools::{self, ActualPool};
use crate::ui::Ui;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Removes what the flags name.
///
/// # Errors
/// See the exit codes.
pub async fn run(request: &Request, ui: &Ui) -> Result<()> {
    persist(&PAUSES, ui, async |progress| attempt(request, ui, progress).await).await
}

async fn attempt(request: &Request, ui: &Ui, progress: &mut Progress) -> Result<()> {
    let prepared = {
        let (request, ui) = (request.clone(), ui.clone());
        looking(move || prepare(&request, &ui)).await?
    };
    let Prepared {
        session,
        id,
        actual,
        plan,
        held,
        tools,
        leases,
    } = prepared;
    progress.recognise(&id, actual.facts.record.as_ref(), true)?;
    let ready = actual
        .facts
        .record
        .as_ref()
        .map(|record| record.ready.clone())
        .unwrap_or_default();
    if request.dry_run {
        return show_plan(
            &plan,
            Report::new(request, &id.name, report::nodes(&actual, &id, &ready)),
            ui,
        );
    }
    if request.mode == Mode::CleanupAll && !plan.is_empty() && progress.cuts == 0 {
        let (request, plan, ui) = (request.clone(), plan.clone(), ui.clone());
        looking(move || confirm(&request, &plan, &ui)).await?;
    }
    if request.mode == Mode::CleanupAll {
        progress.agree(&plan)?;
    }
    if let Mode::RemoveNodes(names) = &request.mode {
        let (tools, names) = (Arc::clone(&tools), actual.full_names(names, &id));
        let before = actual.facts.blueprint.clone();
        blocking(move || forget_nodes(&tools, before, &names)).await?;
    }
    let deployments: BTreeSet<String> = actual.deployments().into_iter().map(str::to_owned).collect();
    carry_out(&plan, &tools, progress).await?;
    if request.mode == Mode::Kill {
        carry_out(&last_one(&actual, &tools).await?, &tools, progress).await?;
    }
    if let Some((file, domain)) = held.first_key_value() {
        bail!(
            Fault::new(Exit::Failed, still_used(&held, file, domain, &id))
                .hint("remove that domain, or take the disk from it, then run the same command again")
        );
    }
    let mut nodes = Vec::new();
    match &request.mode {
        Mode::RemoveNodes(_) => {
            nodes = match after_nodes(&session.at_its_folder(request)?, &session, &id).await {
                Ok(nodes) => nodes,
                Err(error) => return blocking(move || Err(apply::explain(&tools, error))).await,
            };
        }
        Mode::Kill => forget(&request.workspace, &id.name, ui)?,
        _ => {
            for name in &deployments {
                forget(&Workspace::named(name)?, name, ui)?;
            }
        }
    }
    drop(leases);
    let report = Report::new(request, &id.name, nodes).changed(std::mem::take(&mut progress.changes));
    ui.result(&report.summary(request.workspace.path()));
    ui.json(&report)
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

struct Prepared {
    session: Session,
    id: Identity,
    actual: Actual,
    plan: Plan,
    held: BTreeMap<String, String>,
    tools: Arc<Tools>,
    leases: Vec<Arc<Lease>>,
}

fn prepare(request: &Request, ui: &Ui) -> Result<Prepared> {
    let host = Host::connect(request.host(), request.client())?;
    let (session, leases) = connect(request, &host, ui)?;
    let (host, libvirt) = (session.host.clone(), session.libvirt.clone());
    plan_on(session, leases, request, ui).map_err(|error| apply::explain_lost((&host, &libvirt), error))
}

fn plan_on(session: Session, mut leases: Vec<Arc<Lease>>, request: &Request, ui: &Ui) -> Result<Prepared> {
    let host = session.host.clone();
    let request = &session.at_its_folder(request)?;
    let storage = &request.wanted.storage;
    let read = || actual::read(&host, &session.libvirt, storage, request.deployment());
    let mut actual = read()?;
    if request.mode == Mode::CleanupAll && !request.dry_run {
        // A run that has just begun has made nothing yet.
        let leased = actual.facts.leased.iter().map(String::as_str);
        for name in actual
            .deployments()
            .into_iter()
            .chain(leased)
            .collect::<BTreeSet<_>>()
        {
            leases.push(lease(request, &host, name, ui)?);
        }
        // A run that ended meanwhile may have made something.
        actual = read()?;
    }
    if !request.dry_run {
        // Nobody else is at work on them now: what a lost run left to go on is for nothing.
        let names = actual.deployments();
        let all = names.iter().copied().filter(|_| request.mode == Mode::CleanupAll);
        for name in all.chain([request.deployment()]) {
            host.end_jobs(&storage.deployment_folder(name))?;
        }
    }
    let mut id = actual.identity(request.deployment(), request.prefix.as_deref(), request.host());
    if let (None, Some(known)) = (&actual.facts.record, &request.known) {
        // The record is gone, and the workspace still knows whose the marks are.
        if known.deployment == id.name && actual.domains_of(known.uuid).next().is_some() {
            id.uuid = known.uuid;
        }
    }
    let stored = behind(request, &host, &session, &id, &actual)?;
    let removal = match &request.mode {
        Mode::RemoveNodes(names) => removal::nodes(request, names, &id, &actual, &stored)?,
        Mode::Kill => {
            if request.prefix.is_none() && request.known.is_none() {
                confirm_default(request, &actual, ui)?;
            }
            check_switch_of(actual.networks_of(id.uuid), &actual.facts, &id.host)?;
            removal::deployment(request, &id, &actual, &stored)
        }
        _ => {
            let ours = actual.networks.iter().filter(|network| network.owner.is_some());
            check_switch_of(ours, &actual.facts, &id.host)?;
            removal::everything(request, &id, &actual, &stored)
        }
    };
    removal.notes.iter().for_each(|note| ui.warn(note));
    let plan = Plan::new(removal.actions);
    let watched = leases.clone();
    let tools = Arc::new(Tools {
        host,
        libvirt: session.libvirt.clone(),
        id: id.clone(),
        storage: storage.clone(),
        record: None,
        bases: Mutex::default(),
        materials: Materials::default(),
        setting: Setting {
            virt_type: "qemu",
            folder: storage.deployment_folder(&id.name),
            login_keys: Vec::new(),
        },
        ui: ui.clone(),
        subnets: Mutex::default(),
        lease_lost: Box::new(move || watched.iter().any(|lease| lease.lost())),
    });
    Ok(Prepared {
        session,
        id,
        actual,
        plan,
        held: removal.held,
        tools,
        leases,
    })
}

/// What lies behind the disks of what goes, and of what others made: irs knows only its own.
fn behind(
    request: &Request,
    host: &Host,
    session: &Session,
    id: &Identity,
    actual: &Actual,
) -> Result<Stored> {
    let storage = &request.wanted.storage;
    let everything = request.mode == Mode::CleanupAll;
    let names: BTreeSet<&str> = match everything {
        true => actual.deployments(),
        false => BTreeSet::from([id.name.as_str()]),
    };
    let folders = names
        .iter()
        .map(|name| removal::storage::folder(name, actual, storage))
        .collect();
    let domains: Vec<&ActualDomain> = actual
        .domains
        .iter()
        .filter(|domain| {
            let mark = domain.mark.as_ref();
            everything || mark.is_none_or(|mark| mark.owner.uuid == id.uuid)
        })
        .collect();
    let own: BTreeSet<String> = domains
        .iter()
        .filter_map(|domain| {
            let name = &domain.mark.as_ref()?.owner.deployment;
            Some(removal::storage::own(
                domain,
                &removal::storage::folder(name, actual, storage),
            ))
        })
        .flatten()
        .collect();
    stored::read(
        host,
        &session.libvirt,
        &domains,
        &|path| !own.contains(path),
        &folders,
    )
}

/// Libvirt, and the lease on the one deployment that is meant: each has a connection of its own, and they are made at once.
fn connect(request: &Request, host: &Host, ui: &Ui) -> Result<(Session, Vec<Arc<Lease>>)> {
    let one = !request.dry_run && request.mode != Mode::CleanupAll;
    std::thread::scope(|scope| {
        let lease = one.then(|| scope.spawn(|| lease(request, host, request.deployment(), ui)));
        let session = Session::on(host.clone());
        let lease = lease.map(joined).transpose()?;
        Ok((session?, lease.into_iter().collect()))
    })
}

/// Without a prefix and without a workspace it must be said which deployment is meant.
fn confirm_default(request: &Request, actual: &Actual, ui: &Ui) -> Result<()> {
    let names = actual.deployments();
    if names.is_empty() || request.dry_run || request.yes {
        return Ok(());
    }
    let list = names.iter().copied().collect::<Vec<_>>().join(", ");
    if names.contains(DEFAULT_DEPLOYMENT) {
        ui.note(&format!("deployments on '{}': {list}", request.host()));
        if ui.confirm("remove the deployment 'default', which this workspace did not make?") == Some(true) {
            return Ok(());
        }
    }
    Err(Fault::new(
        Exit::Usage,
        format!(
            "the workspace '{}' knows no deployment to remove",
            request.workspace.path().display()
        ),
    )
    .hint(format!(
        "on '{}' there are: {list}; name one with --prefix, or confirm the one called 'default' with --yes",
        request.host()
    ))
    .into())
}

fn confirm(request: &Request, plan: &Plan, ui: &Ui) -> Result<()> {
    if request.yes {
        return Ok(());
    }
    ui.note(plan.to_string().trim_end());
    match ui.confirm(&format!("remove all of this from '{}'?", request.host())) {
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

/// After a removal of nodes: the record forgets them, the outputs are written anew.
async fn after_nodes(request: &Request, session: &Session, id: &Identity) -> Result<Vec<report::NodeReport>> {
    let (host, libvirt) = (session.host.clone(), session.libvirt.clone());
    let (request, id) = (request.clone(), id.clone());
    blocking(move || {
        let storage = &request.wanted.storage;
        let actual = actual::read(&host, &libvirt, storage, &id.name)?;
        let Some(present) = actual.facts.record.clone() else {
            return Ok(report::nodes(&actual, &id, &BTreeSet::new()));
        };
        let mut record = present.clone();
        let names: BTreeSet<&str> = actual
            .domains_of(id.uuid)
            .map(|domain| domain.name.as_str())
            .collect();
        record.ready.retain(|name| names.contains(name.as_str()));
        record.handed.retain(|name| names.contains(name.as_str()));
        let files = outside::of_nodes(&actual, id.uuid);
        record.files.retain(|file| files.contains(file));
        record.extend = None;
        if record != present {
            host::apply::write_record(&host, &storage.deployment_folder(&id.name), &record)?;
        }
        write_outputs(&request, &host, &id, &actual, &record)?;
        Ok(report::nodes(&actual, &id, &record.ready))
    })
    .await
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
        }
    }
    Ok(())
}
