//! What a removal takes away, and why. Pure: it looks at what was read.

pub mod storage;

use super::input::Request;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::error::{Exit, Fault};
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::plan::{Action, Kind};
use crate::steps::disks::stored::Stored;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::openvswitch;
use crate::steps::{disks, domains, host, networks};
use crate::workspace;
use crate::yaml::nearest;
use anyhow::{Result, bail};
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
}

/// Removes one deployment: by its marks, its pool and its folder.
pub fn deployment(request: &Request, id: &Identity, actual: &Actual, stored: &Stored) -> Removal {
    let host = &id.host;
    let reason = format!("it belongs to deployment '{}'", id.name);
    let own = names::pool(&id.name);
    let staying = |domain: &&ActualDomain| domain.mark.as_ref().is_none_or(|mark| mark.owner.uuid != id.uuid);
    let used = storage::used(actual.domains.iter().filter(staying), stored);
    let mut holding =
        storage::holding(&id.name, id.uuid, actual, &request.wanted.storage, stored).hold(&used);
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
        if !others {
            actions.extend(host::diff::remove_base(&actual.pools, actual.facts.uuid, host));
        }
        actions.extend(there.then(|| remove_folder(&holding, host, &reason)));
    }
    let notes = match there {
        true => strange(&holding).collect(),
        false => Vec::new(),
    };
    Removal {
        actions,
        notes,
        held: holding.held,
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
/// with `--with-storage` the disks of others' domains, too.
pub fn everything(request: &Request, id: &Identity, actual: &Actual, stored: &Stored) -> Removal {
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
    for name in actual.deployments() {
        let own = names::pool(name);
        let pool = actual.pools.iter().find(|pool| pool.name == own);
        let pool = pool.filter(|pool| is_deployment_pool(pool, actual.facts.uuid));
        let uuid = pool.map(|pool| pool.uuid).or_else(|| actual.marked_uuid(name));
        let holding = storage::holding(
            name,
            uuid.unwrap_or_default(),
            actual,
            &request.wanted.storage,
            stored,
        );
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
    if request.with_storage {
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
    actions.extend(folders);
    actions.extend(host::diff::remove_base(&actual.pools, actual.facts.uuid, host));
    Removal {
        actions,
        notes,
        held: BTreeMap::new(),
    }
}

/// Removes some nodes, whatever a killed removal left of them.
///
/// # Errors
/// `Usage`, for names that are no nodes of the deployment.
pub fn nodes(
    request: &Request,
    wanted: &[String],
    id: &Identity,
    actual: &Actual,
    stored: &Stored,
) -> Result<Removal> {
    let mut actions = Vec::new();
    let mut held = BTreeMap::new();
    let folder = storage::folder(&id.name, actual, &request.wanted.storage);
    let mut unknown = Vec::new();
    let exists = |name: &str| actual.domains_of(id.uuid).any(|domain| domain.name == name);
    let resolve = |given: &String| match exists(given) {
        true => (given.clone(), given.clone()),
        false => (names::prefixed(id.prefix.as_deref(), given), given.clone()),
    };
    let wanted: BTreeSet<(String, String)> = wanted.iter().map(resolve).collect();
    let names: BTreeSet<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let mut removed: BTreeSet<String> = BTreeSet::new();
    for (name, given) in wanted {
        let reason = "--remove-nodes names it";
        let domain = actual.domains_of(id.uuid).find(|domain| domain.name == name);
        let mut of_node = domains::diff::remove(domain, &actual.facts, &id.host, reason);
        keep_with_domains(&mut of_node, actual, &folder, stored);
        let over = domain.map(|domain| stored.over(domain, &storage::own(domain, &folder)));
        let staying = actual
            .domains
            .iter()
            .filter(|domain| !names.contains(&domain.name));
        let used = storage::used(staying, stored);
        let mut is_free = |path: &str| match used.get(path) {
            Some(domain) => {
                held.insert(path.to_owned(), domain.clone());
                false
            }
            None => true,
        };
        let inside = |path: &String| path.strip_prefix(&folder)?.strip_prefix('/').map(str::to_owned);
        let (inner, outer): (Vec<_>, Vec<_>) = over
            .into_iter()
            .flatten()
            .partition(|path| inside(path).is_some());
        let mut volumes = volumes_of(&name, id, actual);
        volumes.extend(inner.iter().filter_map(inside));
        volumes.retain(|volume| is_free(&format!("{folder}/{volume}")));
        let outer = outer.into_iter().filter(|path| is_free(path));
        of_node.extend(disks::diff::remove_stored(outer, &id.host, reason));
        of_node.extend(disks::diff::remove(
            &names::pool(&id.name),
            &volumes,
            &id.host,
            reason,
        ));
        let wires = actual.networks_of(id.uuid).filter(|network| {
            let ends = network.wire.as_ref().map(|wire| [&wire.from, &wire.to]);
            ends.is_some_and(|ends| ends.contains(&&name))
        });
        for wire in wires {
            let staying = actual
                .domains_of(id.uuid)
                .filter(|domain| !names.contains(&domain.name));
            of_node.extend(domains::diff::unplug(staying, &wire.name, &id.host));
            if removed.insert(wire.name.clone()) {
                let reason = format!("it is a wire of {name}");
                of_node.extend(networks::diff::remove([wire], &id.host, &reason));
            }
        }
        of_node.extend(disks::diff::remove_files(
            files_of(&name, id, actual),
            &id.host,
            reason,
        ));
        let mut reservations = actual
            .networks_of(id.uuid)
            .flat_map(|network| &network.reservations);
        let reserved = reservations.any(|reservation| reservation.is_of(&name));
        if of_node.is_empty() && !reserved && !was_listed(request, &name) {
            unknown.push(given);
        }
        actions.extend(of_node);
    }
    let own = actual.networks_of(id.uuid);
    actions.extend(networks::diff::release(
        own,
        &names,
        &actual.domains,
        &actual.facts,
        &id.host,
    ));
    let Some(first) = unknown.first() else {
        return Ok(Removal {
            actions,
            notes: Vec::new(),
            held,
        });
    };
    let present: Vec<&str> = actual
        .domains_of(id.uuid)
        .map(|domain| domain.name.as_str())
        .collect();
    let there = match present.is_empty() {
        true => "it has no nodes".to_owned(),
        false => format!("there are: {}", present.join(", ")),
    };
    let hint = match nearest(first, present.iter().copied()) {
        Some(guess) => format!("did you mean '{guess}'? {there}"),
        None => there,
    };
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
    )
}

/// A node's volumes: those of its mark, and, when a killed run left no domain, those that are named for it and that
/// no other node's mark lists.
fn volumes_of(node: &str, id: &Identity, actual: &Actual) -> BTreeSet<String> {
    let marks = || {
        actual
            .domains_of(id.uuid)
            .filter_map(|domain| Some((&domain.name, domain.mark.as_ref()?)))
    };
    let own = marks()
        .filter(|(name, _)| *name == node)
        .flat_map(|(_, mark)| mark.volumes.iter().cloned());
    let of_others: BTreeSet<&String> = marks()
        .filter(|(name, _)| *name != node)
        .flat_map(|(_, mark)| &mark.volumes)
        .collect();
    let volumes = actual.volumes(&id.name);
    let named = |volume: &&String| is_named_for(volume, node) && !of_others.contains(volume);
    let own: BTreeSet<String> = own.chain(volumes.keys().filter(named).cloned()).collect();
    let laid_over = |name: &&String| own.iter().any(|volume| storage::is_laid_over(name, volume));
    let over: Vec<String> = volumes.keys().filter(laid_over).cloned().collect();
    own.into_iter().chain(over).collect()
}

/// A node's disks outside of the pool: those of its mark, and those that the record names for it.
fn files_of(node: &str, id: &Identity, actual: &Actual) -> BTreeSet<String> {
    let marks = || {
        actual
            .domains_of(id.uuid)
            .filter_map(|domain| Some((&domain.name, domain.mark.as_ref()?)))
    };
    let own: BTreeSet<&String> = marks()
        .filter(|(name, _)| *name == node)
        .flat_map(|(_, mark)| &mark.files)
        .collect();
    let of_others: BTreeSet<&String> = marks()
        .filter(|(name, _)| *name != node)
        .flat_map(|(_, mark)| &mark.files)
        .collect();
    let named = |file: &String| is_named_for(file.rsplit('/').next().unwrap_or_default(), node);
    let all = disks::outside::ours(actual, &id.name, id.uuid).into_iter();
    all.filter(|file| own.contains(file) || named(file) && !of_others.contains(file))
        .collect()
}

/// `NODE-seed.img`, or `NODE-KEY.qcow2` where no further number could make it another node's.
fn is_named_for(volume: &str, node: &str) -> bool {
    let Some(rest) = volume.strip_prefix(node).and_then(|rest| rest.strip_prefix('-')) else {
        return false;
    };
    let key = rest.split('-').next().unwrap_or_default();
    rest == "seed.img"
        || (rest.ends_with(".qcow2") || rest.ends_with(".part"))
            && !key.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the last inventory had that node: then its removal was finished by a run that was killed afterwards.
fn was_listed(request: &Request, node: &str) -> bool {
    let inventory =
        std::fs::read_to_string(request.workspace.path().join(workspace::INVENTORY)).unwrap_or_default();
    inventory
        .lines()
        .any(|line| line.split_whitespace().next() == Some(node))
}

#[cfg(test)]
mod tests {
    use super::is_named_for;

    #[test]
    fn volumes_of_a_node_with_a_longer_name_are_not_its_own() {
        assert!(is_named_for("web-1-disk1.qcow2", "web-1"));
        assert!(is_named_for("web-1-seed.img", "web-1"));
        assert!(!is_named_for("web-1-0-disk1.qcow2", "web-1"));
        assert!(!is_named_for("web-1-0-seed.img", "web-1"));
        assert!(!is_named_for("web-10-disk1.qcow2", "web-1"));
    }
}
