//! Which domains must be defined, changed or removed, and why.

use super::read::ActualDomain;
use super::template::{Setting, mark_of};
use super::when::{When, when_memory};
use super::words::memory_words;
use super::{Work, change, leavings, nics, pending};
use crate::deployment::{Deployment, Node};
use crate::mark::NodeMark;
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::steps::host::facts::Facts;
use crate::steps::networks::read::ActualNetwork;
use crate::yaml::Problems;
use std::collections::BTreeSet;

/// The actions that bring the domains' definitions to the deployment.
///
/// # Errors
/// Domains of others in the way, and changes that irs does not make to an existing node.
pub fn converge(
    deployment: &Deployment,
    actual: &[ActualDomain],
    networks: &[ActualNetwork],
) -> Result<Vec<Action>, Problems> {
    let mut actions = Vec::new();
    let mut problems = Problems::default();
    let host = &deployment.id.host;
    let action = |verb, name: &str, reason: String, work| {
        Action::new(Step::Domains, verb, Kind::Domain, name, host, reason, work)
    };
    let setting = Setting {
        virt_type: "qemu",
        folder: deployment.storage.deployment_folder(&deployment.id.name),
        login_keys: Vec::new(),
    };
    for node in &deployment.nodes {
        let Some(found) = actual.iter().find(|d| d.name == node.name) else {
            if let Some(renamed) = actual.iter().find(|domain| domain.uuid == node.uuid) {
                let name = &renamed.name;
                problems
                    .push(
                        None,
                        format!(
                            "domain '{name}' on '{host}' is '{}' under another name",
                            node.name
                        ),
                    )
                    .hint(format!(
                        "shut it down and give it its name back: virsh domrename {name} {}",
                        node.name
                    ));
                continue;
            }
            let reason = "it is not defined".to_owned();
            actions.push(action(
                Verb::Create,
                &node.name,
                reason,
                Work::Define(Box::new(node.clone())),
            ));
            continue;
        };
        if found.mark.as_ref().map(|mark| mark.owner.uuid) != Some(deployment.id.uuid) {
            let whose = match &found.mark {
                Some(mark) => format!("belongs to deployment '{}'", mark.owner.deployment),
                None => "was not made by irs".into(),
            };
            problems
                .push(
                    None,
                    format!("domain '{}' exists on '{host}' and {whose}", node.name),
                )
                .hint("choose a --prefix, so that the names differ, or remove that domain");
            continue;
        }
        let mark = found.mark.as_ref();
        let kept = mark_of(node, &deployment.id, &setting, None);
        let differs = mark.and_then(|mark| {
            let seed = node.seed_volume();
            let disks = |mark: &NodeMark| -> BTreeSet<String> {
                let own = mark.volumes.iter().filter(|name| **name != seed);
                own.chain(&mark.files).cloned().collect()
            };
            match () {
                () if disks(mark) != disks(&kept) => Some("disks"),
                () if mark.has_os != node.has_os => Some("deploy_os"),
                () if mark.has_seed != node.has_seed => Some("supports_libguestfs"),
                () => None,
            }
        });
        if let Some(what) = differs {
            problems
                .push(
                    None,
                    format!(
                        "domain '{}' on '{host}' was made with another '{what}' than the topology has now",
                        node.name
                    ),
                )
                .hint(format!(
                    "use the topology it was made from, or make the node anew with --remove-nodes {}",
                    node.name
                ));
            continue;
        }
        match nics::converge(node, found, deployment, networks) {
            Ok(changes) => {
                for (reason, work) in changes {
                    actions.push(action(Verb::Update, &node.name, reason, work));
                }
            }
            Err((there, wanted)) => {
                problems
                    .push(
                        None,
                        format!(
                            "domain '{}' on '{host}' has NICs on {there}, the topology says {wanted}",
                            node.name
                        ),
                    )
                    .hint(format!(
                        "NICs move to other networks, and come and go at the end, with a run that is no extend: use the topology it was made from, or make the node anew with --remove-nodes {}",
                        node.name
                    ));
            }
        }
        if !found.autostart && found.persistent {
            actions.push(action(
                Verb::Update,
                &node.name,
                "it does not start with the host".into(),
                Work::Autostart(node.name.clone()),
            ));
        }
        // An extend adds nodes; what the existing ones have is another run's business.
        if deployment.extend.is_some() {
            continue;
        }
        if let Some((what, hint)) = refused(node, found) {
            problems
                .push(None, format!("domain '{}' on '{host}' {what}", node.name))
                .hint(hint);
            continue;
        }
        match change::of(node, found, deployment) {
            Ok(changes) if !changes.refused.is_empty() => {
                let what = changes.refused.join("; ");
                let message = format!(
                    "domain '{}' on '{host}' has a snapshot over a disk that is asked for otherwise: {what}",
                    node.name
                );
                problems.push(None, message).hint(format!(
                    "the snapshot knows the disk as it is: delete or merge its snapshots first ('virsh snapshot-list {0}' shows them), leave the disk as it was, or make the node anew with --remove-nodes {0}",
                    node.name
                ));
            }
            Ok(changes) => {
                let live = found.live.as_deref();
                let reason = match changes.is_empty() {
                    false => {
                        let lacks = !pending::after(node, found, deployment).is_empty();
                        Some(changes.reason(live, lacks))
                    }
                    true => live.and_then(|live| deflates(node, live)),
                };
                let undefined = (!found.persistent)
                    .then(|| "it has no definition, and would be gone when it stops".to_owned());
                let reasons: Vec<String> = undefined.into_iter().chain(reason).collect();
                if !reasons.is_empty() {
                    let work = Work::Change(Box::new(node.clone()));
                    actions.push(action(Verb::Update, &node.name, reasons.join("; "), work));
                }
            }
            Err(error) => {
                problems
                    .push(
                        None,
                        format!("domain '{}' on '{host}' cannot be compared: {error:#}", node.name),
                    )
                    .hint(format!("make the node anew with --remove-nodes {}", node.name));
            }
        }
    }
    for (name, wanted) in &deployment.joined {
        let found = actual.iter().filter(|domain| domain.name == *name);
        for (reason, work) in found.flat_map(|domain| nics::changes(name, wanted, None, domain)) {
            actions.push(action(Verb::Update, name, reason, work));
        }
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(problems)
    }
}

/// The actions that remove domains.
pub fn remove<'a>(
    domains: impl IntoIterator<Item = &'a ActualDomain>,
    facts: &Facts,
    host: &str,
    reason: &str,
) -> Vec<Action> {
    domains
        .into_iter()
        .map(|domain| {
            let work = Work::Remove {
                name: domain.name.clone(),
                files: leavings::of(domain),
                left: leavings::are_there(domain, facts),
            };
            let volumes = domain.mark.iter().flat_map(|mark| mark.volumes.iter());
            let networks = domain.nics.iter().filter_map(|nic| nic.network.as_ref());
            let uses = volumes
                .map(|name| (Kind::Volume, name.clone()))
                .chain(networks.map(|name| (Kind::Network, name.clone())));
            Action::new(
                Step::Domains,
                Verb::Remove,
                Kind::Domain,
                &domain.name,
                host,
                reason,
                work,
            )
            .using(uses)
        })
        .collect()
}

/// The actions that unplug the NICs which domains that stay have on a network that goes.
pub fn unplug<'a>(
    domains: impl IntoIterator<Item = &'a ActualDomain>,
    network: &str,
    host: &str,
) -> Vec<Action> {
    let works = nics::unplug(domains, network);
    let action = |(domain, work): (&ActualDomain, Work)| {
        let reason = format!("the wire '{network}' goes");
        Action::new(
            Step::Domains,
            Verb::Update,
            Kind::Domain,
            &domain.name,
            host,
            reason,
            work,
        )
    };
    works.into_iter().map(action).collect()
}

/// Why a machine that runs gets memory back that somebody took: it is there, and no guest refuses it.
fn deflates(node: &Node, live: &ActualDomain) -> Option<String> {
    let (from, to) = (live.memory_now_mib, node.memory_mib);
    (from < to && when_memory(live, to) == When::Now)
        .then(|| format!("{} as it runs", memory_words(from, to)))
}

/// What would cost an existing node its data, and the way out.
fn refused(node: &Node, found: &ActualDomain) -> Option<(String, String)> {
    let anew = format!("make the node anew with --remove-nodes {}", node.name);
    if node.firmware != found.firmware {
        return Some((
            format!(
                "was made with {}, and {} is asked for: its disk boots by the one it was made with",
                found.firmware.name(),
                node.firmware.name()
            ),
            format!("leave --bootmode, 'bootmode' and 'secure_boot' as they were, or {anew}"),
        ));
    }
    let tpm = found.tpm.filter(|_| node.tpm != found.tpm)?;
    let what = match node.tpm {
        None => "no TPM is asked for".to_owned(),
        Some(_) => format!("another version than {} is asked for", tpm.version()),
    };
    Some((
        format!("has a TPM, and {what}: what is sealed in it would be lost"),
        format!("leave 'tpm' as it was, or {anew}"),
    ))
}
