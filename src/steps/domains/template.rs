//! The XML of a node's domain.

use crate::deployment::{Disk, Identity, Nic, Node};
use crate::mark::{self, NodeMark};
use crate::topology::disk::Bus;
use crate::xml::values;
use crate::{names, xml};
use anyhow::{Context, Result};
use minijinja::Value;
use std::collections::BTreeSet;

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

/// Writes the XML of a node's domain.
///
/// # Errors
/// When no device name is left for the seed.
pub fn domain(node: &Node, id: &Identity, setting: &Setting, host_key: Option<String>) -> Result<String> {
    let mut disks: Vec<Value> = node
        .disks
        .iter()
        .map(|disk| entry(disk, &setting.folder))
        .collect();
    let mut volumes: Vec<String> = node.disks.iter().map(|disk| disk.volume.clone()).collect();
    if node.has_os {
        let dev = free_device(&node.disks)
            .with_context(|| format!("'{}' has no device left for its seed", node.name))?;
        // A virtio disk: cloud kernels have no AHCI driver, and would not see a CD-ROM.
        disks.push(values! {
            format => "raw", cache => "default", path => format!("{}/{}", setting.folder, node.seed_volume()), dev, bus => "virtio", readonly => true,
        });
        volumes.push(node.seed_volume());
    }
    let mark = NodeMark {
        owner: mark::Owner {
            deployment: id.name.clone(),
            uuid: id.uuid,
        },
        node_type: node.node_type.clone(),
        index: node.index,
        has_os: node.has_os,
        pool: names::pool(&id.name),
        volumes,
        external: node.external,
        address: node.told_address(),
        groups: node.groups.clone(),
        user: node.user.clone(),
        ansible_connection: node.ansible_connection.clone(),
        host_key,
        login_keys: if node.has_os {
            setting.login_keys.clone()
        } else {
            Vec::new()
        },
        serial_file: node.serial_file.clone(),
    };
    let nics = node.nics.iter().map(interface).collect::<Result<Vec<_>>>()?;
    // Rendered already, and every value in them is escaped.
    let indented = |xml: String| {
        xml.lines()
            .map(|line| format!("    {line}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let nics: Vec<Value> = nics
        .into_iter()
        .map(|xml| Value::from_safe_string(indented(xml)))
        .collect();
    let (cpu_mode, cpu_model) = cpu(&node.cpu_model, setting.virt_type);
    xml::render(
        include_str!("domain.xml"),
        values! {
            virt_type => setting.virt_type,
            namespace => mark::NAMESPACE,
            version => mark::VERSION,
            mark => shown(&mark, node),
            node => values! {
                name => node.name, uuid => node.uuid.to_string(), memory_mib => node.memory_mib, cpu => node.cpu, has_os => node.has_os,
                machine => node.machine, guest_agent => node.guest_agent, serial_file => node.serial_file,
            },
            cpu_mode,
            cpu_model,
            scsi => node.disks.iter().any(|disk| disk.bus == Bus::Scsi),
            disks,
            nics,
        },
    )
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
    values! {
        owner => values! { deployment => mark.owner.deployment, uuid => mark.owner.uuid.to_string() },
        node_type => mark.node_type, index => mark.index, has_os => mark.has_os, pool => mark.pool, volumes => mark.volumes,
        external => mark.external, external_mac => mark.external.and_then(|index| node.nics.get(index)).map(|nic| nic.mac.to_string()), address => mark.address, groups => mark.groups, user => mark.user, ansible_connection => mark.ansible_connection,
        host_key => mark.host_key, login_keys => mark.login_keys, serial_file => mark.serial_file,
    }
}

fn entry(disk: &Disk, folder: &str) -> Value {
    values! {
        format => "qcow2", cache => disk.cache.as_str(), path => format!("{folder}/{}", disk.volume),
        dev => disk.dev, bus => disk.bus.as_str(), readonly => false,
    }
}

/// The CPU's mode or model. Under emulation the two that copy the host's CPU become libvirt's default.
fn cpu<'a>(wanted: &'a str, virt_type: &str) -> (Option<&'a str>, Option<&'a str>) {
    match wanted {
        "none" => (None, None),
        mode @ ("host-passthrough" | "host-model") => ((virt_type == "kvm").then_some(mode), None),
        model => (None, Some(model)),
    }
}

/// The first `vdX` that no disk of the node has.
fn free_device(disks: &[Disk]) -> Option<String> {
    let taken: BTreeSet<&str> = disks.iter().map(|disk| disk.dev.as_str()).collect();
    ('a'..='z')
        .map(|letter| format!("vd{letter}"))
        .find(|dev| !taken.contains(dev.as_str()))
}
