//! The nodes of an environment as lines of /etc/hosts, for each node those addresses that it can reach.

use crate::deployment::{Network, Nic, Node};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

const SCRIPT: &str = include_str!("hosts.sh");

/// Where a node is when nobody knows yet: Debian's own address for it, under which it knows itself.
const ITSELF: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));

/// A node as others see it.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    full: String,
    has_seed: bool,
    /// Whether that NIC is set up, its network, and its addresses; the one that the node is reached through is the first.
    nics: Vec<(bool, String, Vec<IpAddr>)>,
}

/// The nodes of an environment, by which each is told of the others.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    entries: Vec<Entry>,
}

/// A node's full name: with the domain of the network that it is reached over, where that has one.
fn full_name(node: &Node, networks: &[Network]) -> String {
    let network = node.external.and_then(|at| node.nics.get(at));
    let network = network.and_then(|nic| networks.iter().find(|network| network.name == nic.network));
    match network.and_then(|network| network.domain.as_deref()) {
        Some(domain) => format!("{}.{}", node.name, domain.trim_matches('.')),
        None => node.name.clone(),
    }
}

impl Hosts {
    /// All nodes; `lan` says where those were seen that others give an address.
    pub fn new(nodes: &[Node], networks: &[Network], lan: &BTreeMap<String, IpAddr>) -> Hosts {
        let entries = nodes.iter().map(|node| {
            let nic = |(at, nic): (usize, &Nic)| {
                let reached = node.external == Some(at);
                let mut ips = nic.ips.clone();
                if ips.is_empty() && reached {
                    ips.extend(lan.get(&node.name));
                }
                // Whoever has no seed has no address that it was not given by DHCP.
                ips.retain(|ip| node.has_seed || ip.is_ipv4());
                let network = nic.bridge.as_ref().unwrap_or(&nic.network).clone();
                (reached || nic.dhcp4 || !nic.told.is_empty(), network, ips)
            };
            let mut nics: Vec<_> = node.nics.iter().enumerate().map(nic).collect();
            if let Some(at) = node.external.filter(|at| *at < nics.len()) {
                nics[..=at].rotate_right(1);
            }
            Entry {
                name: node.name.clone(),
                full: full_name(node, networks),
                has_seed: node.has_seed,
                nics,
            }
        });
        Hosts {
            entries: entries.collect(),
        }
    }

    /// What a node is told: itself and all others, each where it reaches it. None for a node that is told nothing.
    pub fn block(&self, viewer: &str) -> Option<String> {
        let viewer = self
            .entries
            .iter()
            .find(|entry| entry.name == viewer && entry.has_seed)?;
        let mut block = String::new();
        for entry in &self.entries {
            let names = match entry.full == entry.name {
                true => entry.name.clone(),
                false => format!("{} {}", entry.full, entry.name),
            };
            let itself = entry.name == viewer.name;
            let ips = match entry.seen_from(viewer) {
                [] if itself => &[ITSELF][..],
                ips => ips,
            };
            for ip in ips {
                let _ = writeln!(block, "{ip} {names}");
            }
        }
        block.truncate(block.trim_end().len());
        Some(block)
    }

    /// A node's name with its domain, where it has one.
    pub fn full_name<'a>(&'a self, node: &'a str) -> &'a str {
        let entry = self.entries.iter().find(|entry| entry.name == node);
        entry.map_or(node, |entry| &entry.full)
    }

    /// A short sign for what a node is told, by which the record knows whether it was told it.
    pub fn digest(block: &str) -> String {
        let digest = Sha256::digest(block);
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Entry {
    /// Its addresses on a network that the viewer is on, too, that one first through which it is reached; else on that one.
    fn seen_from(&self, viewer: &Entry) -> &[IpAddr] {
        let common = |(set_up, network, ips): &&(bool, String, Vec<IpAddr>)| {
            let there = viewer.nics.iter().any(|(own, other, _)| *own && other == network);
            *set_up && there && !ips.is_empty()
        };
        let nic = self.nics.iter().find(common).or(self.nics.first());
        nic.map_or(&[], |(_, _, ips)| ips)
    }
}

/// A script for root of the node that writes the block into /etc/hosts. Only the `first` one makes it: where it is gone
/// later, somebody did not want it.
pub fn script(block: &str, first: bool) -> String {
    let first = if first { "yes" } else { "" };
    format!("first={first}\nblock=$(cat <<'IRS'\n{block}\nIRS\n)\n{SCRIPT}")
}
