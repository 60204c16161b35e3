//! Whether the file systems outside of the pool have room for the disks that are to be made there.

use crate::deployment::Disk;
use crate::error::{Exit, Fault};
use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// File systems by where they are mounted.
#[derive(Debug, Default)]
pub struct Rooms(BTreeMap<String, Room>);

/// What a file system has, and what is wanted of it, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Room {
    free: u64,
    /// Taken at once.
    taken: u64,
    /// What all disks may come to.
    full: u64,
}

impl Rooms {
    /// Takes room for a disk: `found` is the bytes that are free and the file system. Nothing is known where it is empty.
    pub(super) fn take(&mut self, found: &str, disk: &Disk) {
        let parts = found.split_once(' ');
        let Some((Ok(free), mount)) = parts.map(|(free, mount)| (free.parse(), mount)) else {
            return;
        };
        let room = self.0.entry(mount.to_owned()).or_default();
        room.free = free;
        room.full += disk.size;
        if disk.preallocation.is_full() {
            room.taken += disk.size;
        }
    }

    /// Holds what is wanted against what is free; gives back warnings.
    ///
    /// # Errors
    /// `Resources`, naming every file system that is too small.
    pub fn check(&self, host: &str) -> Result<Vec<String>> {
        let size = crate::units::bytes;
        let lacking: Vec<String> = self
            .0
            .iter()
            .filter(|(_, room)| room.taken > room.free)
            .map(|(mount, room)| {
                format!(
                    "preallocated disks need {}, {} are free in '{mount}'",
                    size(room.taken),
                    size(room.free)
                )
            })
            .collect();
        if !lacking.is_empty() {
            let message = format!("'{host}' lacks disk: {}", lacking.join("; "));
            bail!(
                Fault::new(Exit::Resources, message)
                    .hint("free some space there, or choose another 'path' for the disks")
            );
        }
        let crowded = self.0.iter().filter(|(_, room)| room.full > room.free);
        let warnings = crowded.map(|(mount, room)| {
            format!(
                "the disks to be made in '{mount}' on '{host}' may grow to {}, and {} are free",
                size(room.full),
                size(room.free)
            )
        });
        Ok(warnings.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Home;
    use crate::topology::disk::{Bus, Cache, Preallocation};

    fn disk(preallocation: Preallocation, size: u64) -> Disk {
        Disk {
            dev: "vda".into(),
            bus: Bus::Virtio,
            size,
            cache: Cache::Unsafe,
            preallocation,
            image: None,
            volume: "a-0-disk1.qcow2".into(),
            home: Home::Folder("/srv".into()),
        }
    }

    #[test]
    fn what_is_taken_at_once_must_be_there() {
        let mut rooms = Rooms::default();
        rooms.take("1000 /srv", &disk(Preallocation::Metadata, 900));
        rooms.take("1000 /srv", &disk(Preallocation::Full, 600));
        rooms.take("", &disk(Preallocation::Full, 600));
        rooms.take("10 /other disk", &disk(Preallocation::Falloc, 10));
        let warnings = rooms.check("hv").unwrap();
        assert_eq!(
            warnings,
            ["the disks to be made in '/srv' on 'hv' may grow to 1.46 KiB, and 1000 B are free"]
        );
        rooms.take("1000 /srv", &disk(Preallocation::Falloc, 600));
        let fault = rooms.check("hv").unwrap_err().to_string();
        assert_eq!(
            fault,
            "'hv' lacks disk: preallocated disks need 1.17 KiB, 1000 B are free in '/srv'"
        );
    }
}
