//! What must happen to the networks, and why.

use super::read::{ActualAddress, ActualNetwork};
use super::{Tune, Work};
use crate::deployment::{Deployment, Network};
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::steps::host::facts::Facts;
use crate::yaml::Problems;
use std::net::IpAddr;

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
                    .find(|n| n.bridge.as_deref() == Some(&network.bridge));
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
                let reason = "it does not exist".to_owned();
                actions.push(action(
                    Verb::Create,
                    &network.name,
                    reason,
                    Work::Create(Box::new(network.clone())),
                ));
            }
            Some(found) if found.owner.as_ref().map(|o| o.uuid) != Some(deployment.id.uuid) => {
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
                for difference in differences(network, found) {
                    problems.push(None, format!("network '{}' on '{host}' has {difference}", network.name)).hint(
                        "a network in use is not changed under its nodes: use the topology it was made from, or make the deployment anew after --kill",
                    );
                }
                if !found.active {
                    actions.push(action(
                        Verb::Update,
                        &network.name,
                        "it is not started".into(),
                        Work::Start {
                            network: network.name.clone(),
                            tune: Tune::of(network),
                        },
                    ));
                } else if let Some(tune) = Tune::of(network).filter(|tune| !is_tuned(tune, facts)) {
                    let reason = format!(
                        "its bridge '{}' is no wire: it learns, or keeps frames",
                        tune.bridge
                    );
                    actions.push(action(Verb::Update, &network.name, reason, Work::Tune(tune)));
                }
                if !found.autostart {
                    actions.push(action(
                        Verb::Update,
                        &network.name,
                        "it does not start with the host".into(),
                        Work::Autostart(network.name.clone()),
                    ));
                }
                for wanted in network
                    .reservations
                    .iter()
                    .filter(|r| !found.reservations.contains(r))
                {
                    let stale = found
                        .reservations
                        .iter()
                        .filter(|r| r.ip.is_ipv4() == wanted.ip.is_ipv4())
                        .filter(|r| r.mac == wanted.mac || r.ip == wanted.ip || r.name == wanted.name)
                        .cloned()
                        .collect();
                    let reason = format!(
                        "{} has no reservation of {} for {}",
                        wanted.name, wanted.ip, wanted.mac
                    );
                    actions.push(action(
                        Verb::Update,
                        &network.name,
                        reason,
                        Work::Reserve {
                            network: network.name.clone(),
                            stale,
                            reservation: wanted.clone(),
                        },
                    ));
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

fn is_tuned(tune: &Tune, facts: &Facts) -> bool {
    let wanted = (tune.ageing_time(), Tune::GROUP_FORWARD_MASK);
    facts.bridges.get(&tune.bridge) == Some(&wanted)
}

/// The fields that irs sets and that are otherwise, in words.
fn differences(network: &Network, found: &ActualNetwork) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, found: Option<String>, wanted: Option<String>| {
        if found != wanted {
            let show = |value: Option<String>| value.unwrap_or_else(|| "none".into());
            differences.push(format!(
                "another {what}: {}, wanted {}",
                show(found),
                show(wanted)
            ));
        }
    };
    compare(
        "forward mode",
        found.forward.clone(),
        network.forward.mode().map(str::to_owned),
    );
    compare("bridge", found.bridge.clone(), Some(network.bridge.clone()));
    compare(
        "MTU",
        found.mtu.map(|m| m.to_string()),
        network.mtu.map(|m| m.to_string()),
    );
    compare("DNS domain", found.domain.clone(), network.domain.clone());
    let wanted_v4 = network.ipv4.as_ref().map(|side| ActualAddress {
        address: side.address.into(),
        net: side.net.into(),
        dhcp: side.dhcp.map(|(start, end)| (start.into(), end.into())),
    });
    let wanted_v6 = network.ipv6.as_ref().map(|side| ActualAddress {
        address: side.address.into(),
        net: side.net.into(),
        dhcp: side.dhcp.map(|(start, end)| (start.into(), end.into())),
    });
    let of_family = |v4: bool| {
        found
            .addresses
            .iter()
            .find(|a| a.address.is_ipv4() == v4)
            .map(show_address)
    };
    compare(
        "IPv4 subnet",
        of_family(true),
        wanted_v4.as_ref().map(show_address),
    );
    compare(
        "IPv6 subnet",
        of_family(false),
        wanted_v6.as_ref().map(show_address),
    );
    differences
}

fn show_address(address: &ActualAddress) -> String {
    let show = |(start, end): (IpAddr, IpAddr)| format!(" with DHCP {start} to {end}");
    format!(
        "{}/{}{}",
        address.address,
        address.net.prefix_len(),
        address.dhcp.map(show).unwrap_or_default()
    )
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

/// The actions that take a removed node's reservations out of the networks of its deployment.
pub fn release<'a>(
    networks: impl IntoIterator<Item = &'a ActualNetwork>,
    node: &str,
    host: &str,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for network in networks {
        for reservation in network.reservations.iter().filter(|r| r.is_of(node)) {
            let reason = format!("{node} goes, and with it its reservation of {}", reservation.ip);
            let work = Work::Release {
                network: network.name.clone(),
                reservation: reservation.clone(),
            };
            actions.push(Action::new(
                Step::Networks,
                Verb::Update,
                Kind::Network,
                &network.name,
                host,
                reason,
                work,
            ));
        }
    }
    actions
}
