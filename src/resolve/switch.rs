//! What a network is on Open vSwitch.

use crate::deployment::{HostPort, Identity, Portgroup, Switch};
use crate::names;
use crate::topology::NetworkSpec;
use ipnet::IpNet;

/// The bridge's port groups, and the ports that the host's own addresses need, where it is to have them.
pub fn of(spec: &NetworkSpec, id: &Identity, has_addresses: bool) -> Switch {
    let device = |name: &str| names::bridge(&names::prefixed(id.prefix.as_deref(), name));
    let parse = |addresses: Vec<&str>| {
        addresses
            .into_iter()
            .filter_map(|a| a.parse::<IpNet>().ok())
            .collect()
    };
    let own = [&spec.ipv4_address, &spec.ipv6_address];
    let mut addresses: Vec<IpNet> = parse(own.into_iter().flatten().map(String::as_str).collect());
    let ipv4 = spec
        .ip_address
        .and_then(|ip| IpNet::new(ip.into(), spec.prefix_len).ok());
    let ipv6 = spec
        .ipv6
        .as_ref()
        .and_then(|ip| IpNet::new(ip.address.into(), ip.prefix_len).ok());
    let others: Vec<IpNet> = ipv4
        .into_iter()
        .chain(ipv6)
        .filter(|net| !addresses.contains(net))
        .collect();
    addresses.extend(others);
    let bridge = HostPort {
        device: device(&spec.name),
        vlan: None,
        addresses,
    };
    let ports = spec.portgroups.iter().flat_map(|group| group.host_ports());
    let ports = ports.map(|port| HostPort {
        device: device(&port.name),
        vlan: port.vlan,
        addresses: parse(port.addresses),
    });
    let portgroups = spec.portgroups.iter().map(|group| Portgroup {
        name: group.name.clone(),
        default: group.default,
        trunk: group.trunk,
        vlans: group.vlans.iter().map(|vlan| (vlan.id, vlan.native)).collect(),
    });
    let mut ports: Vec<HostPort> = std::iter::once(bridge).chain(ports).collect();
    if !has_addresses {
        ports.truncate(1);
        ports.iter_mut().for_each(|port| port.addresses.clear());
    }
    Switch {
        portgroups: portgroups.collect(),
        ports,
        nic: spec.nic.clone(),
    }
}
