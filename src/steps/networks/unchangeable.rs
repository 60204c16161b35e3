//! What cannot change on a network that nodes use: pure.

use super::read::{ActualAddress, ActualNetwork};
use crate::deployment::Network;

/// The fields that irs sets, that are otherwise, and that cannot change under nodes, in words.
pub fn differences(network: &Network, found: &ActualNetwork) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, found: Option<String>, wanted: Option<String>| {
        if found != wanted {
            let show = |value: Option<String>| value.unwrap_or_else(|| "none".into());
            differences.push(format!(
                "another {what}: {}, wanted {}",
                show(found),
                show(wanted)
            ));
        }
    };
    compare(
        "forward mode",
        found.forward.clone(),
        network.forward.mode().map(str::to_owned),
    );
    compare("bridge", found.bridge.clone(), Some(network.bridge.clone()));
    let virtualport = network.switch.as_ref().map(|_| "openvswitch".to_owned());
    compare("virtual port", found.virtualport.clone(), virtualport);
    let side = |v4: bool| found.addresses.iter().find(|a| a.address.is_ipv4() == v4);
    let show = |side: &ActualAddress| format!("{}/{}", side.address, side.net.prefix_len());
    let v4 = network.ipv4.as_ref();
    let v6 = network.ipv6.as_ref();
    compare(
        "IPv4 subnet",
        side(true).map(show),
        v4.map(|side| format!("{}/{}", side.address, side.net.prefix_len())),
    );
    compare(
        "IPv6 subnet",
        side(false).map(show),
        v6.map(|side| format!("{}/{}", side.address, side.net.prefix_len())),
    );
    // Without its server the nodes lose the addresses that they have.
    for (is_v4, what, wanted) in [
        (true, "DHCP", v4.and_then(|side| side.dhcp).is_some()),
        (false, "DHCPv6", v6.and_then(|side| side.dhcp).is_some()),
    ] {
        let range = side(is_v4).and_then(|side| side.dhcp);
        if let (Some((start, end)), false) = (range, wanted) {
            compare(what, Some(format!("{start} to {end}")), None);
        }
    }
    differences
}
