//! `network-config`, version 2: each NIC by its MAC address, named `eth0`, `eth1`, … in order.

use ipnet::IpNet;
use serde::{Serialize, Serializer};
use std::net::IpAddr;

use super::SeedNic;

#[derive(Serialize)]
struct NetworkConfig<'a> {
    version: u8,
    #[serde(serialize_with = "by_name")]
    ethernets: &'a [SeedNic],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Ethernet<'a> {
    #[serde(rename = "match")]
    matches: Match,
    // cloud-init's ifupdown renderer takes an entry's name for the device's, so the device must get it.
    set_name: String,
    dhcp4: bool,
    dhcp6: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dhcp4_overrides: Option<Overrides>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dhcp6_overrides: Option<Overrides>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    addresses: &'a [IpNet],
    // Of a route to ::/0 cloud-init 22 makes one to ::/64, and 'default' it does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway4: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway6: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nameservers: Option<Nameservers<'a>>,
    // Else the kernel takes a default route from any network that announces one.
    #[serde(skip_serializing_if = "Option::is_none")]
    accept_ra: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
}

#[derive(Serialize)]
struct Nameservers<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    addresses: &'a [IpAddr],
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<[&'a str; 1]>,
}

#[derive(Serialize)]
struct Match {
    macaddress: String,
}

// netplan refuses a NIC whose two families differ in these; ifupdown knows the metric only.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Overrides {
    // A NIC has a name of its own there, where the node has several on a network: the node's is another.
    use_hostname: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_routes: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_metric: Option<u32>,
}

impl Overrides {
    /// Only one NIC may give a default route.
    fn of(nic: &SeedNic) -> Overrides {
        Overrides {
            use_hostname: false,
            use_routes: (!nic.external).then_some(false),
            route_metric: (!nic.external).then_some(1000),
        }
    }
}

/// The text of the file.
pub(super) fn render(nics: &[SeedNic]) -> anyhow::Result<String> {
    super::yaml(&NetworkConfig {
        version: 2,
        ethernets: nics,
    })
}

fn by_name<S: Serializer>(nics: &[SeedNic], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(nics.iter().enumerate().map(|(index, nic)| {
        let name = format!("eth{index}");
        (name.clone(), ethernet(name, nic))
    }))
}

fn ethernet(set_name: String, nic: &SeedNic) -> Ethernet<'_> {
    let overrides = Overrides::of(nic);
    // What DHCP says of it counts, where it is asked.
    let told = !nic.dhcp4 && !(nic.gateways.is_empty() && (nic.search.is_none() || nic.addresses.is_empty()));
    Ethernet {
        matches: Match {
            macaddress: nic.mac.to_lowercase(),
        },
        set_name,
        dhcp4: nic.dhcp4,
        dhcp6: nic.dhcp6,
        dhcp4_overrides: nic.dhcp4.then_some(overrides),
        dhcp6_overrides: nic.dhcp6.then_some(overrides),
        addresses: &nic.addresses,
        gateway4: nic.gateways.iter().find(|ip| ip.is_ipv4()).copied(),
        gateway6: nic.gateways.iter().find(|ip| ip.is_ipv6()).copied(),
        nameservers: told.then(|| Nameservers {
            addresses: &nic.gateways,
            search: nic.search.as_deref().map(|domain| [domain]),
        }),
        accept_ra: (!nic.external).then_some(false),
        mtu: nic.mtu,
        optional: !nic.external,
    }
}
