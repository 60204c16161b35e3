//! Which address each NIC gets: the one it has, else the lowest free one of its network.

use crate::actual::Actual;
use crate::addresses::{Mac, lowest_free};
use crate::deployment::{Identity, Network, Node, Reservation};
use crate::yaml::Problems;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The addresses of a deployment's networks while they are given out.
pub struct Reservations<'a> {
    networks: &'a mut Vec<Network>,
    /// What is reserved today, by network and NIC.
    present: BTreeMap<String, BTreeMap<Mac, Ipv4Addr>>,
    taken: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// What DHCP clients hold now, by network: no other NIC gets it.
    leased: BTreeMap<String, Vec<(Mac, Ipv4Addr)>>,
    /// NICs of nodes that exist, whatever their type: network, NIC, node.
    existing: Vec<(String, Mac, String)>,
}

impl<'a> Reservations<'a> {
    /// Starts from what the networks reserve today.
    pub fn new(id: &Identity, actual: &Actual, networks: &'a mut Vec<Network>) -> Self {
        let mut present: BTreeMap<String, BTreeMap<Mac, Ipv4Addr>> = BTreeMap::new();
        let mut taken: BTreeMap<String, BTreeSet<Ipv4Addr>> = BTreeMap::new();
        let mut leased = BTreeMap::new();
        for network in networks.iter() {
            let of_network = taken.entry(network.name.clone()).or_default();
            of_network.extend(network.ipv4.as_ref().map(|side| side.address));
            for found in actual
                .networks_of(id.uuid)
                .filter(|found| found.name == network.name)
            {
                of_network.extend(found.reservations.iter().map(|r| r.ip));
                leased.insert(network.name.clone(), found.leases.clone());
                let by_mac = found.reservations.iter().map(|r| (r.mac, r.ip));
                present.entry(network.name.clone()).or_default().extend(by_mac);
            }
        }
        let existing = actual
            .domains_of(id.uuid)
            .flat_map(|domain| domain.nics.iter().map(move |nic| (domain, nic)))
            .filter_map(|(domain, nic)| Some((nic.network.clone()?, nic.mac, domain.name.clone())))
            .collect();
        Reservations {
            networks,
            present,
            taken,
            leased,
            existing,
        }
    }

    /// Gives every NIC on a network with DHCP its address, and writes it into the network. A network that has none left
    /// is a problem only for a node that is reached over it.
    pub fn assign(mut self, nodes: &mut [Node], problems: &mut Problems) {
        for (network, mac, node) in std::mem::take(&mut self.existing) {
            let _ = self.reserve(&network, mac, &node);
        }
        for node in nodes {
            let name = node.name.clone();
            for (position, nic) in node.nics.iter_mut().enumerate() {
                match self.reserve(&nic.network, nic.mac, &name) {
                    Ok(ip) => nic.ip = ip,
                    Err(why) if node.has_os && node.external == Some(position) => {
                        problems
                            .push(None, why)
                            .hint("widen the network's dhcp range in its topology file");
                    }
                    Err(why) => tracing::info!("{why}: the NIC stays without a reservation"),
                }
            }
        }
        for network in self.networks.iter_mut() {
            network.reservations.sort();
        }
    }

    /// The address of a NIC, `None` on a network without DHCP.
    fn reserve(&mut self, network: &str, mac: Mac, node: &str) -> Result<Option<Ipv4Addr>, String> {
        let Some(network) = self.networks.iter_mut().find(|n| n.name == network) else {
            return Ok(None);
        };
        let Some((start, end)) = network.ipv4.as_ref().and_then(|side| side.dhcp) else {
            return Ok(None);
        };
        if let Some(done) = network.reservations.iter().find(|r| r.mac == mac) {
            return Ok(Some(done.ip));
        }
        let taken = self.taken.entry(network.name.clone()).or_default();
        let present = self
            .present
            .get(&network.name)
            .and_then(|by_mac| by_mac.get(&mac))
            .copied();
        let leased = self.leased.get(&network.name).into_iter().flatten();
        let others: BTreeSet<Ipv4Addr> = leased
            .filter(|(holder, _)| *holder != mac)
            .map(|(_, ip)| *ip)
            .collect();
        let free = || lowest_free(start, end, &taken.union(&others).copied().collect());
        let Some(ip) = present.or_else(free) else {
            return Err(format!(
                "network '{}' has no free address for '{node}': {start} to {end} are taken",
                network.name
            ));
        };
        taken.insert(ip);
        network.reservations.push(Reservation {
            mac,
            ip,
            name: node.to_owned(),
        });
        Ok(Some(ip))
    }
}
