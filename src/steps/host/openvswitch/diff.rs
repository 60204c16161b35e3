//! Which bridges and ports must be made, changed or removed, and why.

use super::read::{Bridge, OpenVswitch};
use super::{Port, Work};
use crate::deployment::{Deployment, HostPort, Network, Switch};
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::steps::host::bridges::links::Link;
use crate::steps::host::facts::Facts;
use crate::yaml::Problems;
use ipnet::IpNet;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The actions that bring Open vSwitch to the deployment.
///
/// # Errors
/// Devices of others in the way.
pub fn converge(deployment: &Deployment, facts: &Facts) -> Result<Vec<Action>, Problems> {
    let mut actions = Vec::new();
    let mut problems = Problems::default();
    let found = facts.openvswitch.clone().unwrap_or_default();
    let on_switch = |network: &'_ Network| network.switch.clone();
    for (network, switch) in deployment
        .networks
        .iter()
        .filter_map(|n| Some((n, on_switch(n)?)))
    {
        let mut of_network = OfNetwork {
            deployment,
            facts,
            found: &found,
            network,
            switch: &switch,
            problems: &mut problems,
        };
        actions.extend(of_network.converge());
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(problems)
    }
}

/// What is said of bridges that others made: they are used as they are.
pub fn notes(deployment: &Deployment, facts: &Facts) -> Vec<String> {
    let bridges = || facts.openvswitch.iter().flat_map(|found| &found.bridges);
    let strangers = deployment.networks.iter().filter_map(|network| {
        let switch = network.switch.as_ref()?;
        let asks = switch.nic.is_some() || switch.ports.iter().any(|port| !port.addresses.is_empty());
        let stranger = bridges().find(|b| b.name == network.bridge && b.owner.is_none())?;
        asks.then_some(&stranger.name)
    });
    strangers
        .map(|name| format!("note: the Open vSwitch bridge '{name}' was not made by irs: it is used as it is, without the topology's addresses and NIC"))
        .collect()
}

struct OfNetwork<'a> {
    deployment: &'a Deployment,
    facts: &'a Facts,
    found: &'a OpenVswitch,
    network: &'a Network,
    switch: &'a Switch,
    problems: &'a mut Problems,
}

impl OfNetwork<'_> {
    fn converge(&mut self) -> Vec<Action> {
        let name = &self.network.bridge;
        let bridge = self.found.bridge(name);
        let mut actions = Vec::new();
        match bridge {
            Some(bridge) if bridge.owner.is_none() => return actions,
            Some(bridge) if bridge.owner != Some(self.deployment.id.uuid) => {
                let whose = bridge.deployment.as_deref().unwrap_or("another");
                let message = format!(
                    "the Open vSwitch bridge '{name}' on '{}' belongs to deployment '{whose}'",
                    self.deployment.id.host
                );
                self.problems
                    .push(None, message)
                    .hint("choose another --prefix, so that the names differ");
                return actions;
            }
            Some(_) => {}
            None => {
                self.check_free(name);
                let user_space = !self.found.kernel;
                let why = match user_space {
                    true => {
                        "there is no such Open vSwitch bridge; in user space, as the kernel has no openvswitch module"
                    }
                    false => "there is no such Open vSwitch bridge",
                };
                let work = Work::Bridge {
                    bridge: name.clone(),
                    user_space,
                };
                actions.push(self.action(Verb::Create, name, why, work));
            }
        }
        for port in &self.switch.ports {
            actions.extend(self.port(port, bridge));
        }
        actions.extend(self.nic(bridge));
        let ours = bridge
            .into_iter()
            .flat_map(|b| &b.ports)
            .filter(|port| port.owner.is_some());
        for port in ours {
            let wanted = self.switch.ports.iter().any(|wanted| wanted.device == port.name);
            if !wanted && self.switch.nic.as_ref() != Some(&port.name) && port.name != *name {
                let work = Work::RemovePort {
                    bridge: name.clone(),
                    device: port.name.clone(),
                };
                actions.push(self.action(Verb::Remove, &port.name, "the topology has no such port", work));
            }
        }
        actions
    }

    fn port(&mut self, wanted: &HostPort, bridge: Option<&Bridge>) -> Option<Action> {
        let device = &wanted.device;
        let found = bridge.and_then(|b| b.ports.iter().find(|port| port.name == *device));
        let link = self.facts.links.get(device);
        let addresses: BTreeSet<String> = wanted.addresses.iter().map(IpNet::to_string).collect();
        let noted = found.map(|port| port.noted.clone()).unwrap_or_default();
        let work = Work::Port(Port {
            bridge: self.network.bridge.clone(),
            device: device.clone(),
            vlan: wanted.vlan,
            addresses: addresses.iter().cloned().collect(),
            stale: noted
                .iter()
                .filter(|a| !addresses.contains(*a))
                .cloned()
                .collect(),
            mtu: self.network.mtu,
        });
        let Some(found) = found else {
            let own = *device == self.network.bridge;
            if !own {
                self.check_free(device);
            }
            let list = addresses.into_iter().collect::<Vec<_>>().join(" and ");
            let why = match list.as_str() {
                "" => "the bridge's own port is to be switched on".to_owned(),
                list => format!("the host has no port for {list}"),
            };
            return Some(self.action(if own { Verb::Update } else { Verb::Create }, device, why, work));
        };
        let why = differences(wanted, found, link, self.network.mtu);
        (!why.is_empty()).then(|| self.action(Verb::Update, device, why.join(", "), work))
    }

    fn nic(&mut self, bridge: Option<&Bridge>) -> Option<Action> {
        let nic = self.switch.nic.as_ref()?;
        if bridge.is_some_and(|b| b.ports.iter().any(|port| port.name == *nic)) {
            return None;
        }
        let host = &self.deployment.id.host;
        let name = &self.network.name;
        let (message, hint) = match self.facts.links.get(nic) {
            None => {
                let others = self.facts.links.candidates();
                let near = crate::yaml::nearest(nic, others);
                let hint = near.map_or("'ip link' shows those that are there".into(), |n| {
                    format!("did you mean '{n}'?")
                });
                (
                    format!("'{host}' has no NIC '{nic}', which network '{name}' asks for"),
                    hint,
                )
            }
            Some(link) => {
                if let Some(master) = self.holder(nic).or_else(|| link.master.clone()) {
                    let hint = "name another NIC, or take it out of there first".to_owned();
                    (
                        format!(
                            "the NIC '{nic}' on '{host}', which network '{name}' asks for, belongs to '{master}'"
                        ),
                        hint,
                    )
                } else if let Some(address) = link.own_addresses().next().and_then(|a| a.net()) {
                    let hint = "a NIC of an Open vSwitch bridge has no addresses: move them first, or name another NIC".to_owned();
                    (
                        format!(
                            "the NIC '{nic}' on '{host}', which network '{name}' asks for, has the address {address}"
                        ),
                        hint,
                    )
                } else {
                    let work = Work::Nic {
                        bridge: self.network.bridge.clone(),
                        nic: nic.clone(),
                        was_down: !link.is_up(),
                    };
                    let why = format!("it is no port of the bridge '{}'", self.network.bridge);
                    return Some(self.action(Verb::Update, nic, why, work));
                }
            }
        };
        self.problems.push(None, message).hint(hint);
        None
    }

    /// The bridge of Open vSwitch that has this port.
    fn holder(&self, port: &str) -> Option<String> {
        let mut bridges = self.found.bridges.iter();
        let holder = bridges.find(|bridge| bridge.ports.iter().any(|p| p.name == port));
        holder.map(|bridge| bridge.name.clone())
    }

    fn check_free(&mut self, device: &str) {
        if self.facts.links.get(device).is_some() {
            let message = format!(
                "network '{}' needs the device '{device}', and '{}' has another one of that name",
                self.network.name, self.deployment.id.host
            );
            let hint = "choose a --prefix, so that the names differ, or rename the network or the port group";
            self.problems.push(None, message).hint(hint);
        }
    }

    fn action(&self, verb: Verb, device: &str, why: impl Into<String>, work: Work) -> Action {
        let host = &self.deployment.id.host;
        Action::new(
            Step::Host,
            verb,
            Kind::Host,
            device,
            host,
            why,
            super::super::Work::OpenVswitch(work),
        )
    }
}

/// What of a port is otherwise.
fn differences(
    wanted: &HostPort,
    found: &super::read::Port,
    link: Option<&Link>,
    mtu: Option<u32>,
) -> Vec<String> {
    let mut why = Vec::new();
    let show = |vlan: Option<u16>| vlan.map_or("none".to_owned(), |id| id.to_string());
    if found.tag != wanted.vlan {
        why.push(format!(
            "its VLAN is {}, wanted {}",
            show(found.tag),
            show(wanted.vlan)
        ));
    }
    let missing =
        |address: &&IpNet| link.is_none_or(|link| !link.own_addresses().any(|a| a.net() == Some(**address)));
    let lost: Vec<String> = wanted
        .addresses
        .iter()
        .filter(missing)
        .map(IpNet::to_string)
        .collect();
    if !lost.is_empty() {
        why.push(format!("it has lost {}", lost.join(" and ")));
    }
    let stale = found
        .noted
        .iter()
        .filter(|noted| !wanted.addresses.iter().any(|a| a.to_string() == **noted));
    let stale: Vec<&str> = stale.map(String::as_str).collect();
    if !stale.is_empty() {
        why.push(format!("the topology has no longer {}", stale.join(" and ")));
    }
    if link.is_some_and(|link| !link.is_up()) {
        why.push("it is switched off".to_owned());
    }
    if let (Some(mtu), Some(link)) = (mtu, link)
        && link.mtu != mtu
    {
        why.push(format!("its MTU is {}, wanted {mtu}", link.mtu));
    }
    why
}

/// The actions that remove the bridges of a deployment, or of all.
pub fn remove(facts: &Facts, of: Option<Uuid>, host: &str, reason: &str) -> Vec<Action> {
    let bridges = facts.openvswitch.iter().flat_map(|found| &found.bridges);
    let ours =
        bridges.filter(|bridge| bridge.owner.is_some() && of.is_none_or(|of| bridge.owner == Some(of)));
    ours.map(|bridge| {
        let down = bridge.ports.iter().filter(|port| port.was_down);
        let work = Work::RemoveBridge {
            bridge: bridge.name.clone(),
            down: down.map(|port| port.name.clone()).collect(),
        };
        let work = super::super::Work::OpenVswitch(work);
        Action::new(
            Step::Host,
            Verb::Remove,
            Kind::Host,
            &bridge.name,
            host,
            reason,
            work,
        )
    })
    .collect()
}
