//! Removing some nodes of a deployment.

use super::{Removal, keep_with_domains, storage};
use crate::actual::Actual;
use crate::commands::virsh::input::Request;
use crate::deployment::Identity;
use crate::error::{Exit, Fault};
use crate::fleet::Member;
use crate::names;
use crate::steps::disks::stored::Stored;
use crate::steps::domains::read::ActualDomain;
use crate::steps::{disks, domains, networks};
use crate::workspace;
use crate::yaml::nearest;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// Removes some nodes, whatever a killed removal left of them.
pub fn nodes(
    request: &Request,
    wanted: &[String],
    id: &Identity,
    actual: &Actual,
    stored: &Stored,
) -> Removal {
    let mut actions = Vec::new();
    let mut held = BTreeMap::new();
    let folder = storage::folder(&id.name, actual, &request.wanted.storage);
    let mut unknown = BTreeSet::new();
    let wanted = actual.full_names(wanted, id);
    let names: BTreeSet<String> = wanted.keys().cloned().collect();
    let mut removed: BTreeSet<String> = BTreeSet::new();
    let is_named = |domain: &&ActualDomain| names.contains(&domain.name);
    let used = storage::used(actual.domains.iter().filter(|domain| !is_named(domain)), stored);
    let going = actual.domains_of(id.uuid).filter(is_named);
    let laid = storage::laid(going, &folder, stored, &used);
    let noted = actual.facts.record.as_ref().map(|record| &record.laid);
    for (name, given) in wanted {
        let reason = "--remove-nodes names it";
        let domain = actual.domains_of(id.uuid).find(|domain| domain.name == name);
        let mut of_node = domains::diff::remove(domain, &actual.facts, &id.host, reason);
        keep_with_domains(&mut of_node, actual, &folder, stored);
        let over = domain.map(|domain| stored.over(domain, &storage::own(domain, &folder)));
        // A removal that did not come to its end has noted those.
        let noted = noted.and_then(|noted| noted.get(&name)).cloned();
        let over: BTreeSet<String> = over.into_iter().chain(noted).flatten().collect();
        let mut is_free = |path: &str| match used.get(path) {
            Some(domain) => {
                held.insert(path.to_owned(), domain.clone());
                false
            }
            None => true,
        };
        let inside = |path: &String| path.strip_prefix(&folder)?.strip_prefix('/').map(str::to_owned);
        let (inner, outer): (Vec<_>, Vec<_>) = over.into_iter().partition(|path| inside(path).is_some());
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
        let mut files = files_of(&name, id, actual);
        files.retain(|file| !of_node.iter().any(|action| action.name == *file));
        of_node.extend(disks::diff::remove_files(files, &id.host, reason));
        let mut reservations = actual
            .networks_of(id.uuid)
            .flat_map(|network| &network.reservations);
        let reserved = reservations.any(|reservation| reservation.is_of(&name));
        let known = actual.facts.blueprint.as_ref();
        let known = known.is_some_and(|blueprint| blueprint.node(&name).is_some());
        if of_node.is_empty() && !reserved && !known && !was_listed(request, &name) {
            unknown.insert(given);
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
    Removal {
        actions,
        notes: Vec::new(),
        held,
        unknown,
        laid: BTreeMap::from([(id.name.clone(), laid)]),
        going: BTreeSet::new(),
    }
}

/// Makes sure that each name is one of a node, on one hypervisor or another.
///
/// # Errors
/// `Usage`, for names that are no nodes of the deployment; `Unreachable`, for nodes of a hypervisor that is left out.
pub fn check_known(
    wanted: &[String],
    all: &[(&Identity, &Actual, &Removal)],
    silent: &[Member],
) -> Result<()> {
    let is_unknown = |name: &&String| all.iter().all(|(_, _, removal)| removal.unknown.contains(*name));
    let mut unknown: Vec<&str> = wanted.iter().filter(is_unknown).map(String::as_str).collect();
    unknown.dedup();
    let (Some(first), Some((id, ..))) = (unknown.first(), all.first()) else {
        return Ok(());
    };
    let prefix = id.prefix.as_deref();
    let lives_on = silent.iter().find(|member| {
        let mut seats = member.nodes.iter();
        seats.any(|seat| {
            let name = names::domain(prefix, &seat.node_type, seat.index);
            unknown.contains(&name.as_str())
                || unknown.iter().any(|given| names::prefixed(prefix, given) == name)
        })
    });
    if let Some(member) = lives_on {
        let message = format!(
            "node '{}' lives on '{}', which is left out",
            unknown.join("', '"),
            member.address
        );
        bail!(Fault::new(Exit::Unreachable, message).hint("remove it when that hypervisor answers again"));
    }
    let mut present: Vec<&str> = all
        .iter()
        .flat_map(|(id, actual, _)| actual.domains_of(id.uuid))
        .map(|domain| domain.name.as_str())
        .collect();
    if all.len() > 1 {
        present.sort_unstable();
    }
    let there = match present.is_empty() {
        true => "it has no nodes".to_owned(),
        false => format!("there are: {}", present.join(", ")),
    };
    let hint = match nearest(first, present.iter().copied()) {
        Some(guess) => format!("did you mean '{guess}'? {there}"),
        None => there,
    };
    let hosts: Vec<&str> = all.iter().map(|(id, ..)| id.host.as_str()).collect();
    bail!(
        Fault::new(
            Exit::Usage,
            format!(
                "deployment '{}' on '{}' has no node '{}'",
                id.name,
                hosts.join("' and '"),
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
