//! Which volumes are missing, and why.

use super::{Seed, Work};
use crate::customize::Customize;
use crate::deployment::{Deployment, Disk, Node};
use crate::plan::{Action, Kind, Verb};
use crate::seed::SMALLEST;
use crate::steps::Step;
use crate::units::format_size;
use crate::yaml::Problems;
use std::collections::{BTreeMap, BTreeSet};

/// The volumes to make, `volumes` being those that are there, by [`crate::deployment::Disk::key`]: missing ones, seeds that are cut off, and the seed of every node whose domain is not
/// defined, since a killed run may have left half of one. `damaged` are those that QEMU could not open; `over` tells the file
/// that a snapshot laid over a disk.
///
/// # Errors
/// Disks that would have to shrink, or to grow under a snapshot, and damaged ones.
pub fn converge(
    deployment: &Deployment,
    (volumes, damaged): (&BTreeMap<String, u64>, &BTreeMap<String, String>),
    defined: &BTreeSet<String>,
    running: &BTreeSet<String>,
    over: &dyn Fn(&Node, &Disk) -> Option<String>,
) -> Result<Vec<Action>, Problems> {
    let mut actions = Vec::new();
    let mut problems = Problems::default();
    let host = &deployment.id.host;
    for node in &deployment.nodes {
        for disk in node.disks.iter().filter(|disk| disk.is_ours()) {
            match volumes.get(&disk.key()) {
                None if running.contains(&node.name) => {
                    problems
                        .push(None, format!("disk {} of '{}' on '{host}' is gone while the node runs", disk.dev, node.name))
                        .hint(format!("the running node still has it open: copy its data off first; then make the node anew with --remove-nodes {}, or shut it down, and the next run makes the disk anew", node.name));
                }
                None => {
                    let reason = if defined.contains(&node.name) {
                        format!("the disk {} of {} is gone", disk.dev, node.name)
                    } else {
                        format!("{} is new", node.name)
                    };
                    let (name, work) = (disk.key(), disk_of(node, disk));
                    actions.push(Action::new(
                        Step::Disks,
                        Verb::Create,
                        Kind::Volume,
                        &name,
                        host,
                        reason,
                        work,
                    ));
                }
                // An extend adds nodes; what the existing ones have is another run's business.
                Some(_) if deployment.extend.is_some() => {}
                Some(_) if damaged.contains_key(&disk.key()) => {
                    let what = &damaged[&disk.key()];
                    problems
                        .push(
                            None,
                            format!("disk {} of '{}' on '{host}' {what}", disk.dev, node.name),
                        )
                        .hint(format!(
                            "put back what it was, as '{}', or make the node anew with --remove-nodes {}",
                            disk.path(&deployment.storage.deployment_folder(&deployment.id.name)),
                            node.name
                        ));
                }
                Some(size) if *size < disk.size => {
                    if let Some(file) = over(node, disk) {
                        problems
                            .push(None, format!("disk {} of '{}' on '{host}' cannot grow under the snapshot that it writes to '{file}'", disk.dev, node.name))
                            .hint(format!("commit the snapshot first, e.g. by 'virsh blockcommit {} {} --active --pivot', or leave the size as it was", node.name, disk.dev));
                        continue;
                    }
                    let reason = format!(
                        "disk {} of {} grows from {} to {}",
                        disk.dev,
                        node.name,
                        format_size(*size),
                        format_size(disk.size)
                    );
                    let work = Work::Grow {
                        node: node.name.clone(),
                        disk: disk.clone(),
                    };
                    actions.push(Action::new(
                        Step::Disks,
                        Verb::Update,
                        Kind::Volume,
                        &disk.key(),
                        host,
                        reason,
                        work,
                    ));
                }
                Some(size) if *size > disk.size => {
                    problems
                        .push(
                            None,
                            format!(
                                "disk {} of '{}' on '{host}' has {}, the topology says {}",
                                disk.dev,
                                node.name,
                                format_size(*size),
                                format_size(disk.size)
                            ),
                        )
                        .hint(format!(
                            "a disk with data does not shrink: make the node anew with --remove-nodes {}, or leave the size as it was",
                            node.name
                        ));
                }
                Some(_) => {}
            }
        }
        let seed = node.seed_volume();
        let wrong = match (volumes.get(&seed), defined.contains(&node.name)) {
            _ if !node.has_seed => None,
            (Some(size), true) if *size >= SMALLEST => None,
            (Some(size), true) => Some((
                Verb::Update,
                format!("the seed of {} is cut off at {size} bytes", node.name),
            )),
            (Some(_), false) => Some((
                Verb::Update,
                format!("an earlier run stopped before {} was defined", node.name),
            )),
            (None, true) => Some((Verb::Create, format!("the seed of {} is gone", node.name))),
            (None, false) => Some((Verb::Create, format!("{} is new", node.name))),
        };
        if let Some((verb, reason)) = wrong {
            let seed = Seed {
                volume: seed,
                node: node.clone(),
            };
            actions.push(Action::new(
                Step::Disks,
                verb,
                Kind::Volume,
                &seed.volume.clone(),
                host,
                reason,
                Work::Seed(Box::new(seed)),
            ));
        }
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(problems)
    }
}

/// A node's first disk has its system; what is changed in its image is not changed in the images of others.
fn disk_of(node: &Node, disk: &Disk) -> Work {
    let is_first = node.disks.first().is_some_and(|first| first.key() == disk.key());
    Work::Disk {
        disk: disk.clone(),
        customize: if is_first { node.customize } else { Customize::None },
    }
}

/// The actions that delete volumes of a pool.
pub fn remove<'a>(
    pool: &str,
    volumes: impl IntoIterator<Item = &'a String>,
    host: &str,
    reason: &str,
) -> Vec<Action> {
    volumes
        .into_iter()
        .map(|name| {
            Action::new(
                Step::Disks,
                Verb::Remove,
                Kind::Volume,
                name,
                host,
                reason,
                Work::Remove {
                    pool: pool.to_owned(),
                    name: name.clone(),
                },
            )
        })
        .collect()
}

/// The actions that delete what was laid over disks, or belongs to domains of others.
pub fn remove_stored(files: impl IntoIterator<Item = String>, host: &str, reason: &str) -> Vec<Action> {
    let action = |path: String| {
        let work = Work::RemoveStored(path.clone());
        Action::new(Step::Disks, Verb::Remove, Kind::File, &path, host, reason, work)
    };
    files.into_iter().map(action).collect()
}

/// The actions that delete disks outside of the pool.
pub fn remove_files(files: impl IntoIterator<Item = String>, host: &str, reason: &str) -> Vec<Action> {
    files
        .into_iter()
        .map(|path| {
            let work = Work::RemoveFile(path.clone());
            Action::new(Step::Disks, Verb::Remove, Kind::File, &path, host, reason, work)
        })
        .collect()
}
