//! Wires: every node whose interface says `connect_to` is joined to every node of the type that it names, each pair by a
//! network of its own.

use super::counts::Counts;
use crate::actual::Actual;
use crate::deployment::{Identity, Network};
use crate::mark::Wire;
use crate::names;
use crate::topology::network::Forward;
use crate::topology::{InterfaceSpec, NodeType, Topology};
use crate::yaml::{Problems, nearest};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// NIC model of a wire's end where the topology says none.
const MODEL: &str = "virtio";

/// One end of a wire: a NIC.
#[derive(Clone, Debug)]
pub struct End {
    /// The wire's network.
    pub network: String,
    /// NIC model.
    pub model: String,
    /// Which interface of the node's file it stands for; none at the far end.
    pub interface: Option<usize>,
}

/// All wires of this run's nodes.
#[derive(Clone, Debug, Default)]
pub struct Wires {
    /// A network each.
    pub networks: Vec<Network>,
    /// The ends by node, in their order.
    pub ends: BTreeMap<String, Vec<End>>,
}

/// Joins the nodes; a wire that is there keeps the name that it has.
pub fn resolve(
    topology: &Topology,
    counts: &Counts,
    id: &Identity,
    actual: &Actual,
    networks: &[Network],
    problems: &mut Problems,
) -> Wires {
    let mut wires = Wires::default();
    let mut taken: BTreeSet<String> = networks
        .iter()
        .flat_map(|n| [n.name.clone(), n.bridge.clone()])
        .collect();
    for found in &actual.networks {
        taken.insert(found.name.clone());
        taken.extend(found.bridge.clone());
    }
    for spec in &topology.node_types {
        let mut to_target: BTreeMap<String, u32> = BTreeMap::new();
        for (position, interface) in spec.interfaces.iter().enumerate() {
            let Some(target) = &interface.connect_to else {
                continue;
            };
            if counts.indexes(&spec.file_name).is_empty() {
                continue;
            }
            let Some((target, far)) = ends_of(target, topology, counts, id, actual) else {
                nobody_there(spec, interface, target, topology, problems);
                continue;
            };
            let nth = to_target.entry(target.clone()).or_default();
            for index in counts.indexes(&spec.file_name) {
                for far_index in &far {
                    let wire = Wire {
                        from: names::domain(id.prefix.as_deref(), &spec.name, index),
                        to: names::domain(id.prefix.as_deref(), &target, *far_index),
                        nth: *nth,
                        hub: interface.hub,
                    };
                    let there = actual
                        .networks_of(id.uuid)
                        .find(|n| n.wire.as_ref().is_some_and(|w| w.is_same(&wire)));
                    let name = there.map(|n| n.name.clone()).unwrap_or_else(|| {
                        free_name(&spec.name, index, &target, *far_index, *nth, id, &taken)
                    });
                    taken.extend([name.clone(), names::bridge(&name)]);
                    let end = |interface, model: &Option<String>| End {
                        network: name.clone(),
                        model: model.clone().unwrap_or_else(|| MODEL.to_owned()),
                        interface,
                    };
                    let near = end(Some(position), &interface.src_model);
                    wires.ends.entry(wire.from.clone()).or_default().push(near);
                    let far = end(None, &interface.model);
                    wires.ends.entry(wire.to.clone()).or_default().push(far);
                    wires.networks.push(network(name, wire, id));
                }
            }
            *nth += 1;
        }
    }
    wires
}

/// The type's own name and the indexes of its nodes, those that are there and those that are to be; none when it has no
/// node.
fn ends_of(
    target: &str,
    topology: &Topology,
    counts: &Counts,
    id: &Identity,
    actual: &Actual,
) -> Option<(String, BTreeSet<u32>)> {
    // Several files may make nodes of one name: that name means all of them.
    let types = || topology.node_types.iter();
    let by_name = types().find(|t| t.name == target);
    let asked = by_name.or_else(|| types().find(|t| t.file_name == target));
    let marks = || {
        let domains = actual.domains_of(id.uuid);
        domains.filter_map(|domain| domain.mark.as_ref())
    };
    let of_file = marks().find(|mark| mark.node_type != target && mark.file_name == target);
    let name = match (asked, of_file) {
        (Some(asked), _) => asked.name.as_str(),
        (None, Some(mark)) if !marks().any(|mark| mark.node_type == target) => mark.node_type.as_str(),
        (None, _) => target,
    };
    let meant = |named: &str, file: &str| named == name && (target == name || file == target);
    let present = marks()
        .filter(|mark| meant(&mark.node_type, &mark.file_name))
        .map(|mark| mark.index);
    let wanted = types()
        .filter(|t| meant(&t.name, &t.file_name))
        .flat_map(|t| counts.indexes(&t.file_name));
    let indexes: BTreeSet<u32> = wanted.chain(present).collect();
    (!indexes.is_empty()).then(|| (name.to_owned(), indexes))
}

fn nobody_there(
    spec: &NodeType,
    interface: &InterfaceSpec,
    target: &str,
    topology: &Topology,
    problems: &mut Problems,
) {
    let message = format!(
        "the nodes '{}' are wired to '{target}', and there is no such node",
        spec.name
    );
    let others = topology.node_types.iter().map(|t| t.file_name.as_str());
    let hint = match nearest(target, others) {
        Some(near) => format!("did you mean '{near}'? or add {target}:1 to --topology-nodes"),
        None => format!("add {target}:1 to --topology-nodes, or leave that interface out"),
    };
    problems.push(interface.place.clone(), message).hint(hint);
}

/// infrared's name for the bridge, four letters and the number of each node: `comp0veos0`. Types whose names begin alike
/// would share it: then the whole names.
fn free_name(
    from: &str,
    index: u32,
    to: &str,
    far_index: u32,
    nth: u32,
    id: &Identity,
    taken: &BTreeSet<String>,
) -> String {
    let four = |name: &str| name.chars().take(4).collect::<String>();
    let long = format!("{from}-{index}-{to}-{far_index}");
    let candidates = [
        format!("{}{index}{}{far_index}", four(from), four(to)),
        long.clone(),
    ];
    let numbered = (nth + 1..).map(|n| format!("{long}-{n}"));
    candidates
        .into_iter()
        .chain(numbered)
        .map(|name| names::prefixed(id.prefix.as_deref(), &name))
        .find(|name| !taken.contains(name) && !taken.contains(&names::bridge(name)))
        .unwrap_or(long)
}

fn network(name: String, wire: Wire, id: &Identity) -> Network {
    let identity = format!("wire {} {} {}", wire.from, wire.to, wire.nth);
    Network {
        uuid: Uuid::new_v5(&id.uuid, identity.as_bytes()),
        bridge: names::bridge(&name),
        topology_name: name.clone(),
        forward: Forward::None,
        mtu: None,
        domain: None,
        ipv4: None,
        ipv6: None,
        srvs: Vec::new(),
        querier: false,
        reservations: Vec::new(),
        wire: Some(wire),
        switch: None,
        name,
    }
}
