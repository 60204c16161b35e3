//! What an image lies over, by its first bytes alone: nothing is opened that it names.

use super::{be32, be64, le64};

/// What is below an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Below {
    /// It is whole in itself, or lies over no file of this host.
    Nothing,
    /// These files, by absolute paths.
    Files(Vec<String>),
    /// What is called so at this place of it, with its length: [`named`] reads it.
    At(u64, u64),
    /// It cannot be told, and why.
    Unknown(&'static str),
}

/// The longest name of a file below that QEMU takes.
const LONGEST: u64 = 4096;

/// Tells it from the beginning of the file at `path`.
pub fn below(head: &[u8], path: &str) -> Below {
    let at = |from: u64, length: u64| {
        if from == 0 || length == 0 {
            return Below::Nothing;
        }
        if length > LONGEST {
            return Below::Unknown("the name of what it lies over is too long");
        }
        let part = usize::try_from(from)
            .ok()
            .and_then(|from| head.get(from..from + length as usize));
        part.map_or(Below::At(from, length), |name| named(name, path))
    };
    if head.starts_with(b"QFI\xfb") {
        return at(be64(head, 8), u64::from(be32(head, 16)));
    }
    if head.starts_with(b"QED\0") {
        let place = le64(head, 56);
        return match le64(head, 16) & 1 {
            0 => Below::Nothing,
            _ => at(place & 0xffff_ffff, place >> 32),
        };
    }
    let text = String::from_utf8_lossy(head);
    if head.starts_with(b"KDMV") || head.starts_with(b"COWD") || head.starts_with(b"# Disk Desc") {
        let lower = text.to_ascii_lowercase();
        let is_alone = lower
            .split("parentcid=")
            .nth(1)
            .is_some_and(|id| id.starts_with("ffffffff"));
        return match text
            .split("parentFileNameHint=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
        {
            Some(name) => named(name.as_bytes(), path),
            None if is_alone => Below::Nothing,
            None => Below::Unknown("it is a VMDK that may have a parent"),
        };
    }
    // A differencing VHD.
    if head.starts_with(b"conectix") && be32(head, 60) == 4 {
        return Below::Unknown("it is a VHD that has a parent");
    }
    Below::Nothing
}

/// The files that a name in an image means, as QEMU reads it.
pub fn named(name: &[u8], path: &str) -> Below {
    let Ok(name) = std::str::from_utf8(name) else {
        return Below::Unknown("the name of what it lies over is no text");
    };
    let name = name.trim_end_matches('\0');
    if name.is_empty() {
        return Below::Unknown("the name of what it lies over cannot be read");
    }
    if let Some(options) = name.strip_prefix("json:") {
        return in_json(options, path);
    }
    let scheme = name.split_once(':').filter(|(scheme, _)| !scheme.contains('/'));
    match scheme {
        None => Below::Files(vec![absolute(name, path)]),
        Some(("file" | "host_device", rest)) => {
            let rest = rest
                .strip_prefix("//")
                .filter(|rest| rest.starts_with('/'))
                .unwrap_or(rest);
            Below::Files(vec![absolute(rest, path)])
        }
        Some(("nbd" | "http" | "https" | "ftp" | "ftps" | "ssh" | "rbd" | "iscsi" | "nvme", _)) => {
            Below::Nothing
        }
        // A driver of QEMU's with a file of its own, or a file with such a name.
        Some(_) => Below::Unknown("it lies over something that is not called by its path"),
    }
}

fn in_json(options: &str, path: &str) -> Below {
    fn files(value: &serde_json::Value, key: &str, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(object) => {
                object.iter().for_each(|(key, value)| files(value, key, found))
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| files(value, key, found)),
            serde_json::Value::String(text) if key == "filename" || key.ends_with(".filename") => {
                found.push(text.clone());
            }
            _ => {}
        }
    }
    let Ok(value) = serde_json::from_str(options) else {
        return Below::Unknown("the name of what it lies over cannot be read");
    };
    let mut found = Vec::new();
    files(&value, "", &mut found);
    match found.is_empty() {
        true => Below::Nothing,
        false => Below::Files(found.iter().map(|name| absolute(name, path)).collect()),
    }
}

/// A name is relative to the folder of the image that has it.
fn absolute(name: &str, path: &str) -> String {
    match name.starts_with('/') {
        true => name.to_owned(),
        false => format!(
            "{}/{name}",
            path.rsplit_once('/').map_or("", |(folder, _)| folder)
        ),
    }
}
