//! The disks of a node file.

use crate::mark::is_plain;
use crate::units::{GIB, MIB};
use crate::yaml::{Fields, Key, Place, Problems, Tree, shown};

use super::image::{self, Import};
use super::name;
use super::reference::names;
use super::reference::nodes::DISK;

/// The keys of a disk.
pub const KEYS: &[&str] = &names::<{ DISK.keys.len() }>(&DISK);

/// How many disks a node may have: vda to vdy, and vdz is the seed.
const MAX_DISKS: usize = 25;

/// What a disk hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bus {
    /// virtio-blk.
    Virtio,
    /// virtio-scsi.
    Scsi,
    /// SATA (AHCI).
    Sata,
    /// IDE.
    Ide,
}

/// libvirt's cache modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// The hypervisor's own default.
    Default,
    /// Past the host's page cache.
    None,
    /// Through the page cache, flushed with every write.
    Writethrough,
    /// Through the page cache.
    Writeback,
    /// Past the page cache, flushed with every write.
    Directsync,
    /// Flushes are ignored: fast, and lost with the host.
    Unsafe,
}

/// qemu-img's preallocation modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preallocation {
    /// Nothing.
    Off,
    /// The qcow2 tables.
    Metadata,
    /// The tables, and the space by fallocate.
    Falloc,
    /// The tables, and the space by writing it.
    Full,
}

const BUSES: &[(&str, Bus)] = &[
    ("virtio", Bus::Virtio),
    ("scsi", Bus::Scsi),
    ("sata", Bus::Sata),
    ("ide", Bus::Ide),
];
const CACHES: &[(&str, Cache)] = &[
    ("default", Cache::Default),
    ("none", Cache::None),
    ("writethrough", Cache::Writethrough),
    ("writeback", Cache::Writeback),
    ("directsync", Cache::Directsync),
    ("unsafe", Cache::Unsafe),
];
const PREALLOCATIONS: &[(&str, Preallocation)] = &[
    ("off", Preallocation::Off),
    ("metadata", Preallocation::Metadata),
    ("falloc", Preallocation::Falloc),
    ("full", Preallocation::Full),
];

fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words
        .iter()
        .find(|(_, v)| *v == value)
        .map_or("", |(word, _)| *word)
}

fn words<T>(words: &[(&'static str, T)]) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}

impl Bus {
    /// All words that a file may use.
    pub fn words() -> Vec<&'static str> {
        words(BUSES)
    }

    /// libvirt's word for it.
    pub fn as_str(self) -> &'static str {
        word(BUSES, self)
    }

    /// The bus of that word.
    pub fn of(word: &str) -> Option<Bus> {
        BUSES
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, bus)| *bus)
    }
}

impl Bus {
    /// How its devices' names begin: `vda`, `sda`, `hda`.
    pub fn device_prefix(self) -> &'static str {
        match self {
            Bus::Virtio => "vd",
            Bus::Scsi | Bus::Sata => "sd",
            Bus::Ide => "hd",
        }
    }
}

impl Preallocation {
    /// Whether all of the disk's space is taken at once.
    pub fn is_full(self) -> bool {
        matches!(self, Preallocation::Falloc | Preallocation::Full)
    }
}

impl Cache {
    /// All words that a file may use.
    pub fn words() -> Vec<&'static str> {
        words(CACHES)
    }

    /// libvirt's word for it.
    pub fn as_str(self) -> &'static str {
        word(CACHES, self)
    }
}

impl Preallocation {
    /// All words that a file may use.
    pub fn words() -> Vec<&'static str> {
        words(PREALLOCATIONS)
    }

    /// qemu-img's word for it.
    pub fn as_str(self) -> &'static str {
        word(PREALLOCATIONS, self)
    }
}

/// One disk of a node type.
#[derive(Clone, Debug)]
pub struct DiskSpec {
    /// The key in the file, `disk1`.
    pub key: String,
    /// Where it stands.
    pub place: Place,
    /// The device without `/dev/`, `vda`, when the file says one.
    pub dev: Option<String>,
    /// The virtual size in bytes.
    pub size_bytes: u64,
    /// Its own bus, which wins over `--disk-bus`.
    pub bus: Option<Bus>,
    /// Cache mode, `unsafe` by default.
    pub cache: Cache,
    /// Preallocation, `metadata` by default.
    pub preallocation: Preallocation,
    /// The image that the disk begins with.
    pub import: Option<Import>,
    /// The folder, or the existing file, for the disk, on the hypervisor.
    pub path: Option<String>,
}

/// IDE has two channels with two devices each.
const IDE_MAX: usize = 4;

/// Reads the `disks` of a node in the order of the file.
pub(super) fn read(entries: &[(Key, Tree)], of: &str, problems: &mut Problems) -> Vec<DiskSpec> {
    let mut disks: Vec<DiskSpec> = Vec::new();
    if let Some((key, _)) = entries.get(MAX_DISKS) {
        problems
            .push(key.place.clone(), format!("{of} has more than {MAX_DISKS} disks"))
            .hint("there is one letter for each, and one for the seed");
    }
    for (key, tree) in entries.iter().take(MAX_DISKS) {
        let Some(disk) = read_one(key, tree, of, problems) else {
            continue;
        };
        if let Some(dev) = &disk.dev
            && let Some(other) = disks.iter().find(|d| d.dev.as_ref() == Some(dev))
        {
            problems
                .push(disk.place.clone(), format!("two disks of {of} are '/dev/{dev}'"))
                .hint(format!("the other one is '{}' at {}", other.key, other.place));
        }
        disks.push(disk);
    }
    for disk in disks
        .iter()
        .filter(|disk| disk.bus == Some(Bus::Ide))
        .skip(IDE_MAX)
    {
        problems
            .push(
                disk.place.clone(),
                format!("disk '{}' of {of} is one too many on the bus 'ide'", disk.key),
            )
            .hint("IDE has room for four: use virtio, scsi or sata for the others");
    }
    disks
}

fn read_one(key: &Key, tree: &Tree, of: &str, problems: &mut Problems) -> Option<DiskSpec> {
    name::check("disk", &key.name, &key.place, problems);
    let fields = Fields::new(
        format!("disk '{}' of {of}", shown(&key.name)),
        tree,
        KEYS,
        problems,
    );
    let bus = fields.choice("bus", BUSES, problems);
    let dev = device(&fields, problems);
    let size = match fields.get("size") {
        Some(size) => size.size(&fields.what("size"), MIB..=64 * 1024 * GIB, problems),
        None if !fields.readable => None,
        None => {
            problems
                .push(key.place.clone(), format!("{} has no 'size'", fields.of))
                .hint("write size: 40G");
            None
        }
    };
    let disk = DiskSpec {
        key: key.name.clone(),
        dev: None,
        size_bytes: size.unwrap_or(GIB),
        bus,
        cache: fields.choice("cache", CACHES, problems).unwrap_or(Cache::Unsafe),
        preallocation: fields
            .choice("preallocation", PREALLOCATIONS, problems)
            .unwrap_or(Preallocation::Metadata),
        import: image::read(&fields, "import_url", problems),
        path: path(&fields, problems),
        place: fields.get("dev").map_or(&key.place, |t| &t.place).clone(),
    };
    Some(DiskSpec { dev: dev?, ..disk })
}

/// An absolute path on the hypervisor, of plain characters.
fn path(fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    let tree = fields.get("path")?;
    let text = tree.string(&fields.what("path"), problems)?;
    let root = text.trim_end_matches('/').is_empty();
    // A disk whose mark could not be read would never be removed.
    if is_plain(&text) && !root && text.len() <= 1024 {
        return Some(text);
    }
    problems
        .push(
            tree.place.clone(),
            format!("{} cannot be '{}'", fields.what("path"), shown(&text)),
        )
        .hint("it takes the absolute path of a folder or an existing file on the hypervisor, of letters, digits and . _ - + : @ =");
    None
}

/// `/dev/vdb` or `vdb`, or nothing; none when it is wrong.
fn device(fields: &Fields<'_>, problems: &mut Problems) -> Option<Option<String>> {
    let Some(tree) = fields.get("dev") else {
        return Some(None);
    };
    let text = tree.string(&fields.what("dev"), problems)?;
    let dev = text.strip_prefix("/dev/").unwrap_or(&text);
    let good = ["vd", "sd", "hd"].iter().any(|prefix| {
        dev.strip_prefix(prefix)
            .is_some_and(|rest| (1..=2).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_lowercase()))
    });
    if !good {
        problems
            .push(
                tree.place.clone(),
                format!("{} cannot be '{}'", fields.what("dev"), shown(&text)),
            )
            .hint("write /dev/vda, /dev/vdb, …");
        return None;
    }
    Some(Some(dev.to_owned()))
}
