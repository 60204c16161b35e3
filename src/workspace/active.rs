//! Which workspace is active: its name in the file `.active` beside the workspaces.

use super::{Workspace, atomic, base};
use crate::error::{Exit, Fault};
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::Path;

/// The name of the active workspace, beside the workspaces.
const FILE: &str = ".active";

/// The name of the active workspace: this shell's, else the one that was checked out; it need not exist.
///
/// # Errors
/// When the file has no name of a workspace.
pub fn name() -> Result<Option<String>> {
    match in_environment() {
        Some(name) => Ok(Some(name)),
        None => name_below(&base()?),
    }
}

/// The one that is active in this shell, whatever was checked out.
pub fn in_environment() -> Option<String> {
    std::env::var("IRS_WORKSPACE")
        .ok()
        .filter(|name| !name.is_empty())
}

pub(super) fn name_below(base: &Path) -> Result<Option<String>> {
    let path = base.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("reading '{}'", path.display())),
    };
    let name = text.trim();
    if Workspace::below(base, name).is_err() {
        let message = format!("'{}' names no workspace", path.display());
        let hint = "'irs workspace checkout NAME' writes it anew, 'irs workspace list' shows the names";
        return Err(Fault::new(Exit::Usage, message).hint(hint).into());
    }
    Ok(Some(name.to_owned()))
}

/// Makes a workspace the active one.
///
/// # Errors
/// When the file cannot be written.
pub fn set(workspace: &Workspace) -> Result<()> {
    let path = workspace.beside(FILE);
    atomic::write_if_changed(&path, format!("{}\n", workspace.name()).as_bytes(), 0o600)?;
    Ok(())
}

/// Makes none the active one, when this one was.
///
/// # Errors
/// When the file cannot be removed.
pub fn unset(workspace: &Workspace) -> Result<bool> {
    let path = workspace.beside(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim() == workspace.name() => {
            std::fs::remove_file(&path).with_context(|| format!("removing '{}'", path.display()))?;
            Ok(true)
        }
        _ => Ok(false),
    }
}
