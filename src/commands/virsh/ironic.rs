//! What a run gets ready for Ironic: the key by which it powers nodes, and who is given it.

use super::connect::Site;
use super::fleet::Each;
use super::input::Request;
use super::on_node::as_root;
use crate::actual::Actual;
use crate::blueprint::Blueprint;
use crate::deployment::{Deployment, Node};
use crate::ironic::{self, Handed};
use crate::outputs::Power;
use crate::plan::Later;
use crate::remote::Host;
use crate::secret::Secret;
use crate::seed;
use crate::ssh::node::NodeSession;
use crate::steps::host::access::{STACK, stack};
use crate::steps::host::record::{Record, StackKey};
use anyhow::Result;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Where an undercloud has the key by which it powers nodes, when it has no other one there.
pub(super) const KEY: &str = "~/.ssh/id_rsa";

/// What all hypervisors of an environment have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// The key by which its Ironic powers nodes; none in a dry run that would make one.
    key: Option<StackKey>,
    /// Lines of known_hosts: each hypervisor at the address by which we come to it.
    known_hosts: String,
}

/// Looks for the key in all records, and makes it when there is none and somebody needs it.
///
/// # Errors
/// When the key cannot be made.
pub(super) fn shared(request: &Request, sites: &Each<Site>, deployments: &[Deployment]) -> Result<Shared> {
    let mut shared = Shared::default();
    let records = || {
        sites
            .iter()
            .filter_map(|(_, site)| site.actual.facts.record.as_ref())
    };
    shared.key = records().find_map(|record| record.stack_key.clone());
    let blueprints = sites
        .iter()
        .filter_map(|(_, site)| site.actual.facts.blueprint.as_ref());
    let nodes = deployments.iter().flat_map(|deployment| &deployment.nodes);
    let nodes = nodes.chain(blueprints.flat_map(|blueprint| &blueprint.nodes));
    if shared.key.is_none() && request.stack_user && !request.dry_run && stack::is_wanted(nodes) {
        let first = sites.first().map(|(_, site)| &site.session.host);
        shared.key = first.map(stack::new_key).transpose()?;
    }
    for (_, site) in sites {
        let keys = site
            .actual
            .facts
            .access
            .sshd
            .iter()
            .flat_map(|sshd| &sshd.host_keys);
        if let Some(destination) = site.session.host.destination() {
            let name = match destination.port {
                22 => destination.hostname.clone(),
                port => format!("[{}]:{port}", destination.hostname),
            };
            shared
                .known_hosts
                .extend(keys.map(|key| format!("{name} {key}\n")));
        }
    }
    Ok(shared)
}

/// What underclouds are given, and what is to be said of it.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// What each is told, by its name.
    pub(super) to: BTreeMap<String, Handed>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// Who is told over SSH.
    pub(super) later: Vec<Later>,
    /// What the user should look after.
    pub(super) warnings: Vec<String>,
}

/// Notes the key in the record, and who is told it.
pub(super) fn prepare(
    deployment: &Deployment,
    blueprint: &Blueprint,
    actual: &Actual,
    record: &mut Record,
    (shared, several): (&Shared, bool),
) -> Ready {
    let mut ready = Ready::default();
    if !deployment.stack {
        return ready;
    }
    let access = &actual.facts.access;
    let host = &deployment.id.host;
    ready.warnings.extend(stack::warnings(access, host));
    if let Some(key) = &shared.key {
        record.stack_key = Some(key.clone());
    }
    let Some(key) = record.stack_key.clone() else {
        return ready;
    };
    for node in blueprint.nodes.iter().filter(|node| node.is_undercloud()) {
        let addresses = ironic::host_addresses(node, &blueprint.networks);
        let mut known_hosts = String::new();
        if let Some(sshd) = &access.sshd {
            ready.warnings.extend(ironic::deaf(&addresses, sshd, host));
            known_hosts = ironic::known_hosts(&addresses, sshd);
        }
        // On a LAN, and to other hypervisors, it comes by the way that we come.
        if several || addresses.is_empty() {
            known_hosts.push_str(&shared.known_hosts);
        }
        let handed = Handed {
            key: Secret::new(key.private.clone()),
            known_hosts,
        };
        let was = record.handed.get(&node.name);
        if !actual.defines(deployment.id.uuid, &node.name) {
            record.handed.insert(node.name.clone(), handed.digest());
        } else if was != Some(&handed.digest()) {
            let what = match was {
                None => "was made without the key of the user stack",
                Some(_) => "knows another key or other hypervisors",
            };
            ready.notes.push(format!(
                "{} {what}: it is told over SSH once it answers",
                node.name
            ));
            ready.later.push(Later {
                node: node.name.clone(),
                file: KEY,
                host: host.clone(),
                reason: format!("it {what}"),
            });
        }
        ready.to.insert(node.name.clone(), handed);
    }
    ready
}

/// Gives an undercloud that is there the key.
///
/// # Errors
/// The node's.
pub(super) fn give(session: &mut NodeSession, handed: &Handed, user: &str) -> Result<()> {
    as_root(session, user, seed::hand_over(handed, user))
}

/// How Ironic powers the nodes of a host: from the undercloud on it by their common network, else as we come to it.
pub(super) fn power(host: &Host, actual: &Actual, record: &Record) -> Option<Power> {
    let blueprint = actual
        .facts
        .blueprint
        .as_ref()
        .filter(|blueprint| blueprint.stack)?;
    let key = record.stack_key.as_ref()?;
    let sshd = actual.facts.access.sshd.as_ref();
    let undercloud = blueprint.nodes.iter().find(|node| node.is_undercloud());
    let inner = |node: &Node| -> Option<IpAddr> {
        ironic::host_addresses(node, &blueprint.networks).first().copied()
    };
    let blank = || blueprint.nodes.iter().find(|node| !node.has_os).and_then(inner);
    let (address, port) = match (undercloud.and_then(inner), host.destination()) {
        (Some(address), _) => (address.to_string(), sshd.map_or(22, ironic::port)),
        (None, Some(destination)) => (destination.hostname.clone(), destination.port),
        (None, None) => (
            blank().map_or_else(|| "127.0.0.1".into(), |address| address.to_string()),
            sshd.map_or(22, ironic::port),
        ),
    };
    Some(Power {
        address,
        port,
        user: STACK.to_owned(),
        key: Secret::new(key.private.clone()),
    })
}
