//! Packed images: known by their first bytes, whatever they are called.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// gzip's.
    Gzip,
    /// xz's.
    Xz,
    /// Zstandard's.
    Zstd,
}

impl Packing {
    const ALL: [Packing; 3] = [Packing::Gzip, Packing::Xz, Packing::Zstd];

    /// Which one begins so, when any does.
    pub fn of(header: &[u8]) -> Option<Packing> {
        Packing::ALL
            .into_iter()
            .find(|packing| header.starts_with(packing.magic()))
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Packing::Gzip => b"\x1f\x8b",
            Packing::Xz => b"\xfd7zXZ\0",
            Packing::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }

    /// The program that unpacks it, also its name.
    pub fn program(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Xz => "xz",
            Packing::Zstd => "zstd",
        }
    }

    /// The one that this program unpacks.
    pub fn by(program: &str) -> Option<Packing> {
        Packing::ALL
            .into_iter()
            .find(|packing| packing.program() == program)
    }

    /// The package that has the program, for Debian's kind and for others.
    pub fn packages(self) -> (&'static str, &'static str) {
        match self {
            Packing::Gzip => ("gzip", "gzip"),
            Packing::Xz => ("xz-utils", "xz"),
            Packing::Zstd => ("zstd", "zstd"),
        }
    }
}

/// A name without the ending that a packed file has.
pub fn unpacked_name(name: &str) -> Option<&str> {
    [".gz", ".xz", ".zst", ".zstd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|name| !name.is_empty())
}

/// The beginning of what is packed in a file of this machine, at most `most` bytes; nothing when this machine cannot unpack it.
pub fn beginning(file: &Path, packing: Packing, most: u64) -> Option<Vec<u8>> {
    let mut child = Command::new(packing.program())
        .arg("-dc")
        .stdin(std::fs::File::open(file).ok()?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut bytes = Vec::new();
    let read = child.stdout.take()?.take(most).read_to_end(&mut bytes);
    let _ = child.kill();
    let _ = child.wait();
    read.ok().filter(|count| *count > 0)?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_known_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        for packing in Packing::ALL {
            let path = folder.path().join(packing.program());
            std::fs::write(&path, [5; 100_000]).unwrap();
            let packed = Command::new(packing.program())
                .arg("-c")
                .arg(&path)
                .output()
                .unwrap();
            assert_eq!(Packing::of(&packed.stdout), Some(packing));
            std::fs::write(&path, &packed.stdout).unwrap();
            assert_eq!(beginning(&path, packing, 70_000), Some(vec![5; 70_000]));
            std::fs::write(&path, &packed.stdout[..6]).unwrap();
            assert_eq!(beginning(&path, packing, 10), None);
        }
        assert_eq!(Packing::of(b"QFI\xfb"), None);
        assert_eq!(unpacked_name("a.qcow2.xz"), Some("a.qcow2"));
        assert_eq!((unpacked_name("a.qcow2"), unpacked_name(".gz")), (None, None));
    }
}
