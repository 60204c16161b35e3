//! The addresses and MACs that node files fix, held against what is on the hypervisor.

use crate::actual::Actual;
use crate::addresses::Mac;
use crate::deployment::{Identity, Node};
use crate::topology::Topology;
use crate::topology::fixed::FixedNode;
use crate::topology::node::NodeType;
use crate::yaml::Problems;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// All fixed MACs: no NIC gets one of them by chance.
pub fn macs(topology: &Topology) -> impl Iterator<Item = Mac> {
    let nodes = topology.node_types.iter().flat_map(|node| &node.fixed);
    nodes.filter_map(|fixed| fixed.mac).map(|(_, mac)| mac)
}

/// What is fixed for the node of that number.
pub fn of(spec: &NodeType, index: u32) -> Option<&FixedNode> {
    spec.fixed.get(index as usize)
}

/// The fixed addresses of a node, by its name and the position of the NIC.
pub fn addresses(node: &Node, spec: &NodeType) -> BTreeMap<(String, usize), Vec<IpAddr>> {
    let mut found: BTreeMap<(String, usize), Vec<IpAddr>> = BTreeMap::new();
    for (position, ip) in of(spec, node.index).into_iter().flat_map(|fixed| &fixed.ips) {
        if let Some(nic) = nic_of(node, *position) {
            found.entry((node.name.clone(), nic)).or_default().push(*ip);
        }
    }
    found
}

/// The NIC that stands for an interface of the node's file: wires may come before it.
fn nic_of(node: &Node, interface: usize) -> Option<usize> {
    node.nics.iter().position(|nic| nic.interface == Some(interface))
}

/// Whether the node can have what is fixed for it, next to what is there.
pub fn check(node: &Node, spec: &NodeType, id: &Identity, actual: &Actual, problems: &mut Problems) {
    let Some(fixed) = of(spec, node.index) else {
        if !spec.fixed.is_empty() {
            let message = format!(
                "nothing is fixed for node '{}': its node file says addresses or MACs for {} of them",
                node.name,
                spec.fixed.len()
            );
            problems
                .push(spec.place.clone(), message)
                .hint("write one more entry in 'ips' or 'introspection_macs'");
        }
        return;
    };
    let existing = actual.domains_of(id.uuid).find(|domain| domain.name == node.name);
    let told = existing.and_then(|domain| domain.mark.as_ref()?.address);
    let mut said = fixed.ips.iter().filter(|(nic, _)| node.external == Some(*nic));
    if let (Some(told), Some((_, first))) = (told, said.clone().next())
        && said.all(|(_, ip)| *ip != told)
    {
        problems
            .push(
                None,
                format!(
                    "node '{}' was made with the address {told}, its node file says {first} now",
                    node.name
                ),
            )
            .hint(format!(
                "say the address that it has, or make the node anew with --remove-nodes {}",
                node.name
            ));
    }
    let Some((position, mac)) = fixed.mac else { return };
    let has = nic_of(node, position).map(|nic| node.nics[nic].mac);
    if has.is_some_and(|has| has != mac) {
        let has = has.map(|has| has.to_string()).unwrap_or_default();
        problems
            .push(
                None,
                format!(
                    "node '{}' was made with the MAC {has}, its node file says {mac} now",
                    node.name
                ),
            )
            .hint(format!(
                "say the MAC that it has, or make the node anew with --remove-nodes {}",
                node.name
            ));
    }
    let own = |name: &str| actual.domains_of(id.uuid).any(|domain| domain.name == name) && name == node.name;
    let holder = actual
        .domains
        .iter()
        .find(|domain| !own(&domain.name) && domain.nics.iter().any(|nic| nic.mac == mac));
    if let Some(holder) = holder {
        problems
            .push(
                None,
                format!(
                    "the MAC {mac} of node '{}' is taken on '{}' by '{}'",
                    node.name, id.host, holder.name
                ),
            )
            .hint("choose another one in 'introspection_macs'");
    }
}
