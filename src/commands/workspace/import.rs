//! `irs workspace import`: an archive is somebody else's word, and is held against what irs would have written.

use super::export::CONTENT;
use super::{View as Shown, activate};
use crate::cli::workspace::Import;
use crate::error::{Exit, Fault, FaultContext};
use crate::outputs::{self, HostView, View};
use crate::ui::Ui;
use crate::workspace::archive::{self, Files};
use crate::workspace::{self, Record, Workspace, active, atomic};
use crate::yaml::shown;
use anyhow::{Context, Result, bail};
use ssh_key::PublicKey;
use std::io::Read;
use std::path::Path;

/// An archive that is larger is none of ours.
const MAX_BYTES: u64 = 64 << 20;

/// Runs `irs workspace import`.
///
/// # Errors
/// `Usage` for an archive that irs did not make, and a workspace that is there; then nothing is written.
pub(super) fn run(args: &Import, ui: &Ui) -> Result<()> {
    let archive = args.filename.display().to_string();
    let name = args.name.clone().unwrap_or_else(|| name_of(&args.filename));
    let workspace = Workspace::named(&name)?;
    if workspace.exists() && (!args.replace || !workspace.is_ours()) {
        let message = format!("there is a workspace '{name}' already");
        bail!(
            Fault::new(Exit::Usage, message)
                .hint("--name gives the new one another name, --replace puts it in its place")
        );
    }
    let fault = || {
        Fault::new(Exit::Usage, format!("'{archive}' cannot be imported"))
            .hint("it takes an archive that 'irs workspace export' made, from somebody whom you trust")
    };
    let bytes = read(&args.filename).fault(fault)?;
    let known = |name: &str| CONTENT.contains(&name) || workspace::is_host_key(name);
    let files = archive::unpack(&bytes, known).fault(fault)?;
    let mut notes = Vec::new();
    let content = Content::of(&files, &workspace, &mut notes).fault(fault)?;
    if workspace.exists() {
        workspace.delete()?;
    }
    content.write(&workspace, &files)?;
    ui.result(&format!(
        "workspace '{name}' imported: environment '{}', {} nodes",
        content.view.deployment,
        content.view.nodes.len()
    ));
    notes.iter().for_each(|note| ui.note(note));
    match active::in_environment() {
        None => activate(&workspace, ui)?,
        Some(other) => ui.note(&format!("IRS_WORKSPACE says '{other}': that one stays active")),
    }
    ui.json(&Shown::of(&workspace, active::name()?.as_deref()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let text = path.to_string_lossy();
    if text.starts_with("http://") || text.starts_with("https://") {
        bail!("irs does not fetch archives: fetch it with curl -O, then import the file");
    }
    let mut bytes = Vec::new();
    // Of a device or a pipe nobody knows the size.
    std::fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("it is larger than {} MiB", MAX_BYTES >> 20);
    }
    Ok(bytes)
}

/// The name of a workspace in the name of an archive.
fn name_of(path: &Path) -> String {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let ending = [".tgz", ".tar.gz", ".tar"]
        .iter()
        .find(|ending| name.ends_with(*ending));
    match ending {
        Some(ending) => name[..name.len() - ending.len()].to_owned(),
        None => name,
    }
}

/// What of an archive is taken: all else is made from it.
struct Content {
    record: Record,
    view: View,
}

impl Content {
    fn of(files: &Files, workspace: &Workspace, notes: &mut Vec<String>) -> Result<Content> {
        let file = |name: &str| files.get(name).with_context(|| format!("it has no '{name}'"));
        let folder = workspace.path();
        let mut record = Record::parse(file(workspace::RECORD)?, Path::new(workspace::RECORD))?;
        let mut view = outputs::parse(file(workspace::NODES)?, folder)?;
        if view.deployment != record.deployment {
            bail!(
                "it is of two environments: '{}' and '{}'",
                shown(&view.deployment),
                shown(&record.deployment)
            );
        }
        for name in files.keys().filter(|name| *name == workspace::KEY) {
            let text = std::str::from_utf8(&files[name]).unwrap_or_default();
            ssh_key::PrivateKey::from_openssh(text).with_context(|| format!("reading '{name}'"))?;
        }
        for (index, host) in view.hosts.iter_mut().enumerate() {
            let copied = files.contains_key(&workspace::host_key(index));
            at_home(
                host,
                copied.then(|| folder.join(workspace::host_key(index))),
                notes,
            )?;
        }
        for node in &view.nodes {
            if node.ansible_connection == "local" {
                bail!("'{}' is said to be this machine", shown(&node.name));
            }
            node.host_public_key.iter().try_for_each(|key| check_key(key))?;
        }
        for host in &mut record.hosts {
            let Some(seen) = view.hosts.iter().find(|view| view.name == host.address) else {
                bail!(
                    "its '{}' has no hypervisor '{}'",
                    workspace::NODES,
                    shown(&host.address)
                );
            };
            check_name(&host.address)?;
            host.user.iter().try_for_each(|user| check_name(user))?;
            host.key = seen.key.clone();
            // The keys that were verified where it comes from.
            host.known_hosts = (!seen.host_keys.is_empty()).then(|| folder.join(workspace::KNOWN_HOSTS));
        }
        outputs::check(&view)?;
        Ok(Content { record, view })
    }

    /// The record comes last: a workspace with one is whole.
    fn write(&self, workspace: &Workspace, files: &Files) -> Result<()> {
        workspace.keep()?;
        let own = [workspace::KEY, workspace::PUBLIC_KEY, workspace::INSTACKENV];
        for (name, bytes) in files {
            if own.contains(&name.as_str()) || workspace::is_host_key(name) {
                atomic::write_if_changed(&workspace.path().join(name), bytes, 0o600)?;
            }
        }
        outputs::write_ways(&self.view)?;
        workspace.write_record(&self.record)?;
        Ok(())
    }
}

/// Makes a hypervisor of another machine's one of this machine's: no program of the archive's choice is run here.
fn at_home(host: &mut HostView, copied: Option<std::path::PathBuf>, notes: &mut Vec<String>) -> Result<()> {
    check_name(&host.name)?;
    check_name(&host.address)?;
    host.host_keys.iter().try_for_each(|key| check_key(key))?;
    host.power = None;
    let name = &host.name;
    if host.local {
        notes.push(
            "its hypervisor is 'local', the machine that it was exported on: elsewhere it reaches nothing"
                .to_owned(),
        );
        host.key = None;
        return Ok(());
    }
    let again = format!("then 'irs inventory --host-address {name}' writes the files anew");
    if let Some(command) = host.proxy_command.take() {
        notes.push(format!(
            "the way to '{name}' was the program '{}', which is not taken over: write it as ProxyCommand into your ssh config if it \
             is good, {again}",
            shown(&command)
        ));
    }
    if let Some(jump) = &host.proxy_jump
        && !jump
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.:@/[],%".contains(c))
    {
        bail!("'{}' is no way to '{name}'", shown(jump));
    }
    if let Some(key) = host.key.take() {
        let known = copied.or_else(|| key.is_file().then(|| key.clone()));
        if known.is_none() {
            notes.push(format!(
                "the key for '{name}' stayed where the archive comes from: your agent's and your own are tried; for another one say \
                 --host-key in 'irs inventory --host-address {name}'"
            ));
        }
        host.key = known;
    }
    Ok(())
}

/// Refuses what ssh could take for more than the name of a host or user.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || "-_.:@%[]+".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
        bail!("'{}' is no name of a host or user", shown(name));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<()> {
    PublicKey::from_openssh(key).with_context(|| format!("reading the host key '{}'", shown(key)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_called_like_its_archive() {
        for (path, name) in [
            ("/x/lab.tgz", "lab"),
            ("lab.tar.gz", "lab"),
            ("lab.tar", "lab"),
            ("lab", "lab"),
            ("a.b.tgz", "a.b"),
        ] {
            assert_eq!(name_of(Path::new(path)), name);
        }
    }
}
