//! Making, extending and repairing a deployment.

use super::facts::login_keys;
use super::input::Request;
use super::report::{self, Report};
use super::settle::settle;
use super::{Session, blocking, carry_out, show_plan, who};
use crate::actual::{self, Actual};
use crate::apply::Tools;
use crate::deployment::{Deployment, Slot};
use crate::lease::Lease;
use crate::plan::{Action, Plan};
use crate::resolve::slots::Forced;
use crate::resolve::{self, counts, slots};
use crate::steps::disks::Materials;
use crate::steps::domains::template::Setting;
use crate::steps::host::check::{self, Limits};
use crate::steps::host::record::Record;
use crate::steps::host::virtualization;
use crate::steps::image::{self, Located};
use crate::steps::{self, Step};
use crate::topology::{self, Topology};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The networks when neither the flag nor the deployment names any.
const DEFAULT_NETWORK: &str = "3_nets";
/// How long another run may take to choose its subnets.
const SUBNET_WAIT: Duration = Duration::from_secs(120);

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
    if request.host_is_default {
        ui.note("no --host-address: working on this machine (local)");
    }
    let prepared = {
        let (request, ui) = (request.clone(), ui.clone());
        blocking(move || prepare(&request, &ui)).await?
    };
    let Prepared {
        session,
        deployment,
        plan,
        tools,
        subnets,
        lease,
        actual,
    } = prepared;
    if request.dry_run {
        let nodes = planned_nodes(&deployment, &actual);
        return show_plan(&plan, Report::new(request, &deployment.id.name, nodes), ui);
    }
    // Others may choose their subnets as soon as ours are taken.
    let (first, rest) = plan.split_after(Step::Networks);
    let mut changes = carry_out(&first, &tools).await?;
    drop(subnets);
    changes.extend(carry_out(&rest, &tools).await?);
    let unchanged = changes.is_empty().then_some(actual);
    let outcome = settle(request, &session, &deployment, &tools, unchanged).await;
    drop(lease);
    let (report, result) = outcome?;
    let report = report.changed(changes);
    ui.result(&report.summary(request.workspace.path()));
    result?;
    ui.json(&report)
}

/// Everything that is known before the first change.
struct Prepared {
    session: Session,
    deployment: Deployment,
    plan: Plan,
    tools: Arc<Tools>,
    /// The host-wide lease while subnets are chosen.
    subnets: Option<Lease>,
    /// The lease on the deployment.
    lease: Option<Arc<Lease>>,
    actual: Actual,
}

fn prepare(request: &Request, ui: &Ui) -> Result<Prepared> {
    let host = crate::remote::Host::connect(&request.host, &request.client)?;
    let touch = !request.dry_run;
    // Each has a connection of its own: both at once.
    let (lease, session) = std::thread::scope(|scope| {
        let lease = touch.then(|| scope.spawn(|| Lease::deployment(&host, request.deployment(), &who())));
        let session = Session::on(host.clone());
        let lease = lease.map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        (lease.transpose(), session)
    });
    let (lease, session) = (lease?.map(Arc::new), session?);
    let storage = &request.wanted.storage;
    let mut actual = actual::read(&host, &session.libvirt, storage, request.deployment())?;
    let mut subnets = None;
    if actual.facts.record.is_none() {
        subnets = touch
            .then(|| Lease::subnets(&host, &who(), SUBNET_WAIT))
            .transpose()?;
        actual = actual::read(&host, &session.libvirt, storage, request.deployment())?;
    }
    let id = actual.identity(request.deployment(), request.prefix.as_deref(), &request.host);
    let present = actual.facts.record.clone();
    let network = network_of(request, present.as_ref());
    let (slot, topology) = slots::choose(request.forced, &id, &actual, &|slot| {
        load(&request.topology, request.prefix.as_deref(), Some(&network), slot)
    })
    .map_err(Problems::into_fault)?;
    let deployment =
        resolve::deployment(&request.wanted, &topology, slot, &id, &actual).map_err(Problems::into_fault)?;
    if let Some(note) = counts::resumes(&request.wanted, &topology, &actual) {
        ui.note(&note);
    }
    let starts = steps::start::converge(&deployment.nodes, &actual.domains, request.wanted.start, &id.host);
    let record = record_of(&deployment, present.as_ref(), network, &starts)?;
    let defined: BTreeSet<String> = actual
        .domains_of(id.uuid)
        .map(|domain| domain.name.clone())
        .collect();
    let new: BTreeSet<String> = deployment
        .nodes
        .iter()
        .map(|node| node.name.clone())
        .filter(|name| !defined.contains(name))
        .collect();
    let mut virt_type = "kvm";
    if !new.is_empty() {
        let (chosen, warning) = virtualization::choose(
            request.virt_type,
            request.validate,
            &actual.facts,
            &session.libvirt,
            &host,
        )?;
        virt_type = chosen;
        warning.into_iter().for_each(|text| ui.warn(&text));
        check::check_cpu_models(&deployment, &new, virt_type)
            .into_iter()
            .for_each(|note| ui.note(&note));
    }
    let located = locate_image(request, &host, &deployment, &actual)?;
    if let Some(virtual_size) = located.as_ref().and_then(Located::virtual_size) {
        let first_disks = deployment
            .nodes
            .iter()
            .filter(|node| node.has_os)
            .filter_map(|node| node.disks.first());
        first_disks
            .into_iter()
            .try_for_each(|disk| image::Base::check_fits(virtual_size, disk))?;
    }
    let limits = Limits {
        memory_overcommit: request.memory_overcommit,
    };
    for warning in check::check(&deployment, &new, &actual.facts, located.as_ref(), limits)? {
        ui.warn(&warning);
    }
    let plan = plan(
        request,
        &deployment,
        &record,
        present.as_ref(),
        &actual,
        &defined,
        located.as_ref(),
    )
    .map_err(Problems::into_fault)?;
    let base = OnceLock::new();
    if let Some(Located::Cached(found)) = located {
        let _ = base.set(found);
    }
    let keys = login_keys(request, &host, &record)?;
    let watched = lease.clone();
    let tools = Arc::new(Tools {
        host,
        libvirt: session.libvirt.clone(),
        id: id.clone(),
        storage: storage.clone(),
        base,
        materials: Materials {
            base: None,
            login_keys: keys.clone(),
            username: request.wanted.username.clone(),
            timezone: request.timezone.clone(),
        },
        setting: Setting {
            virt_type,
            folder: storage.deployment_folder(&id.name),
            login_keys: keys,
        },
        record: Some(record),
        ui: ui.clone(),
        lease_lost: Box::new(move || watched.as_ref().is_some_and(|lease| lease.lost())),
    });
    Ok(Prepared {
        session,
        deployment,
        plan,
        tools,
        subnets,
        lease,
        actual,
    })
}

/// The network file: the flag's, else the one that the deployment was made with, else infrared's default.
fn network_of(request: &Request, record: Option<&Record>) -> String {
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

fn load(
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
        image_mirror_url: None,
    };
    let topology = topology::load(&wanted, &variables)?;
    let unsupported = topology.unsupported();
    if unsupported.is_empty() {
        Ok(topology)
    } else {
        Err(unsupported)
    }
}

/// The record as it must be before anything else is done.
fn record_of(
    deployment: &Deployment,
    present: Option<&Record>,
    network: String,
    starts: &[Action],
) -> Result<Record> {
    let mut record = match present {
        Some(record) => record.clone(),
        None => Record::new(
            &deployment.id.name,
            deployment.id.uuid,
            deployment.slot.clone(),
            who(),
        )?,
    };
    record.slot = deployment.slot.clone();
    record.network = Some(network);
    // A node that is started anew is waited for anew.
    record
        .ready
        .retain(|name| !starts.iter().any(|action| action.name == *name));
    if deployment.extend.is_some() {
        record.extend.clone_from(&deployment.extend);
    }
    Ok(record)
}

/// Looks for the base image, when a disk is to lie over it.
fn locate_image(
    request: &Request,
    host: &crate::remote::Host,
    deployment: &Deployment,
    actual: &Actual,
) -> Result<Option<Located>> {
    let volumes = actual.volumes(&deployment.id.name);
    let overlays = deployment
        .nodes
        .iter()
        .filter(|node| node.has_os)
        .filter_map(|node| node.disks.first());
    let needed = overlays
        .into_iter()
        .any(|disk| !volumes.contains_key(&disk.volume));
    let wanted = needed || request.force_download;
    wanted
        .then(|| {
            image::locate::locate(
                host,
                &deployment.image,
                &deployment.storage,
                request.force_download,
            )
        })
        .transpose()
}

fn plan(
    request: &Request,
    deployment: &Deployment,
    record: &Record,
    present: Option<&Record>,
    actual: &Actual,
    defined: &BTreeSet<String>,
    located: Option<&Located>,
) -> Result<Plan, Problems> {
    let mut problems = Problems::default();
    let mut actions = Vec::new();
    let mut take = |result: Result<Vec<_>, Problems>| match result {
        Ok(found) => actions.extend(found),
        Err(found) => problems.append(found),
    };
    let volumes = actual.volumes(&deployment.id.name);
    take(steps::host::diff::converge(
        deployment,
        record,
        present,
        &actual.pools,
        actual.facts.uuid,
    ));
    take(steps::networks::diff::converge(deployment, &actual.networks));
    take(Ok(located
        .map(|located| located.actions(&deployment.id.host, request.force_download))
        .unwrap_or_default()));
    take(steps::disks::diff::converge(deployment, &volumes, defined));
    take(steps::domains::diff::converge(deployment, &actual.domains));
    take(Ok(steps::start::converge(
        &deployment.nodes,
        &actual.domains,
        request.wanted.start,
        &deployment.id.host,
    )));
    if problems.is_empty() {
        Ok(Plan::new(actions))
    } else {
        Err(problems)
    }
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
            nodes.push(report::NodeReport {
                name: node.name.clone(),
                node_type: node.node_type.clone(),
                index: node.index,
                host: deployment.id.host.clone(),
                state: "absent",
                ip: node.address(),
                ready: false,
                has_os: node.has_os,
            });
        }
    }
    nodes.sort_by(|a, b| (&a.node_type, a.index).cmp(&(&b.node_type, b.index)));
    nodes
}
