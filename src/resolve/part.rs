//! What of an environment is one hypervisor's: all of it, where there is only one.

use super::Wanted;
use super::counts::{self, Counts};
use crate::actual::Actual;
use crate::addresses::Mac;
use crate::deployment::{Deployment, Identity};
use crate::fleet::Share;
use crate::names;
use crate::topology::Topology;
use crate::topology::network::{Forward, NetworkSpec};
use crate::yaml::Problems;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The part of an environment that lives on one hypervisor.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its nodes.
    pub counts: Counts,
    /// Those of the whole environment.
    pub all: Counts,
    /// Its part of the DHCP ranges of the networks that libvirt makes.
    pub share: Share,
    /// What the others have, and nobody may have twice.
    pub others: Others,
}

/// What is taken on other hypervisors.
#[derive(Clone, Debug, Default)]
pub struct Others {
    macs: BTreeSet<Mac>,
    addresses: BTreeMap<String, BTreeMap<IpAddr, String>>,
}

impl Part {
    /// The whole environment.
    pub fn alone(wanted: &Wanted, topology: &Topology, id: &Identity, actual: &Actual) -> Part {
        let present = counts::present(id, actual);
        Part::whole(counts::targets(
            wanted,
            topology,
            &present,
            counts::unfinished(actual),
        ))
    }

    /// All of these nodes.
    pub fn whole(counts: Counts) -> Part {
        Part {
            all: counts.clone(),
            counts,
            share: Share::WHOLE,
            others: Others::default(),
        }
    }

    /// Its part of a DHCP range.
    pub fn dhcp<A>(&self, start: A, end: A) -> Option<(A, A)>
    where
        A: Into<IpAddr> + TryFrom<Ip>,
    {
        if self.share == Share::WHOLE {
            return Some((start, end));
        }
        let (start, end) = self.share.of(start.into(), end.into())?;
        Some((Ip(start).try_into().ok()?, Ip(end).try_into().ok()?))
    }

    /// Whether the file's own addresses of a network are this host's: a bridge of the host is on a LAN with the others',
    /// where only one may have them.
    pub fn has_address(&self, spec: &NetworkSpec) -> bool {
        spec.forward != Forward::Bridge || self.share.is_first()
    }

    /// Reports the networks that have fewer addresses than there are hypervisors.
    pub(super) fn check(&self, topology: &Topology, problems: &mut Problems) {
        for spec in topology
            .networks
            .iter()
            .filter(|spec| spec.forward != Forward::Bridge)
        {
            let v4 = spec.dhcp.as_ref().map(|d| (d.start.into(), d.end.into()));
            let v6 = spec.ipv6.as_ref().and_then(|side| side.dhcp.as_ref());
            let v6 = v6.map(|d| (d.start.into(), d.end.into()));
            let ranges: [Option<(IpAddr, IpAddr)>; 2] = [v4, v6];
            for (start, end) in ranges.into_iter().flatten() {
                if self.share != Share::WHOLE && self.share.of(start, end).is_none() {
                    problems
                        .push(
                            spec.place.clone(),
                            format!(
                                "network '{}' gives out {start} to {end}, too few to be divided among the hypervisors",
                                spec.name
                            ),
                        )
                        .hint("widen its DHCP range, or name fewer hypervisors");
                }
            }
        }
    }
}

/// An address of either family, on its way back to its own.
pub struct Ip(IpAddr);

impl TryFrom<Ip> for std::net::Ipv4Addr {
    type Error = ();

    fn try_from(ip: Ip) -> Result<Self, ()> {
        match ip.0 {
            IpAddr::V4(ip) => Ok(ip),
            IpAddr::V6(_) => Err(()),
        }
    }
}

impl TryFrom<Ip> for std::net::Ipv6Addr {
    type Error = ();

    fn try_from(ip: Ip) -> Result<Self, ()> {
        match ip.0 {
            IpAddr::V6(ip) => Ok(ip),
            IpAddr::V4(_) => Err(()),
        }
    }
}

impl Others {
    /// Notes what is on another hypervisor.
    pub fn note(&mut self, id: &Identity, actual: &Actual) {
        self.macs
            .extend(actual.domains.iter().flat_map(|d| &d.nics).map(|nic| nic.mac));
        for network in actual.networks_of(id.uuid) {
            let reserved = network.reservations.iter();
            let of_network = self.addresses.entry(network.name.clone()).or_default();
            of_network.extend(reserved.map(|r| (r.ip, r.name.clone())));
        }
    }

    /// Notes what is to be on another hypervisor.
    pub fn note_planned(&mut self, deployment: &Deployment) {
        for node in &deployment.nodes {
            for nic in &node.nics {
                self.macs.insert(nic.mac);
                let of_network = self.addresses.entry(nic.network.clone()).or_default();
                of_network.extend(nic.ips.iter().map(|ip| (*ip, node.name.clone())));
            }
        }
    }

    /// Notes the addresses that node files fix for the nodes of others: no node gets one of them by chance.
    pub fn note_fixed(&mut self, topology: &Topology, counts: &Counts, id: &Identity) {
        for spec in &topology.node_types {
            for index in counts.indexes(&spec.file_name) {
                let fixed = super::fixed::of(spec, index);
                for (position, ip) in fixed.into_iter().flat_map(|fixed| &fixed.ips) {
                    let Some(interface) = spec.interfaces.get(*position) else {
                        continue;
                    };
                    let network = names::prefixed(id.prefix.as_deref(), &interface.network);
                    let node = names::domain(id.prefix.as_deref(), &spec.name, index);
                    self.addresses.entry(network).or_default().insert(*ip, node);
                }
            }
        }
    }

    /// MACs that are taken elsewhere.
    pub fn macs(&self) -> impl Iterator<Item = Mac> {
        self.macs.iter().copied()
    }

    /// The addresses of a network that are taken elsewhere, and whose they are.
    pub fn addresses(&self, network: &str) -> impl Iterator<Item = (IpAddr, String)> {
        let of_network = self.addresses.get(network).into_iter().flatten();
        of_network.map(|(ip, node)| (*ip, node.clone()))
    }
}
