//! What each key of the topology files is: its type, unit, default and meaning.
//!
//! The readers know a key because it stands here; topology/README.md and the JSON schema are made from it, and tests
//! hold types and defaults against what the readers do.

pub mod images;
pub mod networks;
pub mod nodes;
mod text;

pub use text::{markdown, words};

/// One key of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// The key.
    pub key: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What holds without it.
    pub default: Default,
    /// What it is for, where its name does not say it all.
    pub meaning: &'static str,
}

/// What a value may be. Numbers may be quoted; null is the default everywhere.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Whatever: it is not looked at.
    Any,
    /// yes, no, true, false, on, off, in any case.
    Boolean,
    /// A whole number from the first to the second, of this unit (may be empty).
    Integer(u64, u64, &'static str),
    /// A size from the first to the second number of bytes, as `40G`.
    Size(u64, u64),
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
    /// A name as all names in topology files.
    Name(&'static str),
    /// Text of the shape that these words say: `URL`, `IPv4 address`.
    Text(&'static str),
    /// A list.
    List(&'static Kind),
    /// A mapping with keys of another program's.
    Free(&'static str),
    /// A mapping with the keys of the table.
    Mapping(&'static Table),
    /// A mapping from names that the user chooses to mappings with the keys of the table.
    Mappings(&'static Table),
    /// Any of these.
    Either(&'static [Kind]),
}

/// What holds when a key is absent or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// It must be there.
    Required,
    /// Nothing.
    Nothing,
    /// The same as if this value stood there.
    Value(&'static str),
    /// What these words say.
    Said(&'static str),
}

/// A mapping: all its keys.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What the mapping describes, as a heading: `A disk`.
    pub title: &'static str,
    /// The keys that mean something.
    pub keys: &'static [Doc],
    /// The keys that infrared's files have and irs does not use.
    pub unused: &'static [&'static str],
}

/// The mappings of all kinds of files, in the order of the documentation.
pub const TABLES: &[&Table] = &[
    &nodes::NODE,
    &nodes::CPU,
    &nodes::CPU_MODEL,
    &nodes::OS,
    &nodes::IMAGE,
    &nodes::DISK,
    &nodes::INTERFACE,
    &nodes::EXTERNAL,
    &networks::FILE,
    &networks::WIRING,
    &networks::NETWORK,
    &networks::FORWARD,
    &networks::DHCP,
    &networks::RANGE,
    &networks::IPV6,
    &networks::DNS,
    &networks::SRV,
    &networks::PORTGROUP,
    &networks::VLAN,
    &images::FILE,
    &images::IMAGE,
];

impl Table {
    /// A mapping without unused keys.
    const fn new(title: &'static str, keys: &'static [Doc]) -> Table {
        Table {
            title,
            keys,
            unused: &[],
        }
    }

    /// What is said of a key.
    pub fn doc(&self, key: &str) -> Option<&'static Doc> {
        self.keys.iter().find(|doc| doc.key == key)
    }
}

/// A row of a table.
const fn doc(key: &'static str, kind: Kind, default: Default, meaning: &'static str) -> Doc {
    Doc {
        key,
        kind,
        default,
        meaning,
    }
}

/// The keys of a table, for its reader: `&names::<{ TABLE.keys.len() }>(&TABLE)`.
pub(crate) const fn names<const N: usize>(table: &Table) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = table.keys[index].key;
        index += 1;
    }
    names
}
