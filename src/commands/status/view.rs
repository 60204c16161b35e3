//! What `irs status` says.

mod text;

use super::alive::Alive;
use super::drift::Drift;
use crate::actual::Actual;
use crate::commands::connection::{self, Silent};
use crate::commands::virsh::report::{self, NodeReport};
use crate::deployment::Identity;
use crate::fleet::{Member, Seat};
use crate::units::{MIB, format_time};
use crate::workspace::choice::Choice;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// An environment as it is, in the shape of `--format json`.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its name: the prefix, or `default`.
    deployment: String,
    /// Who made it, as user@machine; none when the record is lost.
    created_by: Option<String>,
    /// When, by RFC 3339.
    created_at: Option<String>,
    /// Who is changing it now, and since when; none when nobody is.
    held_by: Option<String>,
    /// The hypervisors that answer.
    hosts: Vec<HostView>,
    /// Its networks there.
    networks: Vec<NetworkView>,
    /// Its nodes.
    nodes: Vec<NodeView>,
    /// What is not as irs made it.
    drift: Vec<DriftView>,
    /// The folder of its workspace on this machine.
    workspace: String,
    /// The name of that workspace.
    workspace_name: String,
    /// The name of the workspace that is active, this one or another.
    active_workspace: Option<String>,
    #[serde(skip)]
    workspace_shown: String,
    /// The hypervisors that do not answer.
    #[serde(rename = "no_answer", skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<Silent>,
    /// What the records say of all hypervisors.
    #[serde(skip)]
    fleet: Vec<(Uuid, Vec<Member>)>,
}

/// A difference, and where it is.
#[derive(Debug, Serialize)]
struct DriftView {
    #[serde(flatten)]
    drift: Drift,
    /// The hypervisor, as it was typed.
    host: String,
}

#[derive(Clone, Debug, Serialize)]
struct HostView {
    /// As it was typed.
    name: String,
    /// Its CPUs, hyper-threads and all.
    cpus: u32,
    /// Memory that new nodes may have.
    memory_available_mib: u64,
    /// Free space in the file system of the images.
    disk_available_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct NetworkView {
    /// libvirt's name of it.
    name: String,
    /// The hypervisor, as it was typed.
    host: String,
    /// Whether it runs.
    active: bool,
    /// Its subnets, as `172.16.0.0/24`.
    subnets: Vec<String>,
    /// The addresses that its DHCP server has given.
    leases: Vec<LeaseView>,
    /// What only its next start shows.
    pending: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct LeaseView {
    /// The MAC address of the NIC.
    mac: String,
    /// The IP address.
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
        held_by: Option<String>,
        workspace: &Choice,
    ) -> View {
        let record = actual.facts.record.as_ref();
        let owner = |mac| {
            let mut domains = actual.domains_of(id.uuid);
            let domain = domains.find(|domain| domain.nics.iter().any(|nic| nic.mac == mac));
            domain.map(|domain| domain.name.clone())
        };
        let mut pending = report::pending_of_networks(actual, id);
        let networks = actual.networks_of(id.uuid).map(|network| NetworkView {
            pending: pending.remove(&network.name).unwrap_or_default(),
            name: network.name.clone(),
            host: id.host.clone(),
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
            held_by,
            hosts: vec![HostView {
                name: id.host.clone(),
                cpus: actual.facts.cpus,
                memory_available_mib: actual.facts.memory_available / MIB,
                disk_available_bytes: actual.facts.disk_available,
            }],
            networks: networks.collect(),
            nodes: nodes.collect(),
            drift: drift
                .into_iter()
                .map(|drift| DriftView {
                    drift,
                    host: id.host.clone(),
                })
                .collect(),
            workspace: workspace.workspace.path().display().to_string(),
            workspace_name: workspace.workspace.name().to_owned(),
            active_workspace: workspace.active.clone(),
            workspace_shown: workspace.shown(),
            silent: Vec::new(),
            fleet: vec![(
                id.uuid,
                record.map(|record| record.fleet.clone()).unwrap_or_default(),
            )],
        }
    }

    /// What several hypervisors have, as one; the nodes of those that were not asked, or do not answer, are as the others
    /// remember them. None when there is nothing.
    ///
    /// # Errors
    /// When none of them answers.
    pub fn joined(views: Vec<View>, silent: Vec<Silent>, prefix: Option<&str>) -> Result<Option<View>> {
        let mut views = views.into_iter();
        let Some(mut all) = views.next() else {
            return match silent.is_empty() {
                true => Ok(None),
                false => connection::incomplete(silent).map(|()| None),
            };
        };
        for view in views {
            // One hypervisor under two names.
            if view
                .fleet
                .iter()
                .any(|(of, _)| all.fleet.iter().any(|(known, _)| known == of))
            {
                continue;
            }
            all.held_by = all.held_by.or(view.held_by);
            all.hosts.extend(view.hosts);
            all.networks.extend(view.networks);
            all.nodes.extend(view.nodes);
            all.drift.extend(view.drift);
            all.fleet.extend(view.fleet);
        }
        let mut lost: BTreeMap<Uuid, &Member> = BTreeMap::new();
        let asked = |uuid: Uuid| all.fleet.iter().any(|(of, _)| *of == uuid);
        for member in all.fleet.iter().flat_map(|(_, fleet)| fleet) {
            if !asked(member.uuid) {
                lost.insert(member.uuid, member);
            }
        }
        let unseen: Vec<NodeView> = lost
            .into_values()
            .flat_map(|member| {
                member
                    .nodes
                    .iter()
                    .map(|seat| NodeView::unseen(seat, &member.address, prefix))
            })
            .collect();
        all.nodes.extend(unseen);
        all.nodes
            .sort_by(|a, b| (&a.node.node_type, a.node.index).cmp(&(&b.node.node_type, b.node.index)));
        all.silent = silent;
        Ok(Some(all))
    }

    /// Whether it lives on several hypervisors.
    fn is_on_several(&self) -> bool {
        let mut hosts = self.nodes.iter().map(|view| view.node.host.as_str());
        let first = self.hosts.first().map(|host| host.name.as_str());
        self.hosts.len() > 1 || hosts.any(|host| Some(host) != first)
    }
}

impl NodeView {
    /// A node of a hypervisor that was not looked at.
    fn unseen(seat: &Seat, host: &str, prefix: Option<&str>) -> NodeView {
        NodeView {
            node: report::unseen(seat, host, prefix),
            readiness: report::UNKNOWN,
            uptime: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::choice;

    #[test]
    fn a_hypervisor_under_two_names_is_one() {
        let choice = choice::choose(Some("a"), None).unwrap();
        let actual = Actual::default();
        let view = |host: &str, uuid: u128| {
            let id = Identity {
                uuid: Uuid::from_u128(uuid),
                ..actual.identity("a", Some("a"), host)
            };
            let alive = Alive::default();
            View::new(&id, &actual, Vec::new(), &alive, Vec::new(), None, &choice)
        };
        let views = vec![view("hv1", 1), view("root@hv1", 1), view("hv2", 2)];
        let all = View::joined(views, Vec::new(), Some("a")).unwrap().unwrap();
        let hosts: Vec<&str> = all.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(hosts, ["hv1", "hv2"]);
    }
}
