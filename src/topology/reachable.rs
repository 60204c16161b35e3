//! Whether the nodes of a type can be reached: the addresses that are theirs are known.

use crate::yaml::Problems;

use super::NodeType;
use super::interface::Mention;
use super::network::{Forward, NetworkSpec};

/// A node with an operating system gets an address on its external network: by DHCP, or by `ips`. On a host's bridge it
/// comes from the LAN.
pub(super) fn check(node: &NodeType, external: &Mention, networks: &[NetworkSpec], problems: &mut Problems) {
    let Some(network) = networks.iter().find(|n| n.name == external.network) else {
        return;
    };
    let Some(position) = node
        .interfaces
        .iter()
        .position(|i| i.connect_to.is_none() && i.network == external.network)
    else {
        return;
    };
    let of_host = network.forward == Forward::Bridge
        || network.virtualport_type.is_some()
        || node.interfaces[position].bridged;
    let dhcp = network.dhcp.is_some() || network.ipv6.as_ref().is_some_and(|side| side.dhcp.is_some());
    let fixed = |index: u32| {
        let fixed = node.fixed.get(index as usize);
        fixed.is_some_and(|fixed| fixed.ips.iter().any(|(nic, _)| *nic == position))
    };
    if !node.deploy_os || network.broken || of_host || dhcp || (node.count > 0 && (0..node.count).all(fixed))
    {
        return;
    }
    problems
        .push(
            external.place.clone(),
            format!(
                "the nodes '{}' get no address on their external_network '{}', which has no dhcp",
                node.name, external.network
            ),
        )
        .hint(format!(
            "add dhcp to that network ({}), say their addresses with 'ips', or name another external_network",
            network.place
        ));
}
