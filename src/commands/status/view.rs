//! What `irs status` says.

use super::alive::Alive;
use super::drift::{Drift, Next};
use crate::actual::Actual;
use crate::commands::virsh::report::NodeReport;
use crate::deployment::Identity;
use crate::ui::table::{self, table};
use crate::units::{MIB, format_duration, format_size, format_time};
use serde::Serialize;
use std::fmt;

/// An environment as it is, in the shape of `--format json`.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    deployment: String,
    created_by: Option<String>,
    created_at: Option<String>,
    hosts: Vec<HostView>,
    networks: Vec<NetworkView>,
    nodes: Vec<NodeView>,
    drift: Vec<Drift>,
    workspace: String,
}

#[derive(Clone, Debug, Serialize)]
struct HostView {
    name: String,
    cpus: u32,
    memory_available_mib: u64,
    disk_available_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct NetworkView {
    name: String,
    active: bool,
    subnets: Vec<String>,
    leases: Vec<LeaseView>,
}

#[derive(Clone, Debug, Serialize)]
struct LeaseView {
    mac: String,
    ip: String,
    /// The node whose NIC it is.
    node: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct NodeView {
    #[serde(flatten)]
    node: NodeReport,
    /// `ready`, `not ready`, `no answer` of one that was ready once, or `no OS`.
    readiness: &'static str,
    /// Seconds since its emulator was started.
    uptime: Option<u64>,
}

impl View {
    /// Puts together what was read.
    pub fn new(
        id: &Identity,
        actual: &Actual,
        nodes: Vec<NodeReport>,
        alive: &Alive,
        drift: Vec<Drift>,
        workspace: String,
    ) -> View {
        let record = actual.facts.record.as_ref();
        let owner = |mac| {
            let mut domains = actual.domains_of(id.uuid);
            let domain = domains.find(|domain| domain.nics.iter().any(|nic| nic.mac == mac));
            domain.map(|domain| domain.name.clone())
        };
        let networks = actual.networks_of(id.uuid).map(|network| NetworkView {
            name: network.name.clone(),
            active: network.active,
            subnets: network.addresses.iter().map(|a| a.net.to_string()).collect(),
            leases: network
                .leases
                .iter()
                .map(|(mac, ip)| LeaseView {
                    mac: mac.to_string(),
                    ip: ip.to_string(),
                    node: owner(*mac),
                })
                .collect(),
        });
        let nodes = nodes.into_iter().map(|node| NodeView {
            uptime: alive.uptimes.get(&node.name).copied(),
            readiness: match alive.is_silent(&node.name) {
                true => "no answer",
                false => node.readiness(),
            },
            node,
        });
        View {
            deployment: id.name.clone(),
            created_by: record.map(|record| record.created_by.clone()),
            created_at: record.map(|record| format_time(record.created_at)),
            hosts: vec![HostView {
                name: id.host.clone(),
                cpus: actual.facts.cpus,
                memory_available_mib: actual.facts.memory_available / MIB,
                disk_available_bytes: actual.facts.disk_available,
            }],
            networks: networks.collect(),
            nodes: nodes.collect(),
            drift,
            workspace,
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deployment '{}'", self.deployment)?;
        if let (Some(who), Some(when)) = (&self.created_by, &self.created_at) {
            write!(f, ", made by {who} on {when}")?;
        }
        writeln!(f, "\n")?;
        let mut hosts = vec![table::row(&["HOST", "CPUS", "MEMORY FREE", "DISK FREE"])];
        hosts.extend(self.hosts.iter().map(HostView::row));
        writeln!(f, "{}", table(&hosts))?;
        let mut networks = vec![table::row(&["NETWORK", "STATE", "LEASES", "SUBNETS"])];
        networks.extend(self.networks.iter().map(NetworkView::row));
        writeln!(f, "{}", table(&networks))?;
        let mut nodes = vec![table::row(&["NODE", "STATE", "UP FOR", "ADDRESS", "READY"])];
        nodes.extend(self.nodes.iter().map(NodeView::row));
        write!(f, "{}", table(&nodes))?;
        let mut lacking = self
            .nodes
            .iter()
            .filter(|view| !view.node.pending.is_empty())
            .peekable();
        if lacking.peek().is_some() {
            writeln!(f, "\nafter the next restart ('irs virsh --restart' does it):")?;
        }
        for NodeView { node, .. } in lacking {
            writeln!(f, "  {}: {}", node.name, node.pending.join("; "))?;
        }
        self.show_drift(f)
    }
}

impl View {
    /// `{:#}` colours the signs.
    fn show_drift(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.drift.is_empty() {
            return writeln!(f, "\nall of it is as irs made it");
        }
        writeln!(f, "\nnot as irs made it:")?;
        for drift in &self.drift {
            let (sign, colour) = match drift.next {
                Some(Next::Create) => ('+', "\x1b[32m"),
                Some(Next::Update) => ('~', "\x1b[33m"),
                Some(Next::Remove) => ('-', "\x1b[31m"),
                Some(Next::Refuse) => ('!', "\x1b[31m"),
                None => ('?', "\x1b[33m"),
            };
            match f.alternate() {
                true => write!(f, "  {colour}{sign}\x1b[0m ")?,
                false => write!(f, "  {sign} ")?,
            }
            writeln!(f, "{} {}: {}", drift.kind, drift.name, drift.what)?;
            if let Some(hint) = &drift.hint {
                writeln!(f, "    hint: {hint}")?;
            }
        }
        let refused = self.drift.iter().filter(|drift| drift.next == Some(Next::Refuse));
        match (
            refused.count(),
            self.drift.iter().any(|drift| drift.next.is_none()),
        ) {
            (_, true) => writeln!(
                f,
                "a dry run of 'irs virsh' on these nodes says what the next run makes of a '?'"
            ),
            (0, _) => writeln!(f, "the next run of 'irs virsh' on these nodes repairs it"),
            _ => writeln!(
                f,
                "the next run of 'irs virsh' refuses what has a '!', and changes nothing before"
            ),
        }
    }
}

impl HostView {
    fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.cpus.to_string(),
            format_size(self.memory_available_mib * MIB),
            format_size(self.disk_available_bytes),
        ]
    }
}

impl NetworkView {
    fn row(&self) -> Vec<String> {
        let state = if self.active { "active" } else { "inactive" };
        vec![
            self.name.clone(),
            state.to_owned(),
            self.leases.len().to_string(),
            match self.subnets.is_empty() {
                true => "-".to_owned(),
                false => self.subnets.join(" "),
            },
        ]
    }
}

impl NodeView {
    fn row(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        vec![
            self.node.name.clone(),
            self.node.state.to_owned(),
            or_dash(self.uptime.map(format_duration)),
            or_dash(self.node.ip.map(|ip| ip.to_string())),
            self.readiness.to_owned(),
        ]
    }
}
