//! Which files go with a removal, and which stay though they lie there. Pure.

use super::Laid;
use crate::actual::Actual;
use crate::deployment::Storage;
use crate::names;
use crate::steps::disks::stored::{self, Stored};
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::{BLUEPRINT, RECORD};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The files of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    /// The folder that irs made for it.
    pub folder: String,
    /// What in that folder is irs's, and what was laid over it: by name.
    pub volumes: BTreeSet<String>,
    /// What snapshots and people laid over its disks outside of that folder, with the memory of snapshots.
    pub outside: BTreeSet<String>,
    /// What else is in that folder: by name.
    pub strange: Vec<String>,
    /// What is its own, and stays since another domain uses it: file and domain.
    pub held: BTreeMap<String, String>,
}

/// The folder of a deployment of that name: its pool's, else where it would be.
pub fn folder(name: &str, actual: &Actual, storage: &Storage) -> String {
    let own = names::pool(name);
    let pool = actual.pools.iter().find(|pool| pool.name == own);
    pool.and_then(|pool| pool.target.clone())
        .unwrap_or_else(|| storage.deployment_folder(name))
}

/// A domain's own files, as its mark names them.
pub fn own(domain: &ActualDomain, folder: &str) -> BTreeSet<String> {
    let marks = domain.mark.iter();
    marks
        .flat_map(|mark| {
            let volumes = mark.volumes.iter().map(|volume| format!("{folder}/{volume}"));
            volumes.chain(mark.files.iter().cloned())
        })
        .collect()
}

/// What snapshots laid outside of a deployment's folder over the disks of these domains, by domain, but for what those
/// that stay use.
pub fn laid<'a>(
    going: impl Iterator<Item = &'a ActualDomain>,
    folder: &str,
    stored: &Stored,
    used: &BTreeMap<String, String>,
) -> Laid {
    let is_inside = |path: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let of = |domain: &ActualDomain| {
        let mut files = stored.over(domain, &own(domain, folder));
        files.retain(|path| !is_inside(path) && !used.contains_key(path));
        (!files.is_empty()).then(|| (domain.name.clone(), files))
    };
    going.filter_map(of).collect()
}

/// The files of a deployment, `staying` being the domains that are not removed.
pub fn holding(name: &str, uuid: Uuid, actual: &Actual, storage: &Storage, stored: &Stored) -> Holding {
    let folder = folder(name, actual, storage);
    let mut over = BTreeSet::new();
    let mut marked: BTreeSet<String> = BTreeSet::new();
    for domain in actual.domains_of(uuid) {
        over.extend(stored.over(domain, &own(domain, &folder)));
        marked.extend(domain.mark.iter().flat_map(|mark| mark.volumes.iter().cloned()));
    }
    let inside = |path: &str| path.strip_prefix(&folder)?.strip_prefix('/').map(str::to_owned);
    marked.extend(over.iter().filter_map(|path| inside(path)));
    let none = BTreeMap::new();
    let there = stored.folders.get(&folder).unwrap_or(&none);
    let plain = || there.iter().filter(|(_, plain)| **plain).map(|(name, _)| name);
    let ours: BTreeSet<&String> = plain()
        .filter(|name| marked.contains(*name) || is_named_by_irs(name))
        .collect();
    let laid_over_ours = |name: &&String| ours.iter().any(|volume| is_laid_over(name, volume));
    let volumes: BTreeSet<String> = plain()
        .filter(|name| ours.contains(name) || laid_over_ours(name))
        .filter(|name| *name != RECORD && *name != BLUEPRINT)
        .cloned()
        .collect();
    let is_record = |name: &str| {
        [RECORD, BLUEPRINT].iter().any(|own| {
            name.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let strange = there
        .keys()
        .filter(|name| !volumes.contains(*name) && !is_record(name));
    Holding {
        strange: strange.cloned().collect(),
        outside: over.into_iter().filter(|path| inside(path).is_none()).collect(),
        volumes,
        folder,
        held: BTreeMap::new(),
    }
}

impl Holding {
    /// Holds back what other domains use.
    pub fn hold(mut self, used: &BTreeMap<String, String>) -> Holding {
        let folder = &self.folder;
        let paths = self.volumes.iter().map(|name| format!("{folder}/{name}"));
        let all: Vec<String> = paths.chain(self.outside.iter().cloned()).collect();
        let held = all
            .iter()
            .filter_map(|path| Some((path.clone(), used.get(path)?.clone())));
        self.held = held.collect();
        let held = &self.held;
        self.volumes
            .retain(|name| !held.contains_key(&format!("{folder}/{name}")));
        self.outside.retain(|path| !held.contains_key(path));
        self
    }
}

/// The files that domains use, with what they lie over: file and domain.
pub fn used<'a>(
    staying: impl Iterator<Item = &'a ActualDomain>,
    stored: &Stored,
) -> BTreeMap<String, String> {
    let mut used = BTreeMap::new();
    for domain in staying {
        for disk in stored::attached(domain) {
            let Some(path) = stored.path(&disk) else { continue };
            let chain = stored.chains.get(path).map_or(&[][..], Vec::as_slice);
            for file in chain.iter().map(String::as_str).chain([path]) {
                used.insert(file.to_owned(), domain.name.clone());
            }
        }
    }
    used
}

/// The disks of domains that irs did not make, for `--with-storage`: file and domain; and what stays, in words.
pub fn of_others(actual: &Actual, stored: &Stored) -> (BTreeMap<String, String>, Vec<String>) {
    let mut files = BTreeMap::new();
    let mut notes = Vec::new();
    for domain in actual.domains.iter().filter(|domain| domain.mark.is_none()) {
        let snapshots = stored.snapshots.get(&domain.name).into_iter().flatten();
        let mut own: BTreeSet<String> = BTreeSet::new();
        let mut devices: BTreeSet<String> = BTreeSet::new();
        for disk in stored::attached(domain) {
            let Some(path) = stored.path(&disk) else { continue };
            let why = match disk.shared {
                Some(why) => Some(why),
                None if path
                    .rsplit('/')
                    .next()
                    .is_some_and(|name| name.starts_with("irs-base-")) =>
                {
                    Some("a base image in irs's cache")
                }
                None if !stored.chains.contains_key(path) => Some("no plain file"),
                None => None,
            };
            match why {
                Some(why) => notes.push(format!("'{path}' of domain '{}' stays: it is {why}", domain.name)),
                None => {
                    own.insert(path.to_owned());
                    devices.insert(disk.dev);
                }
            }
        }
        for snapshot in snapshots {
            own.extend(snapshot.memory.clone());
            for (dev, overlay) in snapshot.overlays.iter().filter(|(dev, _)| devices.contains(dev)) {
                own.extend(
                    [Some(overlay), snapshot.before.get(dev)]
                        .into_iter()
                        .flatten()
                        .cloned(),
                );
            }
        }
        let there = own.into_iter().filter(|path| stored.chains.contains_key(path));
        files.extend(there.map(|path| (path, domain.name.clone())));
    }
    (files, notes)
}

/// Whether irs gives such names, `[PREFIX-]TYPE-N-KEY.qcow2`, `…-seed.img` and `….part`: of a killed run nothing else tells.
fn is_named_by_irs(name: &str) -> bool {
    let of_node = || {
        let mut words = name.split('-').skip(1);
        words.any(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name.ends_with(".part") || (name.ends_with("-seed.img") || name.ends_with(".qcow2")) && of_node()
}

/// Whether a file is named as libvirt names what it lays over a volume for a snapshot: the name with another suffix.
pub fn is_laid_over(name: &str, volume: &str) -> bool {
    let stem = volume.rsplit_once('.').map_or(volume, |(stem, _)| stem);
    name != volume && name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn irs_tells_its_files_from_those_that_people_put_beside_them() {
        for ours in [
            "compute-0-disk1.qcow2",
            "a-b-compute-12-seed.img",
            "compute-0-disk1.qcow2.x.part",
        ] {
            assert!(is_named_by_irs(ours), "{ours}");
        }
        for theirs in [
            "notes.txt",
            "my-disk.qcow2",
            "compute-0.txt",
            "seed.img",
            "backup.tar",
        ] {
            assert!(!is_named_by_irs(theirs), "{theirs}");
        }
        assert!(is_laid_over("compute-0-disk1.before", "compute-0-disk1.qcow2"));
        assert!(!is_laid_over("compute-0-disk1.qcow2", "compute-0-disk1.qcow2"));
        assert!(!is_laid_over("compute-0-disk10.before", "compute-0-disk1.qcow2"));
    }
}
