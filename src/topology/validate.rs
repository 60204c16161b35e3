//! What only shows when files are held against each other.

use ipnet::IpNet;

use crate::yaml::{Place, Problems, nearest, shown};

use super::interface::{self, InterfaceSpec, Wiring, suggestion};
use super::load::NetworkFile;
use super::network::{Forward, NetworkSpec};
use super::node::NodeType;
use super::reachable;
use super::{Request, files, fixed};

/// What is said of the nodes.
pub(super) struct Said<'a> {
    /// The names of those for which the network file has no entry.
    pub(super) unwired: &'a mut Vec<String>,
    pub(super) problems: &'a mut Problems,
    pub(super) notes: &'a mut Vec<String>,
}

/// Gives a node its NICs: its own, or those that the network file has for its name, or for all.
pub(super) fn wire(mut node: NodeType, mut own: Wiring, file: &NetworkFile, said: &mut Said<'_>) -> NodeType {
    let Said {
        unwired,
        problems,
        notes,
    } = said;
    interface::check_wiring(&mut own, &file.networks, problems);
    let entry = |name: &str| file.wirings.iter().find(|(n, _)| n == name).map(|(_, w)| w);
    let shared = entry(&node.name).or_else(|| entry("default"));
    // What is lacking may be what has been reported.
    let broken = own.broken || file.broken || shared.is_some_and(|w| w.broken);
    // A fault of an entry is one fault, however many types of nodes it is for.
    let subject = match shared {
        Some(w) if own.interfaces.is_none() && own.external_network.is_none() => {
            format!("'{}' in 'nodes' of the network file has", w.key)
        }
        _ => format!("the nodes '{}' have", node.name),
    };
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
        Some(interfaces) => {
            node.interfaces = connected(interfaces, notes);
            if !broken {
                check_wires(&node, problems);
            }
        }
        None if broken => return node,
        None => {
            match shared {
                None => unwired.push(node.name.clone()),
                Some(w) => problems
                    .push(w.place.clone(), format!("{subject} no interfaces"))
                    .hint("add interfaces: [{network: management}]"),
            }
            return node;
        }
    }
    node.provision_network = provision.map(|mention| mention.network);
    let networks = &file.networks.known;
    let on = |n: &NetworkSpec| node.interfaces.iter().any(|i| i.network == n.name);
    let murky = broken || networks.iter().any(|n| n.broken && on(n));
    fixed::resolve(&mut node, networks, murky, problems);
    let Some(external) = external else {
        if node.deploy_os && !broken {
            let place = shared.map_or_else(|| node.place.clone(), |w| w.place.clone());
            problems
                .push(place, format!("{subject} no external_network, and nodes with an operating system need one"))
                .hint("say through which of their networks they are reached: external_network: {network: management}");
        }
        return node;
    };
    let reaches = |i: &InterfaceSpec| i.connect_to.is_none() && i.network == external.network;
    if node.interfaces.iter().any(reaches) {
        if !murky {
            reachable::check(&node, &external, networks, problems);
        }
        node.external_network = Some(external.network);
    } else if node.deploy_os && !broken {
        let names = node.interfaces.iter().map(|i| i.network.as_str());
        problems
            .push(
                external.place,
                format!(
                    "{subject} no interface on the external_network '{}'",
                    external.network
                ),
            )
            .hint(suggestion(&external.network, names));
    }
    node
}

/// The interfaces without the wires to a switch that nobody asked for.
fn connected(mut interfaces: Vec<InterfaceSpec>, notes: &mut Vec<String>) -> Vec<InterfaceSpec> {
    let all = interfaces.len();
    interfaces.retain(|i| i.connect_to.as_deref() != Some(interface::NO_SWITCH));
    if interfaces.len() < all {
        let note =
            "no switch (vqfx, veos, ovsvswitch) is asked for: wires go to one that is there, or are left out";
        notes.push(note.to_owned());
    }
    interfaces
}

fn check_wires(node: &NodeType, problems: &mut Problems) {
    for interface in &node.interfaces {
        let Some(target) = &interface.connect_to else {
            for (key, said) in [
                ("hub", interface.hub),
                ("src_model", interface.src_model.is_some()),
            ] {
                if said {
                    problems
                        .push(
                            interface.place.clone(),
                            format!("'{key}' without 'connect_to' means nothing"),
                        )
                        .hint(format!(
                            "leave '{key}' out, or say with 'connect_to' which nodes the wires go to"
                        ));
                }
            }
            continue;
        };
        if *target == node.name || *target == node.file_name {
            problems
                .push(
                    interface.place.clone(),
                    format!("the nodes '{}' cannot be wired to themselves", node.name),
                )
                .hint("let 'connect_to' name another node type");
        }
        if let Some(portgroup) = &interface.portgroup {
            problems
                .push(
                    interface.place.clone(),
                    format!("a wire to '{target}' has no port group '{portgroup}'"),
                )
                .hint("leave 'portgroup' out: a wire is a network of its own");
        }
    }
}

/// Reports the nodes for which the network file has no entry.
pub(super) fn all_wired(unwired: &[String], file: &NetworkFile, problems: &mut Problems) {
    let Some(first) = unwired.first() else { return };
    problems
        .push(
            Place::start_of(file.label.clone()),
            format!("the nodes '{}' have no interfaces", unwired.join("', '")),
        )
        .hint(format!(
            "add 'interfaces' to 'nodes: {first}' or 'nodes: default' of {}",
            file.label
        ));
}

/// A wire leads to a node type that there is; whether it has nodes shows on the hypervisor.
pub(super) fn wired_types(types: &[NodeType], request: &Request, problems: &mut Problems) {
    for interface in types.iter().flat_map(|node| &node.interfaces) {
        let Some(target) = &interface.connect_to else {
            continue;
        };
        let asked = types.iter().any(|t| t.name == *target || t.file_name == *target);
        if asked || request.present.contains(target) {
            continue;
        }
        let known = files::names_of(files::Kind::Nodes, &request.dirs);
        if !known.contains(target) {
            let names = known.iter().map(String::as_str);
            problems
                .push(
                    interface.place.clone(),
                    // Once for an entry that several types share.
                    format!("the wire leads to '{}', which is no node type", shown(target)),
                )
                .hint(match nearest(target, names) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => "'irs topology list' shows all".into(),
                });
        }
    }
}

/// Names and subnets are each network's own.
pub(super) fn networks(networks: &[NetworkSpec], problems: &mut Problems) {
    for (index, network) in networks.iter().enumerate() {
        openvswitch(network, problems);
        devices(network, networks, problems);
        bridged(network, problems);
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
            let mut taken = taken.filter(|(_, s)| s.contains(&subnet) || subnet.contains(s));
            if let Some((other, theirs)) = taken.next() {
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

/// On a bridge of the host libvirt serves nothing: addresses and names are the LAN's.
fn bridged(network: &NetworkSpec, problems: &mut Problems) {
    if network.forward != Forward::Bridge || network.virtualport_type.is_some() {
        return;
    }
    let v6 = network.ipv6.as_ref().is_some_and(|side| side.dhcp.is_some());
    let served = [
        ("dhcp", network.dhcp.is_some() || v6),
        ("domain", network.domain.is_some()),
        ("dns", !network.srvs.is_empty()),
    ];
    for (key, _) in served.into_iter().filter(|(_, said)| *said) {
        let message = format!(
            "network '{}' is a bridge of the host, and cannot have '{key}'",
            network.name
        );
        problems.push(network.place.clone(), message).hint(format!(
            "leave '{key}' out: that is the business of the LAN's own server"
        ));
    }
}

/// Port groups and virtual ports are things of bridges of Open vSwitch.
fn openvswitch(network: &NetworkSpec, problems: &mut Problems) {
    let name = &network.name;
    let Some(place) = &network.virtualport_place else {
        let place = network.portgroups_place.as_ref().unwrap_or(&network.place);
        if !network.portgroups.is_empty() {
            problems
                .push(
                    place.clone(),
                    format!("network '{name}' has port groups and is not on Open vSwitch"),
                )
                .hint("add 'virtualport_type: openvswitch' and 'forward: bridge', or leave 'portgroups' out");
        }
        return;
    };
    if network.virtualport_type.is_some() && network.forward != Forward::Bridge {
        problems
            .push(
                place.clone(),
                format!("network '{name}' is on Open vSwitch and has no 'forward: bridge'"),
            )
            .hint("add 'forward: bridge': its bridge is the host's, not libvirt's");
    }
}

/// Every device of the host has a name of its own: infrared names the host's port in a port group like the group, and
/// another network's bridge may be named so, too.
fn devices(network: &NetworkSpec, networks: &[NetworkSpec], problems: &mut Problems) {
    for group in &network.portgroups {
        for port in group.host_ports() {
            let bridge = networks.iter().find(|n| n.name == port.name);
            let others = networks.iter().flat_map(|n| &n.portgroups);
            let mut others = others.filter(|other| !std::ptr::eq(*other, group));
            let other = others.find(|other| other.host_ports().iter().any(|p| p.name == port.name));
            let whose = match (bridge, other) {
                (Some(bridge), _) => format!("network '{}'", bridge.name),
                (None, Some(other)) => format!("port group '{}'", other.name),
                (None, None) => continue,
            };
            problems
                .push(
                    group.place.clone(),
                    format!("the host's port '{}' for the addresses in port group '{}' has the name of that of {whose}", port.name, group.name),
                )
                .hint("give the port group another name, or leave its addresses out");
        }
    }
}

fn subnets(network: &NetworkSpec) -> Vec<(IpNet, &Place)> {
    let v4 = network.subnet().map(|s| (IpNet::V4(s), &network.address_place));
    let v6 = network
        .ipv6
        .as_ref()
        .and_then(|v6| Some((IpNet::V6(v6.subnet()?), &v6.place)));
    let others = network
        .host_addresses()
        .filter_map(|(_, address)| Some((address.parse::<IpNet>().ok()?.trunc(), &network.place)));
    v4.into_iter().chain(v6).chain(others).collect()
}
