//! NICs that are plugged straight into bridges of the host, and what follows for nodes on a LAN.

use crate::actual::Actual;
use crate::deployment::{Identity, Network, Nic, Node};
use crate::names;
use crate::topology::interface::InterfaceSpec;
use crate::topology::network::Forward;
use crate::topology::node::NodeType;
use crate::yaml::{Problems, nearest};
use std::collections::BTreeSet;

/// What an interface of a node's file is plugged into, beside its network.
#[derive(Clone, Debug, Default)]
pub struct Plugged {
    /// The bridge of the host that it is plugged straight into.
    pub bridge: Option<String>,
    /// Whether that, or its network, is a LAN of the host's.
    pub lan: bool,
}

/// What each interface of a node type is plugged into.
pub fn plugged(
    node_type: &NodeType,
    id: &Identity,
    actual: &Actual,
    networks: &[Network],
    problems: &mut Problems,
) -> Vec<Plugged> {
    let interfaces = node_type.interfaces.iter();
    interfaces
        .map(|interface| {
            let network = networks.iter().find(|n| n.topology_name == interface.network);
            // A wire is a network of its own.
            let straight = interface.bridged && interface.connect_to.is_none();
            Plugged {
                bridge: straight.then(|| plug(interface, &node_type.name, id, actual, networks, problems)),
                // Straight into libvirt's own bridge of a network, the network's DHCP serves the NIC.
                lan: network.map_or(straight, |network| network.forward == Forward::Bridge),
            }
        })
        .collect()
}

/// Lets a node that is reached over a LAN ask for its address there, unless its file fixes one.
pub fn ask_lans(nodes: &mut [Node]) {
    for node in nodes {
        if let Some(nic) = node.external.and_then(|at| node.nics.get_mut(at)) {
            nic.dhcp4 |= nic.lan && nic.ips.is_empty();
        }
    }
}

/// The bridge that a NIC is plugged straight into: a network's of the topology, or one that exists on the host.
fn plug(
    interface: &InterfaceSpec,
    node: &str,
    id: &Identity,
    actual: &Actual,
    networks: &[Network],
    problems: &mut Problems,
) -> String {
    let named = &interface.network;
    if let Some(network) = networks.iter().find(|n| n.topology_name == *named) {
        return network.bridge.clone();
    }
    let links = &actual.facts.links;
    let prefixed = names::bridge(&names::prefixed(id.prefix.as_deref(), named));
    let is_bridge = |name: &String| links.get(name).is_some_and(|link| link.is_bridge());
    if let Some(found) = [&prefixed, named].into_iter().find(|name| is_bridge(name)) {
        return found.clone();
    }
    if !links.unknown() {
        let bridges: Vec<&str> = links
            .all
            .iter()
            .filter(|l| l.is_bridge())
            .map(|l| l.name.as_str())
            .collect();
        let hint = match nearest(named, bridges.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None if bridges.is_empty() => {
                "add a network of that name with 'forward: bridge', or make the bridge yourself".into()
            }
            None => format!(
                "there are {}; or add a network of that name with 'forward: bridge'",
                bridges.join(", ")
            ),
        };
        problems
            .push(
                interface.place.clone(),
                format!(
                    "a NIC of node '{node}' is plugged into the bridge '{named}', which '{}' does not have",
                    id.host
                ),
            )
            .hint(hint);
    }
    named.clone()
}

/// What to say of new underclouds on a LAN: they serve DHCP there.
pub fn underclouds(nodes: &[Node], id: &Identity, actual: &Actual, networks: &[Network]) -> Vec<String> {
    let mut notes = Vec::new();
    for node in nodes.iter().filter(|node| !actual.defines(id.uuid, &node.name)) {
        let serves = node.node_type == "undercloud" || node.groups.iter().any(|group| group == "undercloud");
        let bridges: BTreeSet<&str> = node
            .nics
            .iter()
            .filter(|nic| nic.lan && !is_inside(nic, networks))
            .map(|nic| bridge_of(nic, networks))
            .collect();
        for bridge in bridges.into_iter().filter(|_| serves) {
            notes.push(format!(
                "'{}' will serve DHCP for provisioning, and has a NIC on the LAN of bridge '{bridge}': see that it is not the LAN of others, and that nobody else serves DHCP there",
                node.name
            ));
        }
    }
    notes
}

/// Whether a NIC is on a bridge of Open vSwitch that no physical NIC is in.
fn is_inside(nic: &Nic, networks: &[Network]) -> bool {
    let mut switches = networks
        .iter()
        .filter(|n| n.name == nic.network)
        .filter_map(|n| n.switch.as_ref());
    nic.bridge.is_none() && switches.any(|switch| switch.nic.is_none())
}

fn bridge_of<'a>(nic: &'a Nic, networks: &'a [Network]) -> &'a str {
    let network = || {
        networks
            .iter()
            .find(|n| n.name == nic.network)
            .map(|n| n.bridge.as_str())
    };
    nic.bridge.as_deref().or_else(network).unwrap_or(&nic.network)
}
