//! Probing a disk image by its first bytes: what it is, and whether it may be used.

pub mod below;

use crate::error::{Exit, Fault};
use anyhow::Result;

/// How many bytes of an image are probed.
pub const HEADER: usize = 64 * 1024;

/// The formats of base images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A plain disk.
    Raw,
    /// QEMU's own.
    Qcow2,
    /// QEMU's older one.
    Qed,
    /// VMware's.
    Vmdk,
}

impl Format {
    /// libvirt's and qemu-img's name, also the suffix of the cached file.
    pub fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
            Format::Qed => "qed",
            Format::Vmdk => "vmdk",
        }
    }

    /// The format of a cached file, by its suffix.
    pub fn of_name(name: &str) -> Option<Format> {
        [Format::Raw, Format::Qcow2, Format::Qed, Format::Vmdk]
            .into_iter()
            .find(|f| f.name() == name)
    }
}

/// Says what an image is from its first [`HEADER`] bytes and its length, and refuses what could name other files.
///
/// # Errors
/// `Usage`, when it is no disk image, or has a backing file or an external data file.
pub fn probe(header: &[u8], length: u64, name: &str) -> Result<Format> {
    let refuse = |why: &str, hint: &str| {
        Err(Fault::new(Exit::Usage, format!("image '{name}' {why}"))
            .hint(hint)
            .into())
    };
    const FLATTEN: &str =
        "it could name any file of the hypervisor: flatten it with 'qemu-img convert -O qcow2'";
    if header.starts_with(b"QFI\xfb") {
        let version = be32(header, 4);
        if be64(header, 8) != 0 {
            return refuse("has a backing file", FLATTEN);
        }
        if version >= 3 && be64(header, 72) & 0b100 != 0 {
            return refuse("has an external data file", FLATTEN);
        }
        if !(2..=3).contains(&version) || length < 104 {
            return refuse(
                "is a broken qcow2 image",
                "get it again, or check it with 'qemu-img check'",
            );
        }
        return Ok(Format::Qcow2);
    }
    if header.starts_with(b"QED\0") {
        // Little endian, other than qcow2; bit 0 of the features says that there is a backing file.
        let features = le64(header, 16);
        return if features & 1 != 0 {
            refuse("has a backing file", FLATTEN)
        } else {
            Ok(Format::Qed)
        };
    }
    if header.starts_with(b"KDMV") {
        return match vmdk_names_others(header) {
            Some(why) => refuse(why, FLATTEN),
            None => Ok(Format::Vmdk),
        };
    }
    if header.starts_with(b"# Disk DescriptorFile") || header.starts_with(b"COWD") {
        return refuse("is a VMDK that names other files", FLATTEN);
    }
    if let Some((what, hint)) = known_other(header) {
        return refuse(&format!("is not a disk image but {what}"), hint);
    }
    if is_bootable(header) && length.is_multiple_of(512) {
        return Ok(Format::Raw);
    }
    refuse(
        "is not a disk image: neither qcow2, qed nor vmdk, and as a raw disk it has no boot sector",
        "irs takes raw, qcow2, qed and vmdk images",
    )
}

/// As [`probe`], of an image of which only the beginning is there, and its length perhaps: its format, and the size of the disk
/// in it, 0 when that is not known.
///
/// # Errors
/// As those of [`probe`].
pub fn probe_beginning(header: &[u8], length: Option<u64>, name: &str) -> Result<(Format, u64)> {
    // Without a length the probe must not stumble over it; the whole is probed again.
    let format = probe(header, length.unwrap_or(HEADER as u64), name)?;
    let size = match format {
        Format::Raw => length.unwrap_or(0),
        _ => virtual_size(header, 0, format),
    };
    Ok((format, size))
}

/// As [`probe`], for a disk with data rather than a system: a file system or an encrypted volume may begin at once.
///
/// # Errors
/// As those of [`probe`].
pub fn probe_data(header: &[u8], length: u64, name: &str) -> Result<Format> {
    let plain = header.starts_with(b"XFSB") || header.starts_with(b"LUKS\xba\xbe");
    match plain {
        true => Ok(Format::Raw),
        false => probe(header, length, name),
    }
}

/// Why a sparse VMDK would make QEMU open another file; none when it is whole in itself.
///
/// QEMU takes a capacity of 0 for "the descriptor counts", whose extents name files, and the hint for a backing file
/// even where the parent's id says that there is none.
fn vmdk_names_others(header: &[u8]) -> Option<&'static str> {
    if header.len() < 512 || le64(header, 12) == 0 {
        return Some("is a VMDK that names other files");
    }
    let text = String::from_utf8_lossy(header).to_ascii_lowercase();
    let mut parents = text.split("parentcid=").skip(1);
    let parented = parents.any(|rest| !rest.starts_with("ffffffff")) || text.contains("parentfilenamehint");
    parented.then_some("has a backing file")
}

/// Whether an image still begins as one of its format that names no other file: the first 64 bytes are enough.
pub fn begins_as(header: &[u8], format: Format) -> bool {
    match format {
        Format::Raw => true,
        Format::Qcow2 => header.starts_with(b"QFI\xfb") && be64(header, 8) == 0,
        Format::Qed => header.starts_with(b"QED\0") && le64(header, 16) & 1 == 0,
        Format::Vmdk => header.starts_with(b"KDMV"),
    }
}

/// The size of the disk in an image of `length` bytes, in bytes; from its header.
pub fn virtual_size(header: &[u8], length: u64, format: Format) -> u64 {
    match format {
        Format::Raw => length,
        Format::Qcow2 => be64(header, 24),
        Format::Qed => le64(header, 48),
        // In sectors of 512 bytes.
        Format::Vmdk => le64(header, 12).saturating_mul(512),
    }
}

/// A boot signature, a GPT, or a first sector of zeros: a disk that is blank or boots by other means.
fn is_bootable(header: &[u8]) -> bool {
    header.get(510..512) == Some(&[0x55, 0xaa])
        || header.get(512..520) == Some(b"EFI PART")
        || header
            .get(..512)
            .is_some_and(|sector| sector.iter().all(|byte| *byte == 0))
}

fn known_other(header: &[u8]) -> Option<(&'static str, &'static str)> {
    const UNPACK: &str = "unpack it first: irs itself unpacks gzip, xz and zstd";
    const TWICE: &str = "it is packed twice: unpack it once";
    const OTHER: &str = "irs takes raw, qcow2, qed and vmdk images";
    let start = header.trim_ascii_start();
    let lower = start
        .get(..start.len().min(64))
        .unwrap_or_default()
        .to_ascii_lowercase();
    if header.is_empty() {
        return Some(("an empty file", OTHER));
    }
    if lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") || lower.starts_with(b"<?xml") {
        return Some((
            "a web page",
            "the server sent a page in its place: open the URL in a browser",
        ));
    }
    let known: [(&[u8], &str, &str); 10] = [
        (b"\x1f\x8b", "a gzip archive", TWICE),
        (b"\xfd7zXZ\0", "an xz archive", TWICE),
        (b"BZh", "a bzip2 archive", UNPACK),
        (b"PK\x03\x04", "a zip archive", UNPACK),
        (b"\x28\xb5\x2f\xfd", "a zstd archive", TWICE),
        (b"\x7fELF", "a program", OTHER),
        (
            b"conectix",
            "a VHD image",
            "convert it with 'qemu-img convert -O qcow2'",
        ),
        (
            b"vhdxfile",
            "a VHDX image",
            "convert it with 'qemu-img convert -O qcow2'",
        ),
        (b"%PDF", "a PDF document", OTHER),
        (b"LUKS\xba\xbe", "an encrypted volume", OTHER),
    ];
    if let Some((_, what, hint)) = known.into_iter().find(|(magic, ..)| header.starts_with(magic)) {
        return Some((what, hint));
    }
    if header.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", "take the image out of it: 'tar -x'"));
    }
    let sample = header.get(..header.len().min(512)).unwrap_or_default();
    let printable = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80;
    sample.iter().all(printable).then_some(("a text", OTHER))
}

/// The bytes that `od -tx1` printed.
pub fn from_hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .filter_map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect()
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .map_or(0, |b| b.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .map_or(0, |b| b.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn made(args: &[&str], name: &str) -> Result<Format> {
        let (header, length) = bytes_of(args, name);
        let format = probe(&header, length, name)?;
        assert_eq!(virtual_size(&header, length, format), 64 << 20, "{name}");
        Ok(format)
    }

    fn bytes_of(args: &[&str], name: &str) -> (Vec<u8>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| {
            let status = Command::new("qemu-img")
                .args(args)
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(
                status.status.success(),
                "{args:?}: {}",
                String::from_utf8_lossy(&status.stderr)
            );
        };
        run(&["create", "-q", "-f", "qcow2", "base.qcow2", "64M"]);
        run(args);
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        (bytes[..bytes.len().min(HEADER)].to_vec(), bytes.len() as u64)
    }

    #[test]
    fn images_made_by_qemu_img_are_known() {
        for (format, expected) in [
            ("raw", Format::Raw),
            ("qcow2", Format::Qcow2),
            ("qed", Format::Qed),
            ("vmdk", Format::Vmdk),
        ] {
            assert_eq!(
                made(&["create", "-q", "-f", format, "i", "64M"], "i").unwrap(),
                expected
            );
        }
        assert_eq!(
            made(
                &["create", "-q", "-f", "qcow2", "-o", "compat=0.10", "i", "64M"],
                "i"
            )
            .unwrap(),
            Format::Qcow2
        );
    }

    #[test]
    fn images_that_name_other_files_are_refused() {
        let why = |args: &[&str], name| made(args, name).unwrap_err().to_string();
        let backed = |format| {
            why(
                &[
                    "create",
                    "-q",
                    "-f",
                    format,
                    "-b",
                    "base.qcow2",
                    "-F",
                    "qcow2",
                    "i",
                ],
                "i",
            )
        };
        assert!(backed("qcow2").contains("has a backing file"));
        assert!(backed("qed").contains("has a backing file"));
        let data = why(
            &["create", "-q", "-f", "qcow2", "-o", "data_file=d.raw", "i", "1M"],
            "i",
        );
        assert!(data.contains("external data file"), "{data}");
        let extent = why(
            &[
                "create",
                "-q",
                "-f",
                "vmdk",
                "-o",
                "subformat=monolithicFlat",
                "i.vmdk",
                "1M",
            ],
            "i.vmdk",
        );
        assert!(extent.contains("names other files"), "{extent}");
    }

    /// A sparse VMDK is one file, and still QEMU opens what its text names.
    #[test]
    fn a_vmdk_cannot_smuggle_in_another_file() {
        let (sound, length) = bytes_of(&["create", "-q", "-f", "vmdk", "i", "64M"], "i");
        let why = |header: &[u8]| probe(header, length, "i").unwrap_err().to_string();
        assert_eq!(probe(&sound, length, "i").unwrap(), Format::Vmdk);
        let mut descriptor = sound.clone();
        descriptor[12..20].fill(0);
        assert!(why(&descriptor).contains("names other files"));
        let at = |text: &str| {
            sound
                .windows(text.len())
                .position(|w| w == text.as_bytes())
                .unwrap()
        };
        // The parent's id still says that there is none.
        let mut hinted = sound.clone();
        let line = b"parentFileNameHint=\"/etc/shadow\"\n#";
        let place = at("# Extent description");
        hinted[place..place + line.len()].copy_from_slice(line);
        assert!(why(&hinted).contains("has a backing file"));
        let mut parented = sound.clone();
        let place = at("parentCID=");
        parented[place..place + 18].copy_from_slice(b"parentCID=12345678");
        assert!(why(&parented).contains("has a backing file"));
        assert!(why(&sound[..200]).contains("names other files"));
    }

    #[test]
    fn what_is_no_image_is_called_what_it_is() {
        let why = |bytes: &[u8]| probe(bytes, bytes.len() as u64, "x").unwrap_err().to_string();
        assert!(why(b"<!DOCTYPE html><html>").contains("a web page"));
        assert!(why(b"hello world\n").contains("a text"));
        assert!(why(b"\x1f\x8b\x08\0\0").contains("gzip"));
        assert!(why(b"").contains("an empty file"));
        assert!(why(&[7; 2048]).contains("no boot sector"));
    }
}
