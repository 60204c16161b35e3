//! The folder of one deployment on this machine: outputs, keys, and the defaults of the next run.
//!
//! Nothing in it is state: any other machine can write it anew from the hypervisor.

pub mod active;
pub mod again;
pub mod archive;
pub mod atomic;
pub mod choice;
mod logins;
mod owner;
mod record;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

pub use logins::{Login, Logins};
pub use record::{Record, RecordHost};

use crate::error::{Exit, Fault, FaultContext};
use crate::yaml::nearest;

/// The record of the deployment.
pub const RECORD: &str = "deployment.json";
/// The Ansible inventory.
pub const INVENTORY: &str = "hosts-prov";
/// A symbolic link to the inventory, by the name that infrared's users know.
pub const INVENTORY_LINK: &str = "hosts";
/// The ssh client configuration for the hypervisors and nodes.
pub const SSH_CONFIG: &str = "ansible.ssh.config";
/// The host keys of the hypervisors and nodes.
pub const KNOWN_HOSTS: &str = "known_hosts";
/// The nodes for plain ssh, where somebody asked for that.
pub const SSH_INCLUDE: &str = "include.ssh.config";
/// The nodes without an OS, for Ironic.
pub const INSTACKENV: &str = "instackenv.json";
/// Hypervisors and nodes as the other files show them.
pub const NODES: &str = "nodes.json";
/// The folder of what Ansible found out about nodes and hypervisors.
pub const FACTS: &str = "facts";
/// The log of the runs.
pub const LOG: &str = "irs.log";
/// The log before it, once that was large.
pub const LOG_BEFORE: &str = "irs.log.1";
/// The private key for the nodes.
pub const KEY: &str = "id_ed25519";
/// The public half of the key for the nodes.
pub const PUBLIC_KEY: &str = "id_ed25519.pub";

/// The mark of a workspace that was made or checked out by name.
const KEPT: &str = ".workspace";

/// The copy of the private key for a hypervisor, which an archive brought.
pub fn host_key(index: usize) -> String {
    format!("hypervisor-{index}.key")
}

/// Whether a file is such a copy.
pub fn is_host_key(name: &str) -> bool {
    let index = name
        .strip_prefix("hypervisor-")
        .and_then(|name| name.strip_suffix(".key"));
    index.is_some_and(|index| {
        index
            .parse::<u16>()
            .is_ok_and(|number| number.to_string() == index)
    })
}

const OURS: [&str; 13] = [
    LOG,
    LOG_BEFORE,
    RECORD,
    INVENTORY,
    INVENTORY_LINK,
    SSH_CONFIG,
    SSH_INCLUDE,
    KNOWN_HOSTS,
    INSTACKENV,
    NODES,
    FACTS,
    KEY,
    PUBLIC_KEY,
];

/// A deployment's folder on this machine; it need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    path: PathBuf,
}

impl Workspace {
    /// The workspace `name` below [`base`]. Fails with a usage fault on a name that is no plain file name.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        Self::below(&base()?, name)
    }

    /// The workspace `name` in the folder `base`.
    pub fn below(base: &Path, name: &str) -> anyhow::Result<Self> {
        check(name)?;
        let path = std::path::absolute(base.join(name)).context("finding the current folder")?;
        Ok(Workspace { path })
    }

    /// The folder, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name.
    pub fn name(&self) -> &str {
        let name = self.path.file_name().and_then(|name| name.to_str());
        // `check` let no other through.
        name.unwrap_or_default()
    }

    /// Whether the folder is there.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// The workspaces that there are, by name.
    ///
    /// # Errors
    /// When their folder cannot be read.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        Self::all_below(&base()?)
    }

    fn all_below(base: &Path) -> anyhow::Result<Vec<Self>> {
        let entries = match std::fs::read_dir(base) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e).with_context(|| format!("reading '{}'", base.display())),
        };
        let mut all = Vec::new();
        for entry in entries {
            let name = entry
                .with_context(|| format!("reading '{}'", base.display()))?
                .file_name();
            let workspace = name.to_str().and_then(|name| Workspace::below(base, name).ok());
            all.extend(workspace.filter(Workspace::is_ours));
        }
        all.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(all)
    }

    /// The name that was perhaps meant: the nearest one of the workspaces beside it.
    pub fn near(&self) -> Option<String> {
        let all = Workspace::all_below(self.path.parent()?).ok()?;
        nearest(self.name(), all.iter().map(Workspace::name)).map(str::to_owned)
    }

    /// Whether the folder is there and irs's own: it has a file of irs's, or none at all.
    pub fn is_ours(&self) -> bool {
        let is_folder = std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_dir());
        let Some(entries) = is_folder.then(|| std::fs::read_dir(&self.path).ok()).flatten() else {
            return false;
        };
        let mut names = entries.flatten().map(|entry| entry.file_name()).peekable();
        names.peek().is_none() || names.any(|name| name == KEPT || is_ours(&name))
    }

    /// Makes it one that stays when its files go, as somebody asked for it by name.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn keep(&self) -> anyhow::Result<()> {
        self.create()?;
        atomic::write_if_changed(&self.path.join(KEPT), b"", 0o600)?;
        Ok(())
    }

    /// Removes the folder and everything in it; gives the names of what irs did not write.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn delete(&self) -> anyhow::Result<Vec<String>> {
        let entries =
            std::fs::read_dir(&self.path).with_context(|| format!("reading '{}'", self.path.display()))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut strange: Vec<String> = names
            .filter(|name| name != KEPT && !is_ours(name))
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        strange.sort();
        std::fs::remove_dir_all(&self.path)
            .with_context(|| format!("removing the workspace '{}'", self.path.display()))?;
        Ok(strange)
    }

    /// A file among the workspaces.
    fn beside(&self, file: &str) -> PathBuf {
        self.path.with_file_name(file)
    }

    /// Makes the folder, for its owner only; says whether anything had to be done.
    pub fn create(&self) -> anyhow::Result<bool> {
        let path = self.path.display();
        let made = !self.path.is_dir();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .fault(|| {
                Fault::new(Exit::Failed, format!("cannot make the workspace '{path}'"))
                    .hint("set IRS_HOME to a folder that you may write to")
            })?;
        self.check_owner()?;
        let metadata = std::fs::metadata(&self.path)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode != 0o700 {
            std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o700))
                .with_context(|| format!("closing the workspace '{path}' to others"))?;
        }
        Ok(made || mode != 0o700)
    }

    /// Refuses a workspace that another user could have laid out beforehand: its files say which keys and programs are used.
    ///
    /// # Errors
    /// `Failed`, with the folder that is another's.
    pub fn check_owner(&self) -> anyhow::Result<()> {
        owner::check(&self.path)
    }

    /// The record of the last run, if there is one. Fails with a usage fault when it cannot be understood.
    pub fn record(&self) -> anyhow::Result<Option<Record>> {
        self.check_owner()?;
        let path = self.path.join(RECORD);
        match std::fs::read(&path) {
            Ok(bytes) => Record::parse(&bytes, &path).map(Some),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("reading '{}'", path.display())),
        }
    }

    /// Writes the record; says whether it was any different.
    pub fn write_record(&self, record: &Record) -> anyhow::Result<bool> {
        atomic::write_if_changed(&self.path.join(RECORD), record.to_json()?.as_bytes(), 0o600)
    }

    /// Removes every file that irs wrote, keys included, and the folder when that leaves it empty. Gives the
    /// files that were there.
    pub fn remove(&self) -> anyhow::Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e).with_context(|| format!("reading '{}'", self.path.display())),
        };
        let mut removed = Vec::new();
        for entry in entries {
            let name = entry
                .with_context(|| format!("reading '{}'", self.path.display()))?
                .file_name();
            if is_ours(&name) {
                let file = self.path.join(&name);
                let gone = match name == FACTS && file.is_dir() {
                    true => std::fs::remove_dir_all(&file),
                    false => std::fs::remove_file(&file),
                };
                gone.with_context(|| format!("removing '{}'", file.display()))?;
                removed.push(file);
            }
        }
        // Someone else's file keeps the folder alive, which is no failure.
        let _ = std::fs::remove_dir(&self.path);
        removed.sort();
        Ok(removed)
    }
}

fn is_ours(name: &OsString) -> bool {
    name.to_str()
        .is_some_and(|name| OURS.contains(&name) || is_host_key(name) || atomic::is_temporary(name))
}

/// The folder of all workspaces: `$IRS_HOME`, else `irs` in the XDG data folder.
pub fn base() -> anyhow::Result<PathBuf> {
    base_from(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn base_from(var: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<PathBuf> {
    if let Some(home) = var("IRS_HOME") {
        return Ok(home.into());
    }
    // The XDG specification has relative values ignored.
    let data = var("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let data = data.or_else(|| var("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|data| data.join("irs")).ok_or_else(|| {
        Fault::new(
            Exit::Usage,
            "no folder for workspaces: neither IRS_HOME nor HOME is set",
        )
        .hint("set IRS_HOME to a folder that you may write to")
        .into()
    })
}

fn check(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) && name.len() <= 128;
    if good {
        return Ok(());
    }
    Err(Fault::new(
        Exit::Usage,
        format!("'{}' is no name for a workspace", name.escape_debug()),
    )
    .hint("use at most 128 letters, digits, '-', '_' and '.', the first a letter or digit")
    .into())
}

#[cfg(test)]
mod tests;
