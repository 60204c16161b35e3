//! Which domains must be defined, changed or removed, and why.

use super::read::ActualDomain;
use super::{Work, nics};
use crate::deployment::Deployment;
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
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
    for node in &deployment.nodes {
        let Some(found) = actual.iter().find(|d| d.name == node.name) else {
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
        let disks: BTreeSet<&String> = node.disks.iter().map(|disk| &disk.volume).collect();
        let seed = node.seed_volume();
        let marked: BTreeSet<&String> = mark
            .iter()
            .flat_map(|mark| &mark.volumes)
            .filter(|name| **name != seed)
            .collect();
        if mark.is_some_and(|mark| mark.has_os != node.has_os) || marked != disks {
            let what = if marked == disks { "deploy_os" } else { "disks" };
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
                        "use the topology it was made from, or make the node anew with --remove-nodes {}",
                        node.name
                    ));
            }
        }
        if !found.autostart {
            actions.push(action(
                Verb::Update,
                &node.name,
                "it does not start with the host".into(),
                Work::Autostart(node.name.clone()),
            ));
        }
        // An extend adds nodes; what the existing ones have is another run's business.
        if deployment.extend.is_none() && (found.memory_mib != node.memory_mib || found.cpu != node.cpu) {
            let reason = format!(
                "from {} MiB and {} to {} MiB and {}, after the next restart",
                found.memory_mib,
                cpus(found.cpu),
                node.memory_mib,
                cpus(node.cpu)
            );
            let work = Work::Resize {
                name: node.name.clone(),
                memory_mib: node.memory_mib,
                cpu: node.cpu,
            };
            actions.push(action(Verb::Update, &node.name, reason, work));
        }
    }
    for (name, wanted) in &deployment.joined {
        let found = actual.iter().filter(|domain| domain.name == *name);
        for (reason, work) in found.flat_map(|domain| nics::changes(name, wanted, domain)) {
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
    host: &str,
    reason: &str,
) -> Vec<Action> {
    domains
        .into_iter()
        .map(|domain| {
            let serial_file = domain.mark.as_ref().and_then(|mark| mark.serial_file.clone());
            let work = Work::Remove {
                name: domain.name.clone(),
                serial_file,
            };
            Action::new(
                Step::Domains,
                Verb::Remove,
                Kind::Domain,
                &domain.name,
                host,
                reason,
                work,
            )
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

fn cpus(count: u32) -> String {
    format!("{count} CPU{}", if count == 1 { "" } else { "s" })
}
