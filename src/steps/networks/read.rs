//! The networks that exist: read from the inactive XML, compared by fields.

use super::portgroup;
use crate::addresses::Mac;
use crate::deployment::{Portgroup, Reservation};
use crate::libvirt::sys::dhcp_leases;
use crate::libvirt::{self, Libvirt, Listed};
use crate::mark::{self, Owner, Wire};
use crate::topology::network::Srv;
use anyhow::{Context, Result};
use ipnet::IpNet;
use roxmltree::{Document, Node as XmlNode};
use std::net::IpAddr;
use uuid::Uuid;
use virt::network::Network;

/// A network as libvirt has it.
#[derive(Clone, Debug)]
pub struct ActualNetwork {
    /// libvirt's name.
    pub name: String,
    /// libvirt's UUID.
    pub uuid: Uuid,
    /// The mark, when irs made it.
    pub owner: Option<Owner>,
    /// Whether the definition has lost that mark, and the deployment's blueprint tells it.
    pub lost_mark: bool,
    /// Whether it has a definition, else it is gone when it stops.
    pub persistent: bool,
    /// The nodes that it joins, when irs made it as a wire.
    pub wire: Option<Wire>,
    /// Whether it is started.
    pub active: bool,
    /// Whether it starts with the host.
    pub autostart: bool,
    /// The bridge device.
    pub bridge: Option<String>,
    /// The bridge device's MAC, which libvirt chose.
    pub mac: Option<Mac>,
    /// `nat`, `route`, `open`, `bridge`, …; none when isolated.
    pub forward: Option<String>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// DNS domain.
    pub domain: Option<String>,
    /// Whether its names are asked of nobody else.
    pub local_only: bool,
    /// DNS services.
    pub srvs: Vec<Srv>,
    /// What is under its bridge, `openvswitch`.
    pub virtualport: Option<String>,
    /// Its port groups.
    pub portgroups: Vec<Portgroup>,
    /// Spanning tree on the bridge.
    pub stp: bool,
    /// The host's addresses and subnets.
    pub addresses: Vec<ActualAddress>,
    /// Addresses given to NICs.
    pub reservations: Vec<Reservation>,
    /// Addresses of reservations that irs would not make, such as for another DUID.
    pub foreign: Vec<IpAddr>,
    /// Addresses that DHCP clients hold now, of the deployment's networks: dnsmasq gives them to nobody else.
    pub leases: Vec<(Mac, IpAddr)>,
    /// The network as it runs, of the deployment's networks.
    pub live: Option<Box<ActualNetwork>>,
}

impl ActualNetwork {
    /// Whether it bears the mark of this deployment.
    pub fn is_of(&self, deployment: Uuid) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.uuid == deployment)
    }
}

/// One `<ip>` of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualAddress {
    /// The host's address.
    pub address: IpAddr,
    /// Its subnet.
    pub net: IpNet,
    /// The first DHCP range.
    pub dhcp: Option<(IpAddr, IpAddr)>,
}

/// Reads every network of a hypervisor; of those of `deployment` also how they run. One that vanishes meanwhile is left out.
///
/// # Errors
/// When a call fails or an XML cannot be read.
pub fn read(libvirt: &Libvirt, deployment: &str) -> Result<Vec<ActualNetwork>> {
    let found = libvirt::of_each(&libvirt.networks()?, |listed| {
        let name = listed.it.name()?;
        match read_one(listed, deployment) {
            Ok(actual) => Ok(Some(actual)),
            Err(_) if libvirt.network(&name)?.is_none() => Ok(None),
            Err(error) => Err(error.context(format!("reading network '{name}'"))),
        }
    });
    let read: Result<Vec<Option<ActualNetwork>>> = found.into_iter().collect();
    let mut networks: Vec<ActualNetwork> = read?.into_iter().flatten().collect();
    // libvirt lists them in no order.
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(networks)
}

fn read_one(listed: &Listed<Network>, deployment: &str) -> Result<ActualNetwork> {
    let network = &listed.it;
    // Of one that was only started it is what its definition would be.
    let mut actual = parse(&network.xml_desc(virt::sys::VIR_NETWORK_XML_INACTIVE)?)?;
    actual.persistent = listed.persistent;
    actual.active = listed.running;
    actual.autostart = listed.autostart;
    let owner = actual.owner.as_ref();
    if actual.active && owner.is_some_and(|owner| owner.deployment == deployment) {
        let leases = dhcp_leases(network)?;
        let pairs = leases
            .iter()
            .filter_map(|lease| Some((lease.mac.parse().ok()?, lease.address.parse().ok()?)));
        actual.leases = pairs.collect();
        if listed.persistent {
            actual.live = Some(Box::new(parse(&network.xml_desc(0)?)?));
        }
    }
    Ok(actual)
}

/// Reads a network's XML; whether it runs and starts with the host is not in it.
///
/// # Errors
/// When the XML or the mark is broken.
pub fn parse(xml: &str) -> Result<ActualNetwork> {
    let document = Document::parse(xml)?;
    let root = document.root_element();
    let child = |name: &str| root.children().find(|n| n.has_tag_name(name));
    let text = |name: &str| child(name).and_then(|n| n.text()).map(str::trim);
    let attribute = |name: &str, key: &str| child(name).and_then(|n| n.attribute(key)).map(str::to_owned);
    let addresses = root
        .children()
        .filter(|n| n.has_tag_name("ip"))
        .map(address)
        .collect::<Result<Vec<_>>>()?;
    Ok(ActualNetwork {
        name: text("name").context("it has no name")?.to_owned(),
        uuid: text("uuid").context("it has no UUID")?.parse()?,
        owner: mark::of_network(root),
        lost_mark: false,
        persistent: true,
        wire: mark::wire_of_network(root),
        active: false,
        autostart: false,
        bridge: attribute("bridge", "name"),
        mac: attribute("mac", "address").and_then(|mac| mac.parse().ok()),
        forward: child("forward").map(|n| n.attribute("mode").unwrap_or("nat").to_owned()),
        mtu: attribute("mtu", "size").and_then(|size| size.parse().ok()),
        domain: attribute("domain", "name"),
        local_only: attribute("domain", "localOnly").is_some_and(|only| only == "yes"),
        srvs: root
            .descendants()
            .filter(|n| n.has_tag_name("srv"))
            .filter_map(srv)
            .collect(),
        virtualport: attribute("virtualport", "type"),
        portgroups: portgroup::read(root),
        stp: attribute("bridge", "stp").is_some_and(|stp| stp == "on"),
        addresses,
        leases: Vec::new(),
        live: None,
        reservations: hosts(root).filter_map(reservation).collect(),
        foreign: hosts(root)
            .filter(|host| reservation(*host).is_none())
            .filter_map(|host| host.attribute("ip")?.parse().ok())
            .collect(),
    })
}

fn address(ip: XmlNode<'_, '_>) -> Result<ActualAddress> {
    let address: IpAddr = ip
        .attribute("address")
        .context("an <ip> has no address")?
        .parse()?;
    let prefix = match (ip.attribute("prefix"), ip.attribute("netmask")) {
        (Some(prefix), _) => prefix.parse()?,
        (None, Some(netmask)) => ipnet::ip_mask_to_prefix(netmask.parse()?)?,
        (None, None) => class_prefix(address),
    };
    let range = ip.descendants().find(|n| n.has_tag_name("range"));
    let bound = |key| {
        range
            .and_then(|n| n.attribute(key))
            .and_then(|text| text.parse().ok())
    };
    Ok(ActualAddress {
        address,
        net: IpNet::new(address, prefix)?.trunc(),
        dhcp: bound("start").zip(bound("end")),
    })
}

/// libvirt's rule for an `<ip>` without a prefix: the address's class, /64 for IPv6.
fn class_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V6(_) => 64,
        IpAddr::V4(v4) => match v4.octets()[0] {
            0..128 => 8,
            128..192 => 16,
            _ => 24,
        },
    }
}

fn srv(node: XmlNode<'_, '_>) -> Option<Srv> {
    let text = |key| node.attribute(key).map(str::to_owned);
    let number = |key| node.attribute(key).and_then(|text| text.parse().ok());
    Some(Srv {
        service: text("service")?,
        protocol: text("protocol")?,
        domain: text("domain"),
        target: text("target").unwrap_or_default(),
        port: number("port").unwrap_or_default(),
        priority: number("priority"),
        weight: number("weight"),
    })
}

fn hosts<'a>(root: XmlNode<'a, 'a>) -> impl Iterator<Item = XmlNode<'a, 'a>> {
    let servers = root.descendants().filter(|n| n.has_tag_name("dhcp"));
    servers.flat_map(|dhcp| dhcp.children().filter(|n| n.has_tag_name("host")))
}

/// The reservation that an entry of a server makes, when irs could have made it.
pub(super) fn reservation(host: XmlNode<'_, '_>) -> Option<Reservation> {
    let mac = match host.attribute("mac") {
        Some(mac) => mac.parse().ok()?,
        None => Mac::of_duid(host.attribute("id")?)?,
    };
    Some(Reservation {
        mac,
        ip: host.attribute("ip")?.parse().ok()?,
        name: host.attribute("name").unwrap_or_default().to_owned(),
    })
}
