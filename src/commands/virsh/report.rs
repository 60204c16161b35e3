//! What a run says at its end: a summary for people, one object for programs.

use super::fleet::Crew;
use super::input::Request;
use super::mode::Mode;
use crate::actual::Actual;
use crate::deployment::{Identity, Node, Storage};
use crate::fleet::Seat;
use crate::names;
use crate::plan::Change;
use crate::steps::domains::pending::{self, Own};
use crate::steps::domains::read::ActualDomain;
use crate::steps::networks;
use crate::ui::Ui;
use crate::workspace::{self, Workspace, again};
use anyhow::Result;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The state of a node that is not there.
pub const ABSENT: &str = "absent";
/// The state of a node on a hypervisor that is not asked.
pub const UNKNOWN: &str = "unknown";

/// The result of a run, in the shape of `--format json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The environment: its prefix, or `default`.
    deployment: String,
    /// The hypervisors, as they were typed.
    hosts: Vec<String>,
    /// What was done, in its order; empty when there was nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
    /// With `--dry-run`, what would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<Vec<Change>>,
    /// The nodes as they are at the end.
    nodes: Vec<NodeReport>,
    /// The networks that run otherwise than they are defined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<NetworkReport>,
    /// The folder of the outputs on this machine.
    workspace: String,
    /// The hypervisors that were left out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
    /// What the changes were made to, in words.
    #[serde(skip)]
    subject: String,
}

/// A hypervisor that was left out, in `--format json`.
#[derive(Clone, Debug, Serialize)]
struct LeftOut {
    /// As it was typed.
    host: String,
    /// Why.
    error: crate::error::Report,
}

/// A network in `--format json` that runs otherwise than it is defined.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkReport {
    /// libvirt's name of it.
    name: String,
    /// The hypervisor, as the user typed it.
    host: String,
    /// What only its next start shows.
    pending: Vec<String>,
}

/// A node in `--format json`.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReport {
    /// The domain.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub node_type: String,
    /// Its number among those of its type.
    pub index: u32,
    /// The hypervisor, as the user typed it.
    pub host: String,
    /// libvirt's word, or `absent`.
    pub state: &'static str,
    /// Whether it is off with its machine saved by libvirt: its next start goes on from there.
    pub saved: bool,
    /// The address through which it is reached.
    pub ip: Option<IpAddr>,
    /// Whether it answers and cloud-init is through; false for nodes without an OS.
    pub ready: bool,
    /// What only its next restart shows.
    pub pending: Vec<String>,
    /// Whether it has the base image; the summary says so of those that have not.
    #[serde(skip)]
    pub has_os: bool,
    /// Whether it has a seed, and so keys by which one logs in, and a host key that is known.
    #[serde(skip)]
    pub has_seed: bool,
}

impl NodeReport {
    /// Its state for people.
    pub fn state_in_words(&self) -> String {
        match self.saved {
            true => format!("{} (saved)", self.state),
            false => self.state.to_owned(),
        }
    }

    /// Whether it is ready, in words.
    pub fn readiness(&self) -> &'static str {
        match self.ready {
            true => "ready",
            false if self.has_os => "not ready",
            false => "no OS",
        }
    }
}

impl Report {
    /// A report without changes.
    pub fn new(request: &Request, deployment: &str, mut nodes: Vec<NodeReport>) -> Report {
        nodes.sort_by(|a, b| (&a.node_type, a.index).cmp(&(&b.node_type, b.index)));
        Report {
            deployment: deployment.to_owned(),
            hosts: request.ways.all.iter().map(|way| way.host.clone()).collect(),
            changes: None,
            planned: None,
            left_out: Vec::new(),
            networks: Vec::new(),
            nodes,
            workspace: request.workspace.path().display().to_string(),
            subject: match request.mode {
                Mode::CleanupAll => "everything".to_owned(),
                _ => format!("deployment '{deployment}'"),
            },
        }
    }

    /// With the networks that run otherwise than they are defined.
    pub fn networks(mut self, networks: impl IntoIterator<Item = NetworkReport>) -> Report {
        self.networks = networks.into_iter().collect();
        self
    }

    /// With the hypervisors that were left out.
    pub fn left_out(mut self, crew: &Crew) -> Report {
        self.left_out = crew
            .failed()
            .map(|(at, error)| LeftOut {
                host: crew.host(at).to_owned(),
                error: crate::error::Report::of(error),
            })
            .collect();
        self
    }

    /// The result for programs; it tells itself of what was left out.
    ///
    /// # Errors
    /// Never, for this type.
    pub fn print(&self, ui: &Ui) -> Result<()> {
        match self.left_out.is_empty() {
            true => ui.json(self),
            false => ui.json_with_error(self),
        }
    }

    /// With what was done.
    pub fn changed(self, changes: Vec<Change>) -> Report {
        Report {
            changes: Some(changes),
            ..self
        }
    }

    /// With what would be done.
    pub fn planned(self, changes: Vec<Change>) -> Report {
        Report {
            planned: Some(changes),
            ..self
        }
    }

    /// The nodes into which somebody can log in now.
    pub fn reached(&self) -> Vec<String> {
        let reached = self.nodes.iter().filter(|node| node.ready && node.has_seed);
        reached.map(|node| node.name.clone()).collect()
    }

    /// The summary for people, of a run that took so long.
    pub fn summary(&self, workspace: &Workspace, took: &str) -> String {
        let count = self.changes.as_ref().map_or(0, Vec::len);
        let changes = match count {
            0 => "nothing to change".to_owned(),
            1 => "1 change".to_owned(),
            _ => format!("{count} changes"),
        };
        let mut lines = vec![format!(
            "{} on '{}': {changes}, {took}",
            self.subject,
            self.hosts.join("', '")
        )];
        let several = self.hosts.len() > 1;
        let width = self.nodes.iter().map(|node| node.name.len()).max().unwrap_or(0);
        for node in &self.nodes {
            let ip = node.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
            let ready = node.readiness();
            let host = match several {
                true => format!("  on {}", node.host),
                false => String::new(),
            };
            lines.push(format!(
                "  {:width$}  {:15}  {:8}  {ready}{host}",
                node.name,
                ip,
                node.state_in_words()
            ));
        }
        lines.extend(self.restarts());
        if let Some(node) = self.nodes.iter().find(|node| node.ready && node.has_seed) {
            lines.push(format!(
                "log in:    irs ssh{} {}",
                again::flags(workspace),
                node.name
            ));
        }
        if !self.nodes.is_empty() {
            lines.push(format!(
                "inventory: {}",
                workspace.path().join(workspace::INVENTORY).display()
            ));
        }
        lines.join("\n")
    }
}

impl Report {
    /// Which nodes and networks lack what only a restart shows, the nodes that lack the same together.
    fn restarts(&self) -> Vec<String> {
        let mut lacking: Vec<(String, Vec<&str>)> = Vec::new();
        for node in self.nodes.iter().filter(|node| !node.pending.is_empty()) {
            let what = node.pending.join("; ");
            match lacking.iter_mut().find(|(same, _)| *same == what) {
                Some((_, nodes)) => nodes.push(&node.name),
                None => lacking.push((what, vec![&node.name])),
            }
        }
        let line = |(what, nodes): (String, Vec<&str>)| {
            let nodes = match nodes.as_slice() {
                [first, second, third, rest @ ..] if rest.len() > 1 => {
                    format!("{first}, {second}, {third} and {} more", rest.len())
                }
                nodes => nodes.join(", "),
            };
            format!("{nodes}, after the next restart (--restart does it now): {what}")
        };
        let networks = self.networks.iter().map(|network| {
            let what = network.pending.join("; ");
            format!(
                "network {}, after its next start (--restart does it now): {what}",
                network.name
            )
        });
        lacking.into_iter().map(line).chain(networks).collect()
    }
}

/// A node that is not there.
pub fn absent(node: &Node, host: &str) -> NodeReport {
    NodeReport {
        name: node.name.clone(),
        node_type: node.node_type.clone(),
        index: node.index,
        host: host.to_owned(),
        state: ABSENT,
        saved: false,
        ip: node.address(),
        ready: false,
        pending: Vec::new(),
        has_os: node.has_os,
        has_seed: node.has_seed,
    }
}

/// A node on a hypervisor that is not asked.
pub fn unseen(seat: &Seat, host: &str, prefix: Option<&str>) -> NodeReport {
    NodeReport {
        name: names::domain(prefix, &seat.node_type, seat.index),
        node_type: seat.node_type.clone(),
        index: seat.index,
        host: host.to_owned(),
        state: UNKNOWN,
        saved: false,
        ip: None,
        ready: false,
        pending: Vec::new(),
        has_os: false,
        has_seed: false,
    }
}

/// What the networks of a deployment lack of their definitions as they run, by their names.
pub fn pending_of_networks(actual: &Actual, id: &Identity) -> BTreeMap<String, Vec<String>> {
    let blueprint = actual.facts.blueprint.as_ref();
    let there = match blueprint {
        Some(blueprint) => {
            let deployment = blueprint.deployment(id, &Storage::default());
            blueprint.past_theirs(&deployment, actual)
        }
        None => Cow::Borrowed(&actual.networks[..]),
    };
    let own = there.iter().filter(|network| network.is_of(id.uuid));
    own.map(|network| (network.name.clone(), networks::pending::of(network)))
        .filter(|(_, pending)| !pending.is_empty())
        .collect()
}

/// The networks of a deployment that run otherwise than they are defined.
pub fn networks(actual: &Actual, id: &Identity) -> Vec<NetworkReport> {
    let pending = pending_of_networks(actual, id).into_iter();
    let report = |(name, pending)| NetworkReport {
        name,
        host: id.host.clone(),
        pending,
    };
    pending.map(report).collect()
}

/// What of a node is irs's to say, as far as that is written down.
fn own(actual: &Actual, domain: &ActualDomain) -> Own {
    let blueprint = actual.facts.blueprint.as_ref();
    let node = blueprint
        .and_then(|blueprint| blueprint.node(&domain.name))
        .filter(|node| node.uuid == domain.uuid);
    node.map(Own::of).unwrap_or_default()
}

/// The nodes of a deployment as they are.
pub fn nodes(actual: &Actual, id: &Identity, ready: &BTreeSet<String>) -> Vec<NodeReport> {
    let mut nodes: Vec<NodeReport> = actual
        .domains_of(id.uuid)
        .filter_map(|domain| {
            let mark = domain.mark.as_ref()?;
            Some(NodeReport {
                name: domain.name.clone(),
                node_type: mark.node_type.clone(),
                index: mark.index,
                host: id.host.clone(),
                state: domain.state.name(),
                saved: domain.saved,
                ip: address(domain, actual),
                // Nobody can log in to an image that takes no customisation: it runs, or not.
                ready: mark.has_os
                    && domain.state.is_running()
                    && (!mark.has_seed || ready.contains(&domain.name)),
                pending: pending::of(domain, &own(actual, domain)),
                has_os: mark.has_os,
                has_seed: mark.has_seed,
            })
        })
        .collect();
    nodes.sort_by(|a, b| (&a.node_type, a.index).cmp(&(&b.node_type, b.index)));
    nodes
}

/// The address through which a node is reached: what its mark says, else what it has on its LAN or what its network reserves for the NIC that
/// the mark names, IPv4 before IPv6.
pub fn address(domain: &ActualDomain, actual: &Actual) -> Option<IpAddr> {
    let mark = domain.mark.as_ref()?;
    if mark.address.is_some() {
        return mark.address;
    }
    if actual.on_lan(domain).is_some() {
        return actual.lan.get(&domain.name).copied();
    }
    let nic = domain.nics.get(mark.external?)?;
    let network = actual.networks.iter().find(|n| match &nic.bridge {
        Some(bridge) => n.bridge.as_ref() == Some(bridge),
        None => Some(&n.name) == nic.network.as_ref(),
    })?;
    let reserved = network.reservations.iter().filter(|r| r.mac == nic.mac);
    reserved.map(|r| r.ip).min()
}
