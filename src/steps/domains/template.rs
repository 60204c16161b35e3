//! The XML of a node's domain.

use super::extras;
use crate::deployment::{Disk, Home, Identity, Nic, Node};
use crate::mark::{self, NodeMark};
use crate::resolve::disks::free_device;
use crate::topology::cpu::Model;
use crate::topology::disk::Bus;
use crate::topology::firmware::{Firmware, Tpm};
use crate::xml::values;
use crate::{names, osinfo, xml};
use anyhow::Result;
use minijinja::Value;
use std::collections::BTreeSet;

/// A virtio-scsi controller takes as many devices as libvirt puts on one.
const SCSI_UNITS: usize = 15;

/// What the definitions of all nodes share.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `kvm` or `qemu`.
    pub virt_type: &'static str,
    /// The folder of the deployment's volumes.
    pub folder: String,
    /// Public keys that may log in.
    pub login_keys: Vec<String>,
}

/// What the mark of a node's domain says.
pub fn mark_of(node: &Node, id: &Identity, setting: &Setting, host_key: Option<String>) -> NodeMark {
    let in_pool = |disk: &&Disk| disk.home == Home::Pool;
    let elsewhere = |disk: &&Disk| matches!(disk.home, Home::Folder(_));
    let disks = node.disks.iter().filter(in_pool).map(|disk| disk.volume.clone());
    NodeMark {
        owner: mark::Owner {
            deployment: id.name.clone(),
            uuid: id.uuid,
        },
        node_type: node.node_type.clone(),
        file_name: node.file_name.clone(),
        index: node.index,
        has_os: node.has_os,
        has_seed: node.has_seed,
        os_type: node.os_type.clone(),
        os_variant: node.os_variant.clone(),
        pool: names::pool(&id.name),
        volumes: disks.chain(node.has_seed.then(|| node.seed_volume())).collect(),
        files: node.disks.iter().filter(elsewhere).map(Disk::key).collect(),
        external: node.external,
        address: node.told_address(),
        groups: node.groups.clone(),
        user: node.user.clone(),
        ansible_connection: node.ansible_connection.clone(),
        host_key,
        login_keys: if node.has_seed {
            setting.login_keys.clone()
        } else {
            Vec::new()
        },
        serial_file: node.serial_file.clone(),
        extras: node.extras.clone(),
    }
}

/// Writes the XML of a node's domain.
///
/// # Errors
/// When template and values do not fit: a fault of the program.
pub fn domain(node: &Node, id: &Identity, setting: &Setting, host_key: Option<String>) -> Result<String> {
    let mut disks: Vec<Value> = node
        .disks
        .iter()
        .map(|disk| entry(disk, node, &setting.folder))
        .collect();
    if node.has_seed {
        let dev = seed_device(node);
        // Read-only where QEMU can: ATA disks are never. A disk: cloud kernels have no AHCI driver, and would not see a CD-ROM.
        disks.push(values! {
            type => "file", format => "raw", cache => "default", path => format!("{}/{}", setting.folder, node.seed_volume()), dev, bus => node.seed_bus.as_str(), readonly => !matches!(node.seed_bus, Bus::Sata | Bus::Ide), boots => false,
        });
    }
    let on_scsi = node.disks.iter().map(|disk| disk.bus);
    let on_scsi = on_scsi.chain(node.has_seed.then_some(node.seed_bus));
    let scsi = on_scsi.filter(|bus| *bus == Bus::Scsi).count();
    let secure = node.firmware == Firmware::Uefi { secure: true };
    let nics = node.nics.iter().map(interface).collect::<Result<Vec<_>>>()?;
    // Rendered already, and every value in them is escaped.
    let nics: Vec<Value> = nics.iter().map(|xml| xml::indented(xml, 4)).collect();
    let base = xml::render(
        include_str!("domain.xml"),
        values! {
            virt_type => setting.virt_type,
            namespace => mark::NAMESPACE,
            version => mark::VERSION,
            mark => shown(&mark_of(node, id, setting, host_key), node),
            osinfo => osinfo::id(&node.os_variant),
            node => values! {
                name => node.name, uuid => node.uuid.to_string(), memory_mib => node.memory_mib, cpu => node.cpu,
                machine => node.machine, guest_agent => node.guest_agent, serial_file => node.serial_file,
            },
            uefi => node.firmware != Firmware::Bios,
            secure,
            boot => boot(node),
            cpu => cpu(node, setting.virt_type),
            tpm => node.tpm.map(|tpm| match tpm {
                Tpm::V1 => values! { model => "tpm-tis", version => "1.2" },
                Tpm::V2 => values! { model => "tpm-crb", version => "2.0" },
            }),
            vnc => values! {
                listen => if node.vnc.external { "0.0.0.0" } else { "127.0.0.1" },
                password => node.vnc.password.as_ref().map(|password| password.reveal()),
            },
            scsi => (0..scsi.div_ceil(SCSI_UNITS)).collect::<Vec<_>>(),
            disks,
            nics,
        },
    )?;
    extras::compose(&base, &node.extras)
}

/// The XML of a NIC.
///
/// # Errors
/// When the template does not fit: a fault of the program.
pub fn interface(nic: &Nic) -> Result<String> {
    xml::render(
        include_str!("interface.xml"),
        values! {
            nic => values! { mac => nic.mac.to_string(), network => nic.network, bridge => nic.bridge, portgroup => nic.portgroup, model => nic.model, mtu => nic.mtu },
        },
    )
}

fn shown(mark: &NodeMark, node: &Node) -> Value {
    let extras: Vec<Value> = mark
        .extras
        .iter()
        .map(|extra| values! { tag => extra.tag, xml => extra.xml, device => extra.device, raw => extra.raw })
        .collect();
    values! {
        owner => values! { deployment => mark.owner.deployment, uuid => mark.owner.uuid.to_string() },
        node_type => mark.node_type, file_name => (mark.file_name != mark.node_type).then_some(&mark.file_name), index => mark.index, has_os => mark.has_os, has_seed => mark.has_seed,
        os_type => mark.os_type, os_variant => mark.os_variant, pool => mark.pool, volumes => mark.volumes, files => mark.files,
        external => mark.external, external_mac => mark.external.and_then(|index| node.nics.get(index)).map(|nic| nic.mac.to_string()), address => mark.address, groups => mark.groups, user => mark.user, ansible_connection => mark.ansible_connection,
        host_key => mark.host_key, login_keys => mark.login_keys, serial_file => mark.serial_file, extras,
    }
}

fn entry(disk: &Disk, node: &Node, folder: &str) -> Value {
    let path = disk.path(folder);
    values! {
        type => if path.starts_with("/dev/") { "block" } else { "file" },
        format => disk.format(), cache => disk.cache.as_str(), path,
        dev => disk.dev, bus => disk.bus.as_str(), readonly => false, boots => boots_first(node) && node.disks.first() == Some(disk),
    }
}

/// Whether it must be said that the first disk boots: of one bus libvirt takes the lowest device name for the first.
fn boots_first(node: &Node) -> bool {
    let Some((first, others)) = node.disks.split_first() else {
        return false;
    };
    let lower = |dev: &str| (dev.len(), dev) < (first.dev.len(), first.dev.as_str());
    let mut disks = others
        .iter()
        .filter(|disk| disk.bus == first.bus)
        .map(|disk| lower(&disk.dev));
    let seed = node.has_seed && node.seed_bus == first.bus && lower(&seed_device(node));
    node.has_os && node.boot.is_empty() && (seed || disks.any(|is_lower| is_lower))
}

/// The device of the seed: the first one that no disk has.
fn seed_device(node: &Node) -> String {
    let taken: BTreeSet<String> = node.disks.iter().map(|disk| disk.dev.clone()).collect();
    free_device(node.seed_bus.device_prefix(), &taken)
}

/// What it boots from, in order; nothing where a disk itself says it.
fn boot(node: &Node) -> Vec<&str> {
    match (node.boot.as_slice(), node.has_os) {
        ([], true) if boots_first(node) => Vec::new(),
        ([], true) => vec!["hd"],
        ([], false) => vec!["network", "hd"],
        (said, _) => said.iter().map(String::as_str).collect(),
    }
}

/// The CPU's mode or model; libvirt's default needs no word. Under emulation the two that copy the host's CPU are that
/// default.
fn cpu(node: &Node, virt_type: &str) -> Option<Value> {
    let (mode, model) = match &node.cpu_model.model {
        Model::Default => (None, None),
        Model::HostPassthrough if virt_type == "kvm" => (Some("host-passthrough"), None),
        Model::HostModel if virt_type == "kvm" => (Some("host-model"), None),
        // Features need a model that has or lacks them.
        Model::HostPassthrough | Model::HostModel if node.cpu_model.features.is_empty() => (None, None),
        Model::HostPassthrough | Model::HostModel => (Some("custom"), Some("qemu64")),
        Model::Named(name) => (Some("custom"), Some(name.as_str())),
    };
    if mode.is_none() && node.cpu_layout.is_none() {
        return None;
    }
    let features: Vec<Value> = node
        .cpu_model
        .features
        .iter()
        .map(|(name, policy)| values! { name, policy => policy.as_str() })
        .collect();
    let layout = node.cpu_layout.map(
        |layout| values! { sockets => layout.sockets, cores => layout.cores, threads => layout.threads },
    );
    Some(values! { mode, model, features, layout })
}
