//! Which addresses a network that is there must reserve, and what stands in their way: pure.

use super::change::{Change, edit};
use super::edit::{Edit, Entry};
use super::read::ActualNetwork;
use crate::deployment::{Network, Reservation};

/// The addresses that the network must reserve. Each in an action of its own, as long as no entry is in another's way.
pub fn reservations(network: &Network, found: &ActualNetwork) -> Vec<Change> {
    let config = &found.reservations;
    let live = found.live.as_deref().map_or(config, |live| &live.reservations);
    let mut stale: Vec<Edit> = Vec::new();
    let mut added: Vec<(String, Edit)> = Vec::new();
    for wanted in &network.reservations {
        let (no_config, no_live) = (!config.contains(wanted), !live.contains(wanted));
        if !no_config && !no_live {
            continue;
        }
        let place = match (no_config, no_live) {
            (true, true) => "",
            (true, false) => " in its definition",
            _ => " as it runs",
        };
        let Reservation { mac, ip, name } = wanted;
        let reason = format!("{name} has no reservation of {ip} for {mac}{place}");
        for old in config.iter().chain(live).filter(|old| clash(old, wanted)) {
            let edit = Edit {
                entry: Entry::Host(old.clone()),
                add: false,
                config: config.contains(old),
                live: live.contains(old),
            };
            if !network.reservations.contains(old) && !stale.contains(&edit) {
                stale.push(edit);
            }
        }
        let edit = Edit {
            entry: Entry::Host(wanted.clone()),
            add: true,
            config: no_config,
            live: no_live,
        };
        added.push((reason, edit));
    }
    if stale.is_empty() {
        let one_by_one = added.into_iter();
        return one_by_one
            .map(|(reason, change)| (reason, edit(network, vec![change])))
            .collect();
    }
    let reasons: Vec<String> = added.iter().map(|(reason, _)| reason.clone()).collect();
    stale.extend(added.into_iter().map(|(_, change)| change));
    vec![(reasons.join(", "), edit(network, stale))]
}

/// Whether libvirt refuses two entries beside one another.
fn clash(old: &Reservation, wanted: &Reservation) -> bool {
    old.ip.is_ipv4() == wanted.ip.is_ipv4()
        && (old.mac == wanted.mac || old.ip == wanted.ip || old.name == wanted.name)
}
