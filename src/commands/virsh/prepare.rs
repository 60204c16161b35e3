//! Everything that is known and checked before the first change.

use super::Session;
use super::connect::{Site, choose, connect};
use super::facts::login_keys;
use super::fleet::{Crew, Each};
use super::input::Request;
use super::ironic::{self as for_ironic};
use super::seating::{self, Seated};
use super::{customize, first_boot, first_contact, images, on_node};
use crate::actual::Actual;
use crate::apply::{self, Tools};
use crate::blueprint::Blueprint;
use crate::converge::Goal;
use crate::deployment::{Deployment, Disk, Home};
use crate::lease::{self, Lease};
use crate::plan::Plan;
use crate::steps::disks::{Materials, outside};
use crate::steps::domains::template::Setting;
use crate::steps::host::access::stack;
use crate::steps::host::capabilities;
use crate::steps::host::check::{self, Limits};
use crate::steps::host::diff::base_pool;
use crate::steps::host::record::Record;
use crate::steps::host::virtualization;
use crate::steps::image::locate::Inspected;
use crate::steps::image::{self, Located};
use crate::steps::start::restart;
use crate::steps::{self, start};
use crate::topology;
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// What a run starts from.
pub struct Prepared {
    /// The connections.
    pub session: Session,
    /// What must be there.
    pub deployment: Deployment,
    /// What is to be done.
    pub plan: Plan,
    /// With what.
    pub tools: Arc<Tools>,
    /// The lease on the deployment.
    pub lease: Option<Arc<Lease>>,
    /// What is there.
    pub actual: Actual,
}

/// Connects, reads, resolves, checks and plans, for all hypervisors; changes nothing but the leases.
///
/// # Errors
/// See the exit codes.
pub fn prepare(request: &Request, crew: &mut Crew, ui: &Ui) -> Result<Each<Prepared>> {
    let connected = connect(request, crew, ui)?;
    let chosen = choose(request, connected, crew)?;
    let seated = seating::seat(request, chosen, crew, ui)?;
    let (uis, halt) = (|at| crew.ui(at), crew.halt());
    let uis: BTreeMap<usize, Ui> = seated.iter().map(|(at, _)| (*at, uis(*at))).collect();
    crew.each(seated, |at, seated| {
        let (host, libvirt) = (
            seated.site.session.host.clone(),
            seated.site.session.libvirt.clone(),
        );
        plan_on(seated, Arc::clone(&halt), &uis[&at])
            .map_err(|error| apply::explain_lost((&host, &libvirt), error))
    })
}

fn plan_on(seated: Seated, halt: Arc<AtomicBool>, ui: &Ui) -> Result<Prepared> {
    let Seated {
        site,
        known,
        mut deployment,
        fleet,
        secret,
        ironic,
        network,
    } = seated;
    let Site {
        request,
        session,
        ground,
        lease,
        subnets,
        inspected,
        actual,
        id,
    } = site;
    let request = &request;
    let folder = request.wanted.storage.deployment_folder(&id.name);
    let known = known.as_ref().unwrap_or(&actual);
    if let Some(before) = &actual.facts.blueprint {
        before.recall(&mut deployment);
    }
    for node in &mut deployment.nodes {
        node.virt_type = request.virt_type.said();
    }
    let outside = outside::look(&session.host, &mut deployment, known)?;
    let is_new = |name: &str| !actual.defines(deployment.id.uuid, name);
    let untold = first_boot::untold(&request.guest, &deployment, is_new);
    deployment
        .notes
        .iter()
        .chain(&untold)
        .for_each(|note| ui.note(note));
    deployment.warnings.iter().for_each(|warning| ui.warn(warning));
    let starts = start::converge(&deployment.nodes, &actual.domains, &id.host);
    let mut restarts = request
        .restart
        .map(|deadline| restart::converge(&deployment, &actual.domains, deadline))
        .unwrap_or_default();
    start::check::check(&deployment, &actual, &restarts, request.memory_overcommit)?;
    let starting: BTreeSet<&str> = starts.iter().chain(&restarts).map(|a| a.name.as_str()).collect();
    let mut record = record_of(&deployment, &actual, network, &starting)?;
    record.fleet = fleet;
    if let Some(secret) = secret {
        record.secret = secret;
    }
    deployment.ssh_limits = request.ssh_limits;
    let (blueprint, blueprint_is_new) = blueprint_of(&mut deployment, &actual, request.stack_user)?;
    let several = request.is_of_several();
    let hosts = first_boot::hosts(&deployment, &blueprint, &actual, &mut record);
    let handed = for_ironic::prepare(&deployment, &blueprint, &actual, &mut record, (&ironic, several));
    handed.notes.iter().for_each(|note| ui.note(note));
    handed.warnings.iter().for_each(|warning| ui.warn(warning));
    let answers = |name: &str| on_node::will_answer(name, (&deployment, &actual), &starting);
    let blueprints = (actual.facts.blueprint.as_ref(), &blueprint);
    let mut later = first_boot::later(blueprints, &record, &id.host, answers);
    later.extend(handed.later.into_iter().filter(|later| answers(&later.node)));
    let before = actual.facts.record.as_ref();
    if before.is_some_and(|before| blueprint_is_new || *before != record) {
        record.touch()?;
    }
    for note in steps::host::openvswitch::diff::notes(&deployment, &actual.facts) {
        ui.note(&note);
    }
    let mut volumes = actual.volumes(&id.name);
    volumes.extend(outside.sizes);
    let mut damaged = actual.facts.damaged.clone();
    damaged.extend(outside.damaged);
    outside.given.iter().for_each(|warning| ui.warn(warning));
    let crowded = outside.rooms.check(&id.host)?;
    crowded.iter().for_each(|warning| ui.warn(warning));
    let (virt_type, located) = check_host(request, &session, &deployment, &actual, &volumes, inspected, ui)?;
    let lost = |work: &image::Work| image::lost::reason(&actual.facts.lost_bases, work, &deployment);
    let images = located
        .values()
        .flat_map(|located| located.actions(&id.host, request.force_download, &lost));
    let goal = Goal {
        deployment: &deployment,
        record: &record,
        blueprint: blueprint_is_new.then_some(&blueprint),
        actual: &actual,
        volumes: &volumes,
        damaged: &damaged,
    };
    if request.restart.is_some() {
        restarts.extend(goal.restarts_of_networks());
    }
    let outlook = customize::outlook(request, &session, (&deployment, &actual), &volumes, &located)?;
    let images = images.chain(outlook.actions);
    let others = images.chain(first_contact::actions(&session.host, ui)?);
    let mut plan = goal
        .plan(others.collect(), restarts)
        .map_err(Problems::into_fault)?;
    if !plan.is_empty() {
        ground.warnings().for_each(|warning| ui.warn(&warning));
    }
    // Only a dry run comes here with something to do on the ground.
    if !ground.actions.is_empty() {
        plan = Plan::new([ground.actions, plan.actions].concat());
    }
    plan.later = later;
    let cached = located.into_iter().filter_map(|(source, located)| match located {
        Located::Cached(base) => Some((source, base)),
        Located::Missing(_) => None,
    });
    let keys = login_keys(request, &session.host, &id, &actual, &record)?;
    let watched = lease.clone();
    let tools = Arc::new(Tools {
        host: session.host.clone(),
        libvirt: session.libvirt.clone(),
        storage: request.wanted.storage.clone(),
        bases: Mutex::new(cached.collect()),
        customized: Mutex::new(outlook.there),
        materials: Materials {
            bases: BTreeMap::new(),
            customized: BTreeMap::new(),
            login_keys: keys.clone(),
            username: request.wanted.username.clone(),
            timezone: request.guest.timezone.clone(),
            locale: request.guest.locale.clone(),
            certificates: Arc::new(first_boot::certificates(&request.guest, &plan)?),
            hosts: Arc::new(hosts),
            handed: handed.to,
        },
        setting: Setting {
            virt_type,
            folder,
            login_keys: keys,
        },
        record: Some(record),
        ui: ui.clone(),
        subnets: Mutex::new(subnets),
        lease_lost: Box::new(move || watched.as_ref().is_some_and(|lease| lease.lost())),
        halt,
        id,
    });
    Ok(Prepared {
        session,
        deployment,
        plan,
        tools,
        lease,
        actual,
    })
}

/// The record as it must be before anything else is done.
fn record_of(
    deployment: &Deployment,
    actual: &Actual,
    network: String,
    starting: &BTreeSet<&str>,
) -> Result<Record> {
    let mut record = match &actual.facts.record {
        Some(record) => record.clone(),
        None => {
            let mut record = Record::new(
                &deployment.id.name,
                deployment.id.uuid,
                deployment.slot.clone(),
                lease::who(),
            )?;
            // A lost record: nobody can tell any more which of the nodes were ready; those that run count as such.
            let running = actual
                .domains_of(deployment.id.uuid)
                .filter(|domain| domain.state.is_running());
            record.ready = running.map(|domain| domain.name.clone()).collect();
            record
        }
    };
    record.slot = deployment.slot.clone();
    record.network = Some(topology::fetch::kept(&network));
    let disks = deployment.nodes.iter().flat_map(|node| &node.disks);
    let outside = disks.filter(|disk| matches!(disk.home, Home::Folder(_)));
    record.files.extend(outside.map(Disk::key));
    // A node that is started anew is waited for anew.
    record.ready.retain(|name| !starting.contains(name.as_str()));
    if let Some(targets) = &deployment.extend {
        record.extend.get_or_insert_default().extend(targets.clone());
    }
    Ok(record)
}

/// The blueprint as it must be before anything else is done, and whether it is not yet. What the nodes of the whole
/// deployment need of the host is known by it.
fn blueprint_of(deployment: &mut Deployment, actual: &Actual, stack_user: bool) -> Result<(Blueprint, bool)> {
    let before = actual.facts.blueprint.as_ref();
    let pool = base_pool(&deployment.storage, &actual.pools).map(|pool| pool.name.as_str());
    let defined = actual
        .domains_of(deployment.id.uuid)
        .map(|domain| domain.name.clone());
    let mut blueprint = Blueprint::after(
        deployment,
        before,
        pool.unwrap_or(&deployment.storage.pool),
        &defined.collect(),
    );
    deployment.stack = stack_user && stack::is_wanted(&blueprint.nodes);
    blueprint.stack = deployment.stack;
    let same = before
        .map(|before| before.says_the_same(&blueprint))
        .transpose()?;
    let is_new = same != Some(true);
    Ok((blueprint, is_new))
}

/// Checks whether the hypervisor can carry what is new: how guests run, and where the base image is.
fn check_host(
    request: &Request,
    session: &Session,
    deployment: &Deployment,
    actual: &Actual,
    volumes: &BTreeMap<String, u64>,
    inspected: Option<Result<Inspected>>,
    ui: &Ui,
) -> Result<(&'static str, images::Images)> {
    let facts = &actual.facts;
    let names = deployment.nodes.iter().map(|node| node.name.clone());
    let new: BTreeSet<String> = names
        .filter(|name| !actual.defines(deployment.id.uuid, name))
        .collect();
    check::check_folder(deployment, facts)?;
    check::check_programs(deployment, &new, facts)?;
    let mut virt_type = "kvm";
    let turned = virtualization::turned(deployment, &actual.domains);
    if !new.is_empty() || !turned.is_empty() {
        check::check_guests(facts, &deployment.id.host)?;
        let (wanted, validate) = (request.virt_type, request.validate);
        let (chosen, warning) =
            virtualization::choose(wanted, validate, facts, &session.libvirt, &session.host)?;
        virt_type = chosen;
        warning.into_iter().for_each(|text| ui.warn(&text));
    }
    let mut asked = new.clone();
    asked.extend(capabilities::unproven(deployment, &actual.domains));
    asked.extend(turned);
    if !asked.is_empty() {
        capabilities::check(deployment, &asked, facts, &session.libvirt, virt_type)?
            .iter()
            .filter(|_| !new.is_empty())
            .for_each(|note| ui.note(note));
    }
    let forced = request.force_download || !facts.lost_bases.is_empty();
    let mut located =
        images::located_and_held(request, &session.host, (deployment, forced), volumes, inspected)?;
    image::lost::bring_back(deployment, actual, &mut located, request.force_download)?
        .iter()
        .for_each(|warning| ui.warn(warning));
    located
        .values()
        .filter_map(Located::unprotected)
        .for_each(|warning| ui.warn(&warning));
    let disks = deployment
        .nodes
        .iter()
        .filter(|node| new.contains(&node.name))
        .flat_map(|node| &node.disks);
    for disk in disks.filter(|disk| disk.is_ours()) {
        let located = disk.image.as_ref().and_then(|image| located.get(image));
        if let Some(virtual_size) = located.and_then(Located::virtual_size) {
            image::Base::check_fits(virtual_size, disk)?;
        }
    }
    let limits = Limits {
        memory_overcommit: request.memory_overcommit,
    };
    check::check(deployment, &new, facts, &located, limits)?
        .iter()
        .for_each(|warning| ui.warn(warning));
    Ok((virt_type, located))
}
