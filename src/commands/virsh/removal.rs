//! What a removal takes away, and why. Pure: it looks at what was read.

use super::input::Request;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::error::{Exit, Fault};
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::plan::Action;
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::openvswitch;
use crate::steps::{disks, domains, host, networks};
use crate::workspace;
use crate::yaml::nearest;
use anyhow::{Result, bail};
use std::collections::BTreeSet;

/// Removes one deployment: by its marks, its pool and its folder.
pub fn deployment(request: &Request, id: &Identity, actual: &Actual) -> Vec<Action> {
    let host = &id.host;
    let reason = format!("it belongs to deployment '{}'", id.name);
    let own = names::pool(&id.name);
    let mut actions = domains::diff::remove(actual.domains_of(id.uuid), host, &reason);
    let volumes = actual.volumes(&id.name);
    actions.extend(disks::diff::remove(&own, volumes.keys(), host, &reason));
    let files = disks::outside::ours(actual, &id.name, id.uuid);
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
    actions.extend(pool.map(|pool| host::diff::remove(pool, host, &reason)));
    // Before the folder: while that is there, a run after a killed one comes here again.
    if !others {
        actions.extend(host::diff::remove_base(&actual.pools, actual.facts.uuid, host));
    }
    let marked = actual.domains_of(id.uuid).next().is_some();
    if pool.is_some() || marked || actual.facts.folders.contains(&own) {
        let folder = request.wanted.storage.deployment_folder(&id.name);
        actions.push(host::diff::remove_folder(&folder, host, &reason));
    }
    actions
}

/// What `--cleanup` without a prefix removes: every domain, every network but `default`, irs's own pools and folders.
pub fn everything(request: &Request, id: &Identity, actual: &Actual) -> Vec<Action> {
    let host = &id.host;
    let reason = "--cleanup without --prefix removes all";
    let mut actions = domains::diff::remove(&actual.domains, host, reason);
    let marks = actual.domains.iter().filter_map(|domain| domain.mark.as_ref());
    let files = marks.flat_map(|mark| mark.files.iter().cloned());
    actions.extend(disks::diff::remove_files(files, host, reason));
    let networks = actual
        .networks
        .iter()
        .filter(|network| network.name != DEFAULT_DEPLOYMENT);
    actions.extend(networks::diff::remove(networks, host, reason));
    actions.extend(host::bridges::diff::release(actual, id, None));
    actions.extend(openvswitch::diff::remove(&actual.facts, None, host, reason));
    let mut folders: BTreeSet<String> = BTreeSet::new();
    for pool in actual
        .pools
        .iter()
        .filter(|pool| is_deployment_pool(pool, actual.facts.uuid))
    {
        actions.push(host::diff::remove(pool, host, reason));
        folders.extend(pool.target.clone());
    }
    let images = request.wanted.storage.folder.trim_end_matches('/');
    folders.extend(actual.facts.folders.iter().map(|name| format!("{images}/{name}")));
    actions.extend(
        folders
            .iter()
            .map(|folder| host::diff::remove_folder(folder, host, reason)),
    );
    actions.extend(host::diff::remove_base(&actual.pools, actual.facts.uuid, host));
    actions
}

/// Removes some nodes, whatever a killed removal left of them.
///
/// # Errors
/// `Usage`, for names that are no nodes of the deployment.
pub fn nodes(request: &Request, wanted: &[String], id: &Identity, actual: &Actual) -> Result<Vec<Action>> {
    let mut actions = Vec::new();
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
        let mut of_node = domains::diff::remove(domain, &id.host, reason);
        let volumes = volumes_of(&name, id, actual);
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
        return Ok(actions);
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
    own.chain(volumes.keys().filter(named).cloned()).collect()
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
