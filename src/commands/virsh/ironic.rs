//! What a run gets ready for Ironic: the key by which it powers nodes, and who is given it.

use super::input::Request;
use crate::actual::Actual;
use crate::deployment::{Deployment, Node};
use crate::ironic::{self, Handed};
use crate::outputs::Power;
use crate::remote::Host;
use crate::secret::Secret;
use crate::seed;
use crate::ssh::node::NodeSession;
use crate::steps::host::access::{STACK, stack};
use crate::steps::host::record::Record;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What underclouds are given, and what is to be said of it.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// What each new one is told, by its name.
    pub(super) to: BTreeMap<String, Handed>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// What the user should look after.
    pub(super) warnings: Vec<String>,
}

/// Makes the deployment's key when it has none, notes it and who is told it.
///
/// # Errors
/// When the key cannot be made.
pub(super) fn prepare(
    request: &Request,
    host: &Host,
    deployment: &Deployment,
    actual: &Actual,
    record: &mut Record,
) -> Result<Ready> {
    let mut ready = Ready::default();
    if !deployment.stack {
        return Ok(ready);
    }
    let access = &actual.facts.access;
    ready
        .warnings
        .extend(stack::warning(&access.stack, &deployment.id.host));
    if record.stack_key.is_none() && !request.dry_run {
        record.stack_key = Some(stack::new_key(host)?);
        record.handed.clear();
    }
    for node in deployment.nodes.iter().filter(|node| node.is_undercloud()) {
        let addresses = ironic::host_addresses(node, &deployment.networks);
        if let Some(sshd) = &access.sshd {
            ready
                .warnings
                .extend(ironic::deaf(&addresses, sshd, &deployment.id.host));
        }
        if actual.defines(deployment.id.uuid, &node.name) {
            if !record.handed.contains(&node.name) {
                ready.notes.push(format!(
                    "{} was made without the key of the user {STACK}: it gets it over SSH once it answers",
                    node.name
                ));
            }
            continue;
        }
        if let Some(handed) = handed(host, node, deployment.networks.as_slice(), actual, record) {
            ready.to.insert(node.name.clone(), handed);
            record.handed.insert(node.name.clone());
        }
    }
    Ok(ready)
}

/// What a node is given.
fn handed(
    host: &Host,
    node: &Node,
    networks: &[crate::deployment::Network],
    actual: &Actual,
    record: &Record,
) -> Option<Handed> {
    let key = record.stack_key.as_ref()?;
    let sshd = actual.facts.access.sshd.as_ref();
    let mut known_hosts = sshd.map_or_else(String::new, |sshd| {
        ironic::known_hosts(&ironic::host_addresses(node, networks), sshd)
    });
    // On a LAN it comes to where we come to.
    if let (Some(destination), Some(shown)) = (host.destination(), host.host_key()) {
        known_hosts.push_str(&match destination.port {
            22 => format!("{} {shown}\n", destination.hostname),
            port => format!("[{}]:{port} {shown}\n", destination.hostname),
        });
    }
    Some(Handed {
        key: Secret::new(key.private.clone()),
        known_hosts,
    })
}

/// The underclouds that are there and were not given the key yet: their names, each with what it is to be given.
pub(super) fn to_be_given(host: &Host, actual: &Actual, record: &Record) -> Vec<(Node, Handed)> {
    let Some(blueprint) = actual
        .facts
        .blueprint
        .as_ref()
        .filter(|blueprint| blueprint.stack)
    else {
        return Vec::new();
    };
    let nodes = blueprint.nodes.iter().filter(|node| node.is_undercloud());
    nodes
        .filter(|node| record.ready.contains(&node.name) && !record.handed.contains(&node.name))
        .filter_map(|node| {
            Some((
                node.clone(),
                handed(host, node, &blueprint.networks, actual, record)?,
            ))
        })
        .collect()
}

/// Gives an undercloud that is there the key.
///
/// # Errors
/// The node's.
pub(super) fn give(session: &mut NodeSession, handed: &Handed, user: &str) -> Result<()> {
    let program = match user {
        "root" => crate::remote::Cmd::new("sh"),
        _ => crate::remote::Cmd::new("sudo").args(["-n", "sh"]),
    };
    let output = session.run(&program.stdin(seed::hand_over(handed, user)))?;
    if !output.success() {
        bail!("{}", output.errors().trim());
    }
    Ok(())
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
