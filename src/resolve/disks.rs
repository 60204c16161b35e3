//! The disks of a node: bus and device names, where they live, and what they begin with.

use super::Wanted;
use crate::deployment::{Disk, Home, seed_volume};
use crate::steps::domains::read::ActualDomain;
use crate::topology::disk::{Bus, DiskSpec};
use crate::topology::firmware::is_q35;
use crate::topology::image::{self, Import};
use crate::topology::node::NodeType;
use std::collections::BTreeSet;

/// The disks in the order of the file. One without a device, or whose device is none of its bus, gets the next free name of
/// that bus.
pub(super) fn disks(
    wanted: &Wanted,
    spec: &NodeType,
    node: &str,
    existing: Option<&ActualDomain>,
) -> Vec<Disk> {
    let volume = |disk: &DiskSpec| format!("{node}-{}.qcow2", disk.key);
    let has_ide = !spec.machine_type.as_deref().is_some_and(is_q35);
    let bus = |disk: &DiskSpec| {
        let volume = format!("/{}", volume(disk));
        // What neither the file nor the flag says stays as it is.
        let found = || {
            existing?
                .disks
                .iter()
                .find(|found| found.source.ends_with(&volume))
        };
        disk.bus
            .or(wanted.disk_bus)
            .or_else(|| found()?.bus.filter(|bus| *bus != Bus::Ide || has_ide))
            .unwrap_or(Bus::Virtio)
    };
    let said = |disk: &DiskSpec| {
        let dev = disk.dev.clone();
        dev.filter(|dev| dev.starts_with(bus(disk).device_prefix()))
    };
    let mut taken: BTreeSet<String> = spec.disks.iter().filter_map(|disk| disk.dev.clone()).collect();
    spec.disks
        .iter()
        .enumerate()
        .map(|(position, disk)| {
            let bus = bus(disk);
            let dev = said(disk).unwrap_or_else(|| free_device(bus.device_prefix(), &taken));
            taken.insert(dev.clone());
            let source = |import: &Import| {
                image::named(&import.source, &wanted.catalogue).unwrap_or_else(|| import.source.clone())
            };
            let own = disk.import.as_ref().map(source);
            let image = own.or_else(|| {
                let of_node = || spec.import.as_ref().map(source);
                (spec.deploy_os && position == 0).then(|| of_node().unwrap_or_else(|| wanted.image.clone()))
            });
            Disk {
                volume: volume(disk),
                dev,
                bus,
                size: disk.size_bytes,
                cache: disk.cache,
                preallocation: disk.preallocation,
                image,
                home: disk.path.clone().map_or(Home::Pool, Home::Folder),
            }
        })
        .collect()
}

/// IDE has two channels with two devices each.
const IDE_MAX: usize = 4;

/// Where the seed hangs: on the bus of the disk that the node boots from, as that one its kernel knows; where it is already
/// in a node that is there.
pub(super) fn seed_bus(disks: &[Disk], node: &str, existing: Option<&ActualDomain>) -> Bus {
    let volume = format!("/{}", seed_volume(node));
    let found = existing
        .into_iter()
        .flat_map(|domain| &domain.disks)
        .find(|disk| disk.source.ends_with(&volume));
    if let Some(bus) = found.and_then(|disk| disk.bus) {
        return bus;
    }
    let bus = disks.first().map_or(Bus::Virtio, |disk| disk.bus);
    match disks.iter().filter(|disk| disk.bus == Bus::Ide).count() {
        IDE_MAX.. if bus == Bus::Ide => Bus::Virtio,
        _ => bus,
    }
}

/// The first name with that prefix that is not taken: `vda`, …, `vdz`, `vdaa`, ….
pub fn free_device(prefix: &str, taken: &BTreeSet<String>) -> String {
    let letters = || 'a'..='z';
    let one = letters().map(|a| format!("{prefix}{a}"));
    let two = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
    one.chain(two.map(|rest| format!("{prefix}{rest}")))
        .find(|dev| !taken.contains(dev))
        .unwrap_or_else(|| format!("{prefix}zzz"))
}

#[cfg(test)]
mod tests {
    use super::free_device;
    use std::collections::BTreeSet;

    #[test]
    fn devices_go_on_after_z() {
        let mut taken = BTreeSet::new();
        for expected in ["vda", "vdb"] {
            assert_eq!(free_device("vd", &taken), expected);
            taken.insert(expected.to_owned());
        }
        taken.extend(('a'..='z').map(|letter| format!("vd{letter}")));
        assert_eq!(free_device("vd", &taken), "vdaa");
    }
}
