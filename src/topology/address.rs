//! The addresses of a network: read, and held against the subnet that they must be in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::yaml::{Fields, Place, Problems, Tree, Value, shown};

use super::dhcp::{dhcp, range};
use super::network::NetworkSpec;
use super::reference::names;
use super::reference::networks::{DHCP, IPV6, RANGE};

/// The keys of `dhcp`.
pub const DHCP_KEYS: &[&str] = &names::<{ DHCP.keys.len() }>(&DHCP);
/// The keys of a range of addresses.
pub const RANGE_KEYS: &[&str] = &names::<{ RANGE.keys.len() }>(&RANGE);
/// The keys of `ipv6`.
pub const IPV6_KEYS: &[&str] = &names::<{ IPV6.keys.len() }>(&IPV6);

/// A range of addresses, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhcpRange<A> {
    /// The first address.
    pub start: A,
    /// The last address.
    pub end: A,
}

/// The IPv6 side of a network.
#[derive(Clone, Debug)]
pub struct Ipv6Spec {
    /// Where the address stands.
    pub place: Place,
    /// The host's address.
    pub address: Ipv6Addr,
    /// Length of the prefix.
    pub prefix_len: u8,
    /// First and last address of the DHCPv6 server.
    pub dhcp: Option<DhcpRange<Ipv6Addr>>,
}

impl Ipv6Spec {
    /// The subnet.
    pub fn subnet(&self) -> Option<Ipv6Net> {
        Ipv6Net::new(self.address, self.prefix_len)
            .ok()
            .map(|net| net.trunc())
    }
}

/// Reads dotted decimals; leading zeros are decimal too, as `{{ net + 1 | string }}` makes them.
pub fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        *octet = part.parse().ok().filter(|_| digits)?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// Reads `ip_address`, `netmask`, `dhcp` and `floating_ip` into `network`.
pub(super) fn read_ipv4(fields: &Fields<'_>, network: &mut NetworkSpec, problems: &mut Problems) {
    let address = fields
        .get("ip_address")
        .and_then(|t| ipv4(&fields.what("ip_address"), t, problems));
    let length = fields
        .get("netmask")
        .and_then(|t| netmask(&fields.what("netmask"), t, problems));
    match (fields.get("ip_address"), fields.get("netmask")) {
        (Some(address), None) if address.value != Value::Broken => problems
            .push(
                address.place.clone(),
                format!("{} has an ip_address and no netmask", fields.of),
            )
            .hint("add netmask: 255.255.255.0"),
        (None, Some(netmask)) if netmask.value != Value::Broken => problems
            .push(
                netmask.place.clone(),
                format!("{} has a netmask and no ip_address", fields.of),
            )
            .hint("add ip_address"),
        _ => {}
    }
    let subnet = address.zip(length).and_then(|(a, l)| Ipv4Net::new(a, l).ok());
    if let (Some(subnet), Some(tree)) = (subnet, fields.get("ip_address")) {
        if let Some(reason) = unfit_ipv4(subnet.addr(), Some(subnet)) {
            problems
                .push(
                    tree.place.clone(),
                    format!("the host cannot have the address {}: {reason}", subnet.addr()),
                )
                .hint("take another address of the subnet, e.g. its first");
        }
        network.ip_address = Some(subnet.addr());
        network.prefix_len = subnet.prefix_len();
    }
    let fit = |a: Ipv4Addr| unfit_ipv4(a, subnet);
    network.dhcp = dhcp(fields, parse_ipv4, fit, subnet.map(IpNet::V4), problems);
    // With a netmask it is that one which has been reported.
    let bare = fields.get("ip_address").or(fields.get("netmask")).is_none();
    if let (Some(tree), true) = (fields.get("dhcp"), bare) {
        problems
            .push(
                tree.place.clone(),
                format!("{} has dhcp and no ip_address", fields.of),
            )
            .hint("the DHCP server answers on the host's address: add ip_address and netmask");
    }
    network.floating_ip = fields
        .get("floating_ip")
        .and_then(|t| range(&fields.what("floating_ip"), t, parse_ipv4, fit, problems));
}

/// Reads the `ipv6` of a network.
pub(super) fn read_ipv6(fields: &Fields<'_>, problems: &mut Problems) -> Option<Ipv6Spec> {
    let inner = Fields::new(fields.what("ipv6"), fields.get("ipv6")?, IPV6_KEYS, problems);
    let length = match inner.required("prefix", problems) {
        Some(tree) => tree
            .integer(&inner.what("prefix"), 8..=126, problems)
            .map(|n| n as u8),
        None => None,
    };
    let tree = inner.required("ip_address", problems);
    let address = tree.and_then(|tree| ipv6(&inner.what("ip_address"), tree, problems));
    let subnet = address.zip(length).and_then(|(a, l)| Ipv6Net::new(a, l).ok());
    if let (Some(address), Some(tree)) = (address, tree)
        && let Some(reason) = unfit_ipv6(address, subnet)
    {
        problems
            .push(
                tree.place.clone(),
                format!("the host cannot have the address {address}: {reason}"),
            )
            .hint("take another address of the subnet, e.g. its first");
    }
    let fit = |a: Ipv6Addr| unfit_ipv6(a, subnet);
    let dhcp = dhcp(&inner, |t| t.parse().ok(), fit, subnet.map(IpNet::V6), problems);
    Some(Ipv6Spec {
        place: tree?.place.clone(),
        address: address?,
        prefix_len: length?,
        dhcp,
    })
}

/// Reads an address with the length of its network, `10.0.0.1/24`.
pub(super) fn with_length(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    let tree = fields.get(key)?;
    let text = tree.string(&fields.what(key), problems)?;
    let good = text.contains('/')
        && text
            .parse::<IpNet>()
            .is_ok_and(|net| matches!(net, IpNet::V4(_)) == key.contains("v4"));
    if !good {
        let example = if key.contains("v4") {
            "10.0.0.1/24"
        } else {
            "2001:db8::1/64"
        };
        problems
            .push(
                tree.place.clone(),
                format!("{} cannot be '{}'", fields.what(key), shown(&text)),
            )
            .hint(format!("write the address with its length: {example}"));
    }
    good.then_some(text)
}

fn ipv4(what: &str, tree: &Tree, problems: &mut Problems) -> Option<Ipv4Addr> {
    let text = tree.string(what, problems)?;
    let address = parse_ipv4(&text);
    if address.is_none() {
        not_an_address("IPv4", what, &text, &tree.place, problems);
    }
    address
}

fn ipv6(what: &str, tree: &Tree, problems: &mut Problems) -> Option<Ipv6Addr> {
    let text = tree.string(what, problems)?;
    let address = text.parse().ok();
    if address.is_none() {
        not_an_address("IPv6", what, &text, &tree.place, problems);
    }
    address
}

fn not_an_address(family: &str, what: &str, text: &str, place: &Place, problems: &mut Problems) {
    problems
        .push(
            place.clone(),
            format!("{what} must be an {family} address, not '{}'", shown(text)),
        )
        .hint(match family {
            "IPv6" => "e.g. 2001:db8::1",
            _ => "e.g. 192.168.24.1",
        });
}

/// `255.255.255.0`, or its length.
fn netmask(what: &str, tree: &Tree, problems: &mut Problems) -> Option<u8> {
    let text = tree.string(what, problems)?;
    let length = match parse_ipv4(&text) {
        Some(mask) => {
            let bits = mask.to_bits();
            if bits.leading_ones() + bits.trailing_zeros() < 32 {
                problems
                    .push(tree.place.clone(), format!("{what} is not contiguous: {text}"))
                    .hint("a netmask is ones followed by zeros: 255.255.255.0");
                return None;
            }
            bits.leading_ones() as u8
        }
        None => match text.parse::<u8>() {
            Ok(length) => length,
            Err(_) => {
                not_an_address("IPv4", what, &text, &tree.place, problems);
                return None;
            }
        },
    };
    if !(8..=30).contains(&length) {
        problems
            .push(tree.place.clone(), format!("{what} cannot be {text}"))
            .hint("it must have 8 to 30 ones");
        return None;
    }
    Some(length)
}

/// Why a host cannot have the address in `subnet`.
fn unfit_ipv4(address: Ipv4Addr, subnet: Option<Ipv4Net>) -> Option<String> {
    if address.is_loopback() || address.is_multicast() || address.is_broadcast() || address.octets()[0] == 0 {
        return Some("it is a reserved address".to_owned());
    }
    let subnet = subnet?;
    if !subnet.contains(&address) {
        return Some(format!("it is outside the subnet {}", subnet.trunc()));
    }
    (address == subnet.network())
        .then(|| format!("it is the address of the subnet {} itself", subnet.trunc()))
        .or_else(|| {
            (address == subnet.broadcast())
                .then(|| format!("it is the broadcast address of {}", subnet.trunc()))
        })
}

fn unfit_ipv6(address: Ipv6Addr, subnet: Option<Ipv6Net>) -> Option<String> {
    if address.is_loopback() || address.is_multicast() || address.is_unspecified() {
        return Some("it is a reserved address".to_owned());
    }
    let subnet = subnet?;
    if !subnet.contains(&address) {
        return Some(format!("it is outside the subnet {}", subnet.trunc()));
    }
    (address == subnet.network())
        .then(|| format!("it is the address of the subnet {} itself", subnet.trunc()))
}

/// Why a host cannot have the address in `subnet`, of its own family.
pub(super) fn unfit(address: IpAddr, subnet: IpNet) -> Option<String> {
    match (address, subnet) {
        (IpAddr::V4(address), IpNet::V4(subnet)) => unfit_ipv4(address, Some(subnet)),
        (IpAddr::V6(address), IpNet::V6(subnet)) => unfit_ipv6(address, Some(subnet)),
        _ => Some(format!("it is outside the subnet {}", subnet.trunc())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_decimal() {
        assert_eq!(parse_ipv4("10.0.01.1"), Some(Ipv4Addr::new(10, 0, 1, 1)));
        assert_eq!(parse_ipv4("10.0.010.1"), Some(Ipv4Addr::new(10, 0, 10, 1)));
        for bad in [
            "10.0.0",
            "10.0.0.1.2",
            "10.0.301.1",
            "10.0.+1.1",
            "10.0..1",
            "a.b.c.d",
            "",
        ] {
            assert_eq!(parse_ipv4(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_no_host_can_have() {
        let subnet = "172.16.0.1/24".parse().ok();
        assert_eq!(unfit_ipv4(Ipv4Addr::new(172, 16, 0, 5), subnet), None);
        assert!(unfit_ipv4(Ipv4Addr::new(172, 16, 0, 255), subnet).is_some_and(|r| r.contains("broadcast")));
        assert!(unfit_ipv4(Ipv4Addr::new(172, 16, 0, 0), subnet).is_some_and(|r| r.contains("itself")));
        assert!(unfit_ipv4(Ipv4Addr::new(172, 16, 1, 1), subnet).is_some_and(|r| r.contains("outside")));
        assert!(unfit_ipv4(Ipv4Addr::new(127, 0, 0, 1), None).is_some());
    }
}
