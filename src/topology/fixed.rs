//! What a node file fixes for each of its nodes: addresses (`ips`) and MACs (`introspection_macs`), in the order of
//! the nodes' numbers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::addresses::{Mac, nth};
use crate::yaml::{Fields, Place, Problems, Tree, Value};

use super::NodeType;
use super::address::{parse_ipv4, unfit};
use super::interface::{InterfaceSpec, suggestion};
use super::network::{Forward, NetworkSpec};

/// The keys of a node file that are read here.
pub const KEYS: &[&str] = &["ips", "introspection_macs", "introspection_nets"];

/// The three keys as the file says them.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    ips: Vec<(Place, Ips)>,
    macs: Vec<(Place, Mac)>,
    nets: Vec<(Place, String)>,
    /// Lists that are shorter than the node type's count.
    lists: Vec<(&'static str, Place, usize)>,
}

/// The addresses of one node.
#[derive(Clone, Debug)]
enum Ips {
    /// The n-th address of every subnet that it has a NIC in.
    Nth(u64),
    /// These; each is in the subnet of one of its networks.
    These(Vec<(Place, IpAddr)>),
}

/// What is fixed for one node, by the position of its NICs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedNode {
    /// NICs with their addresses.
    pub ips: Vec<(usize, IpAddr)>,
    /// A NIC with its MAC.
    pub mac: Option<(usize, Mac)>,
    /// Where the addresses and the MAC stand.
    places: [Option<Place>; 2],
}

/// Reads the keys.
pub(super) fn read(fields: &Fields<'_>, problems: &mut Problems) -> Said {
    let mut said = Said::default();
    for key in KEYS {
        let Some(tree) = fields.get(key) else { continue };
        let items = fields.list(key, problems);
        if !items.is_empty() {
            said.lists.push((key, tree.place.clone(), items.len()));
        }
        for (index, item) in items.iter().enumerate() {
            let what = format!("entry {index} of {}", fields.what(key));
            let place = item.place.clone();
            match *key {
                "ips" => said
                    .ips
                    .extend(ips(item, &what, problems).map(|ips| (place, ips))),
                "introspection_macs" => said
                    .macs
                    .extend(mac(item, &what, problems).map(|mac| (place, mac))),
                _ => said
                    .nets
                    .extend(item.string(&what, problems).map(|net| (place, net))),
            }
        }
    }
    if let (Some(place), true) = (
        fields.key_place("introspection_nets"),
        fields.get("introspection_macs").is_none() && !said.nets.is_empty(),
    ) {
        problems
            .push(
                place.clone(),
                format!("{} has introspection_nets and no introspection_macs", fields.of),
            )
            .hint("they say which NIC gets the MAC: add introspection_macs, or leave them out");
    }
    said
}

fn ips(item: &Tree, what: &str, problems: &mut Problems) -> Option<Ips> {
    let one = |tree: &Tree, problems: &mut Problems| {
        let text = tree.string(what, problems)?;
        let address = parse_ipv4(&text).map(IpAddr::from).or_else(|| text.parse().ok());
        if address.is_none() {
            problems
                .push(
                    tree.place.clone(),
                    format!("{what} must be a number or an address, not '{}'", text.escape_debug()),
                )
                .hint("8 is the eighth address of each of the node's subnets; or write 192.168.24.8, or [192.168.24.8, '2001:db8::8']");
        }
        Some((tree.place.clone(), address?))
    };
    match &item.value {
        Value::Seq(items) => {
            let found: Vec<_> = items.iter().filter_map(|item| one(item, problems)).collect();
            (found.len() == items.len()).then_some(Ips::These(found))
        }
        Value::Scalar { text, .. } if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() => item
            .integer(what, 1..=u64::from(u32::MAX), problems)
            .map(Ips::Nth),
        _ => one(item, problems).map(|found| Ips::These(vec![found])),
    }
}

fn mac(item: &Tree, what: &str, problems: &mut Problems) -> Option<Mac> {
    let text = item.string(what, problems)?;
    let plain = text.split(':').all(|part| part.len() == 2);
    let Some(mac) = text.parse::<Mac>().ok().filter(|_| plain) else {
        problems
            .push(
                item.place.clone(),
                format!("{what} must be a MAC address, not '{}'", text.escape_debug()),
            )
            .hint("e.g. 52:54:00:76:c7:08");
        return None;
    };
    if let Some(why) = mac.unfit() {
        problems
            .push(item.place.clone(), format!("{what} cannot be {mac}: {why}"))
            .hint("52:54:00 is QEMU's prefix: take 52:54:00:xx:xx:xx");
        return None;
    }
    Some(mac)
}

/// Holds what is fixed against the nodes' count, their NICs and the networks' subnets.
/// Where those are `murky`, as a fault of theirs has been reported, nothing follows from them.
pub(super) fn resolve(node: &mut NodeType, networks: &[NetworkSpec], murky: bool, problems: &mut Problems) {
    let said = std::mem::take(&mut node.said);
    let said = &said;
    for (key, place, length) in &said.lists {
        if *length < node.count as usize {
            let message = format!(
                "'{key}' of node '{}' has {length}, and {} nodes are asked for",
                node.file_name, node.count
            );
            problems
                .push(place.clone(), message)
                .hint("write one for each node, in the order of their numbers");
        }
    }
    if murky {
        return;
    }
    let length = said.ips.len().max(said.macs.len());
    node.fixed = vec![FixedNode::default(); length];
    for (fixed, (place, ips)) in node.fixed.iter_mut().zip(&said.ips) {
        fixed.places[0] = Some(place.clone());
        fixed.ips = match ips {
            Ips::Nth(number) => every(
                *number,
                place,
                &node.file_name,
                &node.interfaces,
                networks,
                problems,
            ),
            Ips::These(list) => list
                .iter()
                .filter_map(|(place, ip)| {
                    let position = check(
                        *ip,
                        place,
                        node.deploy_os,
                        &node.file_name,
                        &node.interfaces,
                        networks,
                        problems,
                    )?;
                    Some((position, *ip))
                })
                .collect(),
        };
    }
    for (index, (place, mac)) in said.macs.iter().enumerate() {
        node.fixed[index].places[1] = Some(place.clone());
        let named = said.nets.get(index);
        let network = named
            .map(|(_, name)| name.as_str())
            .or(node.provision_network.as_deref());
        let position = match network {
            Some(name) => node
                .interfaces
                .iter()
                .position(|nic| nic.connect_to.is_none() && nic.network == name),
            None => Some(0).filter(|_| !node.interfaces.is_empty()),
        };
        match position {
            Some(position) => node.fixed[index].mac = Some((position, *mac)),
            None => {
                let place = named.map_or(place, |(place, _)| place);
                let network = network.unwrap_or("none");
                let names = node.interfaces.iter().map(|nic| nic.network.as_str());
                problems
                    .push(
                        place.clone(),
                        format!(
                            "node '{}' has no interface on '{network}' for its MAC",
                            node.file_name
                        ),
                    )
                    .hint(suggestion(network, names));
            }
        }
    }
}

/// Whether the NIC is on a network of the file: neither on a bridge of the host nor at a wire's end.
fn is_virtual(nic: &InterfaceSpec) -> bool {
    !nic.bridged && nic.connect_to.is_none()
}

fn subnets(network: &NetworkSpec) -> impl Iterator<Item = IpNet> {
    let v4 = network
        .ip_address
        .and_then(|address| IpNet::new(address.into(), network.prefix_len).ok());
    let v6 = network
        .ipv6
        .as_ref()
        .and_then(|side| IpNet::new(side.address.into(), side.prefix_len).ok());
    v4.into_iter().chain(v6)
}

/// The subnet of the first NIC whose network has one for the address: the NIC, its network, the host's address there.
fn position<'a>(
    ip: IpAddr,
    interfaces: &[InterfaceSpec],
    networks: &'a [NetworkSpec],
) -> Option<(usize, &'a NetworkSpec, IpNet)> {
    interfaces.iter().enumerate().find_map(|(position, nic)| {
        let network = networks
            .iter()
            .find(|n| is_virtual(nic) && n.name == nic.network)?;
        let subnet = subnets(network).find(|subnet| subnet.contains(&ip))?;
        Some((position, network, subnet))
    })
}

/// The NIC that gets an address of the file, when it can have it.
fn check(
    ip: IpAddr,
    place: &Place,
    has_os: bool,
    node: &str,
    interfaces: &[InterfaceSpec],
    networks: &[NetworkSpec],
    problems: &mut Problems,
) -> Option<usize> {
    let Some((position, network, subnet)) = position(ip, interfaces, networks) else {
        let elsewhere = networks
            .iter()
            .find(|n| subnets(n).any(|subnet| subnet.contains(&ip)));
        let bridged = |network: &NetworkSpec| interfaces.iter().any(|nic| nic.network == network.name);
        let hint = match elsewhere {
            Some(network) if bridged(network) => format!(
                "its interface on '{}' is on a bridge of the host: there the LAN gives the address",
                network.name
            ),
            Some(network) => format!(
                "it is in the subnet of '{}', where the node has no interface",
                network.name
            ),
            None => "take an address within the subnet of one of the node's networks".to_owned(),
        };
        problems
            .push(
                place.clone(),
                format!("the address {ip} of node '{node}' is in no subnet of its networks"),
            )
            .hint(hint);
        return None;
    };
    let why = match unfit(ip, subnet) {
        None if ip == subnet.addr() => Some("it is the host's own".to_owned()),
        why => why,
    };
    if let Some(why) = why {
        problems
            .push(
                place.clone(),
                format!("node '{node}' cannot have the address {ip}: {why}"),
            )
            .hint("take another address of the subnet");
        return None;
    }
    if !has_os && !has_dhcp(network, ip) {
        problems
            .push(
                place.clone(),
                format!(
                    "node '{node}' cannot be told its address {ip}: it gets no operating system, and network '{}' has no dhcp",
                    network.name
                ),
            )
            .hint("give the network dhcp, where the address is reserved then, or leave the address out");
        return None;
    }
    Some(position)
}

/// Whether the network's server gives out addresses of that family.
pub(super) fn has_dhcp(network: &NetworkSpec, ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => network.dhcp.is_some(),
        IpAddr::V6(_) => network.ipv6.as_ref().is_some_and(|side| side.dhcp.is_some()),
    }
}

/// The n-th address of each subnet; of several NICs on a network the first one gets it.
fn every(
    number: u64,
    place: &Place,
    node: &str,
    interfaces: &[InterfaceSpec],
    networks: &[NetworkSpec],
    problems: &mut Problems,
) -> Vec<(usize, IpAddr)> {
    let mut found: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let mut any = false;
    for (position, nic) in interfaces.iter().enumerate().filter(|(_, nic)| is_virtual(nic)) {
        let Some(network) = networks
            .iter()
            .find(|n| n.name == nic.network && n.forward != Forward::Bridge)
        else {
            continue;
        };
        for subnet in subnets(network) {
            any = true;
            let ip = nth(subnet.network(), number).filter(|ip| subnet.contains(ip));
            let why = match ip {
                None => Some(format!("the subnet {} has no such address", subnet.trunc())),
                Some(ip) if ip == subnet.addr() => {
                    Some(format!("{ip} is the host's own on network '{}'", network.name))
                }
                Some(ip) => unfit(ip, subnet),
            };
            match (ip, why) {
                (Some(ip), None) => {
                    found.entry(ip).or_insert(position);
                }
                (_, why) => {
                    let why = why.unwrap_or_default();
                    problems
                        .push(
                            place.clone(),
                            format!("node '{node}' cannot have the address {number}: {why}"),
                        )
                        .hint("take another number");
                    return Vec::new();
                }
            }
        }
    }
    if !any {
        problems
            .push(
                place.clone(),
                format!("the networks of node '{node}' have no subnets for its 'ips'"),
            )
            .hint("give one of its networks ip_address and netmask, or leave 'ips' out");
    }
    let mut list: Vec<_> = found.into_iter().map(|(ip, position)| (position, ip)).collect();
    list.sort();
    list
}

/// An address or a MAC that two nodes of the topology have.
pub(super) fn duplicates(types: &[NodeType], problems: &mut Problems) {
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
    for fixed in types.iter().flat_map(|node| &node.fixed) {
        let ips = fixed
            .ips
            .iter()
            .map(|(_, ip)| (format!("the address {ip}"), &fixed.places[0]));
        let mac = fixed
            .mac
            .map(|(_, mac)| (format!("the MAC {mac}"), &fixed.places[1]));
        for (what, place) in ips.chain(mac) {
            let Some(place) = place else { continue };
            if let Some(other) = seen.insert(what.clone(), place) {
                problems
                    .push(place.clone(), format!("two nodes have {what}"))
                    .hint(format!("the other one is at {other}"));
                break;
            }
        }
    }
}
