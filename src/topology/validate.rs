//! What only shows when files are held against each other.

use ipnet::IpNet;

use crate::yaml::{Place, Problems};

use super::interface::{self, Wiring, suggestion};
use super::load::NetworkFile;
use super::network::NetworkSpec;
use super::node::NodeType;

/// Gives a node its NICs: its own, or those that the network file has for its name, or for all.
pub(super) fn wire(mut node: NodeType, own: Wiring, file: &NetworkFile, problems: &mut Problems) -> NodeType {
    interface::check_wiring(&own, &file.networks, problems);
    let entry = |name: &str| file.wirings.iter().find(|(n, _)| n == name).map(|(_, w)| w);
    let shared = entry(&node.name).or_else(|| entry("default"));
    let interfaces = own
        .interfaces
        .or_else(|| shared.and_then(|w| w.interfaces.clone()));
    let external = own
        .external_network
        .or_else(|| shared.and_then(|w| w.external_network.clone()));
    let provision = own
        .provision_network
        .or_else(|| shared.and_then(|w| w.provision_network.clone()));
    match interfaces {
        Some(interfaces) => node.interfaces = interfaces,
        None => {
            let place = shared.map_or_else(|| Place::start_of(file.label.clone()), |w| w.place.clone());
            problems
                .push(place, format!("the nodes '{}' have no interfaces", node.name))
                .hint(format!(
                    "add 'interfaces' to 'nodes: {}' or 'nodes: default' of {}",
                    node.name, file.label
                ));
            return node;
        }
    }
    node.provision_network = provision.map(|mention| mention.network);
    let Some(external) = external else {
        if node.deploy_os {
            let place = shared.map_or_else(|| node.place.clone(), |w| w.place.clone());
            problems
                .push(place, format!("the nodes '{}' have an operating system and no external_network", node.name))
                .hint("say through which of their networks they are reached: external_network: {network: management}");
        }
        return node;
    };
    if node.interfaces.iter().any(|i| i.network == external.network) {
        node.external_network = Some(external.network);
    } else if node.deploy_os {
        let names = node.interfaces.iter().map(|i| i.network.as_str());
        problems
            .push(
                external.place,
                format!(
                    "the nodes '{}' have no interface on their external_network '{}'",
                    node.name, external.network
                ),
            )
            .hint(suggestion(&external.network, names));
    }
    node
}

/// Two node types of one `name` would make nodes of one name.
pub(super) fn node_types(types: &[NodeType], problems: &mut Problems) {
    for (index, node) in types.iter().enumerate() {
        if let Some(other) = types[..index].iter().find(|o| o.name == node.name) {
            let message = format!(
                "the node types '{}' and '{}' both make nodes named '{}'",
                other.file_name, node.file_name, node.name
            );
            problems
                .push(node.place.clone(), message)
                .hint("ask for one of them, or give one another 'name'");
        }
    }
}

/// Names and subnets are each network's own.
pub(super) fn networks(networks: &[NetworkSpec], problems: &mut Problems) {
    for (index, network) in networks.iter().enumerate() {
        let before = &networks[..index];
        if let Some(other) = before.iter().find(|o| o.name == network.name) {
            problems
                .push(
                    network.place.clone(),
                    format!("two networks are named '{}'", network.name),
                )
                .hint(format!("the other one is '{}' at {}", other.key, other.place));
        }
        for (subnet, place) in subnets(network) {
            let taken = before
                .iter()
                .flat_map(|o| subnets(o).into_iter().map(move |(s, _)| (o, s)));
            for (other, theirs) in taken.filter(|(_, s)| s.contains(&subnet) || subnet.contains(s)) {
                let message = format!(
                    "the subnet {subnet} of network '{}' overlaps {theirs} of network '{}'",
                    network.name, other.name
                );
                problems
                    .push(place.clone(), message)
                    .hint(format!("the other one is at {}", other.address_place));
            }
        }
    }
}

fn subnets(network: &NetworkSpec) -> Vec<(IpNet, &Place)> {
    let v4 = network.subnet().map(|s| (IpNet::V4(s), &network.address_place));
    let v6 = network
        .ipv6
        .as_ref()
        .and_then(|v6| Some((IpNet::V6(v6.subnet()?), &v6.place)));
    v4.into_iter().chain(v6).collect()
}
