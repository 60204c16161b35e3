//! Networks as they should be.

use crate::addresses::Mac;
use crate::mark::Wire;
use crate::topology::network::Forward;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use uuid::Uuid;

/// A libvirt network.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Network {
    /// The libvirt name, prefixed.
    pub name: String,
    /// The name in the topology.
    pub topology_name: String,
    /// The network's UUID.
    pub uuid: Uuid,
    /// The bridge device, at most 15 bytes.
    pub bridge: String,
    /// How it reaches the world.
    pub forward: Forward,
    /// Bytes.
    pub mtu: Option<u32>,
    /// DNS domain of the guests.
    pub domain: Option<String>,
    /// The host's address and the subnet.
    pub ipv4: Option<Ipv4Side>,
    /// The host's IPv6 address and the subnet.
    pub ipv6: Option<Ipv6Side>,
    /// DNS SRV records.
    pub srvs: Vec<crate::topology::network::Srv>,
    /// Whether its bridge is to ask for multicast groups: each run must say so.
    #[serde(skip)]
    pub querier: bool,
    /// Addresses given to the nodes' NICs, of both families.
    pub reservations: Vec<Reservation>,
    /// The two nodes that it joins, when it is a wire.
    pub wire: Option<Wire>,
    /// What it is on Open vSwitch, when it is there.
    pub switch: Option<Switch>,
}

/// A bridge of Open vSwitch under a network.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Switch {
    /// What NICs may be plugged into.
    pub portgroups: Vec<Portgroup>,
    /// The host's ports; the first is the bridge's own.
    pub ports: Vec<HostPort>,
    /// The physical NIC that becomes a port of it.
    pub nic: Option<String>,
}

/// VLANs under a name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Portgroup {
    /// Its name.
    pub name: String,
    /// Whether NICs that name none are in this one.
    pub default: bool,
    /// Whether packets keep their tags.
    pub trunk: bool,
    /// The VLANs, each with whether it goes untagged in the trunk; every VLAN when there is none.
    pub vlans: BTreeMap<u16, bool>,
}

/// A port of the host itself on a bridge of Open vSwitch.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostPort {
    /// The device.
    pub device: String,
    /// Its VLAN; untagged without one.
    pub vlan: Option<u16>,
    /// The host's addresses there.
    pub addresses: Vec<IpNet>,
}

/// The IPv4 half of a network.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ipv4Side {
    /// The host's address.
    pub address: Ipv4Addr,
    /// The subnet.
    pub net: Ipv4Net,
    /// First and last address given out by DHCP.
    pub dhcp: Option<(Ipv4Addr, Ipv4Addr)>,
}

/// The IPv6 half of a network.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ipv6Side {
    /// The host's address.
    pub address: Ipv6Addr,
    /// The subnet.
    pub net: Ipv6Net,
    /// First and last address given out by DHCPv6.
    pub dhcp: Option<(Ipv6Addr, Ipv6Addr)>,
}

/// A fixed address in a network's DHCP or DHCPv6.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Reservation {
    /// The NIC.
    pub mac: Mac,
    /// Its address.
    pub ip: IpAddr,
    /// The node, and which of its NICs where it has several on the network: `web-0`, `web-0-eth2`.
    pub name: String,
}

impl Reservation {
    /// Whether it is of a NIC of that node.
    pub fn is_of(&self, node: &str) -> bool {
        let rest = self.name.strip_prefix(node);
        rest.is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix("-eth").is_some_and(|number| {
                    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                })
        })
    }
}
