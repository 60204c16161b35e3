//! What the outputs need, from the marks on the hypervisor alone: any client writes the same files.

use super::input::Request;
use super::ironic;
use super::report::address;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::ironic::{profile, provisioned};
use crate::keys;
use crate::outputs::{Blank, HostView, NodeView, View};
use crate::remote::Host;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::record::Record;
use crate::topology::firmware::Firmware;
use crate::workspace::{self, RecordHost, atomic};
use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// Writes inventory, ssh config, known hosts, key and `deployment.json`; files that are right stay untouched.
///
/// # Errors
/// When the workspace cannot be written.
pub fn write_outputs(
    request: &Request,
    host: &Host,
    id: &Identity,
    actual: &Actual,
    record: &Record,
) -> Result<()> {
    request.workspace.create()?;
    write_key(request, &login_key(request, id, actual, record)?)?;
    crate::outputs::write(&view(request, host, id, actual, record))?;
    note_deployment(request, id, record)
}

/// Notes in the workspace which deployment is its own: before the first change, so that `--kill` knows it after a run
/// that failed.
///
/// # Errors
/// When the workspace cannot be written.
pub fn note_deployment(request: &Request, id: &Identity, record: &Record) -> Result<()> {
    request.workspace.create()?;
    request.workspace.write_record(&workspace::Record {
        deployment: id.name.clone(),
        prefix: id.prefix.clone(),
        uuid: id.uuid,
        hosts: vec![RecordHost {
            address: request.host().to_owned(),
            user: request.client().user.clone(),
            key: request
                .client()
                .key
                .as_ref()
                .map(std::path::absolute)
                .transpose()?,
            known_hosts: request
                .client()
                .known_hosts
                .as_ref()
                .map(std::path::absolute)
                .transpose()?,
        }],
        network: record.network.clone(),
        pool: Some(request.wanted.storage.pool.clone()),
        username: Some(request.wanted.username.clone()),
        ..workspace::Record::default()
    })?;
    Ok(())
}

/// The login key of the nodes: derived from the record, so that every client with the hypervisor's key has it. When the
/// record was lost and is new, the nodes know the old one: a workspace that still has it goes on with it.
///
/// # Errors
/// Never, for 32 bytes.
pub fn login_key(
    request: &Request,
    id: &Identity,
    actual: &Actual,
    record: &Record,
) -> Result<keys::KeyPair> {
    let derived = keys::from_seed(
        record.key_seed("login key"),
        &format!("irs {}", record.deployment),
    )?;
    let marks = actual
        .domains_of(id.uuid)
        .filter_map(|domain| domain.mark.as_ref());
    let trusted: BTreeSet<String> = marks
        .flat_map(|mark| &mark.login_keys)
        .map(|key| keys::bare(key))
        .collect();
    let is_trusted = |pair: &keys::KeyPair| trusted.contains(&keys::bare(&pair.public_openssh));
    if trusted.is_empty() || is_trusted(&derived) {
        return Ok(derived);
    }
    let kept = keys::load(&request.workspace.path().join(workspace::KEY)).filter(is_trusted);
    Ok(kept.unwrap_or(derived))
}

fn write_key(request: &Request, pair: &keys::KeyPair) -> Result<()> {
    let folder = request.workspace.path();
    atomic::write_if_changed(
        &folder.join(workspace::KEY),
        pair.private_openssh.as_bytes(),
        0o600,
    )?;
    let public = format!("{}\n", pair.public_openssh);
    atomic::write_if_changed(&folder.join(workspace::PUBLIC_KEY), public.as_bytes(), 0o600)
        .context("writing the key")?;
    Ok(())
}

/// The public keys that may log in to the nodes: the workspace's, and the user's own where it can be told.
///
/// # Errors
/// Never, for a good record.
pub fn login_keys(
    request: &Request,
    host: &Host,
    id: &Identity,
    actual: &Actual,
    record: &Record,
) -> Result<Vec<String>> {
    let mut list = vec![login_key(request, id, actual, record)?.public_openssh];
    let own = own_key(request, host);
    list.extend(own.filter(|own| *own != keys::bare(&list[0])));
    Ok(list)
}

/// The public half of the key that logged in, else of the one that was named.
fn own_key(request: &Request, host: &Host) -> Option<String> {
    if let Some(key) = host.login_public_key() {
        return Some(keys::bare(&key));
    }
    let path = request.client().key.as_ref()?;
    keys::public_half(path)
        .inspect_err(|error| {
            let report = crate::error::Report::of(error);
            let hint = report.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            let left = "the nodes will accept the workspace's own key only";
            tracing::warn!("{}: {left}{hint}", report.message);
        })
        .ok()
}

fn view(request: &Request, host: &Host, id: &Identity, actual: &Actual, record: &Record) -> View {
    let nodes = actual.domains_of(id.uuid).filter_map(|domain| {
        let mark = domain.mark.as_ref()?;
        Some(NodeView {
            name: domain.name.clone(),
            node_type: mark.node_type.clone(),
            index: mark.index,
            host: 0,
            groups: mark.groups.clone(),
            has_os: mark.has_os,
            address: address(domain, actual),
            direct: is_direct(domain, actual),
            user: mark.user.clone(),
            ansible_connection: mark.ansible_connection.clone(),
            python: None,
            host_public_key: mark.host_key.clone(),
            blank: blank(domain, actual),
        })
    });
    View {
        deployment: id.name.clone(),
        workspace: request.workspace.path().to_owned(),
        hosts: vec![HostView {
            power: ironic::power(host, actual, record),
            ..host_view(request, host)
        }],
        nodes: nodes.collect(),
    }
}

/// What Ironic must know of a node without an OS.
fn blank(domain: &ActualDomain, actual: &Actual) -> Option<Blank> {
    let node = actual.facts.blueprint.as_ref()?.node(&domain.name)?;
    if node.has_os {
        return None;
    }
    let firmware = match node.firmware {
        Firmware::Bios => "bios",
        Firmware::Uefi { .. } => "uefi",
    };
    let profile = profile(&node.node_type);
    Some(Blank {
        macs: provisioned(node).iter().map(|nic| nic.mac.to_string()).collect(),
        cpu: domain.cpu,
        memory_mib: domain.memory_mib,
        disk_gib: node.disks.first().map_or(0, |disk| disk.size >> 30),
        arch: actual.facts.access.arch.clone(),
        capabilities: format!("profile:{profile},boot_mode:{firmware},boot_option:local"),
    })
}

/// Whether a node is reached over a LAN, not through its hypervisor.
pub fn is_direct(domain: &ActualDomain, actual: &Actual) -> bool {
    let external = domain
        .mark
        .as_ref()
        .and_then(|mark| domain.nics.get(mark.external?));
    external.is_some_and(|nic| actual.lan_bridge(nic).is_some())
}

fn host_view(request: &Request, host: &Host) -> HostView {
    let destination = host.destination();
    let key = request.client().key.clone().or_else(|| host.login_key_file());
    let key = key.map(|path| std::path::absolute(&path).unwrap_or(path));
    HostView {
        name: request.host().to_owned(),
        address: destination.map_or_else(|| "127.0.0.1".into(), |d| d.hostname.clone()),
        port: destination.map_or(22, |d| d.port),
        user: destination.map_or_else(|| "root".into(), |d| d.user.clone()),
        key,
        host_keys: host.host_key().into_iter().collect(),
        local: host.is_local(),
        tcp_forwarding: host.tcp_forwarding(),
        proxy_command: destination.and_then(|d| d.proxy_command.clone()),
        proxy_jump: destination.and_then(|d| d.proxy_jump.clone()),
        power: None,
    }
}
