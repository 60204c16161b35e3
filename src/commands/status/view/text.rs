//! What `irs status` shows people.

use super::{DriftView, HostView, NetworkView, NodeView, View};
use crate::commands::status::drift::Next;
use crate::ui::table::{self, table};
use crate::units::{MIB, format_duration, format_size};
use std::fmt;

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deployment '{}'", self.deployment)?;
        if let (Some(who), Some(when)) = (&self.created_by, &self.created_at) {
            write!(f, ", made by {who} on {when}")?;
        }
        writeln!(f, "\nworkspace {}: {}", self.workspace_shown, self.workspace)?;
        if let Some(who) = &self.held_by {
            writeln!(f, "a run of irs is changing it: {who}")?;
        }
        writeln!(f)?;
        let mut hosts = vec![table::row(&["HOST", "CPUS", "MEMORY FREE", "DISK FREE"])];
        hosts.extend(self.hosts.iter().map(HostView::row));
        writeln!(f, "{}", table(&hosts))?;
        for silent in &self.silent {
            writeln!(f, "no answer from '{}': {}\n", silent.host, silent.error.message)?;
        }
        let several = self.is_on_several();
        let with_host = |mut row: Vec<String>, host: &str| {
            row.extend(several.then(|| host.to_owned()));
            row
        };
        let mut networks = vec![with_host(
            table::row(&["NETWORK", "STATE", "LEASES", "SUBNETS"]),
            "HOST",
        )];
        networks.extend(
            self.networks
                .iter()
                .map(|network| with_host(network.row(), &network.host)),
        );
        writeln!(f, "{}", table(&networks))?;
        let mut nodes = vec![with_host(
            table::row(&["NODE", "STATE", "UP FOR", "ADDRESS", "READY"]),
            "HOST",
        )];
        nodes.extend(
            self.nodes
                .iter()
                .map(|view| with_host(view.row(), &view.node.host)),
        );
        write!(f, "{}", table(&nodes))?;
        self.show_strangers(f)?;
        self.show_pending(f)?;
        self.show_drift(f)
    }
}

impl View {
    /// The leases that are of no node.
    fn show_strangers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for network in &self.networks {
            let strange = network.leases.iter().filter(|lease| lease.node.is_none());
            let strange: Vec<String> = strange
                .map(|lease| format!("{} ({})", lease.ip, lease.mac))
                .collect();
            if !strange.is_empty() {
                writeln!(
                    f,
                    "leases on {} that no node holds: {}",
                    network.name,
                    strange.join(", ")
                )?;
            }
        }
        Ok(())
    }

    /// What nodes and networks show when they start the next time.
    fn show_pending(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter();
        let networks = networks.map(|network| {
            (
                format!("network {}", network.name),
                &network.pending,
                &network.host,
            )
        });
        let nodes = self.nodes.iter().map(|view| &view.node);
        let nodes = nodes.map(|node| (node.name.clone(), &node.pending, &node.host));
        let lacking = networks
            .chain(nodes)
            .filter(|(_, pending, _)| !pending.is_empty());
        let several = self.is_on_several();
        for (nth, (name, pending, host)) in lacking.enumerate() {
            if nth == 0 {
                writeln!(f, "\nafter the next restart ('irs virsh --restart' does it):")?;
            }
            // The same network may be on several of them.
            let host = match several && name.starts_with("network ") {
                true => format!(" on {host}"),
                false => String::new(),
            };
            writeln!(f, "  {name}{host}: {}", pending.join("; "))?;
        }
        Ok(())
    }

    /// `{:#}` colours the signs.
    fn show_drift(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.drift.is_empty() {
            return writeln!(f, "\nall of it is as irs made it");
        }
        writeln!(f, "\nnot as irs made it:")?;
        let several = self.is_on_several();
        for DriftView { drift, host } in &self.drift {
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
            let host = if several {
                format!(" on {host}")
            } else {
                String::new()
            };
            writeln!(f, "{} {}{host}: {}", drift.kind, drift.name, drift.what)?;
            if let Some(hint) = &drift.hint {
                writeln!(f, "    hint: {hint}")?;
            }
        }
        let refused = self
            .drift
            .iter()
            .filter(|view| view.drift.next == Some(Next::Refuse));
        match (
            refused.count(),
            self.drift.iter().any(|view| view.drift.next.is_none()),
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
            self.node.state_in_words(),
            or_dash(self.uptime.map(format_duration)),
            or_dash(self.node.ip.map(|ip| ip.to_string())),
            self.readiness.to_owned(),
        ]
    }
}
