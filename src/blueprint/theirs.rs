//! What others added to networks and nodes that irs made: what neither the topology says nor the blueprint ever said stays,
//! and the diffs look past it.

use super::Blueprint;
use super::known::lost_network;
use crate::actual::Actual;
use crate::deployment::{Deployment, Identity, Network};
use crate::steps::domains::read::ActualDomain;
use crate::steps::networks::read::ActualNetwork;
use crate::steps::networks::unchangeable::differences;
use crate::topology::network::Srv;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What irs gave a network at some time, and the topology says no more: a run that was stopped may have left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    #[serde(default)]
    domain: bool,
    #[serde(default)]
    srvs: Vec<Srv>,
    #[serde(default)]
    portgroups: BTreeSet<String>,
}

impl Dropped {
    fn none(&self) -> bool {
        *self == Dropped::default()
    }
}

/// What the networks of a new blueprint have no more, by their names.
pub(super) fn dropped(before: Option<&Blueprint>, networks: &[Network]) -> BTreeMap<String, Dropped> {
    let Some(before) = before else {
        return BTreeMap::new();
    };
    let of = |new: &Network| {
        let mut dropped = before.dropped.get(&new.name).cloned().unwrap_or_default();
        if let Some(old) = before.networks.iter().find(|old| old.name == new.name) {
            dropped.domain |= old.domain.is_some();
            dropped.srvs.extend(old.srvs.iter().cloned());
            dropped.portgroups.extend(portgroups(old));
        }
        dropped.domain &= new.domain.is_none();
        dropped.srvs.retain(|srv| !has(&new.srvs, srv));
        let stay: BTreeSet<String> = portgroups(new).collect();
        dropped.portgroups.retain(|name| !stay.contains(name));
        (new.name.clone(), dropped)
    };
    let all = networks.iter().map(of);
    all.filter(|(_, dropped)| !dropped.none()).collect()
}

fn portgroups(network: &Network) -> impl Iterator<Item = String> + '_ {
    let groups = network.switch.iter().flat_map(|switch| &switch.portgroups);
    groups.map(|group| group.name.clone())
}

/// libvirt writes no zeros.
fn has(srvs: &[Srv], srv: &Srv) -> bool {
    let plain = |srv: &Srv| Srv {
        priority: srv.priority.filter(|n| *n != 0),
        weight: srv.weight.filter(|n| *n != 0),
        ..srv.clone()
    };
    srvs.iter().any(|one| plain(one) == plain(srv))
}

impl Blueprint {
    /// Whether a network has the same shape now: forward mode, bridge, subnets.
    pub fn has_shape(&self, network: &Network, id: &Identity) -> bool {
        let known = self.networks.iter().find(|known| known.name == network.name);
        known.is_some_and(|known| differences(network, &lost_network(known, id)).is_empty())
    }

    /// The networks that are there, less what others added to those of the deployment.
    pub fn past_theirs<'a>(&self, wanted: &Deployment, actual: &'a Actual) -> Cow<'a, [ActualNetwork]> {
        let mut networks = Cow::Borrowed(&actual.networks[..]);
        for wanted in &wanted.networks {
            let known = self.networks.iter().find(|known| known.name == wanted.name);
            let at = actual.networks.iter().position(|found| found.name == wanted.name);
            if let (Some(known), Some(at)) = (known, at) {
                let dropped = self.dropped.get(&wanted.name).cloned().unwrap_or_default();
                let found = &mut networks.to_mut()[at];
                leave_out(found, wanted, known, &dropped);
                if let Some(live) = &mut found.live {
                    leave_out(live, wanted, known, &dropped);
                }
            }
        }
        networks
    }

    /// The domains that are there, less the TPMs that others added: irs gave these nodes none.
    pub fn past_their_devices<'a>(&self, wanted: &Deployment, actual: &'a Actual) -> Cow<'a, [ActualDomain]> {
        let mut domains = Cow::Borrowed(&actual.domains[..]);
        for (at, found) in actual.domains.iter().enumerate() {
            let has_none = || {
                let wanted = wanted.nodes.iter().find(|node| node.name == found.name);
                let nodes = [self.node(&found.name), wanted];
                nodes
                    .iter()
                    .all(|node| node.is_some_and(|node| node.tpm.is_none()))
            };
            if found.tpm.is_some() && has_none() {
                domains.to_mut()[at].tpm = None;
            }
        }
        domains
    }
}

fn leave_out(found: &mut ActualNetwork, wanted: &Network, known: &Network, dropped: &Dropped) {
    if wanted.domain.is_none() && known.domain.is_none() && !dropped.domain {
        found.domain = None;
    }
    if wanted.mtu.is_none() && known.mtu.is_none() {
        found.mtu = None;
    }
    let all = [&wanted.srvs, &known.srvs, &dropped.srvs];
    found.srvs.retain(|srv| all.iter().any(|own| has(own, srv)));
    let own: BTreeSet<String> = portgroups(wanted).chain(portgroups(known)).collect();
    let is_own = |name: &String| own.contains(name) || dropped.portgroups.contains(name);
    found.portgroups.retain(|group| is_own(&group.name));
    let sides = |network: &Network, v4: bool| match v4 {
        true => network.ipv4.as_ref().map(|side| side.dhcp.is_some()),
        false => network.ipv6.as_ref().map(|side| side.dhcp.is_some()),
    };
    found.addresses.retain_mut(|side| {
        let of = [wanted, known].map(|network| sides(network, side.address.is_ipv4()));
        if of.iter().all(|side| *side != Some(true)) {
            side.dhcp = None;
        }
        of.iter().any(Option::is_some)
    });
}

#[cfg(test)]
mod tests;
