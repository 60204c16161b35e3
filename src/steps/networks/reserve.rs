//! Which addresses a network that is there must reserve, and what stands in their way: pure.

use super::bulk::{self, Bulk};
use super::change::{Change, edit};
use super::edit::{Edit, Entry};
use super::read::ActualNetwork;
use super::{Tune, Work};
use crate::deployment::{Network, Reservation};
use crate::steps::host::facts::Facts;

/// The addresses that the network must reserve. Each in an action of its own, as long as no entry is in another's way.
///
/// Many of them are one action; then a network that nothing is plugged into starts again with them.
pub fn reservations(network: &Network, found: &ActualNetwork, facts: &Facts) -> Vec<Change> {
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
    if added.len() >= bulk::MANY {
        let count = added.len();
        let edits: Vec<Edit> = stale
            .into_iter()
            .chain(added.into_iter().map(|(_, edit)| edit))
            .collect();
        let live = found.active && edits.iter().any(|edit| edit.live);
        let restart = live && facts.links.is_portless(&network.bridge);
        let how = match (restart, live) {
            (true, _) => ": it starts again with them, as nothing is plugged into it",
            (false, true) => ", one by one as it is in use",
            (false, false) => "",
        };
        let reason = format!(
            "{count} reservations are missing, of {}{how}",
            bulk::owners(&edits)
        );
        let bulk = Bulk {
            bridge: network.bridge.clone(),
            edits,
            restart,
            tune: bulk::tuned(&network.bridge, Tune::of(network), facts),
        };
        let work = Work::Reserve {
            network: network.name.clone(),
            bulk,
        };
        return vec![(reason, work)];
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
pub(super) fn clash(old: &Reservation, wanted: &Reservation) -> bool {
    old.ip.is_ipv4() == wanted.ip.is_ipv4()
        && (old.mac == wanted.mac || old.ip == wanted.ip || old.name == wanted.name)
}
