//! The addresses of nodes that live on a LAN of the host's: given out by others, so asked of the node's guest agent, or read
//! from the host's neighbours.

use crate::addresses::Mac;
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use anyhow::Result;
use std::collections::BTreeMap;
use std::net::IpAddr;
use virt::sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT;

/// A NIC on a LAN through which its node is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanNic {
    /// The domain.
    pub domain: String,
    /// The bridge of the host.
    pub bridge: String,
    /// The NIC's address on the wire.
    pub mac: Mac,
}

/// What the addresses of these NICs are now, by domain; those that nobody knows are left out. `sweep` wakes the neighbours
/// up by a packet to each address of the bridges' own subnets, where these are small.
///
/// # Errors
/// When the hypervisor is lost.
pub fn find(
    host: &Host,
    libvirt: &Libvirt,
    nics: &[LanNic],
    sweep: bool,
) -> Result<BTreeMap<String, IpAddr>> {
    let mut found: BTreeMap<String, IpAddr> = nics
        .iter()
        .filter_map(|nic| Some((nic.domain.clone(), of_agent(libvirt, nic)?)))
        .collect();
    let silent: Vec<&LanNic> = nics
        .iter()
        .filter(|nic| !found.contains_key(&nic.domain))
        .collect();
    if silent.is_empty() {
        return Ok(found);
    }
    let mut bridges: Vec<&str> = silent.iter().map(|nic| nic.bridge.as_str()).collect();
    bridges.sort_unstable();
    bridges.dedup();
    let script = ["--norc", "-c", include_str!("neighbours.sh"), "bash"];
    let cmd = Cmd::new("bash")
        .args(script)
        .arg(if sweep { "sweep" } else { "look" })
        .args(bridges);
    let output = host.text(&cmd)?;
    for nic in silent {
        if let Some(ip) = of_neighbours(&output, nic.mac) {
            found.insert(nic.domain.clone(), ip);
        }
    }
    Ok(found)
}

/// What the guest itself says; nothing while its agent does not run.
fn of_agent(libvirt: &Libvirt, nic: &LanNic) -> Option<IpAddr> {
    let domain = libvirt.domain(&nic.domain).ok()??;
    let interfaces = domain
        .interface_addresses(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0)
        .ok()?;
    let own = interfaces.into_iter().find(|interface| {
        let mac = interface.hwaddr.as_deref().and_then(|text| text.parse().ok());
        mac == Some(nic.mac)
    })?;
    best(own.addrs.iter().filter_map(|a| a.addr.parse().ok()))
}

/// The address of a NIC in the lines of `ip neighbour show dev …`; one that answered lately before one that may be old.
fn of_neighbours(output: &str, mac: Mac) -> Option<IpAddr> {
    let of_nic = |line: &&str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != "lladdr");
        words.nth(1).and_then(|word| word.parse().ok()) == Some(mac)
    };
    let lines: Vec<&str> = output.lines().filter(of_nic).collect();
    let address = |line: &&str| line.split_whitespace().next()?.parse().ok();
    let fresh = lines.iter().filter(|line| line.ends_with("REACHABLE"));
    best(fresh.filter_map(address)).or_else(|| best(lines.iter().filter_map(address)))
}

/// IPv4 before IPv6, and nothing that means one link only.
fn best(addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    let lasting = |ip: &IpAddr| match ip {
        IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_loopback(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_loopback(),
    };
    addresses.filter(lasting).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_that_answered_lately_is_believed_first() {
        let output = "192.0.2.7 lladdr 52:54:00:aa:00:01 STALE\n192.0.2.99 lladdr 52:54:00:aa:00:01 REACHABLE\n\
            192.0.2.8 FAILED\nfe80::1 lladdr 52:54:00:aa:00:02 router REACHABLE\n\
            2001:db8::2 lladdr 52:54:00:aa:00:02 STALE\n192.0.2.6 lladdr 52:54:00:aa:00:03 DELAY\n";
        let of = |mac: &str| of_neighbours(output, mac.parse().unwrap()).map(|ip| ip.to_string());
        assert_eq!(of("52:54:00:aa:00:01").as_deref(), Some("192.0.2.99"));
        assert_eq!(of("52:54:00:aa:00:02").as_deref(), Some("2001:db8::2"));
        assert_eq!(of("52:54:00:AA:00:03").as_deref(), Some("192.0.2.6"));
        assert_eq!(of("52:54:00:aa:00:04"), None);
    }
}
