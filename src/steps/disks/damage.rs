//! Disks of a deployment that QEMU could not open any more: replaced by something else, or cut off. Told by their first
//! bytes and their lengths, which come with the facts of the host: all disks in one command, and none by a call of its own.

use crate::image;
use std::collections::BTreeMap;

/// Of each disk in the deployment's folder what its header says, then its length: `$1` is the folder.
pub const SCRIPT: &str = include_str!("damage.sh");

/// How much of a header is looked at.
const HEAD: usize = 64;

/// The disks that are damaged, by their names, with what is wrong in words that follow those. What was read while files
/// came and went says nothing.
pub fn damaged(section: &str) -> BTreeMap<String, String> {
    let mut lines = section.trim().lines();
    let heads = image::from_hex(lines.next().unwrap_or_default());
    let files: Vec<(u64, &str)> = lines
        .filter_map(|line| {
            let (length, path) = line.split_once(' ')?;
            Some((length.parse().ok()?, path.rsplit('/').next()?))
        })
        .collect();
    let head_of = |length: u64| HEAD.min(usize::try_from(length).unwrap_or(HEAD));
    if heads.len() != files.iter().map(|(length, _)| head_of(*length)).sum::<usize>() {
        return BTreeMap::new();
    }
    let mut rest = &heads[..];
    let mut damaged = BTreeMap::new();
    for (length, name) in files {
        let (head, others) = rest.split_at(head_of(length));
        rest = others;
        if let Some(what) = wrong(head, length) {
            damaged.insert(name.to_owned(), what);
        }
    }
    damaged
}

/// What is wrong with a file that is to be a qcow2 image: its tables must lie within it.
fn wrong(head: &[u8], length: u64) -> Option<String> {
    if !head.starts_with(b"QFI\xfb") {
        return Some("is no qcow2 image any more".to_owned());
    }
    let number = |at: usize, bytes: usize| {
        let field = head.get(at..at + bytes)?.iter();
        Some(field.fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let end =
        |table: Option<u64>, entries: Option<u64>| Some(table?.saturating_add(entries?.saturating_mul(8)));
    let ends = [end(number(40, 8), number(36, 4)), end(number(48, 8), Some(1))];
    let whole = ends.iter().all(|end| end.is_some_and(|end| end <= length));
    (!whole).then(|| format!("is cut off at {length} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn run(folder: &std::path::Path, script: &str) -> String {
        let output = Command::new("bash")
            .args(["-c", script, "sh"])
            .arg(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn what_qemu_could_not_open_is_told_by_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let make = "cd \"$1\" && for name in a b c d e; do qemu-img create -q -f qcow2 $name.qcow2 3G; done
            qemu-img create -q -f qcow2 -o preallocation=metadata,cluster_size=512k f.qcow2 3G
            qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 g.qcow2
            truncate -s 100K b.qcow2; : >c.qcow2; qemu-img create -q -f raw d.qcow2 3G; truncate -s 30 e.qcow2";
        run(folder.path(), make);
        let found = run(folder.path(), &format!("{SCRIPT}\ndisk_heads \"$1\""));
        let expected = [
            ("b.qcow2", "is cut off at 102400 bytes"),
            ("c.qcow2", "is no qcow2 image any more"),
            ("d.qcow2", "is no qcow2 image any more"),
            ("e.qcow2", "is cut off at 30 bytes"),
        ];
        let damaged = damaged(&found);
        let damaged: Vec<(&str, &str)> = damaged.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(damaged, expected);
        // One went between the two looks.
        let without: Vec<&str> = found.lines().filter(|line| !line.ends_with("/g.qcow2")).collect();
        assert_eq!(super::damaged(&without.join("\n")), BTreeMap::new());
        assert_eq!(super::damaged(""), BTreeMap::new());
    }
}
