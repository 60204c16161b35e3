//! Reservations that stayed behind: of NICs that moved to another network, or are gone from a node that stays. Pure.

use super::Work;
use super::edit::{Edit, Entry};
use super::read::ActualNetwork;
use super::reserve;
use crate::deployment::{Deployment, Reservation};
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;

/// The actions that take them out of the deployment's networks, also of those that the topology has no more.
pub fn converge(deployment: &Deployment, actual: &[ActualNetwork]) -> Vec<Action> {
    let own = |network: &&ActualNetwork| network.is_of(deployment.id.uuid);
    let mut actions = Vec::new();
    for network in actual.iter().filter(own) {
        for reservation in stale(deployment, network) {
            let work = Work::Edit {
                network: network.name.clone(),
                edits: vec![edit(network, reservation)],
            };
            actions.push(Action::new(
                Step::Networks,
                Verb::Update,
                Kind::Network,
                &network.name,
                &deployment.id.host,
                format!(
                    "{} has no NIC {} on it any more: its reservation of {} goes",
                    reservation.name, reservation.mac, reservation.ip
                ),
                work,
            ));
        }
    }
    actions
}

fn stale<'a>(deployment: &'a Deployment, found: &'a ActualNetwork) -> impl Iterator<Item = &'a Reservation> {
    let mut networks = deployment.networks.iter();
    let wanted = networks.find(|network| network.name == found.name);
    // Those that stand in the way of others go with these.
    let in_the_way = move |old: &Reservation| {
        let mut wanted = wanted.iter().flat_map(|network| &network.reservations);
        wanted.any(|wanted| wanted == old || reserve::clash(old, wanted))
    };
    found.reservations.iter().filter(move |old| {
        let node = deployment.nodes.iter().find(|node| old.is_of(&node.name));
        let has_it = node.is_some_and(|node| {
            let mut nics = node.nics.iter().filter(|nic| nic.network == found.name);
            nics.any(|nic| nic.mac == old.mac)
        });
        node.is_some() && !has_it && !in_the_way(old)
    })
}

fn edit(network: &ActualNetwork, reservation: &Reservation) -> Edit {
    let live = network.live.as_deref();
    Edit {
        entry: Entry::Host(reservation.clone()),
        add: false,
        config: true,
        live: live.is_none_or(|live| live.reservations.contains(reservation)),
    }
}
