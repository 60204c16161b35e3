//! Bridges that several NICs are plugged straight into and that nobody made: infrared makes them, of the kernel alone. Here
//! each is an isolated network, with irs's mark, that starts with the host and goes with the deployment.

use super::counts::Counts;
use crate::actual::Actual;
use crate::deployment::{Identity, Network};
use crate::names;
use crate::topology::Topology;
use crate::topology::network::Forward;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the user is told of a network that is not there yet.
pub fn note(network: &Network, id: &Identity, actual: &Actual) -> Option<String> {
    let there = actual
        .networks_of(id.uuid)
        .any(|found| found.name == network.name);
    (!there).then(|| {
        format!(
            "note: the bridge '{}' is neither on '{}' nor a network of the file: one of its own joins the NICs on it",
            network.topology_name, id.host
        )
    })
}

/// The networks for such bridges. A single NIC joins nothing: then the bridge's name is taken for a mistake.
pub fn networks(
    topology: &Topology,
    counts: &Counts,
    id: &Identity,
    actual: &Actual,
    networks: &[Network],
) -> Vec<Network> {
    let links = &actual.facts.links;
    let mut nics: BTreeMap<&str, usize> = BTreeMap::new();
    for spec in &topology.node_types {
        let straight = spec
            .interfaces
            .iter()
            .filter(|i| i.bridged && i.connect_to.is_none());
        for interface in straight {
            *nics.entry(&interface.network).or_default() += counts.indexes(&spec.file_name).len();
        }
    }
    let mut shared = Vec::new();
    for (named, count) in nics {
        if networks.iter().any(|network| network.topology_name == named) {
            continue;
        }
        let name = names::prefixed(id.prefix.as_deref(), named);
        let bridge = names::bridge(&name);
        let ours = actual.networks_of(id.uuid).any(|network| network.name == name);
        let is_bridge = |name: &str| links.get(name).is_some_and(|link| link.is_bridge());
        let there = links.unknown() || is_bridge(&bridge) || is_bridge(named);
        if ours || (!there && count > 1) {
            shared.push(Network {
                uuid: Uuid::new_v5(&id.uuid, format!("network {named}").as_bytes()),
                topology_name: named.to_owned(),
                forward: Forward::None,
                mtu: None,
                querier: false,
                domain: None,
                ipv4: None,
                ipv6: None,
                srvs: Vec::new(),
                reservations: Vec::new(),
                wire: None,
                switch: None,
                name,
                bridge,
            });
        }
    }
    shared
}
