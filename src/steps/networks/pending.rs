//! What a network that runs lacks of its definition: libvirt carries it out when the network starts the next time. Pure.

use super::change::domain_words;
use super::read::ActualNetwork;
use super::{Work, change::mtu_words, shape};
use crate::deployment::{Deployment, Network};
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;

/// What libvirt changes by a start alone.
struct Definition<'a> {
    domain: Option<&'a str>,
    local_only: bool,
    mtu: Option<u32>,
    stp: bool,
}

/// What a network lacks of its definition as it runs, in words; nothing for one that does not.
pub fn of(found: &ActualNetwork) -> Vec<String> {
    let defined = Definition {
        domain: found.domain.as_deref(),
        local_only: found.local_only,
        mtu: found.mtu,
        stp: found.stp,
    };
    lacks(&defined, found)
}

/// The same once this run has changed the definition.
pub fn after(network: &Network, found: &ActualNetwork) -> Vec<String> {
    let defined = Definition {
        domain: network.domain.as_deref(),
        local_only: network.domain.is_some(),
        mtu: network.mtu.filter(|_| network.switch.is_none()),
        stp: false,
    };
    lacks(&defined, found)
}

fn lacks(wanted: &Definition<'_>, found: &ActualNetwork) -> Vec<String> {
    let Some(live) = &found.live else {
        return Vec::new();
    };
    let mut lacks = Vec::new();
    let named = (live.domain.as_deref(), live.local_only);
    if named != (wanted.domain, wanted.local_only) {
        lacks.push(domain_words(live.domain.as_deref(), wanted.domain));
    }
    if live.mtu != wanted.mtu {
        lacks.push(mtu_words(live.mtu, wanted.mtu));
    }
    if live.stp != wanted.stp {
        lacks.push(format!("spanning tree {}", if wanted.stp { "on" } else { "off" }));
    }
    lacks
}

/// The restarts of networks that lack something; what runs on them is plugged in again.
pub fn restarts(deployment: &Deployment, actual: &[ActualNetwork]) -> Vec<Action> {
    let restart = |network: &Network| {
        let found = actual.iter().find(|found| found.name == network.name)?;
        let lacks = after(network, found);
        // What gets its shape back starts again as it is.
        if !found.is_of(deployment.id.uuid)
            || lacks.is_empty()
            || shape::repair(network, found).is_some_and(|repair| repair.restart)
        {
            return None;
        }
        Some(Action::new(
            Step::Networks,
            Verb::Update,
            Kind::Network,
            &network.name,
            &deployment.id.host,
            format!(
                "it starts again for {}; what runs on it is plugged in again",
                lacks.join("; ")
            ),
            Work::Reshape {
                network: Box::new(network.clone()),
                restart: true,
            },
        ))
    };
    deployment.networks.iter().filter_map(restart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::networks::change::tests::{found, network};

    #[test]
    fn what_a_network_runs_without_is_named_until_it_starts_again() {
        let wanted = network();
        let there = found(&wanted);
        assert_eq!(
            (of(&there), after(&wanted, &there)),
            (Vec::<String>::new(), Vec::new())
        );
        let bare = Network {
            mtu: None,
            domain: None,
            ..wanted
        };
        let lacks = ["DNS domain from lab.example to none", "MTU from 1400 to none"];
        assert_eq!(after(&bare, &there), lacks);
        // The definition has it by then.
        let defined = ActualNetwork {
            mtu: None,
            domain: None,
            local_only: false,
            ..there
        };
        assert_eq!(
            (of(&defined), after(&bare, &defined)),
            (
                lacks.map(str::to_owned).to_vec(),
                lacks.map(str::to_owned).to_vec()
            )
        );
        let off = ActualNetwork {
            live: None,
            ..defined
        };
        assert_eq!(of(&off), [""; 0]);
    }
}
