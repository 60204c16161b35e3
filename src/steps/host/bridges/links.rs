//! The NICs and bridges of a hypervisor as the kernel has them, read from `ip -json`.

use super::Mark;
use anyhow::{Context, Result};
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Every link with its addresses, and every route. Empty when no hypervisor was asked.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The links.
    pub all: Vec<Link>,
    /// The routes of all tables but `local`.
    pub routes: Vec<Route>,
    /// The device that carries the SSH connection which asks.
    pub ours: Option<String>,
    /// Marks in the files that make bridges lasting, by bridge.
    pub lasting: BTreeMap<String, Mark>,
    /// Who rules each NIC across boots.
    pub rulers: BTreeMap<String, Ruler>,
    /// Whether frames of bridges pass through the host's IP firewall; `None` without that module.
    pub filtered: Option<bool>,
    /// Whether irs switched that off.
    pub unfiltered_by_us: bool,
}

/// What brings a NIC up at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruler {
    /// NetworkManager, by the profile in this file (a keyfile), if it has one active.
    NetworkManager {
        /// The profile's UUID.
        profile: Option<String>,
        /// Its file; `None` for a profile in another format than NetworkManager's own.
        file: Option<String>,
    },
    /// netplan, whoever renders.
    Netplan,
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Link {
    /// Its name.
    #[serde(rename = "ifname", default)]
    pub name: String,
    /// `UP`, `LOWER_UP`, `LOOPBACK`, …
    #[serde(default)]
    pub flags: Vec<String>,
    /// Bytes.
    #[serde(default)]
    pub mtu: u32,
    /// The MAC.
    #[serde(rename = "address", default)]
    pub mac: String,
    /// `ether`, `loopback`, …
    #[serde(default)]
    pub link_type: String,
    /// The bridge or bond that it is a port of.
    #[serde(default)]
    pub master: Option<String>,
    /// Free text on it.
    #[serde(rename = "ifalias", default)]
    pub alias: Option<String>,
    /// What kind of device it is.
    #[serde(default)]
    pub linkinfo: LinkInfo,
    /// Its addresses.
    #[serde(rename = "addr_info", default)]
    pub addresses: Vec<Address>,
}

/// The kind of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LinkInfo {
    /// `bridge`, `veth`, `bond`, …; none for hardware.
    #[serde(rename = "info_kind", default)]
    pub kind: Option<String>,
    /// What that kind has to say.
    #[serde(rename = "info_data", default)]
    pub data: LinkData,
}

/// Settings of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LinkData {
    /// 0: no spanning tree.
    #[serde(default)]
    pub stp_state: u32,
}

/// An address on a device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Address {
    /// `inet` or `inet6`.
    pub family: String,
    /// The address.
    pub local: IpAddr,
    /// Its length.
    pub prefixlen: u8,
    /// `global`, `link`, `host`.
    #[serde(default)]
    pub scope: String,
    /// IPv4's broadcast address.
    #[serde(default)]
    pub broadcast: Option<String>,
    /// IPv4's label.
    #[serde(default)]
    pub label: Option<String>,
    /// No route comes with it.
    #[serde(default)]
    pub noprefixroute: bool,
    /// No check whether somebody has it.
    #[serde(default)]
    pub nodad: bool,
    /// One of IPv6's addresses that change with time.
    #[serde(default)]
    pub temporary: bool,
    /// Temporary addresses are made from it.
    #[serde(default)]
    pub mngtmpaddr: bool,
    /// Metric of the route that comes with it.
    #[serde(default)]
    pub metric: Option<u32>,
    /// Seconds.
    #[serde(default = "forever")]
    pub valid_life_time: u32,
    /// Seconds.
    #[serde(default = "forever")]
    pub preferred_life_time: u32,
}

/// The kernel's word for a lifetime without end.
pub const FOREVER: u32 = u32::MAX;

fn forever() -> u32 {
    FOREVER
}

impl Address {
    /// The address with its length.
    pub fn net(&self) -> Option<IpNet> {
        IpNet::new(self.local, self.prefixlen).ok()
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// `unicast` when absent.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// `default`, a subnet or an address.
    pub dst: String,
    /// The next hop.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
    /// A next hop of the other family.
    #[serde(default)]
    pub via: Option<Via>,
    /// The device.
    #[serde(default)]
    pub dev: Option<String>,
    /// `main` when absent.
    #[serde(default)]
    pub table: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub protocol: Option<String>,
    /// `link` or none.
    #[serde(default)]
    pub scope: Option<String>,
    /// The source address.
    #[serde(default)]
    pub prefsrc: Option<IpAddr>,
    /// Lower is preferred.
    #[serde(default)]
    pub metric: Option<u32>,
    /// `onlink`, `linkdown`, …
    #[serde(default)]
    pub flags: Vec<String>,
    /// Seconds.
    #[serde(default)]
    pub expires: Option<u32>,
    /// MTU and the like.
    #[serde(default)]
    pub metrics: Vec<BTreeMap<String, serde_json::Value>>,
    /// Several ways at once.
    #[serde(default)]
    pub nexthops: Vec<NextHop>,
    /// Whether it is IPv6's.
    #[serde(skip)]
    pub v6: bool,
}

/// A next hop of the other family.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Via {
    /// The address.
    pub host: IpAddr,
}

/// One of several ways.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NextHop {
    /// The device.
    #[serde(default)]
    pub dev: Option<String>,
}

impl Link {
    /// Whether it is a Linux bridge.
    pub fn is_bridge(&self) -> bool {
        self.linkinfo.kind.as_deref() == Some("bridge")
    }

    /// Whether it is switched on.
    pub fn is_up(&self) -> bool {
        self.flags.iter().any(|flag| flag == "UP")
    }

    /// Its lasting addresses: not IPv6's link-local ones, which each device makes itself, nor temporary ones.
    pub fn own_addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses
            .iter()
            .filter(|a| !(a.temporary || a.family == "inet6" && a.scope == "link"))
    }

    /// Its lasting addresses, for people.
    pub fn shown_addresses(&self) -> String {
        let list: Vec<String> = self
            .own_addresses()
            .map(|a| format!("{}/{}", a.local, a.prefixlen))
            .collect();
        list.join(", ")
    }
}

impl Links {
    /// Reads the sections of the facts.
    ///
    /// # Errors
    /// When the text is no JSON of `ip`.
    pub fn parse(links: &str, routes4: &str, routes6: &str) -> Result<Links> {
        let read = |text: &str, v6: bool| -> Result<Vec<Route>> {
            let mut routes: Vec<Route> = of_json(text)?;
            routes.retain(|r| r.table.as_deref() != Some("local"));
            routes.iter_mut().for_each(|r| r.v6 = v6);
            Ok(routes)
        };
        let mut routes = read(routes4, false)?;
        routes.extend(read(routes6, true)?);
        let mut all: Vec<Link> = of_json(links)?;
        all.retain(|link| !link.name.is_empty());
        Ok(Links {
            all,
            routes,
            ..Links::default()
        })
    }

    /// Whether nothing is known of the host's links.
    pub fn unknown(&self) -> bool {
        self.all.is_empty()
    }

    /// The link of that name.
    pub fn get(&self, name: &str) -> Option<&Link> {
        self.all.iter().find(|link| link.name == name)
    }

    /// Whether nothing is plugged into a bridge; one that is not there has no ports either.
    pub fn is_portless(&self, bridge: &str) -> bool {
        !self.all.iter().any(|link| link.master.as_deref() == Some(bridge))
    }

    /// The device of the default route: IPv4's with the lowest metric, else IPv6's.
    pub fn main_nic(&self) -> Option<&str> {
        let defaults = self
            .routes
            .iter()
            .filter(|r| r.dst == "default" && r.table.as_deref().is_none_or(|t| t == "main"));
        defaults
            .filter_map(|r| Some((r.v6, r.metric.unwrap_or(0), r.dev.as_deref()?)))
            .min_by_key(|(v6, metric, _)| (*v6, *metric))
            .map(|(_, _, dev)| dev)
    }

    /// The mark of a bridge that irs made.
    pub fn mark(&self, bridge: &str) -> Option<Mark> {
        let alias = self.get(bridge).and_then(|link| link.alias.as_deref());
        alias
            .and_then(Mark::parse)
            .filter(|mark| mark.bridge == bridge)
            .or_else(|| self.lasting.get(bridge).cloned())
    }

    /// The marks of all bridges that irs made, those included that only their files are left of.
    pub fn marks(&self) -> Vec<Mark> {
        let names = self.all.iter().filter(|l| l.is_bridge()).map(|l| &l.name);
        let mut names: Vec<&String> = names.chain(self.lasting.keys()).collect();
        names.sort();
        names.dedup();
        names.into_iter().filter_map(|name| self.mark(name)).collect()
    }

    /// The ports of a bridge.
    pub fn ports<'a>(&'a self, bridge: &'a str) -> impl Iterator<Item = &'a Link> {
        self.all
            .iter()
            .filter(move |l| l.master.as_deref() == Some(bridge))
    }

    /// The NICs that a bridge could be made over.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        let plain = |link: &&Link| {
            let kind = link.linkinfo.kind.as_deref();
            link.link_type == "ether"
                && !matches!(kind, Some("bridge" | "tun" | "dummy"))
                && link.master.is_none()
        };
        self.all.iter().filter(plain).map(|link| link.name.as_str())
    }
}

fn of_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text.trim()).context("reading what 'ip -json' says on the hypervisor")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A NIC `lan0` with addresses of both families, two default routes over it, and a bridge `br0` of somebody's.
    pub const LINKS: &str = r#"[{},{"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"link_type":"loopback","address":"00:00:00:00:00:00",
        "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo"}]},
      {"ifname":"lan0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"link_type":"ether","address":"0a:6c:ed:96:98:0e",
        "addr_info":[
          {"family":"inet","local":"192.0.2.5","prefixlen":24,"broadcast":"192.0.2.255","scope":"global","dynamic":true,"label":"lan0","valid_life_time":3000,"preferred_life_time":2000},
          {"family":"inet","local":"192.0.2.6","prefixlen":24,"scope":"global","secondary":true,"label":"lan0:1","valid_life_time":4294967295,"preferred_life_time":4294967295},
          {"family":"inet6","local":"2001:db8::5","prefixlen":64,"scope":"global","valid_life_time":4294967295,"preferred_life_time":4294967295},
          {"family":"inet6","local":"2001:db8::77","prefixlen":64,"scope":"global","temporary":true,"valid_life_time":600,"preferred_life_time":100},
          {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link","protocol":"kernel_ll","valid_life_time":4294967295,"preferred_life_time":4294967295}]},
      {"ifname":"br0","flags":["BROADCAST","UP"],"mtu":1500,"link_type":"ether","address":"0a:00:00:00:00:01","ifalias":"to the rack",
        "linkinfo":{"info_kind":"bridge","info_data":{"stp_state":1}},"addr_info":[]},
      {"ifname":"eth5","flags":["BROADCAST"],"mtu":9000,"link_type":"ether","address":"0a:00:00:00:00:02","master":"br0","addr_info":[]}]"#;
    /// The IPv4 routes.
    pub const ROUTES4: &str = r#"[{"dst":"default","gateway":"192.0.2.1","dev":"lan0","protocol":"dhcp","prefsrc":"192.0.2.5","metric":100,"flags":[]},
      {"dst":"192.0.2.0/24","dev":"lan0","protocol":"kernel","scope":"link","prefsrc":"192.0.2.5","flags":["linkdown"]},
      {"dst":"198.51.100.0/24","gateway":"192.0.2.9","dev":"lan0","table":"77","flags":["onlink"],"metrics":[{"mtu":1400}]},
      {"type":"local","dst":"192.0.2.5","dev":"lan0","table":"local","protocol":"kernel","scope":"host","flags":[]}]"#;
    /// The IPv6 routes.
    pub const ROUTES6: &str = r#"[{"dst":"2001:db8::/64","dev":"lan0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
      {"dst":"fe80::/64","dev":"lan0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
      {"dst":"default","gateway":"2001:db8::1","dev":"lan0","metric":1024,"flags":[],"pref":"medium"}]"#;

    /// These links.
    pub fn sample() -> Links {
        Links::parse(LINKS, ROUTES4, ROUTES6).unwrap()
    }

    #[test]
    fn links_and_the_main_nic_are_read() {
        let links = sample();
        assert_eq!(links.main_nic(), Some("lan0"));
        assert_eq!(
            links.get("lan0").unwrap().shown_addresses(),
            "192.0.2.5/24, 192.0.2.6/24, 2001:db8::5/64"
        );
        assert!(links.get("br0").unwrap().is_bridge() && !links.get("lan0").unwrap().is_bridge());
        assert_eq!(links.get("br0").unwrap().linkinfo.data.stp_state, 1);
        assert_eq!(
            links.ports("br0").map(|l| l.name.as_str()).collect::<Vec<_>>(),
            ["eth5"]
        );
        assert_eq!(links.candidates().collect::<Vec<_>>(), ["lan0"]);
        assert_eq!(links.mark("br0"), None);
        assert!(Links::parse("", "", "").unwrap().unknown());
    }
}
