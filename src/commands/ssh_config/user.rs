//! The user's own ssh configuration: one line more at its top, or that line less.

use crate::error::{Exit, Fault, FaultContext};
use crate::workspace::atomic;
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

const REMARK: &str = "# The nodes of irs's environments; 'irs ssh-config --uninstall' takes this away.";

/// Lets the configuration `file` include `list` before all else: below a `Host` it would count for that one only. Says whether
/// anything had to be done.
pub(super) fn include(file: &Path, list: &Path) -> Result<bool> {
    let (file, text, mode) = read(file)?;
    let with = with(&text, &line(list));
    if with == text {
        return Ok(false);
    }
    if let Some(folder) = file.parent() {
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("making '{}'", folder.display()))?;
    }
    write(&file, &with, mode)
}

/// Takes the line away again.
pub(super) fn exclude(file: &Path, list: &Path) -> Result<bool> {
    let (file, text, mode) = read(file)?;
    let without = without(&text, &line(list));
    if without == text {
        return Ok(false);
    }
    write(&file, &without, mode)
}

fn write(file: &Path, text: &[u8], mode: u32) -> Result<bool> {
    atomic::write_if_changed(file, text, mode).fault(|| {
        let message = format!("your ssh configuration '{}' cannot be changed", file.display());
        Fault::new(Exit::Failed, message).hint("--file names another one")
    })
}

/// Where the file really is, what is in it, and its mode. A link stays one: what it leads to is written.
fn read(file: &Path) -> Result<(PathBuf, Vec<u8>, u32)> {
    let file = match std::fs::canonicalize(file) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok((dangling(file), Vec::new(), 0o600)),
        Err(e) => return Err(e).with_context(|| format!("looking for '{}'", file.display())),
    };
    let reading = || format!("reading '{}'", file.display());
    let text = std::fs::read(&file).with_context(reading)?;
    let mode = std::fs::metadata(&file)
        .with_context(reading)?
        .permissions()
        .mode()
        & 0o7777;
    Ok((file, text, mode))
}

/// Where a file is to be made: a link that leads nowhere yet is followed.
fn dangling(file: &Path) -> PathBuf {
    match (std::fs::read_link(file), file.parent()) {
        (Ok(target), Some(folder)) => folder.join(target),
        _ => file.to_owned(),
    }
}

fn line(list: &Path) -> String {
    format!("Include \"{}\"", list.display())
}

/// The text with the remark and the line at its top, and nowhere else.
fn with(text: &[u8], line: &str) -> Vec<u8> {
    let rest = without(text, line);
    let before = match rest.is_empty() {
        true => format!("{REMARK}\n{line}\n"),
        false => format!("{REMARK}\n{line}\n\n"),
    };
    [before.as_bytes(), &rest].concat()
}

/// The text without the line, its remark, and the blank line after it.
fn without(text: &[u8], line: &str) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut after = false;
    for one in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = one.trim_ascii();
        if bare == line.as_bytes() {
            if kept
                .last()
                .is_some_and(|last| last.trim_ascii() == REMARK.as_bytes())
            {
                kept.pop();
            }
            after = true;
        } else if !(after && bare.is_empty()) {
            kept.push(one);
            after = false;
        } else {
            after = false;
        }
    }
    kept.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const LINE: &str = "Include \"/h/.ssh_config\"";

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_line_comes_first_and_goes_without_a_trace() {
        for before in [
            "",
            "Host a\n  Port 1\n",
            "\n# x\nHost *\n  User u",
            "Include other\n",
        ] {
            let with_it = with(before.as_bytes(), LINE);
            assert!(
                text(with_it.clone()).starts_with(&format!("{REMARK}\n{LINE}\n")),
                "{before:?}"
            );
            assert_eq!(with(&with_it, LINE), with_it, "{before:?}");
            assert_eq!(text(without(&with_it, LINE)), before);
        }
        // One that somebody moved below a Host is brought back.
        let moved = format!("Host a\n  Port 1\n{LINE}\n\nHost b\n");
        assert_eq!(
            text(with(moved.as_bytes(), LINE)),
            format!("{REMARK}\n{LINE}\n\nHost a\n  Port 1\nHost b\n")
        );
    }

    #[test]
    fn a_link_stays_and_so_does_the_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (real, file) = (dir.path().join("dotfiles"), dir.path().join("config"));
        std::fs::write(&real, "Host a\n").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("dotfiles", &file).unwrap();
        let list = Path::new("/h/.ssh_config");
        assert!(include(&file, list).unwrap());
        assert!(!include(&file, list).unwrap());
        assert!(file.is_symlink());
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o7777, 0o640);
        assert!(std::fs::read_to_string(&real).unwrap().contains(LINE));
        assert!(exclude(&file, list).unwrap());
        assert!(!exclude(&file, list).unwrap());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "Host a\n");
    }

    #[test]
    fn a_first_configuration_is_private_and_a_link_to_nowhere_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let list = Path::new("/h/.ssh_config");
        let file = dir.path().join(".ssh/config");
        assert!(include(&file, list).unwrap());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        let link = dir.path().join("link");
        symlink("later", &link).unwrap();
        assert!(include(&link, list).unwrap());
        assert!(link.is_symlink() && dir.path().join("later").is_file());
    }
}
