//! Files that are either old or new, and that are left alone when nothing changes.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::error::{Exit, Fault, FaultContext};
use anyhow::Context;

const TEMPORARY: &str = ".irs-";

/// Whether `name` is that of a file which a killed run left half-written.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

/// Whether [`write_if_changed`] would write: the file is absent, no plain file, or other than `bytes` or `mode`.
pub fn differs(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<bool> {
    let reading = || format!("reading '{}'", path.display());
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(e).with_context(reading),
    };
    let same_shape = metadata.is_file()
        && metadata.permissions().mode() & 0o7777 == mode
        && metadata.len() == bytes.len() as u64;
    if !same_shape {
        return Ok(true);
    }
    let mut old = Vec::with_capacity(bytes.len());
    std::fs::File::open(path)
        .and_then(|mut file| file.read_to_end(&mut old))
        .with_context(reading)?;
    Ok(old != bytes)
}

/// Gives the file `path` the contents `bytes` and the permissions `mode`, atomically; says whether it had to.
/// A file that is right already keeps its times.
pub fn write_if_changed(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<bool> {
    if !differs(path, bytes, mode)? {
        return Ok(false);
    }
    let written = write(path, bytes, mode);
    let hint = written.as_ref().err().and_then(way_out);
    written.fault(|| Fault {
        hint: hint.map(str::to_owned),
        ..Fault::new(Exit::Failed, format!("cannot write '{}'", path.display()))
    })?;
    Ok(true)
}

/// What to do about a disk of this machine that takes no more.
fn way_out(error: &std::io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(
            "free some space on this machine, or set IRS_HOME to another folder; the same command goes on from here",
        ),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            Some("set IRS_HOME to a folder that you may write to; the same command goes on from here")
        }
        _ => None,
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))?;
    // Without it a power cut may leave an empty file under the final name.
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Makes `path` a symbolic link to `target`, atomically; says whether it had to.
pub fn link_if_changed(path: &Path, target: &Path) -> anyhow::Result<bool> {
    if !link_differs(path, target) {
        return Ok(false);
    }
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .make_in(folder(path), |temporary| symlink(target, temporary))
        .and_then(|link| Ok(link.into_temp_path().persist(path)?))
        .with_context(|| format!("linking '{}'", path.display()))?;
    Ok(true)
}

/// Whether [`link_if_changed`] would write.
pub fn link_differs(path: &Path, target: &Path) -> bool {
    std::fs::read_link(path).ok().as_deref() != Some(target)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn equal_contents_leave_the_file_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert!(write_if_changed(&path, b"one", 0o600).unwrap());
        let before = std::fs::metadata(&path).unwrap();
        assert_eq!(before.mode() & 0o7777, 0o600);
        assert!(!write_if_changed(&path, b"one", 0o600).unwrap());
        let after = std::fs::metadata(&path).unwrap();
        assert_eq!(
            (before.ino(), before.mtime_nsec(), before.ctime_nsec()),
            (after.ino(), after.mtime_nsec(), after.ctime_nsec())
        );
        assert!(write_if_changed(&path, b"two", 0o600).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(write_if_changed(&path, b"two", 0o600).unwrap());
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn a_link_is_made_once_and_replaces_whatever_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        std::fs::write(&path, "a plain file").unwrap();
        assert!(link_if_changed(&path, Path::new("hosts-prov")).unwrap());
        assert!(!link_if_changed(&path, Path::new("hosts-prov")).unwrap());
        assert_eq!(std::fs::read_link(&path).unwrap(), Path::new("hosts-prov"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_what_it_points_to_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (target, path) = (dir.path().join("victim"), dir.path().join("f"));
        std::fs::write(&target, "kept").unwrap();
        symlink(&target, &path).unwrap();
        assert!(write_if_changed(&path, b"kept", 0o600).unwrap());
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "kept");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write_if_changed(Path::new("/nowhere/f"), b"", 0o600).unwrap_err();
        assert_eq!(error.to_string(), "cannot write '/nowhere/f'");
    }

    #[test]
    fn a_disk_that_takes_no_more_has_a_way_out() {
        let hint = |kind: ErrorKind| way_out(&kind.into()).unwrap_or_default();
        assert!(hint(ErrorKind::StorageFull).starts_with("free some space on this machine"));
        assert!(hint(ErrorKind::ReadOnlyFilesystem).starts_with("set IRS_HOME"));
        assert_eq!(hint(ErrorKind::NotFound), "");
    }
}
