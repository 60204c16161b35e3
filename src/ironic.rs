//! What Ironic needs of the host: by which address and key it powers the nodes without an OS. Pure.

use crate::deployment::{Network, Nic, Node};
use crate::steps::host::access::STACK;
use crate::steps::host::access::facts::Sshd;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// The host's own addresses on the networks of a node: first the one where the node is reached, IPv4 before IPv6.
pub fn host_addresses(node: &Node, networks: &[Network]) -> Vec<IpAddr> {
    let reached = node.external.and_then(|at| node.nics.get(at));
    let mut addresses = Vec::new();
    for nic in reached.into_iter().chain(&node.nics) {
        let network = networks.iter().find(|network| network.name == nic.network);
        for address in network.into_iter().flat_map(of_host) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}

fn of_host(network: &Network) -> Vec<IpAddr> {
    let v4 = network.ipv4.iter().map(|side| IpAddr::from(side.address));
    let v6 = network.ipv6.iter().map(|side| IpAddr::from(side.address));
    let ports = network.switch.iter().flat_map(|switch| &switch.ports);
    let ports = ports
        .flat_map(|port| &port.addresses)
        .map(|address| address.addr());
    v4.chain(v6).chain(ports).collect()
}

/// The NICs over which a node is provisioned: those on the network that it says, with the first one's port group; without
/// a word its first one.
pub fn provisioned(node: &Node) -> Vec<&Nic> {
    let mut own = node.nics.iter().filter(|nic| nic.interface.is_some());
    let first = match &node.provision {
        Some(network) => own.find(|nic| nic.network == *network),
        None => own.next(),
    };
    let Some(first) = first.or(node.nics.first()) else {
        return Vec::new();
    };
    let alike = |nic: &&Nic| nic.network == first.network && nic.portgroup == first.portgroup;
    node.nics.iter().filter(alike).collect()
}

/// The Ironic profile of a type of nodes, where TripleO calls it something else than infrared.
pub fn profile(node_type: &str) -> &str {
    match node_type {
        "controller" => "control",
        "ceph" => "ceph-storage",
        "swift" => "swift-storage",
        other => other,
    }
}

/// What an undercloud is told, so that `virsh -c qemu+ssh://stack@…/system` works there.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The private key, as text.
    pub key: crate::secret::Secret,
    /// Lines of known_hosts for the addresses by which it reaches the host.
    pub known_hosts: String,
}

impl Handed {
    /// By which it is known whether a node has it, without saying what it is.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.key.reveal());
        hash.update(&self.known_hosts);
        hash.finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Lines of known_hosts that say how the host is known at each of those addresses.
pub fn known_hosts(addresses: &[IpAddr], sshd: &Sshd) -> String {
    let mut text = String::new();
    for address in addresses {
        for key in &sshd.host_keys {
            text.push_str(&match port(sshd) {
                22 => format!("{address} {key}\n"),
                port => format!("[{address}]:{port} {key}\n"),
            });
        }
    }
    text
}

/// The port of a host's sshd, as it is seen from its own networks.
pub fn port(sshd: &Sshd) -> u16 {
    match sshd.ports.contains(&22) {
        true => 22,
        false => sshd.ports.first().copied().unwrap_or(22),
    }
}

/// Where sshd listens on none of those addresses: a guest's connection would be refused.
pub fn deaf(addresses: &[IpAddr], sshd: &Sshd, host: &str) -> Option<String> {
    let hears = |address: &IpAddr| {
        sshd.listens.iter().any(|place| {
            let place = place
                .rsplit_once(':')
                .map_or(place.as_str(), |(address, _)| address);
            let place = place.trim_start_matches('[').trim_end_matches(']');
            place.parse::<IpAddr>().is_ok_and(|place| {
                place == *address || place.is_unspecified() && place.is_ipv4() == address.is_ipv4()
            })
        })
    };
    if addresses.is_empty() || sshd.listens.is_empty() || addresses.iter().any(hears) {
        return None;
    }
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Some(format!(
        "sshd of '{host}' does not listen on {}, where the undercloud would log in as {STACK} to power nodes: add a ListenAddress to its configuration",
        list.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, Cli};
    use crate::commands::topology::draft;
    use crate::deployment::Deployment;
    use crate::steps::host::access::stack;
    use crate::ui::{Format, Ui};
    use clap::Parser;

    fn sshd(ports: &[u16], listens: &[&str]) -> Sshd {
        Sshd {
            ports: ports.to_vec(),
            listens: listens.iter().map(|place| (*place).to_owned()).collect(),
            host_keys: vec!["ssh-ed25519 AAAA".into(), "ssh-rsa BBBB".into()],
            ..Sshd::default()
        }
    }

    /// The nodes of these flags on an empty hypervisor.
    fn drafted(flags: &[&str]) -> Deployment {
        let words = [&["irs", "topology", "render"], flags].concat();
        let cli = Cli::try_parse_from(words).unwrap();
        let cli::Command::Topology(topology) = cli.command else {
            panic!("not topology")
        };
        let cli::topology::Command::Render(render) = topology.command else {
            panic!("not render")
        };
        let ui = Ui::plain(
            Format::Human,
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        );
        draft::resolve(&render.drawn.host_address, &render.drawn.draft, &ui)
            .unwrap()
            .deployment
    }

    #[test]
    fn nodes_are_provisioned_over_the_network_that_is_said() {
        let nodes = "controller:1,undercloud:1,compute:1";
        for (network, prefix, wanted, address) in [
            ("3_nets", None, vec!["data"], "172.16.0.1"),
            // Over one port group of the switch, though three of its NICs are on it.
            ("3_net_openvswitch", Some("a"), vec!["a-data"], "172.16.10.1"),
            ("6_nets_3_bridges", None, vec!["br-ctlplane"], "172.16.0.1"),
        ] {
            let mut flags = vec!["--topology-nodes", nodes, "--topology-network", network];
            flags.extend(prefix.iter().flat_map(|prefix| ["--prefix", *prefix]));
            let deployment = drafted(&flags);
            for node in &deployment.nodes {
                let nics = provisioned(node);
                let networks: Vec<&str> = nics.iter().map(|nic| nic.network.as_str()).collect();
                assert_eq!(networks, wanted, "{network}: {}", node.name);
                let groups: Vec<_> = nics.iter().map(|nic| nic.portgroup.as_deref()).collect();
                assert!(
                    groups
                        .iter()
                        .all(|group| group.is_none_or(|group| group.starts_with("ctlplane"))),
                    "{groups:?}"
                );
            }
            let undercloud = deployment.nodes.iter().find(|node| node.is_undercloud()).unwrap();
            let found = host_addresses(undercloud, &deployment.networks);
            assert_eq!(found[0].to_string(), address, "{network}: {found:?}");
        }
        let blank = drafted(&["--topology-nodes", "controller:1"]);
        assert!(stack::is_wanted(&blank.nodes));
        let plain = drafted(&["--topology-nodes", "patcher:2"]);
        assert!(!stack::is_wanted(&plain.nodes));
    }

    #[test]
    fn a_host_is_known_at_each_address_and_port() {
        let addresses = ["172.16.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        assert_eq!(
            known_hosts(&addresses, &sshd(&[2222, 22], &[])),
            "172.16.0.1 ssh-ed25519 AAAA\n172.16.0.1 ssh-rsa BBBB\nfd00::1 ssh-ed25519 AAAA\nfd00::1 ssh-rsa BBBB\n"
        );
        assert_eq!(
            known_hosts(&addresses[1..], &sshd(&[2222], &[])),
            "[fd00::1]:2222 ssh-ed25519 AAAA\n[fd00::1]:2222 ssh-rsa BBBB\n"
        );
    }

    #[test]
    fn an_sshd_that_listens_elsewhere_is_told() {
        let addresses = ["172.16.0.1".parse().unwrap()];
        let warns = |listens: &[&str]| deaf(&addresses, &sshd(&[22], listens), "hv1").is_some();
        assert!(!warns(&["[::]:22", "0.0.0.0:22"]) && !warns(&["172.16.0.1:22"]) && !warns(&[]));
        assert!(warns(&["192.168.1.5:22"]) && warns(&["[::]:22"]));
    }
}
