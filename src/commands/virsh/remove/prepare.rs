//! What a removal starts from: connections, leases, what is there, and what of it goes.

use super::super::connect::{not_named, open};
use super::super::fleet::{Crew, Each};
use super::super::input::Request;
use super::super::mode::Mode;
use super::super::removal::{self, Laid, Removal};
use super::super::report::{self, NodeReport};
use super::super::{Session, first_boot, joined, lease, on_node};
use crate::actual::{self, Actual};
use crate::apply::{self, Tools};
use crate::deployment::Identity;
use crate::error::{Exit, Fault};
use crate::fleet::{self, Found};
use crate::lease::Lease;
use crate::names::DEFAULT_DEPLOYMENT;
use crate::plan::{Later, Plan};
use crate::remote::Host;
use crate::steps::disks::Materials;
use crate::steps::disks::stored::{self, Stored};
use crate::steps::domains::read::ActualDomain;
use crate::steps::domains::template::Setting;
use crate::steps::host::check::check_switch_of;
use crate::ui::Ui;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// What a removal on one hypervisor starts from.
pub(super) struct Prepared {
    pub(super) session: Arc<Session>,
    pub(super) request: Request,
    pub(super) id: Identity,
    pub(super) actual: Actual,
    pub(super) plan: Plan,
    pub(super) held: BTreeMap<String, String>,
    pub(super) laid: BTreeMap<String, Laid>,
    pub(super) going: BTreeSet<String>,
    pub(super) tools: Arc<Tools>,
    _leases: Vec<Arc<Lease>>,
}

impl Prepared {
    /// The nodes as they are.
    pub(super) fn nodes(&self) -> Vec<NodeReport> {
        let record = self.actual.facts.record.as_ref();
        let ready = record.map(|record| record.ready.clone()).unwrap_or_default();
        report::nodes(&self.actual, &self.id, &ready)
    }
}

/// A hypervisor, and what is on it.
struct Site {
    /// The request to it.
    request: Request,
    session: Session,
    leases: Vec<Arc<Lease>>,
    actual: Actual,
    id: Identity,
}

impl Site {
    fn read(&mut self) -> Result<()> {
        let storage = &self.request.wanted.storage;
        let read = || {
            actual::read(
                &self.session.host,
                &self.session.libvirt,
                storage,
                self.request.deployment(),
            )
        };
        self.actual = self.explained(read)?;
        Ok(())
    }

    /// What is behind a failure goes on top of it.
    fn explained<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        work().map_err(|error| apply::explain_lost((&self.session.host, &self.session.libvirt), error))
    }

    /// Who the deployment is here. When the record is gone, the workspace may still know whose the marks are.
    fn identify(&mut self) {
        let request = &self.request;
        self.id = self
            .actual
            .identity(request.deployment(), request.prefix.as_deref(), request.host());
        let Some(known) = request
            .known
            .as_ref()
            .filter(|known| known.deployment == self.id.name)
        else {
            return;
        };
        let here = known.hosts.iter().find(|host| host.address == self.id.host);
        let uuid = here.and_then(|host| host.uuid).unwrap_or(known.uuid);
        if self.actual.facts.record.is_none() && self.actual.domains_of(uuid).next().is_some() {
            self.id.uuid = uuid;
        }
    }

    fn found(&self) -> Found<'_> {
        Found {
            host: &self.id.host,
            uuid: self.id.uuid,
            record: self.actual.facts.record.as_ref(),
            is_marked: false,
        }
    }
}

/// Connects, reads and plans, for all hypervisors; changes nothing but the leases.
///
/// # Errors
/// See the exit codes.
pub(super) fn prepare(request: &Request, crew: &mut Crew, ui: &Ui) -> Result<Each<Prepared>> {
    let connected = connect(request, crew, ui)?;
    let mut sites = crew.each(connected, |at, (session, leases)| {
        let to_it = session.at_its_folder(&request.to(at));
        let lost = |error| apply::explain_lost((&session.host, &session.libvirt), error);
        let request = to_it.map_err(lost)?;
        let mut site = Site {
            id: Actual::default().identity(request.deployment(), None, request.host()),
            actual: Actual::default(),
            request,
            session,
            leases,
        };
        site.read()?;
        Ok(site)
    })?;
    let mut silent = Vec::new();
    if request.mode == Mode::CleanupAll && !request.dry_run {
        sites = lease_all(sites, crew, ui)?;
    }
    if request.mode != Mode::CleanupAll {
        sites.iter_mut().for_each(|(_, site)| site.identify());
        let found: Vec<Found<'_>> = sites.iter().map(|(_, site)| site.found()).collect();
        fleet::one_environment(request.deployment(), &found)?;
        let mut absent = fleet::absent(&found);
        absent.retain(|member| !request.forgotten.contains(&member.address));
        not_named(request, &absent, crew)?;
        silent = absent;
    } else {
        sites.iter_mut().for_each(|(_, site)| site.identify());
    }
    if request.mode == Mode::Kill && request.prefix.is_none() && request.known.is_none() {
        confirm_default(request, &sites, ui)?;
    }
    let removed = crew.each(sites, |_, site| {
        let removal = site.explained(|| removal_on(&site))?;
        Ok((site, removal))
    })?;
    if let Mode::RemoveNodes(names) = &request.mode {
        let all: Vec<_> = removed
            .iter()
            .map(|(_, (site, removal))| (&site.id, &site.actual, removal))
            .collect();
        removal::check_known(names, &all, &silent)?;
    }
    let halt = crew.halt();
    Ok(removed
        .into_iter()
        .map(|(at, (site, removal))| (at, with_tools(site, removal, Arc::clone(&halt), crew.ui(at))))
        .collect())
}

/// The leases on all deployments that are there, on one hypervisor after the other in an order that is the same for every
/// run.
fn lease_all(mut sites: Each<Site>, crew: &mut Crew, ui: &Ui) -> Result<Each<Site>> {
    sites.sort_by_key(|(_, site)| site.actual.facts.uuid);
    let leased = sites.into_iter().map(|(at, mut site)| {
        let lease = || -> Result<()> {
            // A run that has just begun has made nothing yet.
            let leased = site.actual.facts.leased.iter().map(String::as_str);
            let names: BTreeSet<&str> = site.actual.deployments().into_iter().chain(leased).collect();
            let mut leases = Vec::new();
            for name in names {
                leases.push(lease(&site.request, &site.session.host, name, ui)?);
            }
            site.leases.extend(leases);
            // A run that ended meanwhile may have made something.
            site.read()
        };
        let result = { lease }();
        (at, result.map(|()| site))
    });
    let mut sites = crew.sort(leased.collect())?;
    sites.sort_by_key(|(at, _)| *at);
    Ok(sites)
}

/// What goes from one hypervisor.
fn removal_on(site: &Site) -> Result<Removal> {
    let Site {
        request,
        session,
        actual,
        id,
        ..
    } = site;
    let storage = &request.wanted.storage;
    if !request.dry_run {
        // Nobody else is at work on them now: what a lost run left to go on is for nothing.
        let names = actual.deployments();
        let all = names.iter().copied().filter(|_| request.mode == Mode::CleanupAll);
        for name in all.chain([request.deployment()]) {
            session.host.end_jobs(&storage.deployment_folder(name))?;
        }
    }
    let stored = behind(request, &session.host, session, id, actual)?;
    Ok(match &request.mode {
        Mode::RemoveNodes(names) => removal::nodes(request, names, id, actual, &stored),
        Mode::Kill => {
            check_switch_of(actual.networks_of(id.uuid), &actual.facts, &id.host)?;
            removal::deployment(request, id, actual, &stored)
        }
        _ => {
            let ours = actual.networks.iter().filter(|network| network.owner.is_some());
            check_switch_of(ours, &actual.facts, &id.host)?;
            let earlier = match request.with_storage {
                true => removal::going::noted(&session.host)?,
                false => BTreeSet::new(),
            };
            removal::everything(request, id, actual, &stored, &earlier)
        }
    })
}

fn with_tools(site: Site, removal: Removal, halt: Arc<AtomicBool>, ui: Ui) -> Prepared {
    let Site {
        request,
        session,
        leases,
        actual,
        id,
    } = site;
    removal.notes.iter().for_each(|note| ui.warn(note));
    let storage = &request.wanted.storage;
    let plan = Plan {
        later: told(&request, &actual, &id),
        ..Plan::new(removal.actions)
    };
    let watched = leases.clone();
    let tools = Arc::new(Tools {
        host: session.host.clone(),
        libvirt: session.libvirt.clone(),
        id: id.clone(),
        storage: storage.clone(),
        record: None,
        bases: Mutex::default(),
        customized: Mutex::default(),
        materials: Materials::default(),
        setting: Setting {
            virt_type: "qemu",
            folder: storage.deployment_folder(&id.name),
            login_keys: Vec::new(),
        },
        ui,
        subnets: Mutex::default(),
        lease_lost: Box::new(move || watched.iter().any(|lease| lease.lost())),
        halt,
    });
    Prepared {
        session: Arc::new(session),
        request,
        id,
        actual,
        plan,
        held: removal.held,
        laid: removal.laid,
        going: removal.going,
        tools,
        _leases: leases,
    }
}

/// The nodes that stay and are told which ones go.
fn told(request: &Request, actual: &Actual, id: &Identity) -> Vec<Later> {
    let facts = &actual.facts;
    let (Mode::RemoveNodes(names), Some(before), Some(record)) =
        (&request.mode, &facts.blueprint, &facts.record)
    else {
        return Vec::new();
    };
    let names: BTreeSet<String> = actual.full_names(names, id).into_keys().collect();
    first_boot::later(
        (Some(before), &before.without(&names)),
        record,
        &id.host,
        |name| !names.contains(name) && on_node::answers(name, actual),
    )
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
fn connect(request: &Request, crew: &mut Crew, ui: &Ui) -> Result<Each<(Session, Vec<Arc<Lease>>)>> {
    let one = !request.dry_run && request.mode != Mode::CleanupAll;
    if crew.is_several() {
        let opened = open(request, crew, one, ui)?.into_iter();
        return Ok(opened
            .map(|(at, ((session, _), lease))| (at, (session, lease.into_iter().collect())))
            .collect());
    }
    let host = &Host::connect(request.host(), request.client())?;
    std::thread::scope(|scope| {
        let lease = one.then(|| scope.spawn(|| lease(request, host, request.deployment(), ui)));
        let session = Session::on(host.clone());
        let lease = lease.map(joined).transpose()?;
        Ok(vec![(0, (session?, lease.into_iter().collect()))])
    })
}

/// Without a prefix and without a workspace it must be said which deployment is meant.
fn confirm_default(request: &Request, sites: &Each<Site>, ui: &Ui) -> Result<()> {
    let names: BTreeSet<&str> = sites
        .iter()
        .flat_map(|(_, site)| site.actual.deployments())
        .collect();
    let hosts: Vec<&str> = request.ways.all.iter().map(|way| way.host.as_str()).collect();
    let hosts = hosts.join("' and '");
    if names.is_empty() || request.dry_run || request.yes {
        return Ok(());
    }
    let list = names.iter().copied().collect::<Vec<_>>().join(", ");
    if names.contains(DEFAULT_DEPLOYMENT) {
        ui.note(&format!("deployments on '{hosts}': {list}"));
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
    .hint(match names.contains(DEFAULT_DEPLOYMENT) {
        true => format!(
            "on '{hosts}' there are: {list}; name one with --prefix, or confirm the one called 'default' with --yes"
        ),
        false => format!("on '{hosts}' there are: {list}; name one with --prefix"),
    })
    .into())
}
