//! What a removal takes away, and why. Pure: it looks at what was read.

pub mod going;
mod nodes;
pub mod storage;

pub use nodes::{check_known, nodes};

use super::input::Request;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::plan::{Action, Kind};
use crate::steps::disks::stored::Stored;
use crate::steps::domains::read::{ActualDomain, ActualNic};
use crate::steps::host::access::{limits, stack};
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::openvswitch;
use crate::steps::networks::read::ActualNetwork;
use crate::steps::{disks, domains, host, networks};
use std::collections::{BTreeMap, BTreeSet};
use storage::Holding;

/// What a removal does, and what it says before.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// What is to be done.
    pub actions: Vec<Action>,
    /// What stays that one might not expect to, in words.
    pub notes: Vec<String>,
    /// irs's own files that stay since a domain that stays uses them: file and domain.
    pub held: BTreeMap<String, String>,
    /// The names that are of no node here.
    pub unknown: BTreeSet<String>,
    /// What snapshots laid outside of the pools, by deployment and node: to be noted before anything goes.
    pub laid: BTreeMap<String, Laid>,
    /// The disks of domains of others that go: likewise.
    pub going: BTreeSet<String>,
}

/// What snapshots laid elsewhere, by node.
pub type Laid = BTreeMap<String, BTreeSet<String>>;

/// Removes one deployment: by its marks, its pool and its folder.
pub fn deployment(request: &Request, id: &Identity, actual: &Actual, stored: &Stored) -> Removal {
    let host = &id.host;
    let reason = format!("it belongs to deployment '{}'", id.name);
    let own = names::pool(&id.name);
    let staying = |domain: &&ActualDomain| domain.mark.as_ref().is_none_or(|mark| mark.owner.uuid != id.uuid);
    let used = storage::used(actual.domains.iter().filter(staying), stored);
    let mut holding =
        storage::holding(&id.name, id.uuid, actual, &request.wanted.storage, stored).hold(&used);
    let laid = storage::laid(actual.domains_of(id.uuid), &holding.folder, stored, &used);
    let mut actions = domains::diff::remove(actual.domains_of(id.uuid), &actual.facts, host, &reason);
    keep_with_domains(&mut actions, actual, &holding.folder, stored);
    let of_snapshot = format!("a snapshot of deployment '{}' made it", id.name);
    actions.extend(disks::diff::remove(&own, &holding.volumes, host, &reason));
    actions.extend(disks::diff::remove_stored(
        holding.outside.clone(),
        host,
        &of_snapshot,
    ));
    let mut files = disks::outside::ours(actual, &id.name, id.uuid);
    // A removal that did not come to its end has noted those.
    files.retain(|file| !holding.outside.contains(file) && !holding.held.contains_key(file));
    files.retain(|file| match used.get(file) {
        Some(domain) => {
            holding.held.insert(file.clone(), domain.clone());
            false
        }
        None => true,
    });
    actions.extend(disks::diff::remove_files(files, host, &reason));
    actions.extend(networks::diff::remove(actual.networks_of(id.uuid), host, &reason));
    actions.extend(host::bridges::diff::release(actual, id, Some(id)));
    actions.extend(openvswitch::diff::remove(
        &actual.facts,
        Some(id.uuid),
        host,
        &reason,
    ));
    let pool = actual
        .pools
        .iter()
        .find(|pool| pool.name == own && pool.uuid == id.uuid);
    let others = actual
        .pools
        .iter()
        .any(|pool| pool.name != own && is_deployment_pool(pool, actual.facts.uuid));
    let marked = actual.domains_of(id.uuid).next().is_some();
    let there = pool.is_some() || marked || actual.facts.folders.contains(&own);
    // What is held is found by them the next time.
    if holding.held.is_empty() {
        actions.extend(pool.map(|pool| host::diff::remove(pool, host, &reason)));
        // Before the folder: while that is there, a run after a killed one comes here again.
        let access = &actual.facts.access;
        actions.extend(stack::remove(&access.stack, Some(id.uuid), host));
        if !others {
            actions.extend(limits::restore(access, actual.facts.uuid, host));
            actions.extend(host::diff::remove_base(&actual.pools, actual.facts.uuid, host));
        }
        actions.extend(there.then(|| remove_folder(&holding, host, &reason)));
    }
    let mut notes = cut_off(actual, id);
    notes.extend(there.then(|| strange(&holding)).into_iter().flatten());
    Removal {
        actions,
        notes,
        held: holding.held,
        unknown: BTreeSet::new(),
        laid: BTreeMap::from([(id.name.clone(), laid)]),
        going: BTreeSet::new(),
    }
}

fn remove_folder(holding: &Holding, host: &str, reason: &str) -> Action {
    let others = !holding.strange.is_empty();
    host::diff::remove_folder(&holding.folder, holding.volumes.clone(), others, host, reason)
}

/// What others put into irs's folder.
fn strange(holding: &Holding) -> impl Iterator<Item = String> + '_ {
    let folder = &holding.folder;
    let names = holding.strange.iter();
    names.map(move |name| format!("'{folder}/{name}' is not irs's: it stays, and its folder with it"))
}

/// Which domains that stay lose a network.
fn cut_off(actual: &Actual, id: &Identity) -> Vec<String> {
    let is_of = |network: &ActualNetwork, nic: &ActualNic| {
        let is_in_bridge = nic.bridge.is_some() && nic.bridge == network.bridge;
        nic.network.as_ref() == Some(&network.name)
            || is_in_bridge && network.forward.as_deref() != Some("bridge")
    };
    let staying = |domain: &&ActualDomain| domain.mark.as_ref().is_none_or(|mark| mark.owner.uuid != id.uuid);
    let mut notes = Vec::new();
    for domain in actual.domains.iter().filter(staying) {
        let lost = actual
            .networks_of(id.uuid)
            .filter(|network| domain.nics.iter().any(|nic| is_of(network, nic)));
        let lost: Vec<&str> = lost.map(|network| network.name.as_str()).collect();
        if !lost.is_empty() {
            notes.push(format!(
                "domain '{}', which stays, has a NIC on '{}': it is cut off from there, and does not start again until \
                 its definition names another network",
                domain.name,
                lost.join("' and '")
            ));
        }
    }
    notes
}

/// What was laid over a domain's disks stays when the domain cannot be removed, as its disks do.
fn keep_with_domains(actions: &mut [Action], actual: &Actual, folder: &str, stored: &Stored) {
    for action in actions {
        let Some(domain) = actual.domains.iter().find(|domain| domain.name == action.name) else {
            continue;
        };
        for path in stored.over(domain, &storage::own(domain, folder)) {
            let volume = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
            action.uses.push(match volume {
                Some(volume) => (Kind::Volume, volume.to_owned()),
                None => (Kind::File, path),
            });
        }
    }
}

/// What `--cleanup` without a prefix removes: every domain, every network but `default`, irs's own pools and folders;
/// with `--with-storage` the disks of others' domains, too, and those that an `earlier` one was to remove.
pub fn everything(
    request: &Request,
    id: &Identity,
    actual: &Actual,
    stored: &Stored,
    earlier: &BTreeSet<String>,
) -> Removal {
    let host = &id.host;
    let reason = "--cleanup without --prefix removes all";
    let (theirs, stays) = storage::of_others(actual, stored);
    let mut notes = Vec::new();
    let mut actions = domains::diff::remove(&actual.domains, &actual.facts, host, reason);
    for action in &mut actions {
        let own = theirs.iter().filter(|(_, domain)| **domain == action.name);
        action
            .uses
            .extend(own.map(|(file, _)| (Kind::File, file.clone())));
    }
    let mut files: BTreeSet<String> = BTreeSet::new();
    let mut folders = Vec::new();
    let mut laid = BTreeMap::new();
    for name in actual.deployments() {
        let own = names::pool(name);
        let pool = actual.pools.iter().find(|pool| pool.name == own);
        let pool = pool.filter(|pool| is_deployment_pool(pool, actual.facts.uuid));
        let uuid = pool.map(|pool| pool.uuid).or_else(|| actual.marked_uuid(name));
        let uuid = uuid.unwrap_or_default();
        let holding = storage::holding(name, uuid, actual, &request.wanted.storage, stored);
        let going = storage::laid(actual.domains_of(uuid), &holding.folder, stored, &BTreeMap::new());
        laid.insert(name.to_owned(), going);
        keep_with_domains(&mut actions, actual, &holding.folder, stored);
        actions.extend(disks::diff::remove(&own, &holding.volumes, host, reason));
        files.extend(holding.outside.clone());
        notes.extend(strange(&holding));
        folders.extend(pool.map(|pool| host::diff::remove(pool, host, reason)));
        if pool.is_some() || actual.facts.folders.contains(&own) {
            folders.push(remove_folder(&holding, host, reason));
        }
    }
    actions.extend(disks::diff::remove_stored(files, host, reason));
    let marks = actual.domains.iter().filter_map(|domain| domain.mark.as_ref());
    let files = marks.flat_map(|mark| mark.files.iter().cloned());
    actions.extend(disks::diff::remove_files(files, host, reason));
    let mut going = BTreeSet::new();
    if request.with_storage {
        // Somebody may have given one to another domain since, which says itself what becomes of it.
        let used = storage::used(actual.domains.iter(), stored);
        let left = earlier
            .iter()
            .filter(|file| !theirs.contains_key(*file) && !used.contains_key(*file));
        going.extend(theirs.keys().chain(left.clone()).cloned());
        let reason = "--with-storage: an earlier cleanup removed the domain that had it";
        actions.extend(disks::diff::remove_stored(left.cloned(), host, reason));
        for (file, domain) in theirs {
            let reason = format!("--with-storage: a disk of domain '{domain}'");
            actions.extend(disks::diff::remove_stored([file], host, &reason));
        }
        notes.extend(stays);
    } else if !theirs.is_empty() {
        let list: Vec<&str> = theirs.keys().map(String::as_str).collect();
        notes.push(format!(
            "the disks of domains that irs did not make stay; --with-storage removes them, too: {}",
            list.join(", ")
        ));
    }
    let networks = actual
        .networks
        .iter()
        .filter(|network| network.name != DEFAULT_DEPLOYMENT);
    actions.extend(networks::diff::remove(networks, host, reason));
    actions.extend(host::bridges::diff::release(actual, id, None));
    actions.extend(openvswitch::diff::remove(&actual.facts, None, host, reason));
    let is_strange = |action: &&mut Action| match action.kind {
        Kind::Domain => actual
            .domains
            .iter()
            .any(|d| d.name == action.name && d.mark.is_none()),
        Kind::Network => actual
            .networks
            .iter()
            .any(|n| n.name == action.name && n.owner.is_none()),
        _ => false,
    };
    for action in actions.iter_mut().filter(is_strange) {
        action.reason = format!("{reason}, and irs did not make it");
    }
    actions.extend(folders);
    let access = &actual.facts.access;
    actions.extend(stack::remove(&access.stack, None, host));
    actions.extend(limits::restore(access, actual.facts.uuid, host));
    actions.extend(host::diff::remove_base(&actual.pools, actual.facts.uuid, host));
    Removal {
        actions,
        notes,
        held: BTreeMap::new(),
        unknown: BTreeSet::new(),
        laid,
        going,
    }
}
