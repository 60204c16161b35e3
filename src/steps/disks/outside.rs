//! Disks that do not live in the deployment's pool: a node file names a folder, or a file that is there.

use super::room::Rooms;
use crate::actual::Actual;
use crate::deployment::{Deployment, Disk, Home};
use crate::remote::{Cmd, Host};
use crate::yaml::Problems;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What `qemu-img info` says of a file; nothing of it for what it cannot read.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    virtual_size: Option<u64>,
    format: Option<String>,
}

/// What is outside of the pool.
#[derive(Default)]
pub struct Outside {
    /// The disks that irs made there, by path, with their sizes in bytes.
    pub sizes: BTreeMap<String, u64>,
    /// Where others are to be made.
    pub rooms: Rooms,
}

/// Looks at the paths that disks name: what is an existing file is used as it is.
///
/// # Errors
/// Files of others in the way, and files that more than one disk would be.
pub fn look(host: &Host, deployment: &mut Deployment, actual: &Actual) -> Result<Outside> {
    let mut disks: Vec<(String, &mut Disk)> = deployment
        .nodes
        .iter_mut()
        .flat_map(|node| {
            let name = node.name.clone();
            node.disks.iter_mut().map(move |disk| (name.clone(), disk))
        })
        .filter(|(_, disk)| matches!(disk.home, Home::Folder(_)))
        .collect();
    if disks.is_empty() {
        return Ok(Outside::default());
    }
    let arguments: Vec<String> = disks
        .iter()
        .filter_map(|(_, disk)| match &disk.home {
            Home::Folder(path) => Some([path.clone(), disk.volume.clone()]),
            _ => None,
        })
        .flatten()
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = host
        .text(&Cmd::script(include_str!("outside.sh"), &arguments))
        .context("looking at the paths of disks")?;
    let ours = ours(actual, &deployment.id.name, deployment.id.uuid);
    let mut problems = Problems::default();
    let mut sizes = BTreeMap::new();
    let mut rooms = Rooms::default();
    let mut used: BTreeMap<String, String> = BTreeMap::new();
    let found = text.split('#').skip(1);
    for ((node, disk), found) in disks.iter_mut().zip(found) {
        let (kind, info) = found.split_once('\n').unwrap_or((found, ""));
        let Home::Folder(path) = disk.home.clone() else {
            continue;
        };
        let room = matches!(kind, "folder" | "absent").then(|| info.split_once('\n'));
        let (room, info) = room.flatten().unwrap_or(("", info));
        let info: Option<Info> = serde_json::from_str(info).ok();
        match kind {
            "folder" => {
                let key = disk.key();
                if let Some(info) = info {
                    if ours.contains(&key) {
                        sizes.insert(key, info.virtual_size.unwrap_or(0));
                    } else {
                        problems
                            .push(None, format!("the file '{key}' for disk {} of '{node}' is there, and irs did not make it", disk.dev))
                            .hint("move it away, or name the file itself as the disk's path to use it as it is");
                    }
                }
            }
            "existing" => {
                if let Some(other) = used.insert(path.clone(), node.clone()) {
                    problems
                        .push(
                            None,
                            format!("the file '{path}' would be a disk of '{other}' and of '{node}'"),
                        )
                        .hint("name a folder as the disk's path, or ask for one node of that type");
                }
                match info.and_then(|info| info.format) {
                    Some(format) => disk.home = Home::Existing { path, format },
                    None => {
                        problems
                            .push(
                                None,
                                format!(
                                    "the file '{path}' for disk {} of '{node}' is no disk image",
                                    disk.dev
                                ),
                            )
                            .hint("it takes a folder, or an image that qemu-img knows");
                    }
                }
            }
            "absent" => {}
            _ => {
                problems
                    .push(
                        None,
                        format!(
                            "the path '{path}' of disk {} of '{node}' is neither a folder nor a file",
                            disk.dev
                        ),
                    )
                    .hint("it takes a folder, or an existing disk image");
            }
        }
        if !sizes.contains_key(&disk.key()) {
            rooms.take(room, disk);
        }
    }
    if problems.is_empty() {
        Ok(Outside { sizes, rooms })
    } else {
        Err(problems.into_fault())
    }
}

/// The files outside of the pool that irs made for a deployment: what the record announced, and what the marks say.
pub fn ours(actual: &Actual, deployment: &str, uuid: uuid::Uuid) -> BTreeSet<String> {
    let record = actual
        .facts
        .record
        .iter()
        .filter(|record| record.deployment == deployment);
    record
        .flat_map(|record| record.files.iter().cloned())
        .chain(of_marks(actual, uuid))
        .collect()
}

/// The files outside of the pool that the marks of a deployment name.
pub fn of_marks(actual: &Actual, uuid: uuid::Uuid) -> BTreeSet<String> {
    let marks = actual.domains_of(uuid).filter_map(|domain| domain.mark.as_ref());
    marks.flat_map(|mark| mark.files.iter().cloned()).collect()
}
