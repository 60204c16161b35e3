//! Which bridges of the host the bridged networks use: those that exist, or new ones over a NIC.

mod plug;
#[cfg(test)]
mod tests;

pub use plug::{Plugged, ask_lans, plugged, underclouds};

use crate::actual::Actual;
use crate::deployment::{Identity, Network};
use crate::resolve::Wanted;
use crate::steps::host::bridges::HostBridge;
use crate::steps::host::bridges::links::Links;
use crate::topology::Topology;
use crate::topology::network::{Forward, NetworkSpec};
use crate::yaml::{Problems, nearest};
use ipnet::IpNet;

/// The bridges of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Bridges {
    /// Those that irs makes, or made, and keeps in order.
    pub kept: Vec<HostBridge>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Whether a network is a Linux bridge of the host.
pub fn is_linux_bridge(spec: &NetworkSpec) -> bool {
    spec.forward == Forward::Bridge && spec.virtualport_type.is_none()
}

/// Finds the bridge of every bridged network, and writes it into the network.
pub fn assign(
    wanted: &Wanted,
    topology: &Topology,
    id: &Identity,
    actual: &Actual,
    networks: &mut [Network],
    problems: &mut Problems,
) -> Bridges {
    let links = &actual.facts.links;
    let mut bridges = Bridges::default();
    for (spec, network) in topology.networks.iter().zip(networks) {
        if !is_linux_bridge(spec) {
            if let (Some(mtu), Some(nic), Forward::Bridge) = (wanted.host_mtu, &spec.nic, spec.forward) {
                bridges.notes.push(format!(
                    "note: network '{}' is Open vSwitch's: the MTU of its NIC '{nic}' stays as it is, not {mtu}",
                    network.name
                ));
            }
            continue;
        }
        // Addresses and MTU are the bridge's own, DNS the LAN's: libvirt has no part in them.
        let mtu = network.mtu.take().or(wanted.host_mtu);
        network.domain = None;
        network.srvs.clear();
        let v4 = network
            .ipv4
            .take()
            .map(|side| (side.address.into(), side.net.prefix_len()));
        let v6 = network
            .ipv6
            .take()
            .map(|side| (side.address.into(), side.net.prefix_len()));
        let addresses = v4
            .into_iter()
            .chain(v6)
            .filter_map(|(a, len)| IpNet::new(a, len).ok());
        if links.unknown() {
            continue;
        }
        let finding = Finding {
            spec,
            id,
            actual,
            links,
        };
        let Some(found) = finding.find(network, problems) else {
            continue;
        };
        network.bridge.clone_from(&found.name);
        let addresses: Vec<IpNet> = addresses.collect();
        match found.nic {
            None => {
                let lacking = addresses.iter().filter(|a| !has(links, &found.name, a));
                bridges.notes.extend(lacking.map(|address| {
                    format!(
                        "note: network '{}' uses the bridge '{}' of '{}' as it is, without the address {address}",
                        network.name, found.name, id.host
                    )
                }));
            }
            Some(nic) => {
                let mark = links.mark(&found.name);
                // A bridge outlives the deployment that had it made when others use it, and is theirs then.
                let there = actual.deployments();
                let of_others = mark
                    .filter(|mark| mark.deployment != id.name && there.contains(mark.deployment.as_str()));
                if let Some(mark) = &of_others {
                    let lacking = addresses.iter().filter(|a| !has(links, &found.name, a));
                    bridges.notes.extend(lacking.map(|address| {
                        format!(
                            "note: network '{}' shares the bridge '{}' of deployment '{}' on '{}', without the address {address}",
                            network.name, found.name, mark.deployment, id.host
                        )
                    }));
                }
                let bridge = HostBridge {
                    name: found.name,
                    nic,
                    addresses: of_others
                        .as_ref()
                        .map_or(addresses, |mark| mark.addresses.clone()),
                    mtu,
                    network: network.name.clone(),
                    deployment: of_others.map_or_else(|| id.name.clone(), |mark| mark.deployment),
                    again: actual.networks_of(id.uuid).any(|n| n.name == network.name),
                    runtime_only: wanted.bridge_runtime_only,
                };
                take(bridge, &mut bridges.kept, spec, problems);
            }
        }
    }
    bridges
}

/// One NIC, one bridge, one network of a file.
fn take(bridge: HostBridge, kept: &mut Vec<HostBridge>, spec: &NetworkSpec, problems: &mut Problems) {
    let other = kept
        .iter()
        .find(|other| other.nic == bridge.nic || other.name == bridge.name);
    match other {
        None => kept.push(bridge),
        Some(other) => {
            problems
                .push(
                    spec.place.clone(),
                    format!(
                        "the networks '{}' and '{}' are both over the NIC '{}'",
                        other.network, bridge.network, bridge.nic
                    ),
                )
                .hint("a NIC is in one bridge only: say another 'nic', or put the nodes' NICs on one of the two networks");
        }
    }
}

/// A bridge, and the NIC that irs keeps in it; none in what somebody else made.
struct Found {
    name: String,
    nic: Option<String>,
}

fn has(links: &Links, bridge: &str, address: &IpNet) -> bool {
    let link = links.get(bridge);
    link.is_some_and(|link| link.own_addresses().any(|a| a.net() == Some(*address)))
}

struct Finding<'a> {
    spec: &'a NetworkSpec,
    id: &'a Identity,
    actual: &'a Actual,
    links: &'a Links,
}

impl Finding<'_> {
    /// The bridge that the network has already; one of its name; the one that its NIC is in; else a new one.
    fn find(&self, network: &Network, problems: &mut Problems) -> Option<Found> {
        let nic = self.nic();
        let nic = nic.as_deref();
        let had = self
            .actual
            .networks_of(self.id.uuid)
            .find(|n| n.name == network.name);
        let had = had.and_then(|n| n.bridge.as_deref());
        let name = had
            .or_else(|| self.bridge(&network.bridge))
            .or_else(|| self.bridge(&self.spec.name).filter(|name| self.is_free(name)))
            .or_else(|| self.bridge(nic?))
            .or_else(|| self.bridge(self.links.get(nic?)?.master.as_deref()?))
            .unwrap_or(&network.bridge)
            .to_owned();
        match (self.links.get(&name), self.links.mark(&name)) {
            (Some(link), _) if !link.is_bridge() => {
                problems
                    .push(
                        self.spec.place.clone(),
                        format!(
                            "'{name}' on '{}' is no bridge, and network '{}' needs the name",
                            self.id.host, network.name
                        ),
                    )
                    .hint("give the network another name");
                None
            }
            (Some(_), None) => Some(Found { name, nic: None }),
            (_, Some(mark)) => {
                if let Some(said) = &self.spec.nic
                    && *said != mark.nic
                    && self.links.get(said).and_then(|l| l.master.as_deref()) != Some(&name)
                {
                    problems
                        .push(
                            self.spec.place.clone(),
                            format!(
                                "bridge '{name}' on '{}' is over the NIC '{}', the topology says '{said}'",
                                self.id.host, mark.nic
                            ),
                        )
                        .hint("use the topology it was made from, or make the deployment anew after --kill");
                    return None;
                }
                let nic = Some(mark.nic);
                Some(Found { name, nic })
            }
            (None, None) => {
                let nic = Some(self.check(nic, network, problems)?.to_owned());
                Some(Found { name, nic })
            }
        }
    }

    /// The NIC that the file names, else the main one.
    fn nic(&self) -> Option<String> {
        let main = || self.links.main_nic().map(str::to_owned);
        self.spec.nic.clone().or_else(main)
    }

    /// That name, when a bridge has it.
    fn bridge<'a>(&self, name: &'a str) -> Option<&'a str> {
        self.links.get(name).filter(|link| link.is_bridge()).map(|_| name)
    }

    /// Whether neither irs nor libvirt made that bridge.
    fn is_free(&self, bridge: &str) -> bool {
        let of_libvirt = self
            .actual
            .networks
            .iter()
            .any(|n| n.bridge.as_deref() == Some(bridge) && n.forward.as_deref() != Some("bridge"));
        !of_libvirt && self.links.mark(bridge).is_none()
    }

    /// Whether a bridge can be made over that NIC.
    fn check<'a>(&self, nic: Option<&'a str>, network: &Network, problems: &mut Problems) -> Option<&'a str> {
        let (spec, host) = (self.spec, &self.id.host);
        let override_ = format!("-e override.networks.{}.nic=NIC", spec.key);
        let Some(nic) = nic else {
            problems
                .push(
                    spec.place.clone(),
                    format!("network '{}' names no 'nic', and '{host}' has no default route that tells its main one", network.name),
                )
                .hint(format!("say one with {override_}; {}", self.known("")));
            return None;
        };
        let Some(link) = self.links.get(nic) else {
            problems
                .push(
                    spec.place.clone(),
                    format!(
                        "network '{}' is over the NIC '{nic}', which '{host}' does not have",
                        network.name
                    ),
                )
                .hint(format!("say another with {override_}; {}", self.known(nic)));
            return None;
        };
        let kind = link.linkinfo.kind.as_deref();
        let why = match (&link.master, kind) {
            (Some(master), _) => format!("is a port of '{master}'"),
            (_, Some("tun")) => "belongs to a virtual machine or a tunnel".to_owned(),
            _ if link.link_type != "ether" => "is no Ethernet device".to_owned(),
            _ => return Some(nic),
        };
        problems
            .push(
                spec.place.clone(),
                format!(
                    "network '{}' is over '{nic}', which {why} on '{host}'",
                    network.name
                ),
            )
            .hint(format!("say another with {override_}; {}", self.known(nic)));
        None
    }

    fn known(&self, nic: &str) -> String {
        let names: Vec<&str> = self.links.candidates().collect();
        match nearest(nic, names.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are {}", names.join(", ")),
        }
    }
}
