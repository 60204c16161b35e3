//! Flags and topology become the resolved model, with all validation.

pub mod bridges;
pub mod counts;
pub mod disks;
pub mod fixed;
mod nics;
mod node;
pub mod part;
pub mod placement;
pub mod reservations;
mod shared;
pub mod slots;
mod switch;
mod wires;

use crate::actual::Actual;
use crate::addresses::Mac;
use crate::catalogue::Catalogue;
use crate::customize::Customize;
use crate::deployment::{Deployment, Identity, ImageSource, Ipv4Side, Ipv6Side, Network, Slot, Storage, Vnc};
use crate::names;
use crate::steps::start::Policy;
use crate::topology::Topology;
use crate::topology::disk::Bus;
use crate::topology::firmware::Firmware;
use crate::topology::network::{Forward, NetworkSpec};
use crate::virtopts::Virtopts;
use crate::yaml::Problems;
use part::Part;
use reservations::Reservations;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;
use wires::Wires;

/// infrared's name of the network that reaches the outside.
const EXTERNAL: &str = "external";

/// What the command line asks for, checked.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Images and pools.
    pub storage: Storage,
    /// The base image.
    pub image: ImageSource,
    /// The images that files may name.
    pub catalogue: Arc<Catalogue>,
    /// The sudo user of the nodes.
    pub username: String,
    /// Bus of the disks that say none; nothing when nobody says.
    pub disk_bus: Option<Bus>,
    /// Firmware of the nodes that say none; nothing when nobody says.
    pub firmware: Option<Firmware>,
    /// How nodes that do not say it are told who they are.
    pub customize: Customize,
    /// Who logs in to the nodes on which no user is made; nothing for the image's own user.
    pub image_user: Option<String>,
    /// Ansible's connection plugin for the nodes that say none.
    pub ansible_connection: String,
    /// Who sees the nodes' screens.
    pub vnc: Vnc,
    /// What `--virtopts` adds to every domain.
    pub virtopts: Virtopts,
    /// Whether serial consoles are logged.
    pub serial_files: bool,
    /// What is started.
    pub start: Policy,
    /// MTU in bytes of the virtual networks that say none.
    pub network_mtu: Option<u32>,
    /// Whether the external network's bridge asks for multicast groups.
    pub querier: bool,
    /// Whether the counts are added to what is there.
    pub extend: bool,
    /// MTU of the NICs under bridged networks, in bytes.
    pub host_mtu: Option<u32>,
    /// Whether bridges may end with the next boot.
    pub bridge_runtime_only: bool,
}

/// What the nodes of a type are plugged into besides networks.
#[derive(Clone, Copy)]
struct Cables<'a> {
    wires: &'a Wires,
    plugged: &'a [bridges::Plugged],
}

/// The model of a deployment on a hypervisor.
///
/// # Errors
/// Everything in the topology that cannot be on this hypervisor, at once.
pub fn deployment(
    wanted: &Wanted,
    topology: &Topology,
    slot: Slot,
    id: &Identity,
    actual: &Actual,
    part: &Part,
) -> Result<Deployment, Problems> {
    let mut problems = Problems::default();
    let counts = &part.counts;
    part.check(topology, &mut problems);
    let mut networks: Vec<Network> = topology
        .networks
        .iter()
        .map(|spec| {
            let found = actual.networks_of(id.uuid);
            let name = names::prefixed(id.prefix.as_deref(), &spec.name);
            let mtu = found.filter(|n| n.name == name).find_map(|n| n.mtu);
            network(spec, id, wanted, mtu, part)
        })
        .collect();
    if wanted.querier {
        ask_for_groups(&mut networks, topology);
    }
    for network in &networks {
        check_mtu(network, &mut problems);
    }
    let host_bridges = bridges::assign(wanted, topology, id, actual, &mut networks, &mut problems);
    let mut taken_macs: BTreeSet<Mac> = actual
        .domains
        .iter()
        .flat_map(|d| &d.nics)
        .map(|nic| nic.mac)
        .chain(fixed::macs(topology))
        .chain(part.others.macs())
        .collect();
    let shared = shared::networks(topology, &part.all, id, actual, &networks);
    let mut notes = host_bridges.notes;
    notes.extend(
        shared
            .iter()
            .filter_map(|network| shared::note(network, id, actual)),
    );
    networks.extend(shared);
    let wires = wires::resolve(topology, counts, id, actual, &networks, &mut problems);
    networks.extend(wires.networks.iter().cloned());
    let mut nodes = Vec::new();
    let mut fixed = BTreeMap::new();
    for node_type in &topology.node_types {
        let plugged = bridges::plugged(node_type, id, actual, &networks, &mut problems);
        for index in counts.indexes(&node_type.file_name) {
            let cables = Cables {
                wires: &wires,
                plugged: &plugged,
            };
            let node = node::node(wanted, node_type, index, id, actual, cables, &mut taken_macs);
            fixed::check(&node, node_type, id, actual, &mut problems);
            if let (Some(said), Customize::Libguestfs) = (&node.cloud_init, node.customize) {
                problems
                    .push(
                        said.place.clone(),
                        format!("node '{}' has 'cloud_init', and '--customize libguestfs' does without cloud-init", node.name),
                    )
                    .hint("leave cloud_init out, or --customize");
            }
            if node_type.cloud_init.is_some()
                && node.has_os
                && !node.has_seed
                && !actual.defines(id.uuid, &node.name)
            {
                notes.push(format!(
                    "note: node '{}' takes no customisation: its 'cloud_init' is not used",
                    node.name
                ));
            }
            fixed.extend(fixed::addresses(&node, node_type));
            nodes.push(node);
        }
    }
    for node in nodes.iter().filter(|node| node.name.len() > names::HOST_NAME_MAX) {
        problems
            .push(
                None,
                format!(
                    "the node's name '{}' has {} characters, a host name may have {}",
                    node.name,
                    node.name.len(),
                    names::HOST_NAME_MAX
                ),
            )
            .hint("choose a shorter --prefix");
    }
    let joined = nics::joined(&wires.ends, &nodes, id, actual, &mut taken_macs);
    notes.extend(Reservations::new(id, actual, &mut networks, &part.others).assign(
        &mut nodes,
        &fixed,
        &mut problems,
    ));
    if !problems.is_empty() {
        return Err(problems);
    }
    bridges::ask_lans(&mut nodes);
    let warnings = bridges::underclouds(&nodes, id, actual, &networks);
    Ok(Deployment {
        bridges: host_bridges.kept,
        notes,
        warnings,
        id: id.clone(),
        storage: wanted.storage.clone(),
        networks,
        nodes,
        joined,
        given: BTreeMap::new(),
        ssh_limits: false,
        stack: false,
        extend: wanted.extend.then(|| part.all.totals()),
        slot,
    })
}

/// infrared knows it by the name `external`; where no network has that name, it is where the nodes are reached.
fn ask_for_groups(networks: &mut [Network], topology: &Topology) {
    let named = networks.iter().any(|n| n.topology_name == EXTERNAL);
    for network in networks {
        let reached = topology
            .node_types
            .iter()
            .filter_map(|t| t.external_network.as_deref());
        network.querier = network.forward != Forward::Bridge
            && match named {
                true => network.topology_name == EXTERNAL,
                false => reached.clone().any(|name| name == network.topology_name),
            };
    }
}

/// IPv6 needs links of 1280 bytes (RFC 8200, 5): the kernel switches it off on others.
fn check_mtu(network: &Network, problems: &mut Problems) {
    let mtu = network.mtu.filter(|mtu| *mtu < 1280);
    if let (Some(mtu), Some(_)) = (mtu, &network.ipv6) {
        problems
            .push(
                None,
                format!("network '{}' has IPv6 and an MTU of {mtu}", network.name),
            )
            .hint("IPv6 takes 1280 bytes at least: a larger 'mtu' or --host-network-mtu-size");
    }
}

/// A network; without any word on its MTU it keeps the one that it has.
fn network(
    spec: &NetworkSpec,
    id: &Identity,
    wanted: &Wanted,
    present_mtu: Option<u32>,
    part: &Part,
) -> Network {
    let name = names::prefixed(id.prefix.as_deref(), &spec.name);
    // On a bridge of the host it is not libvirt that has the address.
    let ipv4 = spec
        .ip_address
        .filter(|_| !spec.is_openvswitch() && part.has_address(spec))
        .zip(spec.subnet())
        .map(|(address, net)| Ipv4Side {
            address,
            net,
            dhcp: spec.dhcp.as_ref().and_then(|d| part.dhcp(d.start, d.end)),
        });
    let ipv6 = spec
        .ipv6
        .as_ref()
        .filter(|_| !spec.is_openvswitch() && part.has_address(spec))
        .and_then(|side| {
            let dhcp = side.dhcp.as_ref().and_then(|d| part.dhcp(d.start, d.end));
            Some(Ipv6Side {
                address: side.address,
                net: side.subnet()?,
                dhcp,
            })
        });
    Network {
        uuid: Uuid::new_v5(&id.uuid, format!("network {}", spec.name).as_bytes()),
        bridge: names::bridge(&name),
        topology_name: spec.name.clone(),
        forward: spec.forward,
        mtu: spec.mtu.or(wanted
            .network_mtu
            .or(present_mtu)
            .filter(|_| spec.forward != Forward::Bridge)),
        querier: false,
        domain: spec.domain.clone(),
        ipv4,
        ipv6,
        srvs: spec.srvs.clone(),
        reservations: Vec::new(),
        wire: None,
        switch: spec
            .is_openvswitch()
            .then(|| switch::of(spec, id, part.has_address(spec))),
        name,
    }
}

#[cfg(test)]
mod told_tests;
