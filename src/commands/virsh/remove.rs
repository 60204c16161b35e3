//! Removing nodes, a deployment, or everything: the same road with less wanted.

use super::facts::write_outputs;
use super::input::{Mode, Request};
use super::report::{self, Report};
use super::{Session, blocking, carry_out, show_plan, who};
use crate::actual::{self, Actual};
use crate::apply::Tools;
use crate::deployment::Identity;
use crate::error::{Exit, Fault};
use crate::lease::Lease;
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::plan::{Action, Plan};
use crate::steps::disks::Materials;
use crate::steps::domains::template::Setting;
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::{RECORD, pools::base_uuid};
use crate::steps::{disks, domains, host, networks};
use crate::ui::Ui;
use crate::workspace::{self, Workspace};
use crate::yaml::nearest;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// Removes what the flags name.
///
/// # Errors
/// See the exit codes.
pub async fn run(request: &Request, ui: &Ui) -> Result<()> {
    let prepared = {
        let (request, ui) = (request.clone(), ui.clone());
        blocking(move || prepare(&request, &ui)).await?
    };
    let Prepared {
        session,
        id,
        actual,
        plan,
        tools,
        leases,
    } = prepared;
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
    if request.mode == Mode::CleanupAll && !plan.is_empty() {
        confirm(request, &plan, ui)?;
    }
    let deployments: BTreeSet<String> = actual.deployments().into_iter().map(str::to_owned).collect();
    let changes = carry_out(&plan, &tools).await?;
    let mut nodes = Vec::new();
    match &request.mode {
        Mode::RemoveNodes(_) => nodes = after_nodes(request, &session, &id).await?,
        Mode::Kill => forget(&request.workspace, &id.name, ui)?,
        _ => {
            for name in &deployments {
                forget(&Workspace::named(name)?, name, ui)?;
            }
        }
    }
    drop(leases);
    let report = Report::new(request, &id.name, nodes).changed(changes);
    ui.result(&report.summary(request.workspace.path()));
    ui.json(&report)
}

struct Prepared {
    session: Session,
    id: Identity,
    actual: Actual,
    plan: Plan,
    tools: Arc<Tools>,
    leases: Vec<Arc<Lease>>,
}

fn prepare(request: &Request, ui: &Ui) -> Result<Prepared> {
    let host = crate::remote::Host::connect(&request.host, &request.client)?;
    let lease = |name: &str| {
        (!request.dry_run)
            .then(|| Lease::deployment(&host, name, &who()))
            .transpose()
    };
    let session = Session::on(host.clone())?;
    let storage = &request.wanted.storage;
    let read = || actual::read(&host, &session.libvirt, storage, request.deployment());
    let mut leases = Vec::new();
    let actual = match request.mode {
        Mode::CleanupAll => {
            let actual = read()?;
            for name in actual.deployments() {
                leases.extend(lease(name)?.map(Arc::new));
            }
            actual
        }
        _ => {
            leases.extend(lease(request.deployment())?.map(Arc::new));
            read()?
        }
    };
    let mut id = actual.identity(request.deployment(), request.prefix.as_deref(), &request.host);
    if let (None, Some(known)) = (&actual.facts.record, &request.known) {
        // The record is gone, and the workspace still knows whose the marks are.
        if known.deployment == id.name && actual.domains_of(known.uuid).next().is_some() {
            id.uuid = known.uuid;
        }
    }
    let plan = match &request.mode {
        Mode::RemoveNodes(names) => remove_nodes(request, names, &id, &actual)?,
        Mode::Kill => {
            if request.prefix.is_none() && request.known.is_none() {
                confirm_default(request, &actual, ui)?;
            }
            Plan::new(deployment(request, &id, &actual))
        }
        _ => Plan::new(everything(request, &id, &actual)),
    };
    let watched = leases.clone();
    let tools = Arc::new(Tools {
        host,
        libvirt: session.libvirt.clone(),
        id: id.clone(),
        storage: storage.clone(),
        record: None,
        base: OnceLock::new(),
        materials: Materials::default(),
        setting: Setting {
            virt_type: "qemu",
            folder: storage.deployment_folder(&id.name),
            login_keys: Vec::new(),
        },
        ui: ui.clone(),
        lease_lost: Box::new(move || watched.iter().any(|lease| lease.lost())),
    });
    Ok(Prepared {
        session,
        id,
        actual,
        plan,
        tools,
        leases,
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
        ui.note(&format!("deployments on '{}': {list}", request.host));
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
        request.host
    ))
    .into())
}

/// The actions that remove one deployment: by its marks, its pool and its record.
fn deployment(request: &Request, id: &Identity, actual: &Actual) -> Vec<Action> {
    let host = &id.host;
    let reason = format!("it belongs to deployment '{}'", id.name);
    let mut actions = domains::diff::remove(actual.domains_of(id.uuid), host, &reason);
    let volumes = actual.volumes(&id.name);
    actions.extend(disks::diff::remove(
        &names::pool(&id.name),
        volumes.keys(),
        host,
        &reason,
    ));
    actions.extend(networks::diff::remove(actual.networks_of(id.uuid), host, &reason));
    let own = names::pool(&id.name);
    let pool = actual
        .pools
        .iter()
        .find(|pool| pool.name == own && pool.uuid == id.uuid);
    let others = actual
        .pools
        .iter()
        .any(|pool| pool.name != own && is_deployment_pool(pool, actual.facts.uuid));
    let present = pool.is_some() || actual.facts.record.is_some();
    if !others && (present || !actions.is_empty()) {
        // Before the deployment's own: as long as those are there, a run after a killed one comes here again.
        actions.extend(base_pools(actual, host));
    }
    actions.extend(host::diff::remove(pool, host, &reason, actual.facts.uuid));
    if pool.is_none() && actual.facts.record.is_some() {
        actions.push(host::diff::remove_folder(
            &request.wanted.storage.deployment_folder(&id.name),
            host,
            &reason,
        ));
    }
    actions
}

/// The actions that remove the pools of base images that irs made; the images stay as a cache.
fn base_pools(actual: &Actual, host: &str) -> Vec<Action> {
    let made = actual
        .pools
        .iter()
        .filter(|pool| pool.uuid == base_uuid(actual.facts.uuid, &pool.name));
    host::diff::remove(
        made,
        host,
        "irs made it and no deployment is left; the base images in it stay",
        actual.facts.uuid,
    )
}

/// The actions of `--cleanup` without a prefix: every domain, every network but `default`, irs's own pools.
fn everything(request: &Request, id: &Identity, actual: &Actual) -> Vec<Action> {
    let host = &id.host;
    let reason = "--cleanup without --prefix removes all";
    let mut actions = domains::diff::remove(&actual.domains, host, reason);
    actions.extend(networks::diff::remove(
        actual.networks.iter().filter(|n| n.name != DEFAULT_DEPLOYMENT),
        host,
        reason,
    ));
    let own: Vec<_> = actual
        .pools
        .iter()
        .filter(|pool| is_deployment_pool(pool, actual.facts.uuid))
        .collect();
    for pool in &own {
        actions.extend(disks::diff::remove(
            &pool.name,
            pool.volumes.keys().filter(|name| *name != RECORD),
            host,
            reason,
        ));
    }
    actions.extend(host::diff::remove(
        own.iter().copied(),
        host,
        reason,
        actual.facts.uuid,
    ));
    if actual.facts.record.is_some() && !own.iter().any(|pool| pool.uuid == id.uuid) {
        actions.push(host::diff::remove_folder(
            &request.wanted.storage.deployment_folder(&id.name),
            host,
            reason,
        ));
    }
    actions.extend(base_pools(actual, host));
    actions
}

fn confirm(request: &Request, plan: &Plan, ui: &Ui) -> Result<()> {
    if request.yes {
        return Ok(());
    }
    ui.note(plan.to_string().trim_end());
    match ui.confirm(&format!("remove all of this from '{}'?", request.host)) {
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

/// The actions that remove some nodes, whatever a killed removal left of them.
fn remove_nodes(request: &Request, wanted: &[String], id: &Identity, actual: &Actual) -> Result<Plan> {
    let mut actions = Vec::new();
    let mut unknown = Vec::new();
    let volumes = actual.volumes(&id.name);
    for given in wanted {
        let prefixed = names::prefixed(id.prefix.as_deref(), given);
        let exists = |name: &str| actual.domains_of(id.uuid).any(|domain| domain.name == name);
        let name = if exists(given) { given.clone() } else { prefixed };
        let reason = "--remove-nodes names it".to_owned();
        let mut of_node = domains::diff::remove(
            actual.domains_of(id.uuid).filter(|domain| domain.name == name),
            &id.host,
            &reason,
        );
        let own = volumes
            .keys()
            .filter(|volume| volume.starts_with(&format!("{name}-")));
        of_node.extend(disks::diff::remove(
            &names::pool(&id.name),
            own,
            &id.host,
            &reason,
        ));
        of_node.extend(networks::diff::release(
            actual.networks_of(id.uuid),
            &name,
            &id.host,
        ));
        if of_node.is_empty() && !was_listed(request, &name) {
            unknown.push(given.clone());
        }
        actions.extend(of_node);
    }
    if !unknown.is_empty() {
        let present: Vec<&str> = actual
            .domains_of(id.uuid)
            .map(|domain| domain.name.as_str())
            .collect();
        let guess = nearest(&unknown[0], present.iter().copied());
        let there = if present.is_empty() {
            "it has no nodes".into()
        } else {
            format!("there are: {}", present.join(", "))
        };
        let hint = guess.map_or(there.clone(), |guess| format!("did you mean '{guess}'? {there}"));
        bail!(
            Fault::new(
                Exit::Usage,
                format!(
                    "deployment '{}' on '{}' has no node '{}'",
                    id.name,
                    id.host,
                    unknown.join("', '")
                )
            )
            .hint(hint)
        );
    }
    Ok(Plan::new(actions))
}

/// Whether the last inventory had that node: then its removal was finished by a run that was killed afterwards.
fn was_listed(request: &Request, node: &str) -> bool {
    let inventory =
        std::fs::read_to_string(request.workspace.path().join(workspace::INVENTORY)).unwrap_or_default();
    inventory
        .lines()
        .any(|line| line.split_whitespace().next() == Some(node))
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
