//! After the changes: waiting for the nodes, noting who is ready, writing the outputs.

use super::facts::{Part, is_direct, login_key, write_outputs};
use super::first_boot;
use super::fleet::{self, Crew, Each};
use super::input::Request;
use super::ironic;
use super::on_node::OnNode;
use super::persist::is_lost;
use super::prepare::Prepared;
use super::report::{self, Report};
use super::{Session, blocking};
use crate::actual::{self, Actual};
use crate::apply::{self, Tools};
use crate::deployment::Deployment;
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::lease::Lease;
use crate::plan::{Change, Later};
use crate::ready::{self, Target};
use crate::ssh::node::NodeKey;
use crate::steps;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::record::Record;
use crate::steps::start::fallen::last_words;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// One hypervisor after its changes.
struct Settling {
    session: Session,
    deployment: Deployment,
    tools: Arc<Tools>,
    actual: Actual,
    record: Record,
    /// What the plan says that nodes are told.
    later: Vec<Later>,
    /// Held until all is done.
    _lease: Option<Arc<Lease>>,
}

impl Settling {
    /// What was read before a run that changed nothing is not read again.
    async fn after(prepared: Prepared) -> Result<Settling> {
        let Prepared {
            session,
            deployment,
            plan,
            tools,
            lease,
            actual,
        } = prepared;
        let actual = match plan.is_empty() {
            true => actual,
            false => read(&session, &deployment).await?,
        };
        let record = match &actual.facts.record {
            Some(record) => record.clone(),
            None => return Err(Fault::new(Exit::Failed, "the deployment's record is gone").into()),
        };
        Ok(Settling {
            session,
            deployment,
            tools,
            actual,
            record,
            later: plan.later,
            _lease: lease,
        })
    }

    fn part(&self, at: usize) -> Part<'_> {
        Part {
            at,
            host: &self.session.host,
            id: &self.deployment.id,
            actual: &self.actual,
            record: Some(&self.record),
        }
    }
}

async fn read(session: &Session, deployment: &Deployment) -> Result<Actual> {
    let (host, libvirt) = (session.host.clone(), session.libvirt.clone());
    let (storage, name) = (deployment.storage.clone(), deployment.id.name.clone());
    blocking(move || actual::read(&host, &libvirt, &storage, &name)).await
}

/// After the changes: waits for the nodes, notes who is ready, writes the outputs; what nodes are told joins the `changes`.
///
/// # Errors
/// What failed on a hypervisor; that nodes did not get ready is the second half of the answer.
pub async fn settle(
    request: &Request,
    prepared: Each<Prepared>,
    crew: &mut Crew,
    changes: &mut Vec<Change>,
) -> Result<(Report, Result<()>)> {
    let after = prepared.into_iter().map(async |(at, one)| {
        let tools = Arc::clone(&one.tools);
        (at, explained(Settling::after(one).await, &tools).await)
    });
    let sites = crew.sort(fleet::all(after.collect()).await)?;
    let parts = |sites: &'_ Each<Settling>| -> Result<()> {
        let parts: Vec<Part<'_>> = sites.iter().map(|(at, site)| site.part(*at)).collect();
        write_outputs(request.place(), &parts).map(drop)
    };
    parts(&sites)?;
    interrupt::point("outputs");
    let totals = totals(&sites);
    let is_whole = crew.failed().next().is_none();
    let waits = sites.into_iter().map(async |(at, mut site)| {
        let tools = Arc::clone(&site.tools);
        let settled = settle_one(&request.to(at), &mut site, (&totals, is_whole)).await;
        (
            at,
            explained(settled.map(|settled| (site, settled)), &tools).await,
        )
    });
    let waited = crew.sort(fleet::all(waits.collect()).await)?;
    let (mut sites, mut results, mut is_new) = (Vec::new(), Vec::new(), false);
    for (at, (site, settled)) in waited {
        is_new |= settled.waited && !site.actual.lan.is_empty();
        changes.extend(settled.told);
        results.push((at, settled.result));
        sites.push((at, site));
    }
    if is_new {
        // What they are given out there is known only now.
        parts(&sites)?;
    }
    let nodes = sites
        .iter()
        .flat_map(|(_, site)| report::nodes(&site.actual, &site.deployment.id, &site.record.ready));
    let networks = sites
        .iter()
        .flat_map(|(_, site)| report::networks(&site.actual, &site.deployment.id));
    let report = Report::new(request, request.deployment(), nodes.collect()).networks(networks);
    let mut result = unready(results, crew);
    if result.is_ok() && interrupt::requested() {
        result = Err(apply::stopped());
    }
    Ok((report.left_out(crew), result))
}

/// What is behind a failure goes on top of it.
async fn explained<T: Send + 'static>(result: Result<T>, tools: &Arc<Tools>) -> Result<T> {
    let Err(error) = result else { return result };
    let tools = Arc::clone(tools);
    blocking(move || Err(apply::explain(&tools, error))).await
}

/// The first failure of nodes to get ready; the others are told.
fn unready(results: Each<Result<()>>, crew: &Crew) -> Result<()> {
    let failures = results
        .into_iter()
        .filter_map(|(at, result)| Some((at, result.err()?)));
    let mut failures: Each<anyhow::Error> = failures.collect();
    // What comes of a lost connection is tried again.
    failures.sort_by_key(|(_, error)| !is_lost(error));
    let mut failures = failures.into_iter();
    let Some((_, first)) = failures.next() else {
        return Ok(());
    };
    for (at, error) in failures.filter(|(_, error)| !apply::is_stop(error)) {
        crew.ui(at).warn(&fleet::in_a_line(&error));
    }
    Err(first)
}

/// How many nodes of each file there are on all hypervisors.
fn totals(sites: &Each<Settling>) -> BTreeMap<String, usize> {
    let mut totals = BTreeMap::new();
    for (_, site) in sites {
        let domains = site.actual.domains_of(site.deployment.id.uuid);
        for mark in domains.filter_map(|domain| domain.mark.as_ref()) {
            *totals.entry(mark.file_name.clone()).or_default() += 1;
        }
    }
    totals
}

/// What waiting came to.
struct Settled {
    /// Whether there was a node to wait for.
    waited: bool,
    /// What nodes were told.
    told: Vec<Change>,
    /// What is wrong with the nodes.
    result: Result<()>,
}

async fn settle_one(
    request: &Request,
    site: &mut Settling,
    (totals, is_whole): (&BTreeMap<String, usize>, bool),
) -> Result<Settled> {
    let Settling {
        session,
        deployment,
        tools,
        actual,
        record,
        later,
        ..
    } = site;
    let id = &deployment.id;
    let mut told = Vec::new();
    let targets = targets(request, deployment, actual, record);
    let waited = !targets.is_empty();
    let key = NodeKey::new(login_key(&request.workspace, id, actual, record)?.private_openssh);
    let (ready, mut result) = ready::wait(targets, tools, &key, request.timeout).await;
    if (tools.lease_lost)() {
        // Another run may be at work by now: nothing more is written.
        result?;
        return Err(apply::lease_lost(tools).into());
    }
    let on_lan = |name: &String| {
        actual
            .domains_of(id.uuid)
            .any(|d| d.name == *name && actual.on_lan(d).is_some())
    };
    record.lan.extend(actual.lan.clone());
    record
        .lan
        .extend(ready.iter().filter(|(name, _)| on_lan(name)).cloned());
    record.ready.extend(ready.into_iter().map(|(name, _)| name));
    let names: BTreeSet<String> = actual
        .domains_of(id.uuid)
        .map(|domain| domain.name.clone())
        .collect();
    record.ready.retain(|name| names.contains(name));
    record.lan.retain(|name, _| names.contains(name));
    record.handed.retain(|name, _| names.contains(name));
    record.hosts.retain(|name, _| names.contains(name));
    if result.is_ok() {
        result = give_keys(session, actual, record, (&key, request.timeout), (later, tools))
            .await
            .map(|given| told.extend(given));
    }
    if result.is_ok() {
        let way = (&key, request.timeout);
        result = first_boot::tell(session, actual, record, way, (later, &tools.ui))
            .await
            .map(|hosts| told.extend(hosts));
    }
    if result.is_ok() {
        result = check_blank_nodes(request, deployment, actual, tools);
    }
    if result.is_ok() {
        forget_extends(request, deployment, (totals, is_whole), record);
    }
    if Some(&*record) != actual.facts.record.as_ref() {
        let (host, folder, record) = (session.host.clone(), tools.setting.folder.clone(), record.clone());
        blocking(move || steps::host::apply::write_record(&host, &folder, &record)).await?;
    }
    if waited {
        *actual = read(session, deployment).await?;
    }
    Ok(Settled { waited, told, result })
}

/// Tells underclouds that are there the key of the user that Ironic powers nodes as; one that is not reached is told by
/// the next run.
async fn give_keys(
    session: &Session,
    actual: &Actual,
    record: &mut Record,
    (key, timeout): (&NodeKey, Duration),
    (later, tools): (&[Later], &Arc<Tools>),
) -> Result<Vec<Change>> {
    let mut done = Vec::new();
    for (name, handed) in &tools.materials.handed {
        if record.handed.get(name) == Some(&handed.digest()) {
            continue;
        }
        let Some(node) = OnNode::find(name, session, (actual, record), (key, timeout)) else {
            continue;
        };
        let told = handed.clone();
        let given = blocking(move || node.log_in(|session| ironic::give(session, &told, &node.user)));
        match given.await {
            Ok(()) => {
                tools
                    .ui
                    .note(&format!("{name} has the key of the user stack now"));
                record.handed.insert(name.clone(), handed.digest());
                let of_plan = later
                    .iter()
                    .filter(|later| later.node == *name && later.file == ironic::KEY);
                done.extend(of_plan.map(Later::change));
            }
            Err(error) if interrupt::requested() => return Err(error),
            Err(error) => tools.ui.warn(&format!(
                "{name} could not be given the key of the user stack, the next run tries again: {}",
                fleet::in_a_line(&error)
            )),
        }
    }
    Ok(done)
}

/// The nodes to wait for: those with an OS that should run and were never ready since they were last started, or that
/// run no more.
fn targets(request: &Request, deployment: &Deployment, actual: &Actual, record: &Record) -> Vec<Target> {
    wanted(request, deployment, actual)
        .filter(|domain| !record.ready.contains(&domain.name) || !domain.state.is_running())
        .filter_map(|domain| {
            let mark = domain.mark.as_ref().filter(|mark| mark.has_seed)?;
            let nic = domain.nics.get(mark.external?)?;
            let (address, lan) = (report::address(domain, actual), actual.on_lan(domain));
            if address.is_none() && lan.is_none() {
                return None;
            }
            Some(Target {
                name: domain.name.clone(),
                address,
                lan,
                direct: is_direct(domain, actual),
                by_dhcp: address.is_some_and(|ip| ip.is_ipv4())
                    && mark.address.is_none()
                    && !is_direct(domain, actual),
                network: nic.network.clone().unwrap_or_default(),
                mac: nic.mac.to_string(),
                user: mark.user.clone(),
                host_key: mark.host_key.clone()?,
                serial_file: mark.serial_file.clone(),
            })
        })
        .collect()
}

/// The nodes of this run that should be running.
fn wanted<'a>(
    request: &'a Request,
    deployment: &'a Deployment,
    actual: &'a Actual,
) -> impl Iterator<Item = &'a ActualDomain> {
    actual.domains_of(deployment.id.uuid).filter(|domain| {
        let node = deployment.nodes.iter().find(|node| node.name == domain.name);
        node.is_some_and(|node| request.wanted.start.wants(node.has_os))
    })
}

/// A node without a seed, as one without an OS, is asked nothing, and must run all the same.
///
/// # Errors
/// Naming those that do not, and why.
fn check_blank_nodes(
    request: &Request,
    deployment: &Deployment,
    actual: &Actual,
    tools: &Tools,
) -> Result<()> {
    let blank = |domain: &&ActualDomain| domain.mark.as_ref().is_some_and(|mark| !mark.has_seed);
    let fallen = wanted(request, deployment, actual)
        .filter(blank)
        .filter(|domain| !domain.state.is_running());
    let fallen: Vec<&ActualDomain> = fallen.collect();
    let Some(first) = fallen.first() else {
        return Ok(());
    };
    let list = fallen
        .iter()
        .map(|domain| format!("'{}' is {}", domain.name, domain.state.name()));
    let list: Vec<String> = list.collect();
    let fault = Fault::new(Exit::Failed, format!("nodes do not run: {}", list.join(", ")))
        .hint(ready::hint_for_fallen(tools.setting.virt_type, &first.name));
    match last_words(&tools.host, &first.name) {
        Some(words) => Err(words.context(fault)),
        None => Err(fault.into()),
    }
}

/// Forgets the targets of extends that are complete: this run's own, and those that are met by now.
fn forget_extends(
    request: &Request,
    deployment: &Deployment,
    (totals, is_whole): (&BTreeMap<String, usize>, bool),
    record: &mut Record,
) {
    let Some(targets) = &mut record.extend else { return };
    let count = |file_name: &str| totals.get(file_name).copied().unwrap_or_default();
    let own = |file_name: &str| {
        deployment
            .extend
            .as_ref()
            .is_some_and(|own| own.contains_key(file_name))
    };
    targets.retain(|file_name, target| match request.wanted.extend {
        // One that left a hypervisor out is not complete.
        true => !own(file_name) || !is_whole,
        false => count(file_name) < *target as usize,
    });
    if targets.is_empty() {
        record.extend = None;
    }
}
