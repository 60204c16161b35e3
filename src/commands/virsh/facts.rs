//! What the outputs need, from the marks on the hypervisor alone: any client writes the same files.

use super::first_contact;
use super::input::Request;
use super::ironic;
use super::report::address;
use crate::actual::Actual;
use crate::commands::connection::{Way, Ways};
use crate::deployment::Identity;
use crate::ironic::{profile, provisioned};
use crate::keys;
use crate::log;
use crate::outputs::{Blank, HostView, NodeView, View};
use crate::remote::Host;
use crate::ssh;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::record::Record;
use crate::topology::firmware::Firmware;
use crate::workspace::{self, RecordHost, Workspace, atomic};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The environment that the outputs are of.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its hypervisors.
    pub ways: &'a Ways,
    /// Where the outputs go.
    pub workspace: &'a Workspace,
    /// The prefix, or `default`.
    pub deployment: &'a str,
    /// What the last run noted there.
    pub known: Option<&'a workspace::Record>,
    /// The pool of base images.
    pub pool: &'a str,
    /// The user to log in to the nodes as.
    pub username: &'a str,
}

impl Request {
    /// The environment that its outputs are of.
    pub fn place(&self) -> Place<'_> {
        Place {
            ways: &self.ways,
            workspace: &self.workspace,
            deployment: self.deployment(),
            known: self.known.as_ref(),
            pool: &self.wanted.storage.pool,
            username: &self.wanted.username,
        }
    }
}

/// What is known of one of the hypervisors.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Its number among the environment's.
    pub at: usize,
    /// The machine.
    pub host: &'a Host,
    /// The deployment there.
    pub id: &'a Identity,
    /// What is there.
    pub actual: &'a Actual,
    /// What it remembers of the deployment; none when that was lost.
    pub record: Option<&'a Record>,
}

/// Writes inventory, ssh config, known hosts, key and `deployment.json`; files that are right stay untouched. Without the
/// record, from which the key is derived, a key that is there stays.
///
/// # Errors
/// When the workspace cannot be written.
pub fn write_outputs(place: Place<'_>, parts: &[Part<'_>]) -> Result<View> {
    place.workspace.create()?;
    log::attach(place.workspace);
    if let Some(Part {
        id,
        actual,
        record: Some(record),
        ..
    }) = parts.first()
    {
        write_key(place.workspace, &login_key(place.workspace, id, actual, record)?)?;
    }
    let view = view(place, parts);
    crate::outputs::write(&view)?;
    let noted: Vec<_> = parts.iter().map(|part| (part.at, part.id, part.record)).collect();
    note_deployment(place, &noted)?;
    Ok(view)
}

/// Notes in the workspace which deployment is its own, and where: before the first change, so that `--kill` knows it after
/// a run that failed.
///
/// # Errors
/// When the workspace cannot be written.
pub fn note_deployment(place: Place<'_>, parts: &[(usize, &Identity, Option<&Record>)]) -> Result<()> {
    let Some((_, id, record)) = parts.first() else {
        return Ok(());
    };
    let path = |path: Option<&PathBuf>| path.map(std::path::absolute).transpose();
    let remembered = place.known.map_or(&[][..], |known| &known.hosts);
    let mut hosts = Vec::new();
    for (at, way) in place.ways.all.iter().enumerate() {
        let here = parts.iter().find(|(of, ..)| *of == at);
        let before = remembered.iter().find(|host| host.address == way.host);
        // One that fails is remembered when it was before.
        if here.is_none() && before.is_none() {
            continue;
        }
        let uuid = here
            .map(|(_, id, _)| id.uuid)
            .or(before.and_then(|host| host.uuid));
        hosts.push(RecordHost {
            address: way.host.clone(),
            user: way.client.user.clone(),
            key: path(way.client.key.as_ref())?,
            known_hosts: path(way.client.known_hosts.as_ref())?,
            uuid: uuid.filter(|_| place.ways.all.len() > 1),
        });
    }
    place.workspace.create()?;
    log::attach(place.workspace);
    place.workspace.write_record(&workspace::Record {
        deployment: id.name.clone(),
        prefix: id.prefix.clone(),
        uuid: id.uuid,
        hosts,
        network: record.and_then(|record| record.network.clone()),
        pool: Some(place.pool.to_owned()),
        username: Some(place.username.to_owned()),
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
    workspace: &Workspace,
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
    let kept = keys::load(&workspace.path().join(workspace::KEY)).filter(is_trusted);
    Ok(kept.unwrap_or(derived))
}

fn write_key(workspace: &Workspace, pair: &keys::KeyPair) -> Result<()> {
    let folder = workspace.path();
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
    let mut list = vec![login_key(&request.workspace, id, actual, record)?.public_openssh];
    let own = own_key(request, host);
    list.extend(own.filter(|own| *own != keys::bare(&list[0])));
    Ok(list)
}

/// The public half of the key that logged in, else of the one that was named.
fn own_key(request: &Request, host: &Host) -> Option<String> {
    if let Some(key) = host.login_public_key() {
        return Some(keys::bare(&key));
    }
    if let Ok(Some(key)) = first_contact::key(host) {
        return Some(key.public);
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

fn view(place: Place<'_>, parts: &[Part<'_>]) -> View {
    let hosts =
        place
            .ways
            .all
            .iter()
            .enumerate()
            .map(|(at, way)| match parts.iter().find(|part| part.at == at) {
                Some(part) => HostView {
                    power: part
                        .record
                        .and_then(|record| ironic::power(part.host, part.actual, record)),
                    ..host_view(way, part.host)
                },
                None => left_out(way),
            });
    View {
        deployment: place.deployment.to_owned(),
        workspace: place.workspace.path().to_owned(),
        hosts: hosts.collect(),
        nodes: parts.iter().flat_map(node_views).collect(),
    }
}

fn node_views<'a>(part: &Part<'a>) -> impl Iterator<Item = NodeView> + use<'a> {
    let Part { at, id, actual, .. } = *part;
    actual.domains_of(id.uuid).filter_map(move |domain| {
        let mark = domain.mark.as_ref()?;
        Some(NodeView {
            name: domain.name.clone(),
            node_type: mark.node_type.clone(),
            index: mark.index,
            host: at,
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
    })
}

/// A hypervisor that does not answer, so that the others keep their numbers.
fn left_out(way: &Way) -> HostView {
    let destination = ssh::config::resolve(&way.host, &way.client).ok();
    let destination = destination.filter(|_| way.host != "local");
    HostView {
        name: way.host.clone(),
        address: destination
            .as_ref()
            .map_or_else(|| way.host.clone(), |d| d.hostname.clone()),
        port: destination.as_ref().map_or(22, |d| d.port),
        user: destination.map_or_else(|| "root".into(), |d| d.user),
        key: way.client.key.clone(),
        host_keys: Vec::new(),
        local: way.host == "local",
        tcp_forwarding: true,
        proxy_command: None,
        proxy_jump: None,
        power: None,
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

fn host_view(way: &Way, host: &Host) -> HostView {
    let destination = host.destination();
    let key = way.client.key.clone().or_else(|| host.login_key_file());
    let key = key.map(|path| std::path::absolute(&path).unwrap_or(path));
    HostView {
        name: way.host.clone(),
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
