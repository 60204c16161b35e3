//! Disks that do not live in the deployment's pool: a node file names a folder, or a file that is there.

use super::room::Rooms;
use crate::actual::Actual;
use crate::deployment::{Deployment, Disk, Home};
use crate::error::{Exit, Fault};
use crate::image;
use crate::remote::{Cmd, Host};
use crate::steps::host::{OPEN_HINT, with_open_folder};
use crate::yaml::{Problems, shown};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What `qemu-img info` says of a disk that irs made.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    virtual_size: Option<u64>,
}

/// What is outside of the pool.
#[derive(Default)]
pub struct Outside {
    /// The disks that irs made there, by path, with their sizes in bytes.
    pub sizes: BTreeMap<String, u64>,
    /// Those of them that are no qcow2 images any more, with what is wrong.
    pub damaged: BTreeMap<String, String>,
    /// Where others are to be made.
    pub rooms: Rooms,
    /// What is given to a new node that was the hypervisor's own.
    pub given: Vec<String>,
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
        .text(&Cmd::script(
            &with_open_folder(include_str!("outside.sh")),
            &arguments,
        ))
        .context("looking at the paths of disks")?;
    let ours = ours(actual, &deployment.id.name, deployment.id.uuid);
    let mut problems = Problems::default();
    let mut sizes = BTreeMap::new();
    let mut damaged = BTreeMap::new();
    let mut rooms = Rooms::default();
    let mut used: BTreeMap<String, String> = BTreeMap::new();
    // A line of its own: what a file says of itself may have the sign anywhere.
    let found = text.strip_prefix('#').map(|text| text.split("\n#"));
    let found = found.into_iter().flatten();
    let mut given = Vec::new();
    for ((node, disk), found) in disks.iter_mut().zip(found) {
        let (kind, room_or_header) = found.split_once('\n').unwrap_or((found, ""));
        let (kind, open) = kind.split_once(' ').unwrap_or((kind, ""));
        let Home::Folder(path) = disk.home.clone() else {
            continue;
        };
        if !open.is_empty() {
            problems
                .push(None, format!("disk {} of '{node}' cannot be made in '{path}': everybody on the hypervisor may change what is in '{}'", disk.dev, shown(open)))
                .hint(OPEN_HINT);
        }
        let (room, info) = match kind {
            // Of a folder that is not there yet nothing else is said.
            "folder" | "absent" => room_or_header.split_once('\n').unwrap_or((room_or_header, "")),
            _ => ("", room_or_header),
        };
        let info: Option<Info> = serde_json::from_str(info).ok();
        match kind {
            "folder" => {
                let key = disk.key();
                if let Some(info) = info {
                    if ours.contains(&key) {
                        if info.virtual_size.is_none() {
                            let what = "is no qcow2 image any more, or is cut off";
                            damaged.insert(key.clone(), what.to_owned());
                        }
                        sizes.insert(key, info.virtual_size.unwrap_or(0));
                    } else {
                        problems
                            .push(None, format!("the file '{key}' for disk {} of '{node}' is there, and irs did not make it", disk.dev))
                            .hint("move it away, or name the file itself as the disk's path to use it as it is");
                    }
                }
            }
            "existing" | "device" => {
                if let Some(other) = used.insert(path.clone(), node.clone()) {
                    problems
                        .push(
                            None,
                            format!("the file '{path}' would be a disk of '{other}' and of '{node}'"),
                        )
                        .hint("name a folder as the disk's path, or ask for one node of that type");
                }
                let defined = defined_format(actual, node, &path);
                if defined.is_none() {
                    given.push(format!("disk {} of '{node}' is the hypervisor's own '{path}', and what is on it the node's to read and change", disk.dev));
                }
                let format = match (defined, kind) {
                    (Some(format), _) => Ok(format),
                    // Its first bytes are its users' to write, and mean nothing.
                    (None, "device") => Ok("raw".to_owned()),
                    (None, _) => format_of(room_or_header, &path),
                };
                match format {
                    Ok(format) => disk.home = Home::Existing { path, format },
                    Err(fault) => {
                        let said = format!("disk {} of '{node}': {}", disk.dev, fault.message);
                        problems.push(None, said).hint(fault.hint.unwrap_or_default());
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
        Ok(Outside {
            sizes,
            damaged,
            rooms,
            given,
        })
    } else {
        Err(problems.into_fault())
    }
}

/// What the emulator reads a disk as that a node has already. It stays that: a node that writes the header of another
/// format to its raw disk must not have it believed, as that can name any file of the hypervisor.
fn defined_format(actual: &Actual, node: &str, path: &str) -> Option<String> {
    let domain = actual.domains.iter().find(|domain| domain.name == node)?;
    let disk = domain.disks.iter().find(|disk| disk.source == path)?;
    disk.format.clone()
}

/// The format of a file by its size and beginning, when it is a disk and names no other file.
fn format_of(found: &str, path: &str) -> Result<String, Fault> {
    let (length, header) = found.split_once('\n').unwrap_or((found, ""));
    let header = image::from_hex(header);
    image::probe_data(&header, length.trim().parse().unwrap_or(0), path)
        .map(|format| format.name().to_owned())
        .map_err(|error| match error.downcast::<Fault>() {
            Ok(fault) => fault,
            Err(error) => Fault::new(Exit::Usage, error.to_string()),
        })
}

/// The files outside of the pool that irs made for a deployment: what the record announced, and what the marks say.
pub fn ours(actual: &Actual, deployment: &str, uuid: uuid::Uuid) -> BTreeSet<String> {
    let record = actual
        .facts
        .record
        .iter()
        .filter(|record| record.deployment == deployment);
    record
        .flat_map(|record| record.outside().cloned())
        .chain(of_marks(actual, uuid))
        .collect()
}

/// The files outside of the pool that a deployment has: what the marks say, and what the blueprint says of nodes that
/// somebody undefined.
pub fn of_nodes(actual: &Actual, uuid: uuid::Uuid) -> BTreeSet<String> {
    let known = actual.facts.blueprint.iter().flat_map(|known| &known.nodes);
    let disks = known.flat_map(|node| &node.disks);
    let outside = disks.filter(|disk| matches!(disk.home, Home::Folder(_)));
    outside.map(Disk::key).chain(of_marks(actual, uuid)).collect()
}

/// The files outside of the pool that the marks of a deployment name.
fn of_marks(actual: &Actual, uuid: uuid::Uuid) -> BTreeSet<String> {
    let marks = actual.domains_of(uuid).filter_map(|domain| domain.mark.as_ref());
    marks.flat_map(|mark| mark.files.iter().cloned()).collect()
}
