//! A network: one entry under `networks` of a network file.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::yaml::{Fields, Key, Place, Problems, Tree, Value, shown};

use super::address::{self, DhcpRange, Ipv6Spec};
use super::name;
use super::portgroup::{self, Portgroup};
use super::reference::names;
use super::reference::networks::{DNS, FORWARD, NETWORK, SRV};

/// The keys of a network.
pub const KEYS: &[&str] = &names::<{ NETWORK.keys.len() }>(&NETWORK);
/// The keys of `forward`, where it is a mapping.
pub const FORWARD_KEYS: &[&str] = &names::<{ FORWARD.keys.len() }>(&FORWARD);
/// The keys of `dns`.
pub const DNS_KEYS: &[&str] = &names::<{ DNS.keys.len() }>(&DNS);
/// The keys of a DNS service.
pub const SRV_KEYS: &[&str] = &names::<{ SRV.keys.len() }>(&SRV);

/// How packets leave a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    /// Not at all: isolated.
    None,
    /// Behind the host's address.
    Nat,
    /// Routed by the host, firewalled.
    Route,
    /// Routed by the host, without firewall rules.
    Open,
    /// The network is a bridge of the host over a physical NIC.
    Bridge,
}

const FORWARDS: &[(&str, Forward)] = &[
    ("nat", Forward::Nat),
    ("route", Forward::Route),
    ("open", Forward::Open),
    ("bridge", Forward::Bridge),
    ("none", Forward::None),
];

impl Forward {
    /// All words that a file may use.
    pub fn words() -> Vec<&'static str> {
        FORWARDS.iter().map(|(word, _)| *word).collect()
    }

    /// libvirt's word for it; isolated networks have none.
    pub fn mode(self) -> Option<&'static str> {
        FORWARDS
            .iter()
            .find(|(_, f)| *f == self && self != Forward::None)
            .map(|(word, _)| *word)
    }
}

/// A DNS service record of a network.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Srv {
    /// The service without its underscore, `ldap`.
    pub service: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The domain it is looked up in.
    pub domain: Option<String>,
    /// The host that serves it.
    pub target: String,
    /// Its port.
    pub port: u16,
    /// Lower is tried first.
    pub priority: Option<u16>,
    /// Share among equals.
    pub weight: Option<u16>,
}

/// A network of the topology.
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    /// The key in the file, `net1`.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its name without the prefix.
    pub name: String,
    /// How packets leave it.
    pub forward: Forward,
    /// The physical NIC of a bridged network.
    pub nic: Option<String>,
    /// infrared's mark for networks that reach the outside.
    pub external_connectivity: bool,
    /// The host's address.
    pub ip_address: Option<Ipv4Addr>,
    /// Where the address is said; the key's place when there is none.
    pub address_place: Place,
    /// Length of the netmask, 0 without an address.
    pub prefix_len: u8,
    /// First and last address of the DHCP server.
    pub dhcp: Option<DhcpRange<Ipv4Addr>>,
    /// First and last address set aside for floating addresses.
    pub floating_ip: Option<DhcpRange<Ipv4Addr>>,
    /// The host's IPv6 address and DHCP range.
    pub ipv6: Option<Ipv6Spec>,
    /// DNS domain, answered only by the network's own server.
    pub domain: Option<String>,
    /// DNS services.
    pub srvs: Vec<Srv>,
    /// MTU in bytes.
    pub mtu: Option<u32>,
    /// `openvswitch` for a network on an Open vSwitch bridge.
    pub virtualport_type: Option<String>,
    /// Port groups of a network on an Open vSwitch bridge.
    pub portgroups: Vec<Portgroup>,
    /// The host's address with its length on an Open vSwitch bridge.
    pub ipv4_address: Option<String>,
    /// The host's IPv6 address with its length on an Open vSwitch bridge.
    pub ipv6_address: Option<String>,
    pub(super) virtualport_place: Option<Place>,
    pub(super) portgroups_place: Option<Place>,
    /// Whether there are port groups that could not be read.
    pub(super) portgroups_broken: bool,
    /// Whether something in it was refused: then what it lacks says nothing.
    pub(super) broken: bool,
}

impl NetworkSpec {
    /// What it is in a word: `isolated`, `openvswitch`, or how packets leave it.
    pub fn kind(&self) -> &'static str {
        match self.virtualport_type {
            Some(_) => "openvswitch",
            None => self.forward.mode().unwrap_or("isolated"),
        }
    }

    /// The IPv4 subnet, when the network has an address.
    pub fn subnet(&self) -> Option<Ipv4Net> {
        Ipv4Net::new(self.ip_address?, self.prefix_len)
            .ok()
            .map(|net| net.trunc())
    }

    /// Whether it is on a bridge of Open vSwitch.
    pub fn is_openvswitch(&self) -> bool {
        self.virtualport_type.is_some()
    }

    /// The host's addresses on a bridge of Open vSwitch, on its port groups and on their VLANs, each with its length and
    /// with what it is of.
    pub fn host_addresses(&self) -> impl Iterator<Item = (String, &str)> {
        let own = [&self.ipv4_address, &self.ipv6_address];
        let own = own.into_iter().flatten().map(|a| (self.name.clone(), a.as_str()));
        let groups = self.portgroups.iter().flat_map(|group| {
            group
                .host_ports()
                .into_iter()
                .flat_map(|port| port.addresses.into_iter().map(move |a| (port.name.clone(), a)))
        });
        own.chain(groups)
    }
}

/// How many networks a file may have.
const MAX_NETWORKS: usize = 250;

/// The networks of a file.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    /// Those that could be read, in the order of the file.
    pub(super) known: Vec<NetworkSpec>,
    /// Whether the name of another one is not known, as it has been reported.
    pub(super) broken: bool,
}

/// Reads the `networks` of a file.
pub(super) fn read_all(entries: &[(Key, Tree)], problems: &mut Problems) -> Networks {
    if let Some((key, _)) = entries.get(MAX_NETWORKS) {
        problems
            .push(
                key.place.clone(),
                format!("there are more than {MAX_NETWORKS} networks"),
            )
            .hint("is it the right file?");
    }
    let read: Vec<Option<NetworkSpec>> = entries[..entries.len().min(MAX_NETWORKS)]
        .iter()
        .map(|(key, tree)| read(key, tree, problems))
        .collect();
    Networks {
        broken: entries.len() > MAX_NETWORKS || read.iter().any(Option::is_none),
        known: read.into_iter().flatten().collect(),
    }
}

/// Reads one network; None when it is too broken to have a name.
fn read(key: &Key, tree: &Tree, problems: &mut Problems) -> Option<NetworkSpec> {
    let before_all = problems.len();
    name::check("network", &key.name, &key.place, problems);
    let fields = Fields::new(format!("network '{}'", shown(&key.name)), tree, KEYS, problems);
    // A name that is not allowed is a name still, for those that mention it.
    let name = match fields.get("name") {
        Some(tree) => {
            let text = tree.string(&fields.what("name"), problems);
            if let Some(text) = &text {
                name::check("'name'", text, &tree.place, problems);
            }
            text
        }
        None => fields.readable.then(|| key.name.clone()),
    };
    let before = problems.len();
    let portgroups = portgroup::read(&fields, problems);
    let portgroups_broken = problems.len() > before;
    let mut network = NetworkSpec {
        key: key.name.clone(),
        place: key.place.clone(),
        name: String::new(),
        forward: forward(&fields, problems),
        nic: fields
            .get("nic")
            .and_then(|t| interface_name(&fields, t, problems)),
        external_connectivity: fields.boolean("external_connectivity", problems).unwrap_or(false),
        ip_address: None,
        address_place: fields.get("ip_address").map_or(&key.place, |t| &t.place).clone(),
        prefix_len: 0,
        dhcp: None,
        floating_ip: None,
        ipv6: None,
        domain: fields
            .get("domain")
            .and_then(|t| word(&fields, "domain", t, problems)),
        srvs: srvs(&fields, problems),
        mtu: fields.integer("mtu", 576..=65535, problems).map(|mtu| mtu as u32),
        virtualport_type: fields
            .choice("virtualport_type", &[("openvswitch", ())], problems)
            .map(|()| "openvswitch".to_owned()),
        portgroups,
        portgroups_broken,
        broken: false,
        ipv4_address: address::with_length(&fields, "ipv4_address", problems),
        ipv6_address: address::with_length(&fields, "ipv6_address", problems),
        virtualport_place: fields.key_place("virtualport_type").cloned(),
        portgroups_place: fields.key_place("portgroups").cloned(),
    };
    address::read_ipv4(&fields, &mut network, problems);
    network.ipv6 = address::read_ipv6(&fields, problems);
    check_mtu(&fields, &network, problems);
    network.broken = problems.len() > before_all;
    network.name = name?;
    Some(network)
}

/// The kernel switches IPv6 off on links of less than 1280 bytes (RFC 8200, 5).
fn check_mtu(fields: &Fields<'_>, network: &NetworkSpec, problems: &mut Problems) {
    let small = network.mtu.filter(|mtu| *mtu < 1280);
    if let (Some(mtu), Some(_), Some(tree)) = (small, &network.ipv6, fields.get("mtu")) {
        problems
            .push(
                tree.place.clone(),
                format!("{} has IPv6 and an MTU of {mtu}", fields.of),
            )
            .hint("IPv6 takes 1280 bytes at least");
    }
}

fn word(fields: &Fields<'_>, key: &str, tree: &Tree, problems: &mut Problems) -> Option<String> {
    let text = tree.string(&fields.what(key), problems)?;
    name::check(&format!("'{key}'"), &text, &tree.place, problems).then_some(text)
}

/// `forward: nat`, or the mapping with `type` (or `mode`) that infrared's documentation shows.
fn forward(fields: &Fields<'_>, problems: &mut Problems) -> Forward {
    let Some(tree) = fields.get("forward") else {
        return Forward::None;
    };
    let what = fields.what("forward");
    if !matches!(tree.value, Value::Map(_)) {
        return tree.choice(&what, FORWARDS, problems).unwrap_or(Forward::None);
    }
    let inner = Fields::new(what, tree, FORWARD_KEYS, problems);
    if let (Some(_), Some(mode)) = (inner.get("type"), inner.get("mode")) {
        problems
            .push(
                mode.place.clone(),
                format!("{} has both 'type' and 'mode'", inner.of),
            )
            .hint("they are two names for one thing: leave 'mode' out");
    }
    if inner.get("mode").is_none() {
        inner.required("type", problems);
    }
    let keys = ["type", "mode"];
    let said = keys.map(|key| inner.choice(key, FORWARDS, problems));
    said.into_iter().flatten().next().unwrap_or(Forward::None)
}

fn interface_name(fields: &Fields<'_>, tree: &Tree, problems: &mut Problems) -> Option<String> {
    let text = tree.string(&fields.what("nic"), problems)?;
    if text.is_empty() {
        return None;
    }
    if text.len() > 15 || !name::is_name(&text) {
        problems
            .push(
                tree.place.clone(),
                format!("'{}' is not the name of a NIC", shown(&text)),
            )
            .hint("Linux allows 15 letters, digits, '_', '.' and '-': eth0, enp6s0f1");
        return None;
    }
    Some(text)
}

fn srvs(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Srv> {
    let Some(tree) = fields.get("dns") else {
        return Vec::new();
    };
    let dns = Fields::new(fields.what("dns"), tree, DNS_KEYS, problems);
    let items = dns.list("srvs", problems);
    items
        .iter()
        .filter_map(|item| srv(item, &fields.of, problems))
        .collect()
}

fn srv(tree: &Tree, of: &str, problems: &mut Problems) -> Option<Srv> {
    let fields = Fields::new(format!("a DNS service of {of}"), tree, SRV_KEYS, problems);
    let mut get = |key: &str| match fields.required(key, problems) {
        Some(tree) => word(&fields, key, tree, problems),
        None => None,
    };
    let (service, target) = (get("name"), get("target"));
    let protocol = fields.required("protocol", problems).and_then(|t| {
        t.choice(
            &fields.what("protocol"),
            &[("tcp", "tcp"), ("udp", "udp")],
            problems,
        )
    });
    let port = fields
        .required("port", problems)
        .and_then(|t| t.integer(&fields.what("port"), 1..=65535, problems));
    let domain = fields
        .get("domain")
        .and_then(|t| word(&fields, "domain", t, problems));
    let priority = fields.integer("priority", 0..=65535, problems).map(|n| n as u16);
    let weight = fields.integer("weight", 0..=65535, problems).map(|n| n as u16);
    Some(Srv {
        domain,
        priority,
        weight,
        service: service?,
        protocol: protocol?.to_owned(),
        target: target?,
        port: port? as u16,
    })
}
