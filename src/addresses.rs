//! MAC and IP addresses: derived, chosen, compared.

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use uuid::Uuid;

/// A MAC address, shown as `52:54:00:xx:xx:xx` in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// QEMU's prefix and 24 bits from (deployment, node, interface); `taken` ones are passed over.
    pub fn derive(deployment: Uuid, node: &str, interface: usize, taken: &BTreeSet<Mac>) -> Mac {
        let mut attempt = 0u32;
        loop {
            let mac = Mac::attempt(deployment, node, interface, attempt);
            if !taken.contains(&mac) {
                return mac;
            }
            attempt += 1;
        }
    }

    fn attempt(deployment: Uuid, node: &str, interface: usize, attempt: u32) -> Mac {
        let mut hash = Sha256::new();
        hash.update(deployment.as_bytes());
        hash.update(node.as_bytes());
        hash.update(interface.to_be_bytes());
        hash.update(attempt.to_be_bytes());
        let digest = hash.finalize();
        Mac([0x52, 0x54, 0x00, digest[0], digest[1], digest[2]])
    }

    /// Whether irs gave it to one of the first NICs of a node: those of others have another one.
    pub fn is_derived(self, deployment: Uuid, node: &str) -> bool {
        let attempts = |interface| (0..4).map(move |attempt| (interface, attempt));
        let mut all = (0..64).flat_map(attempts);
        all.any(|(interface, attempt)| Mac::attempt(deployment, node, interface, attempt) == self)
    }

    /// Why a NIC cannot have it.
    pub fn unfit(self) -> Option<&'static str> {
        match self.0 {
            [0, 0, 0, 0, 0, 0] => Some("it is no address"),
            [first, ..] if first & 1 == 1 => Some("it is a multicast address"),
            // libvirt keeps these for the host's ends.
            [0xfe, ..] => Some("libvirt keeps those that begin with fe"),
            _ => None,
        }
    }

    /// The DHCP unique identifier of type 3 (RFC 8415, 11.4) for this NIC: libvirt knows IPv6 reservations by DUID only.
    pub fn duid(self) -> String {
        format!("{DUID_LL}{self}")
    }

    /// The NIC of a DUID that [`Mac::duid`] made.
    pub fn of_duid(duid: &str) -> Option<Mac> {
        duid.to_ascii_lowercase().strip_prefix(DUID_LL)?.parse().ok()
    }
}

impl serde::Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Mac, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Type 3, link-layer address; hardware type 1, Ethernet.
const DUID_LL: &str = "00:03:00:01:";

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes: Vec<u8> = text
            .split(':')
            .map(|part| u8::from_str_radix(part, 16).map_err(|_| format!("'{text}' is not a MAC address")))
            .collect::<Result<_, _>>()?;
        let bytes = <[u8; 6]>::try_from(bytes).map_err(|_| format!("'{text}' is not a MAC address"))?;
        Ok(Mac(bytes))
    }
}

/// The lowest address of `start..=end`, both of one family, that is not `taken`.
pub fn lowest_free(start: IpAddr, end: IpAddr, taken: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let mut next = Some(start);
    while let Some(ip) = next.filter(|ip| *ip <= end) {
        if !taken(&ip) {
            return Some(ip);
        }
        next = nth(ip, 1);
    }
    None
}

/// The address `count` after `ip`, in its family.
pub fn nth(ip: IpAddr, count: u64) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits().checked_add(count.try_into().ok()?)?;
            Some(Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(v6) => Some(Ipv6Addr::from_bits(v6.to_bits().checked_add(count.into())?).into()),
    }
}

/// The first of `ours` that shares addresses with one of `theirs`, and which.
pub fn overlap<'a>(ours: &[IpNet], theirs: &'a [(IpNet, String)]) -> Option<(IpNet, &'a (IpNet, String))> {
    ours.iter().find_map(|our| {
        let other = theirs
            .iter()
            .find(|(their, _)| our.contains(their) || their.contains(our))?;
        Some((*our, other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_stable_and_avoid_the_taken_ones() {
        let deployment = Uuid::from_u128(7);
        let first = Mac::derive(deployment, "compute-0", 0, &BTreeSet::new());
        assert_eq!(first, Mac::derive(deployment, "compute-0", 0, &BTreeSet::new()));
        assert_ne!(first, Mac::derive(deployment, "compute-0", 1, &BTreeSet::new()));
        assert_ne!(
            first,
            Mac::derive(deployment, "compute-0", 0, &BTreeSet::from([first]))
        );
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(Mac::of_duid(&first.duid()), Some(first));
        assert_eq!(Mac::of_duid("00:01:00:01:2b:52:54:00:01:02:03:04:05:06"), None);
        assert!(first.to_string().starts_with("52:54:00:"));
    }

    #[test]
    fn the_lowest_free_address_fills_gaps_until_there_is_none() {
        let ip = |last| IpAddr::from([10, 0, 0, last]);
        let taken = BTreeSet::from([ip(2), ip(4)]);
        assert_eq!(lowest_free(ip(2), ip(5), |ip| taken.contains(ip)), Some(ip(3)));
        assert_eq!(lowest_free(ip(2), ip(2), |ip| taken.contains(ip)), None);
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        let taken = BTreeSet::from([v6("2001:db8::ffff")]);
        assert_eq!(
            lowest_free(v6("2001:db8::ffff"), v6("2001:db8::2:0"), |ip| taken.contains(ip)),
            Some(v6("2001:db8::1:0"))
        );
        assert_eq!(nth(IpAddr::from([255, 255, 255, 255]), 1), None);
    }

    #[test]
    fn overlap_sees_both_directions() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let theirs = vec![(net("10.0.0.0/8"), "lan".to_owned())];
        assert_eq!(overlap(&[net("10.0.5.0/24")], &theirs).unwrap().1.1, "lan");
        assert!(overlap(&[net("172.16.0.0/24")], &theirs).is_none());
    }
}
