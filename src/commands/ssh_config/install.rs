//! Making environments known to plain ssh, and taking that back.
//!
//! The user's configuration includes one file of irs's, in the folder of all workspaces; that one includes a file of each
//! environment, the latest first. ssh passes over the file of a workspace that is gone.

use super::user;
use crate::error::{Exit, Fault};
use crate::outputs::include;
use crate::workspace::{Logins, SSH_INCLUDE, Workspace, atomic};
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// irs's own list of environments, in the folder of all workspaces. No workspace is called so.
const LIST: &str = ".ssh_config";

/// What an installation did.
pub(super) struct Installed {
    /// Whether any file is different.
    pub(super) changed: bool,
    /// The names that plain ssh knows of the environment.
    pub(super) names: Vec<String>,
    /// The workspaces that had some of these names, and which.
    pub(super) taken: Vec<(String, Vec<String>)>,
}

/// What taking it back did.
pub(super) struct Uninstalled {
    /// Whether any file is different.
    pub(super) changed: bool,
    /// Whether no environment is left.
    pub(super) last: bool,
}

/// Makes the nodes of a workspace known, in the first place.
pub(super) fn install(workspace: &Workspace, logins: &Logins, file: &Path) -> Result<Installed> {
    let own = workspace.path().join(SSH_INCLUDE);
    let list = list_of(workspace);
    check(&own)?;
    check(&list)?;
    let config = std::fs::read_to_string(&logins.config)?;
    let nodes: Vec<&str> = logins.nodes.iter().map(|login| login.name.as_str()).collect();
    let text = include::render(&logins.config, &config, &logins.environment, &nodes)?;
    let before = listed(&list)?;
    let names: Vec<String> = include::names(&text).into_iter().map(str::to_owned).collect();
    let mut taken = Vec::new();
    // Those that come after it had the names already.
    let at = before
        .iter()
        .position(|path| *path == own)
        .unwrap_or(before.len());
    for path in &before[..at] {
        let theirs = std::fs::read_to_string(path).unwrap_or_default();
        let lost = include::names(&theirs)
            .into_iter()
            .filter(|name| names.iter().any(|own| own == name));
        let lost: Vec<String> = lost.map(str::to_owned).collect();
        if !lost.is_empty() {
            let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
            taken.push((folder.to_string_lossy().into_owned(), lost));
        }
    }
    let others = before.into_iter().filter(|path| *path != own && path.exists());
    let all: Vec<PathBuf> = std::iter::once(own.clone()).chain(others).collect();
    let mut changed = atomic::write_if_changed(&own, text.as_bytes(), 0o600)?;
    changed |= atomic::write_if_changed(&list, in_words(&all).as_bytes(), 0o600)?;
    changed |= user::include(file, &list)?;
    Ok(Installed {
        changed,
        names,
        taken,
    })
}

/// Takes the nodes of a workspace back, which may be gone itself.
pub(super) fn uninstall(workspace: &Workspace, file: &Path) -> Result<Uninstalled> {
    let own = workspace.path().join(SSH_INCLUDE);
    let list = list_of(workspace);
    let before = listed(&list)?;
    let mut changed = before.contains(&own);
    let left: Vec<PathBuf> = before
        .into_iter()
        .filter(|path| *path != own && path.exists())
        .collect();
    match left.is_empty() {
        true => {
            changed |= user::exclude(file, &list)?;
            changed |= remove(&list)?;
        }
        false => changed |= atomic::write_if_changed(&list, in_words(&left).as_bytes(), 0o600)?,
    }
    changed |= remove(&own)?;
    Ok(Uninstalled {
        changed,
        last: left.is_empty(),
    })
}

/// Forgets a workspace whose files are gone, so that the list names only what is there.
pub(super) fn forget(workspace: &Workspace) -> Result<()> {
    let own = workspace.path().join(SSH_INCLUDE);
    let list = list_of(workspace);
    let before = listed(&list)?;
    if before.contains(&own) {
        let left: Vec<PathBuf> = before
            .into_iter()
            .filter(|path| *path != own && path.exists())
            .collect();
        atomic::write_if_changed(&list, in_words(&left).as_bytes(), 0o600)?;
    }
    Ok(())
}

fn list_of(workspace: &Workspace) -> PathBuf {
    workspace.path().with_file_name(LIST)
}

fn in_words(paths: &[PathBuf]) -> String {
    let mut text = String::from(
        "# Written by irs: the environments that plain ssh knows; of names that they share the first one has them.\n",
    );
    for path in paths {
        text.push_str(&format!("Include \"{}\"\n", path.display()));
    }
    text
}

fn listed(list: &Path) -> Result<Vec<PathBuf>> {
    let text = match std::fs::read_to_string(list) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("reading '{}'", list.display())),
    };
    let paths = text
        .lines()
        .filter_map(|line| line.strip_prefix("Include \"")?.strip_suffix('"'));
    Ok(paths.map(PathBuf::from).collect())
}

fn remove(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e).with_context(|| format!("removing '{}'", path.display())),
    }
}

/// Refuses a path that an Include takes for a pattern.
fn check(path: &Path) -> Result<()> {
    let odd = |c: char| c.is_control() || "*?[]{}%$\"\\~".contains(c);
    match path.to_str() {
        Some(text) if !text.contains(odd) => Ok(()),
        _ => {
            let message = format!(
                "ssh cannot include {path:?}: its configuration gives a meaning to signs in that path"
            );
            Err(Fault::new(Exit::Usage, message)
                .hint("set IRS_HOME to a folder of letters, digits, '-', '_', '.' and blanks")
                .into())
        }
    }
}
