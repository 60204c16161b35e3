//! `irs topology list`: which files there are.

use crate::cli::topology::List;
use crate::topology::files::{self, Kind};
use crate::topology::single::{Reader, Single};
use crate::topology::{DiskSpec, NetworkSpec};
use crate::ui::Ui;
use crate::ui::table::{self, table};
use crate::units::{MIB, format_size};
use crate::yaml::{self, Problems};
use anyhow::Result;
use serde::Serialize;

/// The files that there are, in the shape of `--format json`.
#[derive(Serialize)]
struct Listed {
    /// Node types.
    nodes: Vec<Entry>,
    /// Network files.
    networks: Vec<Entry>,
}

/// A file: a node type has a size, a network file networks, a broken one an error.
#[derive(Serialize)]
struct Entry {
    /// Its name on the command line.
    name: String,
    /// What it is for: the first comment of the file.
    purpose: Option<String>,
    /// Where it is: a path, or `built-in:` and one.
    source: String,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Node {
        /// Of a node type: its CPUs.
        cpus: u32,
        /// Of a node type: its memory.
        memory_mib: u64,
        /// Of a node type: its disks.
        disks: Vec<Disk>,
        /// Of a node type: whether it gets the base image.
        deploy_os: bool,
        /// Of a node type: its groups of the inventory.
        groups: Vec<String>,
    },
    Networks {
        /// Of a network file: its networks.
        networks: Vec<Network>,
    },
    Broken {
        /// Of a file that cannot be read: why.
        error: String,
    },
}

#[derive(Serialize)]
struct Disk {
    /// Its key in the file.
    name: String,
    /// Its size.
    size_bytes: u64,
}

#[derive(Serialize)]
struct Network {
    /// Its key in the file.
    key: String,
    /// Its name.
    name: String,
    /// How it reaches what is outside: nat, bridge, isolated and so on.
    kind: &'static str,
}

/// Runs `irs topology list`.
///
/// # Errors
/// Flags that cannot be; a broken file is only pointed out.
pub fn run(args: &List, ui: &Ui) -> Result<()> {
    let types = files::names_of(Kind::Nodes, &args.files.topology_dir);
    let (request, variables) = super::request(&args.files, types).map_err(Problems::into_fault)?;
    let reader = Reader::new(&request, &variables).map_err(Problems::into_fault)?;
    let entries = |kind| -> Vec<Entry> {
        let names = files::names_of(kind, &request.dirs).into_iter();
        names
            .map(|name| match reader.named(kind, &name) {
                Ok(file) => entry(&file),
                Err(problems) => {
                    let source = files::source_of(kind, &name, &request.dirs);
                    ui.warn(&format!(
                        "'{source}' is broken: see 'irs topology check {source}'"
                    ));
                    Entry {
                        name,
                        purpose: None,
                        source,
                        content: Content::Broken {
                            error: problems.to_string(),
                        },
                    }
                }
            })
            .collect()
    };
    let listed = Listed {
        nodes: entries(Kind::Nodes),
        networks: entries(Kind::Network),
    };
    ui.result(&shown(&listed));
    ui.json(&listed)
}

fn entry(file: &Single) -> Entry {
    let content = match file.node() {
        Some(node) => Content::Node {
            cpus: node.cpu,
            memory_mib: node.memory_mib,
            disks: node.disks.iter().map(Disk::of).collect(),
            deploy_os: node.deploy_os,
            groups: node.groups.clone(),
        },
        None => Content::Networks {
            networks: file.networks().iter().map(Network::of).collect(),
        },
    };
    Entry {
        name: file.name.clone(),
        purpose: file.purpose.clone(),
        source: file.label.clone(),
        content,
    }
}

impl Disk {
    fn of(disk: &DiskSpec) -> Disk {
        Disk {
            name: disk.key.clone(),
            size_bytes: disk.size_bytes,
        }
    }
}

impl Network {
    fn of(network: &NetworkSpec) -> Network {
        Network {
            key: network.key.clone(),
            name: network.name.clone(),
            kind: network.kind(),
        }
    }
}

fn shown(listed: &Listed) -> String {
    let mut nodes = vec![table::row(&[
        "NODE TYPE",
        "CPUS",
        "MEMORY",
        "DISKS",
        "FROM",
        "PURPOSE",
    ])];
    for entry in &listed.nodes {
        let size = match &entry.content {
            Content::Node {
                cpus,
                memory_mib,
                disks,
                ..
            } => [cpus.to_string(), format_size(memory_mib * MIB), sizes(disks)],
            _ => ["broken".into(), String::new(), String::new()],
        };
        nodes.push(row(entry, &size));
    }
    let mut networks = vec![table::row(&["NETWORK FILE", "NETWORKS", "FROM", "PURPOSE"])];
    for entry in &listed.networks {
        let kinds = match &entry.content {
            Content::Networks { networks } => kinds(networks),
            _ => "broken".into(),
        };
        networks.push(row(entry, &[kinds]));
    }
    format!("{}\n{}", table(&nodes), table(&networks))
}

fn row(entry: &Entry, columns: &[String]) -> Vec<String> {
    let from = match entry.source.starts_with(files::BUILT_IN_LABEL) {
        true => "built-in".to_owned(),
        false => entry.source.clone(),
    };
    let purpose = entry.purpose.clone().unwrap_or_default();
    let first = std::iter::once(yaml::shown(&entry.name));
    first
        .chain(columns.iter().cloned())
        .chain([from, purpose])
        .collect()
}

/// `46 GiB, 5 x 47 GiB`.
fn sizes(disks: &[Disk]) -> String {
    let stretches = disks.chunk_by(|a, b| a.size_bytes == b.size_bytes);
    let words: Vec<String> = stretches
        .map(|same| match (same.len(), format_size(same[0].size_bytes)) {
            (1, size) => size,
            (count, size) => format!("{count} x {size}"),
        })
        .collect();
    match words.is_empty() {
        true => "none".into(),
        false => words.join(", "),
    }
}

/// `3: 2 nat, 1 isolated`.
fn kinds(networks: &[Network]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for network in networks {
        match counts.iter_mut().find(|(kind, _)| *kind == network.kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((network.kind, 1)),
        }
    }
    let words: Vec<String> = counts
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    format!("{}: {}", networks.len(), words.join(", "))
}
