//! What must happen to the networks, and why.

use super::bulk::{self, Bulk};
use super::edit::{Edit, Entry};
use super::read::ActualNetwork;
use super::{Work, change, remnant, shape, unchangeable};
use crate::blueprint::Blueprint;
use crate::deployment::{Deployment, Network, Reservation};
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::facts::Facts;
use crate::topology::network::Forward;
use crate::yaml::Problems;
use std::collections::BTreeSet;

/// The actions that bring the networks to the deployment.
///
/// # Errors
/// Networks of others in the way, and changes that would cut the nodes off.
pub fn converge(
    deployment: &Deployment,
    actual: &[ActualNetwork],
    facts: &Facts,
) -> Result<Vec<Action>, Problems> {
    let mut actions = Vec::new();
    let mut problems = Problems::default();
    let host = &deployment.id.host;
    let action = |verb, name: &str, reason: String, work| {
        Action::new(Step::Networks, verb, Kind::Network, name, host, reason, work)
    };
    for network in &deployment.networks {
        match actual.iter().find(|n| n.name == network.name) {
            None => {
                let bridge_user = actual
                    .iter()
                    .find(|n| n.bridge.as_deref() == Some(&network.bridge))
                    // Many networks may be on one bridge of the host.
                    .filter(|n| network.forward != Forward::Bridge || n.forward.as_deref() != Some("bridge"));
                if let Some(other) = bridge_user {
                    problems
                        .push(
                            None,
                            format!(
                                "bridge '{}' of network '{}' belongs to network '{}' on '{host}'",
                                network.bridge, network.name, other.name
                            ),
                        )
                        .hint("choose another --prefix");
                    continue;
                }
                check_free(network, None, host, facts, &mut problems);
                let reason = "it does not exist".to_owned();
                actions.push(action(
                    Verb::Create,
                    &network.name,
                    reason,
                    Work::Create {
                        network: Box::new(network.clone()),
                        plug: change::to_plug(network, facts),
                    },
                ));
            }
            Some(found) if !found.is_of(deployment.id.uuid) => {
                let whose = match &found.owner {
                    Some(owner) => format!("belongs to deployment '{}'", owner.deployment),
                    None => "was not made by irs".into(),
                };
                problems
                    .push(
                        None,
                        format!("network '{}' exists on '{host}' and {whose}", network.name),
                    )
                    .hint("choose a --prefix, so that the names differ, or remove that network");
            }
            Some(found) => {
                let is_same = |before: &Blueprint| before.has_shape(network, &deployment.id);
                let is_same = facts.blueprint.as_ref().is_some_and(is_same);
                if let Some(repair) = shape::repair(network, found).filter(|_| is_same) {
                    let (restart, wanted) = (repair.restart, Box::new(network.clone()));
                    let work = Work::Reshape {
                        network: wanted,
                        restart,
                    };
                    actions.push(action(Verb::Update, &network.name, repair.reason, work));
                    let rest = change::changes(network, &repair.after, facts).into_iter();
                    for (reason, work) in rest.filter(|(_, work)| !(restart && work.is_start())) {
                        actions.push(action(Verb::Update, &network.name, reason, work));
                    }
                    continue;
                }
                for difference in unchangeable::differences(network, found) {
                    problems.push(None, format!("network '{}' on '{host}' has {difference}", network.name)).hint(
                        "a network in use is not changed under its nodes: use the topology it was made from, or make the deployment anew after --kill",
                    );
                }
                check_free(network, Some(found), host, facts, &mut problems);
                for (reason, work) in change::changes(network, found, facts) {
                    actions.push(action(Verb::Update, &network.name, reason, work));
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(problems)
    }
}

/// libvirt starts no network whose bridge has the name of a device that is there; what it left itself goes first.
fn check_free(
    network: &Network,
    found: Option<&ActualNetwork>,
    host: &str,
    facts: &Facts,
    problems: &mut Problems,
) {
    let Some(link) = facts.links.get(&network.bridge) else {
        return;
    };
    let fine = found.is_some_and(|found| found.active || remnant::is_bridge_of(found, link));
    if fine || network.forward == Forward::Bridge {
        return;
    }
    problems
        .push(
            None,
            format!(
                "network '{}' needs the device '{}', and '{host}' has another one of that name",
                network.name, network.bridge
            ),
        )
        .hint("choose a --prefix, so that the names differ, rename the network, or remove that device");
}

/// The actions that remove networks.
pub fn remove<'a>(
    networks: impl IntoIterator<Item = &'a ActualNetwork>,
    host: &str,
    reason: &str,
) -> Vec<Action> {
    networks
        .into_iter()
        .map(|n| {
            Action::new(
                Step::Networks,
                Verb::Remove,
                Kind::Network,
                &n.name,
                host,
                reason,
                Work::Remove(n.name.clone()),
            )
        })
        .collect()
}

/// The actions that take the reservations of removed nodes out of the networks of their deployment. Many of a network
/// are one action; then a network that nothing stays plugged into starts again without them.
pub fn release<'a>(
    networks: impl IntoIterator<Item = &'a ActualNetwork>,
    nodes: &BTreeSet<String>,
    domains: &[ActualDomain],
    facts: &Facts,
    host: &str,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for network in networks {
        let action = |reason, work| {
            let (step, kind) = (Step::Networks, Kind::Network);
            Action::new(step, Verb::Update, kind, &network.name, host, reason, work)
        };
        let of_node = |reservation: &&Reservation| nodes.iter().find(|node| reservation.is_of(node));
        let gone: Vec<(&Reservation, &String)> = network
            .reservations
            .iter()
            .filter_map(|reservation| Some((reservation, of_node(&reservation)?)))
            .collect();
        let edit = |reservation: &Reservation| Edit {
            entry: Entry::Host(reservation.clone()),
            add: false,
            config: true,
            live: true,
        };
        if gone.len() < bulk::MANY {
            for (reservation, node) in gone {
                let reason = format!("{node} goes, and with it its reservation of {}", reservation.ip);
                let work = Work::Edit {
                    network: network.name.clone(),
                    edits: vec![edit(reservation)],
                };
                actions.push(action(reason, work));
            }
            continue;
        }
        let stays = |domain: &&ActualDomain| domain.state.is_running() && !nodes.contains(&domain.name);
        let plugged = |domain: &ActualDomain| {
            domain
                .nics
                .iter()
                .any(|nic| nic.network.as_ref() == Some(&network.name))
        };
        let restart = network.active && !domains.iter().filter(stays).any(plugged);
        let edits: Vec<Edit> = gone.iter().map(|(reservation, _)| edit(reservation)).collect();
        let how = match (restart, network.active) {
            (true, _) => ": it starts again without them, as nothing stays plugged into it",
            (false, true) => ", one by one as it is in use",
            (false, false) => "",
        };
        let reason = format!(
            "{} reservations go with {}{how}",
            edits.len(),
            bulk::owners(&edits)
        );
        let bridge = network.bridge.clone().unwrap_or_default();
        let bulk = Bulk {
            edits,
            restart,
            tune: bulk::tuned(&bridge, None, facts),
            bridge,
        };
        let work = Work::Reserve {
            network: network.name.clone(),
            bulk,
        };
        actions.push(action(reason, work));
    }
    actions
}
