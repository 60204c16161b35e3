//! A workspace as an archive: packed so that only its owner can read it, unpacked into memory as what somebody else chose.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use tar::EntryType;

use crate::yaml::shown;

/// The files of a workspace by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// No archive of ours comes near that: a thousand nodes are some MiB.
const MAX_BYTES: u64 = 64 << 20;
const MAX_ENTRIES: usize = 256;

/// Packs files into a tar below the folder `name`, compressed unless `plain`.
///
/// # Errors
/// Never, for names that are short.
pub fn pack(name: &str, files: &Files, plain: bool) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (file, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(now());
        builder.append_data(&mut header, format!("{name}/{file}"), &bytes[..])?;
    }
    let tar = builder.into_inner()?;
    if plain {
        return Ok(tar);
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&tar)?;
    Ok(gzip.finish()?)
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Unpacks a tar, compressed or not, of nothing but plain files at most one folder deep whose names `is_known`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn unpack(bytes: &[u8], is_known: impl Fn(&str) -> bool) -> Result<Files> {
    let gzip = bytes.starts_with(&[0x1f, 0x8b]);
    let tar = match gzip {
        true => bounded(GzDecoder::new(bytes))?,
        false => bounded(bytes)?,
    };
    let mut files = Files::new();
    let mut archive = tar::Archive::new(&tar[..]);
    for (count, entry) in archive.entries()?.enumerate() {
        let mut entry = entry.context("reading it as a tar archive")?;
        if count >= MAX_ENTRIES {
            bail!("it holds more than {MAX_ENTRIES} files");
        }
        let path = entry.path_bytes().into_owned();
        let path = String::from_utf8(path).map_err(|_| anyhow::anyhow!("a name in it is no UTF-8"))?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory if depth(&path).is_some_and(|(depth, _)| depth <= 1) => continue,
            _ => bail!("'{}' is {}", shown(&path), in_words(kind)),
        }
        let Some((1..=2, name)) = depth(&path) else {
            bail!("'{}' would lie outside of the workspace", shown(&path));
        };
        if !is_known(name) {
            bail!("'{}' is no file of a workspace", shown(&path));
        }
        // The tar is in memory: no entry is longer than it.
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .context("reading it as a tar archive")?;
        if content.len() as u64 != entry.size() {
            bail!("it ends in the middle of '{}'", shown(&path));
        }
        if files.insert(name.to_owned(), content).is_some() {
            bail!("it holds '{}' twice", shown(&path));
        }
    }
    Ok(files)
}

/// All of it, and no more than is allowed: a bomb has no end.
fn bounded(from: impl Read) -> Result<Vec<u8>> {
    let mut tar = Vec::new();
    from.take(MAX_BYTES + 1)
        .read_to_end(&mut tar)
        .context("decompressing it")?;
    if tar.len() as u64 > MAX_BYTES {
        bail!("it holds more than {} MiB", MAX_BYTES >> 20);
    }
    Ok(tar)
}

/// How many parts a path has that goes nowhere but down, and the last of them.
fn depth(path: &str) -> Option<(usize, &str)> {
    let (mut depth, mut last) = (0, "");
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => (depth, last) = (depth + 1, part.to_str()?),
            _ => return None,
        }
    }
    Some((depth, last))
}

fn in_words(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a named pipe",
        EntryType::Directory => "a folder in a folder",
        _ => "no plain file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> bool {
        matches!(name, "a" | "b")
    }

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    /// An archive of one entry, which may say anything.
    fn hostile(path: &str, kind: EntryType, bytes: &[u8], size: u64) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        // `set_path` refuses what is to be tried here.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        if kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
        tar
    }

    #[test]
    fn what_was_packed_comes_back() {
        let all = files(&[("a", "one"), ("b", "")]);
        for plain in [false, true] {
            let packed = pack("ws", &all, plain).unwrap();
            assert_eq!(packed.starts_with(&[0x1f, 0x8b]), !plain);
            assert_eq!(unpack(&packed, known).unwrap(), all);
        }
        for path in ["a", "./a", "ws/a", "./ws/a"] {
            let packed = hostile(path, EntryType::Regular, b"x", 1);
            assert_eq!(unpack(&packed, known).unwrap(), files(&[("a", "x")]));
        }
    }

    #[test]
    fn what_would_leave_the_workspace_or_is_no_file_is_refused() {
        let fault = |bytes: &[u8]| unpack(bytes, known).unwrap_err().to_string();
        let of = |path: &str, kind| fault(&hostile(path, kind, b"", 0));
        for path in ["/a", "../a", "ws/../a", "x/y/a", ""] {
            let fault = of(path, EntryType::Regular);
            assert!(
                fault.contains("outside") || fault.contains("no file"),
                "{path}: {fault}"
            );
        }
        assert_eq!(of("ws/c", EntryType::Regular), "'ws/c' is no file of a workspace");
        assert_eq!(of("ws/a", EntryType::Symlink), "'ws/a' is a symbolic link");
        assert_eq!(of("ws/a", EntryType::Link), "'ws/a' is a hard link");
        assert_eq!(of("a", EntryType::Char), "'a' is a device");
        assert_eq!(of("a", EntryType::Fifo), "'a' is a named pipe");
        assert_eq!(
            of("a/b/c", EntryType::Directory),
            "'a/b/c' is a folder in a folder"
        );
        let twice = [
            &hostile("a", EntryType::Regular, b"", 0)[..512],
            &hostile("a", EntryType::Regular, b"", 0),
        ]
        .concat();
        assert_eq!(fault(&twice), "it holds 'a' twice");
    }

    #[test]
    fn no_size_makes_it_large() {
        let fault = |bytes: &[u8]| format!("{:#}", unpack(bytes, known).unwrap_err());
        assert!(!fault(&hostile("a", EntryType::Regular, b"x", 1 << 40)).is_empty());
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let zeros = vec![0; 1 << 20];
        for _ in 0..65 {
            gzip.write_all(&zeros).unwrap();
        }
        assert_eq!(fault(&gzip.finish().unwrap()), "it holds more than 64 MiB");
        assert!(
            bounded(std::io::repeat(0)).is_err(),
            "what never ends is not read to its end"
        );
        assert!(!fault(b"no archive at all").is_empty());
        assert!(!fault(&[0x1f, 0x8b, 1, 2, 3]).is_empty());
        let all = (0..300).map(|_| hostile("d", EntryType::Directory, b"", 0)[..512].to_vec());
        assert_eq!(
            fault(&all.collect::<Vec<_>>().concat()),
            "it holds more than 256 files"
        );
    }
}
