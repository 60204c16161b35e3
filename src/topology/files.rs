//! Where topology files are found: the folders given, in their order, then the built-in ones.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::catalogue;
use crate::yaml::{MAX_BYTES, Place, Problems, Source, nearest, shown};

use super::{bgp, fetch, name};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/topology");
/// How the labels of the built-in files begin.
pub const BUILT_IN_LABEL: &str = "built-in:";
const ENDINGS: [&str; 2] = ["yml", "yaml"];

/// The two kinds of topology files, each a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Node types.
    Nodes,
    /// Networks, and which nodes are on them.
    Network,
}

impl Kind {
    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Nodes => "nodes",
            Kind::Network => "network",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Kind::Nodes => "node type",
            Kind::Network => "topology network",
        }
    }
}

/// Whether a path ends like a topology file's.
pub fn has_ending(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| ENDINGS.iter().any(|ending| e == *ending))
}

/// The kind that the folder of a file says, when it is one of the two.
pub fn kind_of(path: &Path) -> Option<Kind> {
    let folder = path.parent()?.file_name()?;
    [Kind::Nodes, Kind::Network]
        .into_iter()
        .find(|kind| folder == kind.folder())
}

/// Reads a file whole; what is missing, unreadable or no text is a problem.
pub fn read(path: &Path, problems: &mut Problems) -> Option<Source> {
    let label = label(path);
    let mut bytes = Vec::new();
    let file = match what_is(path) {
        Ok(None) => File::open(path),
        Ok(Some(other)) => {
            problems
                .push(None, format!("cannot read '{label}': it is {other}, not a file"))
                .hint("name a YAML file");
            return None;
        }
        Err(error) => Err(error),
    };
    let result = file.and_then(|f| f.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    if let Err(error) = result {
        // The number of the error says nothing to a user.
        let why = error.to_string();
        let why = why.split(" (os error").next().unwrap_or(&why);
        problems
            .push(None, format!("cannot read '{label}': {why}"))
            .hint("check the path and who may read it");
        return None;
    }
    Source::from_bytes(label, bytes, problems)
}

/// What is at the path, unless it is a file. A pipe that the shell has opened, `<(…)`, is as good as one; to open any
/// other would wait for its writer.
fn what_is(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = path.metadata()?.file_type();
    let opened =
        path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stdin");
    Ok(if kind.is_file() || (kind.is_fifo() && opened) {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else {
        Some("a device or socket")
    })
}

/// Reports folders that hold no topology files at all.
pub(crate) fn check_folders(folders: &[PathBuf], problems: &mut Problems) {
    for folder in folders
        .iter()
        .filter(|f| !f.join("nodes").is_dir() && !f.join("network").is_dir())
        .filter(|f| !f.join(catalogue::FILE).is_file())
    {
        problems
            .push(None, format!("'{}' is no topology folder", folder.display()))
            .hint("it needs a folder 'nodes' or 'network' or a file 'images.yml' in it, as infrared's plugins/virsh/defaults/topology has");
    }
}

/// Finds the file for `wanted`: a name, or for networks also a path.
pub(super) fn find(kind: Kind, wanted: &str, folders: &[PathBuf], problems: &mut Problems) -> Option<Source> {
    if kind == Kind::Network && fetch::is_url(wanted) {
        return fetch::read(wanted, problems);
    }
    let is_path = wanted.contains('/') || ENDINGS.iter().any(|e| wanted.ends_with(&format!(".{e}")));
    if kind == Kind::Network && is_path {
        let path = Path::new(wanted);
        if path.exists() || wanted.contains('/') {
            return read(path, problems);
        }
    }
    let stem = ENDINGS
        .iter()
        .find_map(|e| wanted.strip_suffix(&format!(".{e}")))
        .unwrap_or(wanted);
    let names = [Some(stem.to_owned()), documented_alias(stem)];
    for name in names.iter().flatten().filter(|n| name::is_name(n)) {
        if let Some(path) = in_folders(kind, name, folders) {
            return read(&path, problems);
        }
        let path = format!("{}/{name}.yml", kind.folder());
        if let Some(file) = BUILT_IN.get_file(&path) {
            let label = format!("{BUILT_IN_LABEL}{path}");
            return Source::from_bytes(label, file.contents().to_vec(), problems);
        }
    }
    let flag = match kind {
        Kind::Nodes => "--topology-nodes",
        Kind::Network => "--topology-network",
    };
    if bgp::is_name(kind, stem) {
        let what = format!("the {} '{stem}'", kind.what());
        bgp::refuse(&Place::start_of(flag), what, problems);
        return None;
    }
    let known = names_of(kind, folders);
    let hint = match nearest(wanted, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("known are {}", known.join(", ")),
    };
    let message = format!("the {} '{}' is not known", kind.what(), shown(wanted));
    problems.push(Place::start_of(flag), message).hint(hint);
    None
}

/// The file of that name in the first folder that has one.
fn in_folders(kind: Kind, name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().find_map(|folder| {
        let file = |ending| folder.join(kind.folder()).join(format!("{name}.{ending}"));
        // What is there and no file is not passed over for another of the name.
        ENDINGS
            .map(file)
            .into_iter()
            .find(|path| path.symlink_metadata().is_ok())
    })
}

/// What a file is called in messages and comments: its path, without what a terminal obeys or what ends a line.
fn label(path: &Path) -> String {
    let path = path.display().to_string();
    path.replace(char::is_control, "?")
}

/// What messages call the file that has this name.
pub fn source_of(kind: Kind, name: &str, folders: &[PathBuf]) -> String {
    match in_folders(kind, name, folders) {
        Some(path) => label(&path),
        None => format!("{BUILT_IN_LABEL}{}/{name}.yml", kind.folder()),
    }
}

/// The name of a topology file in a name or path of it.
pub(super) fn stem(wanted: &str) -> &str {
    let file = wanted.rsplit('/').next().unwrap_or(wanted);
    ENDINGS
        .iter()
        .find_map(|e| file.strip_suffix(&format!(".{e}")))
        .unwrap_or(file)
}

/// Whether a network file is called so in infrared's documentation.
pub fn is_alias(name: &str) -> bool {
    documented_alias(name).is_some_and(|name| names_of(Kind::Network, &[]).contains(&name))
}

/// infrared's documentation says `3_net_1_bridge` where the file is `3_nets_1_bridge`.
fn documented_alias(name: &str) -> Option<String> {
    let (count, rest) = name.split_once("_net_")?;
    count
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| format!("{count}_nets_{rest}"))
}

/// The names of all files of a kind, sorted, each once.
pub fn names_of(kind: Kind, folders: &[PathBuf]) -> Vec<String> {
    let on_disk = folders
        .iter()
        .filter_map(|f| f.join(kind.folder()).read_dir().ok());
    let paths = on_disk.flatten().flatten().map(|entry| entry.path());
    let built_in = BUILT_IN.get_dir(kind.folder()).into_iter().flat_map(Dir::files);
    let mut names: Vec<String> = paths
        .chain(built_in.map(|f| f.path().to_owned()))
        .filter(|path| has_ending(path))
        .filter_map(|p| Some(p.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}
