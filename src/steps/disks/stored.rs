//! The files behind domains, for removals: what snapshots made of their disks, what those lie over, and what irs's folders hold.

use crate::libvirt::{self, Libvirt};
use crate::remote::{Cmd, Host};
use crate::steps::domains::read::ActualDomain;
use anyhow::{Context, Result};
use roxmltree::{Document, Node};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many images one command looks at: its arguments have their limit.
const AT_ONCE: usize = 200;

/// A disk in a domain's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The target device.
    pub dev: String,
    /// Where its data is.
    pub source: Source,
    /// The format that its driver is told, `raw` when nothing is.
    pub format: String,
    /// Why its file is not its domain's alone, in words.
    pub shared: Option<&'static str>,
}

/// Where a disk's data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of the host.
    File(String),
    /// A volume of a pool.
    Volume {
        /// libvirt's name of the pool.
        pool: String,
        /// Its name in it.
        volume: String,
    },
    /// A block device, the network, or nothing.
    Other,
}

/// A snapshot with files of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The file with the memory of its moment.
    pub memory: Option<String>,
    /// The files that were laid over disks, by target device.
    pub overlays: Vec<(String, String)>,
    /// Where the disks' data was before, by target device.
    pub before: BTreeMap<String, String>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Of domains that have any.
    pub snapshots: BTreeMap<String, Vec<Snapshot>>,
    /// Of each file that was looked at and is there: itself, and what it lies over, downwards.
    pub chains: BTreeMap<String, Vec<String>>,
    /// The entries of folders: whether each is a plain file.
    pub folders: BTreeMap<String, BTreeMap<String, bool>>,
    /// The files of volumes that domains name, by pool and volume.
    pub volumes: BTreeMap<(String, String), String>,
}

/// Looks behind the disks of `domains`, those of them whose file `whose` names, and into `folders`.
///
/// # Errors
/// When a call or the command fails.
pub fn read(
    host: &Host,
    libvirt: &Libvirt,
    domains: &[&ActualDomain],
    whose: &dyn Fn(&str) -> bool,
    folders: &BTreeSet<String>,
) -> Result<Stored> {
    let mut stored = Stored {
        snapshots: snapshots(libvirt, domains)?,
        ..Stored::default()
    };
    let mut images: BTreeMap<String, String> = BTreeMap::new();
    for disk in domains.iter().flat_map(|domain| attached(domain)) {
        match disk.source {
            Source::File(path) if whose(&path) => drop(images.insert(path, disk.format)),
            Source::Volume { pool, volume } => {
                let path = volume_path(libvirt, &pool, &volume)?;
                if let Some(path) = path.filter(|path| whose(path)) {
                    images.insert(path.clone(), disk.format);
                    stored.volumes.insert((pool, volume), path);
                }
            }
            _ => {}
        }
    }
    let of_snapshots = stored.snapshots.values().flatten();
    for snapshot in of_snapshots {
        let overlays = snapshot.overlays.iter().map(|(_, file)| (file, "qcow2"));
        let memory = snapshot.memory.iter().map(|file| (file, "raw"));
        for (file, format) in overlays.chain(memory) {
            images.entry(file.clone()).or_insert(format.into());
        }
        // What the overlays lie over: whether it is there is enough.
        for file in snapshot.before.values().filter(|file| whose(file)) {
            images.entry(file.clone()).or_insert("raw".into());
        }
    }
    let pairs: Vec<(&String, &String)> = images.iter().collect();
    let mut folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    let mut parts = pairs.chunks(AT_ONCE);
    loop {
        let part = parts.next().unwrap_or_default();
        if part.is_empty() && folders.is_empty() {
            return Ok(stored);
        }
        let count = folders.len().to_string();
        let images = part
            .iter()
            .flat_map(|(path, format)| [format.as_str(), path.as_str()]);
        let arguments: Vec<&str> = [count.as_str()]
            .into_iter()
            .chain(folders.drain(..))
            .chain(images)
            .collect();
        let text = host
            .text(&Cmd::script(include_str!("stored.sh"), &arguments))
            .context("looking at the files of what is to be removed")?;
        stored.take(&text);
    }
}

/// What `qemu-img info` says of an image in a chain.
#[derive(Deserialize)]
struct Image {
    filename: String,
}

impl Stored {
    fn take(&mut self, text: &str) {
        let mut fields = text.split('\0');
        while let (Some(kind), Some(path)) = (fields.next(), fields.next()) {
            match kind {
                "F" => {
                    let entries = fields.by_ref().take_while(|entry| !entry.is_empty());
                    let typed = entries
                        .filter_map(|entry| Some((entry.get(1..)?.to_owned(), entry.starts_with('f'))));
                    self.folders.insert(path.to_owned(), typed.collect());
                }
                "I" => {
                    let chain: Vec<Image> =
                        serde_json::from_str(fields.next().unwrap_or_default()).unwrap_or_default();
                    let below = chain.into_iter().map(|image| image.filename).skip(1);
                    self.chains.insert(
                        path.to_owned(),
                        [path.to_owned()].into_iter().chain(below).collect(),
                    );
                }
                _ => return,
            }
        }
    }

    /// What snapshots and people laid over `own`, a domain's own files, and the memory of its snapshots.
    pub fn over(&self, domain: &ActualDomain, own: &BTreeSet<String>) -> BTreeSet<String> {
        let none = Vec::new();
        let snapshots = self.snapshots.get(&domain.name).unwrap_or(&none);
        let mut all = own.clone();
        loop {
            let laid = snapshots.iter().flat_map(|snapshot| {
                let over_own = |dev: &String| snapshot.before.get(dev).is_some_and(|file| all.contains(file));
                let overlays = snapshot.overlays.iter().filter(move |(dev, _)| over_own(dev));
                overlays.map(|(_, file)| file.clone())
            });
            let new: Vec<String> = laid.filter(|file| !all.contains(file)).collect();
            if new.is_empty() {
                break;
            }
            all.extend(new);
        }
        for path in attached(domain).iter().filter_map(|disk| self.path(disk)) {
            let chain = self.chains.get(path).map(Vec::as_slice).unwrap_or_default();
            if let Some(at) = chain.iter().position(|file| all.contains(file)) {
                all.extend(chain[..at].iter().cloned());
            }
        }
        all.extend(snapshots.iter().filter_map(|snapshot| snapshot.memory.clone()));
        all.into_iter()
            .filter(|file| !own.contains(file) && self.chains.contains_key(file))
            .collect()
    }

    /// The file of a disk, where it is one.
    pub fn path<'a>(&'a self, disk: &'a Attached) -> Option<&'a str> {
        match &disk.source {
            Source::File(path) => Some(path),
            Source::Volume { pool, volume } => self
                .volumes
                .get(&(pool.clone(), volume.clone()))
                .map(String::as_str),
            Source::Other => None,
        }
    }
}

fn volume_path(libvirt: &Libvirt, pool: &str, volume: &str) -> Result<Option<String>> {
    let Some(pool) = libvirt
        .pool(pool)?
        .filter(|pool| pool.is_active().unwrap_or(false))
    else {
        return Ok(None);
    };
    let volume = libvirt.volume(&pool, volume)?;
    Ok(volume.and_then(|volume| volume.path().ok()))
}

fn snapshots(libvirt: &Libvirt, domains: &[&ActualDomain]) -> Result<BTreeMap<String, Vec<Snapshot>>> {
    let mut with = libvirt.domains_with_snapshots()?;
    with.retain(|domain| {
        domain
            .name()
            .is_ok_and(|name| domains.iter().any(|d| d.name == name))
    });
    let read = libvirt::of_each(&with, |domain| -> Result<(String, Vec<Snapshot>)> {
        let name = domain.name()?;
        let all = domain.list_all_snapshots(0)?;
        let read = all.iter().map(|snapshot| parse_snapshot(&snapshot.xml_desc(0)?));
        let read = read.collect::<Result<_>>();
        Ok((
            name.clone(),
            read.with_context(|| format!("reading the snapshots of '{name}'"))?,
        ))
    });
    read.into_iter().collect()
}

fn parse_snapshot(xml: &str) -> Result<Snapshot> {
    let document = Document::parse(xml)?;
    let root = document.root_element();
    let child = |name: &str| root.children().find(|n| n.has_tag_name(name));
    let memory = child("memory")
        .and_then(|n| n.attribute("file"))
        .map(str::to_owned);
    let disks = child("disks").into_iter().flat_map(|disks| disks.children());
    let external = disks.filter(|disk| disk.attribute("snapshot") == Some("external"));
    let overlays = external.filter_map(|disk| {
        let source = disk.children().find(|n| n.has_tag_name("source"))?;
        Some((
            disk.attribute("name")?.to_owned(),
            source.attribute("file")?.to_owned(),
        ))
    });
    let before = child("domain").map(disks_of).unwrap_or_default();
    let before = before.into_iter().filter_map(|disk| match disk.source {
        Source::File(path) => Some((disk.dev, path)),
        _ => None,
    });
    Ok(Snapshot {
        memory,
        overlays: overlays.collect(),
        before: before.collect(),
    })
}

/// The disks of a domain's definition.
pub fn attached(domain: &ActualDomain) -> Vec<Attached> {
    let xml = domain.definition.reveal();
    Document::parse(xml)
        .map(|document| disks_of(document.root_element()))
        .unwrap_or_default()
}

fn disks_of(domain: Node<'_, '_>) -> Vec<Attached> {
    let disks = domain.descendants().filter(|n| n.has_tag_name("disk"));
    disks
        .map(|disk| {
            let child = |name: &str| disk.children().find(|n| n.has_tag_name(name));
            let attribute =
                |name: &str, key: &str| child(name).and_then(|n| n.attribute(key)).map(str::to_owned);
            let source = match disk.attribute("type") {
                Some("file") => attribute("source", "file").map(Source::File),
                Some("volume") => attribute("source", "pool")
                    .zip(attribute("source", "volume"))
                    .map(|(pool, volume)| Source::Volume { pool, volume }),
                _ => None,
            };
            Attached {
                dev: attribute("target", "dev").unwrap_or_default(),
                source: source.unwrap_or(Source::Other),
                format: attribute("driver", "type").unwrap_or_else(|| "raw".into()),
                shared: match disk.attribute("device") {
                    Some("cdrom") => Some("a CD in a drive"),
                    Some("floppy") => Some("a floppy in a drive"),
                    _ if child("shareable").is_some() => Some("shareable"),
                    _ if child("readonly").is_some() => Some("read-only"),
                    _ => None,
                },
            }
        })
        .collect()
}
