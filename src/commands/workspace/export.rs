//! `irs workspace export`: an archive from which another machine makes the same workspace.

use super::meant;
use crate::cli::workspace::Export;
use crate::error::{Exit, Fault};
use crate::outputs;
use crate::ui::Ui;
use crate::workspace::archive::{self, Files};
use crate::workspace::{self, Workspace, atomic};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What an archive holds. The ssh config is for people who look: the import writes its own.
pub(super) const CONTENT: [&str; 8] = [
    workspace::RECORD,
    workspace::NODES,
    workspace::INVENTORY,
    workspace::SSH_CONFIG,
    workspace::KNOWN_HOSTS,
    workspace::INSTACKENV,
    workspace::KEY,
    workspace::PUBLIC_KEY,
];

/// What was exported, in the shape of `--format json`.
#[derive(Debug, Serialize)]
struct Exported {
    /// The name of the workspace.
    workspace: String,
    /// The path of the archive.
    archive: String,
    /// What of the archive nobody else may see, in words.
    secrets: Vec<String>,
}

/// Runs `irs workspace export`.
///
/// # Errors
/// `Usage` for a workspace without an environment; when the archive cannot be written.
pub(super) fn run(args: &Export, ui: &Ui) -> Result<()> {
    let workspace = meant(args.name.as_deref())?;
    let mut files = files(&workspace)?;
    let secrets = secrets(args, &workspace, &mut files, ui)?;
    let path = destination(args.filename.as_deref(), workspace.name());
    let is_plain = path.extension().is_some_and(|extension| extension == "tar");
    let packed = archive::pack(workspace.name(), &files, is_plain)?;
    atomic::write_if_changed(&path, &packed, 0o600)?;
    let shown = path.display().to_string();
    ui.result(&format!("workspace '{}' exported to '{shown}'", workspace.name()));
    if !secrets.is_empty() {
        ui.note(&format!(
            "it holds {}: only you may read it, and who has it has the environment",
            secrets.join(", ")
        ));
    }
    ui.json(&Exported {
        workspace: workspace.name().to_owned(),
        archive: shown,
        secrets,
    })
}

fn files(workspace: &Workspace) -> Result<Files> {
    let mut files = Files::new();
    for name in CONTENT {
        files.extend(read(&workspace.path().join(name))?.map(|bytes| (name.to_owned(), bytes)));
    }
    for needed in [workspace::RECORD, workspace::NODES] {
        if !files.contains_key(needed) {
            let message = format!(
                "the workspace '{}' has no environment to export",
                workspace.name()
            );
            bail!(Fault::new(Exit::Usage, message).hint(format!(
                "there is no '{needed}' in it: 'irs virsh' writes it, or 'irs inventory --host-address HOST' from one that is there"
            )));
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("reading '{}'", path.display())),
    }
}

/// Adds the keys for the hypervisors where that is asked for; gives the secrets in words.
fn secrets(args: &Export, workspace: &Workspace, files: &mut Files, ui: &Ui) -> Result<Vec<String>> {
    let mut secrets = Vec::new();
    if files.contains_key(workspace::KEY) {
        secrets.push("the private key of the nodes".to_owned());
    }
    if files.contains_key(workspace::INSTACKENV) {
        secrets.push("the key by which Ironic powers them".to_owned());
    }
    let Some(view) = outputs::load(workspace)? else {
        return Ok(secrets);
    };
    for (index, host) in view.hosts.iter().enumerate() {
        if host.local {
            ui.warn("its hypervisor is 'local', the machine itself: elsewhere the archive reaches nothing");
            continue;
        }
        match (&host.key, args.copy_keys) {
            (Some(key), true) => {
                let bytes = read(key)?.ok_or_else(|| {
                    let message = format!("the key '{}' for '{}' is not there", key.display(), host.name);
                    Fault::new(Exit::Usage, message).hint("leave --copy-keys away, or say the key by --host-key in a run")
                })?;
                files.insert(workspace::host_key(index), bytes);
                secrets.push(format!("the private key for '{}'", host.name));
            }
            (None, true) => ui.warn(&format!(
                "no key file for '{}' is known, it is reached by the agent or a password: nothing is copied for it",
                host.name
            )),
            (_, false) => {}
        }
    }
    if !args.copy_keys && view.hosts.iter().any(|host| !host.local) {
        ui.note("the keys for the hypervisors are not in it: the other machine must have its own, or say --copy-keys");
    }
    Ok(secrets)
}

fn destination(said: Option<&Path>, name: &str) -> PathBuf {
    let archive = format!("{name}.tgz");
    let Some(said) = said else {
        return archive.into();
    };
    if said.is_dir() {
        return said.join(archive);
    }
    let text = said.as_os_str().to_string_lossy();
    match [".tgz", ".tar.gz", ".tar"]
        .iter()
        .any(|ending| text.ends_with(ending))
    {
        true => said.to_owned(),
        false => {
            let mut path = said.as_os_str().to_owned();
            path.push(".tgz");
            path.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_added_where_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let of = |said: &Path| destination(Some(said), "a");
        assert_eq!(destination(None, "a"), Path::new("a.tgz"));
        assert_eq!(of(dir.path()), dir.path().join("a.tgz"));
        assert_eq!(of(Path::new("/x/b")), Path::new("/x/b.tgz"));
        assert_eq!(of(Path::new("b.1")), Path::new("b.1.tgz"));
        for named in ["b.tgz", "b.tar.gz", "b.tar"] {
            assert_eq!(of(Path::new(named)), Path::new(named));
        }
    }
}
