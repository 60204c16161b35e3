//! What the marks of an environment tell of its drift where its blueprint is lost, or an older irs wrote none. Pure: it looks
//! at what was read.

use super::Drift;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::names;
use crate::plan::Kind;
use crate::steps::domains::read::ActualDomain;
use crate::steps::domains::state::State;
use crate::steps::host::BLUEPRINT;
use crate::steps::networks::read::ActualNetwork;
use std::collections::BTreeSet;

/// All that the marks, the pool and the record of a deployment show to be otherwise.
pub fn drift(actual: &Actual, id: &Identity) -> Vec<Drift> {
    let mut found = Vec::new();
    let mut note = |kind, name: &str, what: String| found.push(Drift::known(kind, name, what));
    if actual.facts.record.is_none() {
        note(Kind::File, "record.json", "is gone".into());
    }
    let unknown = "is gone: until the next run writes it anew, it is not known of all what it should be";
    note(Kind::File, BLUEPRINT, unknown.into());
    let pool = names::pool(&id.name);
    match actual.pools.iter().find(|actual| actual.name == pool) {
        None => note(Kind::Pool, &pool, "is gone".into()),
        Some(pool) if !pool.active => note(Kind::Pool, &pool.name, "is not started".into()),
        Some(_) => {}
    }
    for network in actual.networks_of(id.uuid) {
        of_network(network).for_each(|what| note(Kind::Network, &network.name, what));
    }
    for domain in actual.domains_of(id.uuid) {
        found.extend(of_domain(domain, actual));
    }
    found
}

fn of_network(network: &ActualNetwork) -> impl Iterator<Item = String> {
    let reserved =
        |network: &ActualNetwork| -> BTreeSet<_> { network.reservations.iter().cloned().collect() };
    let differs = network
        .live
        .as_ref()
        .is_some_and(|live| reserved(live) != reserved(network));
    let wrong = [
        (
            !network.persistent,
            "has no definition, and is gone when it stops",
        ),
        (!network.active, "is not started"),
        (
            network.persistent && !network.autostart,
            "does not start with the host",
        ),
        (differs, "gives other addresses now than its definition says"),
    ];
    wrong
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, what)| what.to_owned())
}

/// What the mark of one domain shows.
pub(super) fn of_domain(domain: &ActualDomain, actual: &Actual) -> Vec<Drift> {
    let mut found = Vec::new();
    for what in wrong(domain, actual) {
        found.push(Drift::known(Kind::Domain, &domain.name, what));
    }
    let Some(mark) = &domain.mark else { return found };
    let volumes = actual.volumes(&mark.owner.deployment);
    let gone = mark
        .volumes
        .iter()
        .filter(|volume| !volumes.contains_key(*volume));
    found.extend(
        gone.map(|volume| Drift::known(Kind::Volume, volume, format!("of '{}' is gone", domain.name))),
    );
    found
}

fn wrong(domain: &ActualDomain, actual: &Actual) -> Vec<String> {
    let mut wrong = Vec::new();
    if matches!(domain.state, State::Broken | State::Crashed | State::Paused) {
        wrong.push(format!("is {}", domain.state.name()));
    }
    if !domain.persistent {
        wrong.push("has no definition, and is gone when it stops".into());
    } else if !domain.autostart {
        wrong.push("does not start with the host".into());
    }
    for name in domain.nics.iter().filter_map(|nic| nic.network.as_ref()) {
        if !actual.networks.iter().any(|network| network.name == *name) {
            wrong.push(format!("has a NIC on network '{name}', which is gone"));
        }
    }
    let mark = domain.mark.as_ref().filter(|mark| mark.address.is_none());
    let external = mark.and_then(|mark| domain.nics.get(mark.external?));
    let network = external.and_then(|nic| {
        actual
            .networks
            .iter()
            .find(|n| Some(&n.name) == nic.network.as_ref())
    });
    if let (Some(nic), Some(network)) = (external, network)
        && network.addresses.iter().any(|address| address.dhcp.is_some())
        && !network
            .reservations
            .iter()
            .any(|reserved| reserved.mac == nic.mac)
    {
        wrong.push(format!("has no reserved address on network '{}'", network.name));
    }
    wrong
}
