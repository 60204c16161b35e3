//! What must change on a network that is there, and why: pure.

use super::edit::{Definition, Edit, Entry};
use super::read::ActualNetwork;
use super::{Tune, Work, portgroup, reserve};
use crate::deployment::Network;
use crate::steps::host::facts::{Facts, LooseNic};
use crate::topology::network::{Forward, Srv};
use std::net::IpAddr;

/// One change: why, and how.
pub type Change = (String, Work);

/// The changes that bring a network to what it should be; what would cut its nodes off is not among them.
pub fn changes(network: &Network, found: &ActualNetwork, facts: &Facts) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(lost(network, found));
    changes.extend(definition(network, found));
    changes.extend(ranges(network, found));
    changes.extend(services(network, found));
    changes.extend(reserve::reservations(network, found, facts));
    changes.extend(portgroups(network, found));
    let plug = to_plug(network, facts);
    let start = |again| Work::Start {
        network: network.name.clone(),
        again,
        tune: Tune::of(network),
        bridge: network.bridge.clone(),
        plug: plug.clone(),
    };
    let links = &facts.links;
    // libvirt's own bridge, which somebody took from under it.
    let bridgeless =
        network.forward != Forward::Bridge && !links.unknown() && links.get(&network.bridge).is_none();
    if !found.active {
        changes.push(("it is not started".into(), start(false)));
    } else if bridgeless {
        let reason = format!("its bridge '{}' is gone", network.bridge);
        changes.push((reason, start(true)));
    } else {
        if facts.dead_servers.contains(&network.name) {
            let reason = "its DHCP and DNS server does not run".to_owned();
            changes.push((reason, Work::Revive(network.name.clone())));
        }
        if !plug.is_empty() {
            let nodes: Vec<&str> = plug.iter().map(|nic| nic.domain.as_str()).collect();
            let work = Work::Plug {
                bridge: network.bridge.clone(),
                nics: plug.clone(),
            };
            changes.push((
                format!("the NICs of {} are not plugged into it", nodes.join(", ")),
                work,
            ));
        }
        if let Some(tune) = Tune::of(network)
            && let Some(reason) = tune.lacks(&facts.bridges)
        {
            changes.push((reason, Work::Tune(tune)));
        }
    }
    if !found.autostart && found.persistent {
        let work = Work::Autostart(network.name.clone());
        changes.push(("it does not start with the host".into(), work));
    }
    changes
}

/// NICs that run, and lost their place in its bridge. The taps of Open vSwitch's own datapath are in no bridge of the
/// kernel.
pub fn to_plug(network: &Network, facts: &Facts) -> Vec<LooseNic> {
    match network.switch {
        Some(_) => Vec::new(),
        None => facts.loose_on(&network.name),
    }
}

/// What somebody took away of it by which it would be known tomorrow.
fn lost(network: &Network, found: &ActualNetwork) -> Option<Change> {
    let mut reasons = Vec::new();
    if !found.persistent {
        reasons.push("it has no definition, and would be gone when it stops");
    }
    if found.lost_mark {
        reasons.push("irs's mark on it is gone");
    }
    let mark = found.lost_mark.then(|| found.owner.clone()).flatten();
    let work = Work::Define {
        network: network.name.clone(),
        definition: Definition {
            mark: mark.map(|owner| (owner, network.wire.clone())),
            ..Definition::default()
        },
    };
    (!reasons.is_empty()).then(|| (reasons.join("; "), work))
}

/// A DNS domain that changes.
pub(super) fn domain_words(from: Option<&str>, to: Option<&str>) -> String {
    let show = |domain: Option<&str>| domain.unwrap_or("none").to_owned();
    format!("DNS domain from {} to {}", show(from), show(to))
}

/// An MTU that changes.
pub(super) fn mtu_words(from: Option<u32>, to: Option<u32>) -> String {
    let show = |mtu: Option<u32>| mtu.map_or_else(|| "none".to_owned(), |mtu| mtu.to_string());
    format!("MTU from {} to {}", show(from), show(to))
}

/// What libvirt takes in a new definition only, and carries out when the network starts the next time.
fn definition(network: &Network, found: &ActualNetwork) -> Option<Change> {
    let mut reasons = Vec::new();
    let mut new = Definition::default();
    if found.domain != network.domain || (found.domain.is_some() && !found.local_only) {
        reasons.push(domain_words(found.domain.as_deref(), network.domain.as_deref()));
        new.domain = Some(network.domain.clone());
    }
    // On a bridge of the host the ports have it, not the network.
    let mtu = network.mtu.filter(|_| network.switch.is_none());
    if found.mtu != mtu {
        reasons.push(mtu_words(found.mtu, mtu));
        new.mtu = Some(mtu);
    }
    if found.stp {
        reasons.push("spanning tree off".into());
        new.no_stp = Some(network.bridge.clone());
    }
    if reasons.is_empty() {
        return None;
    }
    let when = match found.active {
        true => ", after the network's next start",
        false => "",
    };
    let work = Work::Define {
        network: network.name.clone(),
        definition: new,
    };
    Some((format!("{}{when}", reasons.join(", ")), work))
}

fn portgroups(network: &Network, found: &ActualNetwork) -> Option<Change> {
    let wanted = network.switch.as_ref().map(|switch| &switch.portgroups[..]);
    let changes = portgroup::changes(wanted.unwrap_or_default(), &found.portgroups);
    let (reasons, changes): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
    let work = Work::Portgroups {
        network: network.name.clone(),
        changes,
    };
    (!reasons.is_empty()).then(|| (reasons.join("; "), work))
}

/// What its DHCP servers give out; the clients keep what they have.
fn ranges(network: &Network, found: &ActualNetwork) -> Vec<Change> {
    let v4 = network.ipv4.as_ref().and_then(|side| side.dhcp);
    let v6 = network.ipv6.as_ref().and_then(|side| side.dhcp);
    let wanted = [
        ("DHCP", true, v4.map(|(a, b)| (IpAddr::from(a), IpAddr::from(b)))),
        (
            "DHCPv6",
            false,
            v6.map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        ),
    ];
    let mut changes = Vec::new();
    for (what, is_v4, range) in wanted {
        let Some((start, end)) = range else { continue };
        let entry = |(start, end)| Entry::Range(start, end);
        let of = |network: &ActualNetwork| -> Vec<Entry> {
            let sides = network.addresses.iter();
            let side = sides.filter(|side| side.address.is_ipv4() == is_v4);
            side.filter_map(|side| side.dhcp).map(entry).collect()
        };
        let edits = edits(&[Entry::Range(start, end)], found, of, true);
        if !edits.is_empty() {
            let reason = format!("{what} gives out {start} to {end}");
            changes.push((reason, edit(network, edits)));
        }
    }
    changes
}

fn services(network: &Network, found: &ActualNetwork) -> Option<Change> {
    let entries = |srvs: &[Srv]| -> Vec<Entry> {
        // libvirt writes no zeros.
        let plain = srvs.iter().map(|srv| Srv {
            priority: srv.priority.filter(|n| *n != 0),
            weight: srv.weight.filter(|n| *n != 0),
            ..srv.clone()
        });
        plain.map(Entry::Srv).collect()
    };
    let edits = edits(&entries(&network.srvs), found, |n| entries(&n.srvs), false);
    let names = |add: bool| -> Vec<String> {
        let of = edits.iter().filter(|edit| edit.add == add);
        let named = of.filter_map(|edit| match &edit.entry {
            Entry::Srv(srv) => Some(format!(
                "_{}._{} at {}:{}",
                srv.service, srv.protocol, srv.target, srv.port
            )),
            _ => None,
        });
        named.collect()
    };
    let mut parts = Vec::new();
    for (words, add) in [("gets", true), ("loses", false)] {
        if !names(add).is_empty() {
            parts.push(format!("{words} {}", names(add).join(", ")));
        }
    }
    (!edits.is_empty()).then(|| (format!("its DNS {}", parts.join(" and ")), edit(network, edits)))
}

/// What must be there in both definition and running network, of what is there.
fn edits(
    wanted: &[Entry],
    found: &ActualNetwork,
    of: impl Fn(&ActualNetwork) -> Vec<Entry>,
    add_first: bool,
) -> Vec<Edit> {
    let config = of(found);
    let live = found.live.as_deref().map_or_else(|| config.clone(), of);
    let mut added = Vec::new();
    let mut removed: Vec<Edit> = Vec::new();
    for entry in wanted {
        let (config, live) = (!config.contains(entry), !live.contains(entry));
        if config || live {
            added.push(Edit {
                entry: entry.clone(),
                add: true,
                config,
                live,
            });
        }
    }
    for entry in config.iter().chain(&live) {
        if wanted.contains(entry) || removed.iter().any(|edit| edit.entry == *entry) {
            continue;
        }
        removed.push(Edit {
            entry: entry.clone(),
            add: false,
            config: config.contains(entry),
            live: live.contains(entry),
        });
    }
    match add_first {
        true => added.into_iter().chain(removed).collect(),
        false => removed.into_iter().chain(added).collect(),
    }
}

/// The work of these edits.
pub(super) fn edit(network: &Network, edits: Vec<Edit>) -> Work {
    Work::Edit {
        network: network.name.clone(),
        edits,
    }
}

#[cfg(test)]
pub(crate) mod tests;
