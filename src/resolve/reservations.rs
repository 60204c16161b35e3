//! Which addresses each NIC gets, of both families: the fixed ones of its node file, else the one it has, else the lowest
//! free one of its network.

use super::part::Others;
use crate::actual::Actual;
use crate::addresses::{Mac, lowest_free};
use crate::deployment::{Identity, Network, Nic, Node, Reservation};
use crate::topology::network::Forward;
use crate::yaml::Problems;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The addresses of one network while they are given out.
#[derive(Default)]
struct Given {
    /// What is reserved today, by NIC.
    present: BTreeMap<Mac, Vec<IpAddr>>,
    /// Addresses that nobody else gets, and whose they are.
    taken: BTreeMap<IpAddr, String>,
    /// What DHCP clients hold now, and which: no other NIC gets it.
    leased: BTreeMap<IpAddr, Vec<Mac>>,
    /// The names in the reservations, of IPv4 (`true`) and of IPv6.
    names: BTreeSet<(bool, String)>,
}

/// The addresses of a deployment's networks while they are given out.
pub struct Reservations<'a> {
    networks: &'a mut Vec<Network>,
    given: BTreeMap<String, Given>,
    /// NICs of nodes that exist, whatever their type: network, MAC, node, position.
    existing: Vec<(String, Mac, String, usize)>,
}

/// One family of a network.
#[derive(Clone, Copy)]
struct Side {
    /// The host's address with the length of the subnet.
    subnet: IpNet,
    dhcp: Option<(IpAddr, IpAddr)>,
}

/// A range of a network that has no address left.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Full {
    network: String,
    start: IpAddr,
    end: IpAddr,
}

impl Full {
    /// One message, for however many nodes.
    fn for_nodes(&self, nodes: &[String]) -> String {
        let Full { network, start, end } = self;
        let whom = match nodes {
            [one] => format!("'{one}'"),
            [first, .., last] => format!("{} nodes, '{first}' to '{last}'", nodes.len()),
            [] => String::new(),
        };
        format!("network '{network}' has no free address for {whom}: {start} to {end} are taken")
    }
}

impl Given {
    /// The DHCP client other than this one that holds an address.
    fn holder(&self, ip: &IpAddr, mac: Mac) -> Option<Mac> {
        let holders = self.leased.get(ip).into_iter().flatten();
        holders.copied().find(|holder| *holder != mac)
    }
}

impl Network {
    fn sides(&self) -> impl Iterator<Item = Side> {
        let v4 = self.ipv4.as_ref().and_then(|side| {
            Some(Side {
                subnet: IpNet::new(side.address.into(), side.net.prefix_len()).ok()?,
                dhcp: side.dhcp.map(|(start, end)| (start.into(), end.into())),
            })
        });
        let v6 = self.ipv6.as_ref().and_then(|side| {
            Some(Side {
                subnet: IpNet::new(side.address.into(), side.net.prefix_len()).ok()?,
                dhcp: side.dhcp.map(|(start, end)| (start.into(), end.into())),
            })
        });
        v4.into_iter().chain(v6)
    }
}

impl<'a> Reservations<'a> {
    /// Starts from what the networks reserve today, here and on other hypervisors.
    pub fn new(id: &Identity, actual: &Actual, networks: &'a mut Vec<Network>, others: &Others) -> Self {
        let mut given: BTreeMap<String, Given> = BTreeMap::new();
        for network in networks.iter() {
            let of_network = given.entry(network.name.clone()).or_default();
            let own = network
                .sides()
                .map(|side| (side.subnet.addr(), "the host".to_owned()));
            of_network.taken.extend(own);
            of_network.taken.extend(others.addresses(&network.name));
            for found in actual
                .networks_of(id.uuid)
                .filter(|found| found.name == network.name)
            {
                let reserved = found.reservations.iter();
                of_network
                    .taken
                    .extend(reserved.clone().map(|r| (r.ip, r.name.clone())));
                let foreign = found
                    .foreign
                    .iter()
                    .map(|ip| (*ip, "a reservation made by hand".to_owned()));
                of_network.taken.extend(foreign);
                for (mac, ip) in &found.leases {
                    of_network.leased.entry(*ip).or_default().push(*mac);
                }
                for reservation in reserved {
                    let of_nic = of_network.present.entry(reservation.mac).or_default();
                    of_nic.push(reservation.ip);
                }
            }
        }
        let existing = actual
            .domains_of(id.uuid)
            .flat_map(|domain| {
                let nics = domain.nics.iter().enumerate();
                nics.filter_map(move |(position, nic)| {
                    Some((nic.network.clone()?, nic.mac, domain.name.clone(), position))
                })
            })
            .collect();
        Reservations {
            networks,
            given,
            existing,
        }
    }

    /// Gives every NIC its addresses, and writes those into the network that its DHCP gives out. `fixed` are those that
    /// node files say, by node and NIC. A network that has none left is a problem only for a node that is reached over it;
    /// gives back notes on the others.
    pub fn assign(
        mut self,
        nodes: &mut [Node],
        fixed: &BTreeMap<(String, usize), Vec<IpAddr>>,
        problems: &mut Problems,
    ) -> Vec<String> {
        for node in nodes.iter() {
            for (position, nic) in node.nics.iter().enumerate() {
                for ip in fixed.get(&(node.name.clone(), position)).into_iter().flatten() {
                    self.fix(nic, *ip, &node.name, problems);
                }
            }
        }
        let wanted: BTreeSet<String> = nodes.iter().map(|node| node.name.clone()).collect();
        for (network, mac, node, position) in std::mem::take(&mut self.existing) {
            if !wanted.contains(&node) {
                let _ = self.reserve(&network, mac, &node, position, &[]);
            }
        }
        let mut lacking: BTreeMap<Full, Vec<String>> = BTreeMap::new();
        let mut bare: BTreeMap<Full, Vec<String>> = BTreeMap::new();
        for node in nodes {
            let name = node.name.clone();
            for (position, nic) in node.nics.iter_mut().enumerate() {
                let external = node.external == Some(position);
                let own = fixed
                    .get(&(name.clone(), position))
                    .map_or(&[][..], Vec::as_slice);
                match self.reserve(&nic.network, nic.mac, &name, position, own) {
                    Ok(ips) => nic.ips = ips,
                    Err((ips, full)) => {
                        if node.has_os && external && ips.is_empty() {
                            lacking.entry(full).or_default().push(name.clone());
                        } else {
                            bare.entry(full).or_default().push(name.clone());
                        }
                        nic.ips = ips;
                    }
                }
                if let Some(network) = self.networks.iter().find(|n| n.name == nic.network) {
                    note(nic, network);
                    if external || !own.is_empty() {
                        tell(nic, network, external);
                    }
                }
            }
        }
        for (full, nodes) in lacking {
            problems
                .push(None, full.for_nodes(&nodes))
                .hint("widen the network's dhcp range in its topology file");
        }
        for network in self.networks.iter_mut() {
            network.reservations.sort();
        }
        let notes = bare.iter().map(|(full, nodes)| {
            let why = full.for_nodes(nodes);
            format!("note: {why}; their NICs there get none until the network's dhcp range is wider")
        });
        notes.collect()
    }

    /// Sets a fixed address aside for its NIC, before any other NIC can get it.
    fn fix(&mut self, nic: &Nic, ip: IpAddr, node: &str, problems: &mut Problems) {
        let given = self.given.entry(nic.network.clone()).or_default();
        let own = given.present.get(&nic.mac).is_some_and(|ips| ips.contains(&ip));
        let holder = given.taken.get(&ip).filter(|_| !own).cloned();
        let leased = given.holder(&ip, nic.mac);
        let holder = holder.or_else(|| leased.map(|mac| format!("the DHCP client {mac}")));
        if let Some(holder) = holder {
            problems
                .push(
                    None,
                    format!(
                        "the address {ip} of node '{node}' on network '{}' is taken by {holder}",
                        nic.network
                    ),
                )
                .hint("choose another one in the node file's 'ips', or remove its holder");
        }
        given.taken.insert(ip, node.to_owned());
    }

    /// The addresses of a NIC, with what is missing when a family has none left.
    fn reserve(
        &mut self,
        network: &str,
        mac: Mac,
        node: &str,
        position: usize,
        fixed: &[IpAddr],
    ) -> Result<Vec<IpAddr>, (Vec<IpAddr>, Full)> {
        let Some(network) = self.networks.iter_mut().find(|n| n.name == network) else {
            return Ok(fixed.to_vec());
        };
        let given = self.given.entry(network.name.clone()).or_default();
        let mut ips = Vec::new();
        let mut missing = None;
        for side in network.sides().collect::<Vec<_>>() {
            let of_side = |ip: &&IpAddr| side.subnet.contains(*ip);
            let said: Vec<IpAddr> = fixed.iter().filter(of_side).copied().collect();
            let Some((start, end)) = side.dhcp else {
                ips.extend(said);
                continue;
            };
            let present = given
                .present
                .get(&mac)
                .into_iter()
                .flatten()
                .find(of_side)
                .copied();
            let taken = |ip: &IpAddr| given.taken.contains_key(ip) || given.holder(ip, mac).is_some();
            let free = || lowest_free(start, end, taken);
            let Some(ip) = said.first().copied().or(present).or_else(free) else {
                let network = network.name.clone();
                missing = Some(Full { network, start, end });
                continue;
            };
            given.taken.insert(ip, node.to_owned());
            ips.push(ip);
            // One DHCP client gets one address; further ones the node is told.
            ips.extend(said.iter().skip(1));
            // libvirt's server knows one NIC by a name.
            let name = match given.names.insert((ip.is_ipv4(), node.to_owned())) {
                false => format!("{node}-eth{position}"),
                true => node.to_owned(),
            };
            network.reservations.push(Reservation { mac, ip, name });
        }
        match missing {
            None => Ok(ips),
            Some(full) => Err((ips, full)),
        }
    }
}

/// What holds for a NIC, whoever sets it up in the node.
fn note(nic: &mut Nic, network: &Network) {
    nic.mtu = network.mtu;
    let own = network.reservations.iter().filter(|r| r.mac == nic.mac);
    nic.reserved = own.map(|r| r.ip).collect();
}

/// What the node is told of its NIC, where it is reached through it or its file fixes an address. The one address comes by
/// DHCP where that reserves it in IPv4, all else by the seed: the servers of further networks would say other things of
/// routes and names, and no two systems name themselves alike to DHCPv6.
fn tell(nic: &mut Nic, network: &Network, external: bool) {
    let routed = matches!(network.forward, Forward::Nat | Forward::Route | Forward::Open);
    for side in network.sides() {
        let by_dhcp = |ip: &IpAddr| external && ip.is_ipv4() && nic.reserved.contains(ip);
        let ips: Vec<IpAddr> = nic
            .ips
            .iter()
            .filter(|ip| side.subnet.contains(*ip))
            .copied()
            .collect();
        nic.dhcp4 |= ips.iter().any(by_dhcp);
        let told: Vec<IpNet> = ips
            .iter()
            .filter(|ip| !by_dhcp(ip))
            .filter_map(|ip| IpNet::new(*ip, side.subnet.prefix_len()).ok())
            .collect();
        if external && routed && !told.is_empty() && !ips.iter().any(by_dhcp) {
            nic.gateways.push(side.subnet.addr());
        }
        if external && !told.is_empty() {
            nic.search.clone_from(&network.domain);
        }
        nic.told.extend(told);
    }
}
