//! The NICs of a node: those of its interfaces, and the ends of its wires.

use super::bridges::Plugged;
use super::wires::End;
use crate::actual::Actual;
use crate::addresses::Mac;
use crate::deployment::{Identity, Nic, Node};
use crate::names;
use crate::steps::domains::read::{ActualDomain, ActualNic};
use crate::topology::node::NodeType;
use std::collections::{BTreeMap, BTreeSet};

/// What one NIC is to be plugged into.
struct Plug {
    network: String,
    portgroup: Option<String>,
    model: String,
    /// Which interface of the node's file it stands for; none for a wire's end.
    interface: Option<usize>,
    /// Whether the node is reached through it.
    external: bool,
    /// Into which bridge of the host.
    plugged: Plugged,
}

/// The NICs of a node.
pub struct Nics {
    /// Those that it is to have.
    pub nics: Vec<Nic>,
    /// Which of them it is reached through.
    pub external: Option<usize>,
    /// Those that it has and is to lose.
    pub gone: Vec<Mac>,
}

/// The NICs of a node. One that is there keeps the order and the addresses that its NICs have; new ones come after
/// them, and of those that irs made the last ones go. What is left in between, on a network that the topology has no more and
/// beside an interface that has none yet, is the same NIC on another network.
pub fn of_node(
    spec: &NodeType,
    name: &str,
    (ends, plugged): (&[End], &[Plugged]),
    fixed: Option<(usize, Mac)>,
    id: &Identity,
    (existing, actual): (Option<&ActualDomain>, &Actual),
    taken: &mut BTreeSet<Mac>,
) -> Nics {
    let mut left = plugs(spec, ends, plugged, id);
    let there = existing.map_or(&[][..], |domain| &domain.nics);
    let mut places: Vec<Option<Plug>> = Vec::new();
    for found in there {
        let wanted = left.iter().position(|plug| match &plug.plugged.bridge {
            Some(bridge) => Some(bridge) == found.bridge.as_ref(),
            None => Some(&plug.network) == found.network.as_ref(),
        });
        places.push(wanted.map(|position| left.remove(position)));
    }
    let own = |found: &ActualNic| {
        let fixed = fixed.is_some_and(|(_, mac)| mac == found.mac);
        (fixed || found.mac.is_derived(id.uuid, name)) && !on_wire(found, id, actual)
    };
    for (found, place) in there.iter().zip(&mut places) {
        let moves = place.is_none() && own(found);
        if let Some(plug) = left.iter().position(|plug| plug.interface.is_some() && moves) {
            *place = Some(left.remove(plug));
        }
    }
    // From the end on: what is before a NIC that stays must stay, too.
    let tail = there.iter().zip(&places).rev();
    let tail = tail.filter(|(found, place)| place.is_some() || own(found));
    let gone = tail
        .take_while(|(found, place)| place.is_none() || on_wire(found, id, actual))
        .filter(|(_, place)| place.is_none())
        .map(|(found, _)| found.mac)
        .collect();

    let mut nics = Vec::new();
    let mut external = None;
    let mut add = |plug: Plug, mac: Mac, nics: &mut Vec<Nic>| {
        if plug.external {
            external = Some(nics.len());
        }
        nics.push(nic(plug, mac));
    };
    for (found, plug) in there.iter().zip(places) {
        if let Some(plug) = plug {
            add(plug, found.mac, &mut nics);
        }
    }
    for plug in left {
        let fixed = fixed.filter(|(interface, _)| plug.interface == Some(*interface));
        let mac = fixed.map_or_else(|| Mac::derive(id.uuid, name, nics.len(), taken), |(_, mac)| mac);
        taken.insert(mac);
        add(plug, mac, &mut nics);
    }
    Nics { nics, external, gone }
}

fn on_wire(found: &ActualNic, id: &Identity, actual: &Actual) -> bool {
    let mut wires = actual
        .networks_of(id.uuid)
        .filter(|network| network.wire.is_some());
    wires.any(|wire| Some(&wire.name) == found.network.as_ref())
}

fn plugs(spec: &NodeType, ends: &[End], plugged: &[Plugged], id: &Identity) -> Vec<Plug> {
    let end = |end: &End| Plug {
        network: end.network.clone(),
        portgroup: None,
        model: end.model.clone(),
        interface: None,
        external: false,
        plugged: Plugged::default(),
    };
    let mut plugs = Vec::new();
    // Of several NICs on the external network the first one counts.
    let mut external = spec.external_network.as_ref();
    for (position, interface) in spec.interfaces.iter().enumerate() {
        if interface.connect_to.is_some() {
            let own = ends.iter().filter(|e| e.interface == Some(position));
            plugs.extend(own.map(end));
            continue;
        }
        plugs.push(Plug {
            network: names::prefixed(id.prefix.as_deref(), &interface.network),
            portgroup: interface.portgroup.clone(),
            model: interface.model.clone().unwrap_or_else(|| "virtio".into()),
            interface: Some(position),
            external: external.take_if(|name| **name == interface.network).is_some(),
            plugged: plugged.get(position).cloned().unwrap_or_default(),
        });
    }
    // Its own networks come first: a switch is managed through its first NIC.
    plugs.extend(ends.iter().filter(|e| e.interface.is_none()).map(end));
    plugs
}

fn nic(plug: Plug, mac: Mac) -> Nic {
    Nic {
        network: plug.network,
        portgroup: plug.portgroup,
        mac,
        interface: plug.interface,
        ips: Vec::new(),
        reserved: Vec::new(),
        dhcp4: false,
        told: Vec::new(),
        gateways: Vec::new(),
        search: None,
        mtu: None,
        bridge: plug.plugged.bridge,
        lan: plug.plugged.lan,
        model: plug.model,
    }
}

/// The wires' ends at nodes that are there and that this run says nothing else about.
pub fn joined(
    ends: &BTreeMap<String, Vec<End>>,
    nodes: &[Node],
    id: &Identity,
    actual: &Actual,
    taken: &mut BTreeSet<Mac>,
) -> BTreeMap<String, Vec<Nic>> {
    let mut joined = BTreeMap::new();
    let others = ends
        .iter()
        .filter(|(name, _)| !nodes.iter().any(|node| node.name == **name));
    for (name, ends) in others {
        let Some(domain) = actual.domains_of(id.uuid).find(|domain| domain.name == *name) else {
            continue;
        };
        let mut position = domain.nics.len();
        let mut of_domain = Vec::new();
        for end in ends {
            let found = domain
                .nics
                .iter()
                .find(|n| n.network.as_ref() == Some(&end.network));
            let mac = found.map(|found| found.mac).unwrap_or_else(|| {
                position += 1;
                Mac::derive(id.uuid, name, position - 1, taken)
            });
            taken.insert(mac);
            let plug = Plug {
                network: end.network.clone(),
                portgroup: None,
                model: end.model.clone(),
                interface: None,
                external: false,
                plugged: Plugged::default(),
            };
            of_domain.push(nic(plug, mac));
        }
        joined.insert(name.clone(), of_domain);
    }
    joined
}
