//! A node as it must be: its file, the flags, and what an existing one keeps.

use super::nics::Nics;
use super::{Cables, Wanted, disks, fixed, nics};
use crate::actual::Actual;
use crate::addresses::Mac;
use crate::customize::Customize;
use crate::deployment::{Identity, ImageSource, Node};
use crate::names;
use crate::steps::domains::leavings;
use crate::topology::disk::Bus;
use crate::topology::firmware::Firmware;
use crate::topology::node::NodeType;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The model of one node; it keeps its MAC addresses, and what nobody says anything about.
pub(super) fn node(
    wanted: &Wanted,
    spec: &NodeType,
    index: u32,
    id: &Identity,
    actual: &Actual,
    cables: Cables<'_>,
    taken_macs: &mut BTreeSet<Mac>,
) -> Node {
    let name = names::domain(id.prefix.as_deref(), &spec.name, index);
    let existing = actual.domains_of(id.uuid).find(|domain| domain.name == name);
    let ends = cables
        .wires
        .ends
        .get(&name)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let fixed = fixed::of(spec, index).and_then(|fixed| fixed.mac);
    let Nics { nics, external, gone } = nics::of_node(
        spec,
        &name,
        (ends, cables.plugged),
        fixed,
        id,
        (existing, actual),
        taken_macs,
    );
    let firmware = wanted
        .virtopts
        .uefi
        .then_some(Firmware::Uefi { secure: false })
        .filter(|_| spec.firmware.is_none_or(|firmware| firmware == Firmware::Bios))
        .or(spec.firmware)
        .or(wanted.firmware)
        .or(existing.map(|domain| domain.firmware))
        .unwrap_or(Firmware::Bios);
    let disks = disks::disks(wanted, spec, &name, existing);
    let seed_bus = disks::seed_bus(&disks, &name, existing);
    // UEFI is at home on q35, which has no IDE; an existing node stays what it is.
    let modern =
        firmware != Firmware::Bios && existing.is_none() && disks.iter().all(|disk| disk.bus != Bus::Ide);
    let takes_seed = spec.deploy_os && spec.supports_libguestfs;
    let asked = spec.customize.unwrap_or(wanted.customize);
    let marked = existing.and_then(|domain| domain.mark.as_ref());
    // A node that is there has been told, or not, at its first boot.
    let has_seed = takes_seed && marked.map_or(asked != Customize::None, |mark| mark.has_seed);
    let customize = if has_seed { asked } else { Customize::None };
    let made = has_seed.then_some(&wanted.username);
    // No user is made on a node that is there.
    let present = existing
        .and_then(|domain| domain.mark.as_ref())
        .filter(|mark| mark.has_seed);
    let image = disks
        .first()
        .filter(|_| spec.deploy_os)
        .and_then(|disk| disk.image.as_ref());
    let own = match image {
        Some(ImageSource::Named(entry)) => entry.user.clone(),
        _ => None,
    };
    Node {
        uuid: Uuid::new_v5(&id.uuid, format!("domain {}-{index}", spec.name).as_bytes()),
        node_type: spec.name.clone(),
        file_name: spec.file_name.clone(),
        index,
        virt_type: None,
        cpu: spec.cpu,
        cpu_layout: spec.cpu_layout,
        cpu_model: wanted.virtopts.cpu.as_ref().unwrap_or(&spec.cpumodel).clone(),
        memory_mib: spec.memory_mib,
        swap_mib: spec.swap_mib,
        has_os: spec.deploy_os,
        has_seed,
        customize,
        os_type: spec.os_type.clone(),
        os_variant: spec.os_variant.clone(),
        machine: spec.machine_type.clone().or(modern.then(|| "q35".to_owned())),
        firmware,
        tpm: wanted
            .virtopts
            .tpm
            .or(spec.tpm)
            .unwrap_or(existing.and_then(|domain| domain.tpm)),
        boot: wanted.virtopts.boot.clone(),
        disks,
        seed_bus,
        cloud_init: spec.cloud_init.clone().filter(|_| has_seed),
        nics,
        gone,
        external,
        provision: spec
            .provision_network
            .as_ref()
            .map(|network| names::prefixed(id.prefix.as_deref(), network)),
        groups: spec.groups.clone(),
        user: present
            .map(|mark| &mark.user)
            .or(spec.ssh_user.as_ref())
            .or(made)
            .or(wanted.image_user.as_ref())
            .or(own.as_ref())
            .map_or("root", String::as_str)
            .to_owned(),
        ansible_connection: spec
            .ansible_connection
            .as_ref()
            .unwrap_or(&wanted.ansible_connection)
            .clone(),
        guest_agent: spec.guest_agent,
        serial_file: existing
            .and_then(|domain| domain.mark.as_ref()?.serial_file.clone())
            .or_else(|| wanted.serial_files.then(|| leavings::serial_log(&name))),
        vnc: wanted.vnc.clone(),
        extras: wanted.virtopts.extras.clone(),
        starts: wanted.start.wants(spec.deploy_os),
        name,
    }
}
