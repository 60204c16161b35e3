//! The files that ssh and Ansible need to use a deployment: pure renderers over one view of it.
//!
//! The same view gives the same bytes. The ssh client knows neither paths relative to its configuration nor a
//! token for its folder, so that file names its own workspace; all else is the same from any machine.

pub mod include;
mod instackenv;
pub mod inventory;
mod known_hosts;
mod ssh_config;
mod stored;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::error::{Exit, Fault};
use crate::secret::Secret;
use crate::workspace::{
    INSTACKENV, INVENTORY, INVENTORY_LINK, KNOWN_HOSTS, NODES, SSH_CONFIG, SSH_INCLUDE, atomic,
};
use crate::yaml::shown;
use serde::{Deserialize, Serialize};

pub use stored::{load, parse};

/// A deployment as the outputs see it.
#[derive(Clone, Debug)]
pub struct View {
    /// The prefix, or `default`.
    pub deployment: String,
    /// The workspace's folder, as an absolute path.
    pub workspace: PathBuf,
    /// The hypervisors.
    pub hosts: Vec<HostView>,
    /// The nodes, in any order.
    pub nodes: Vec<NodeView>,
}

/// A hypervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostView {
    /// As typed for `--host-address`.
    pub name: String,
    /// The name or address that it is reached at.
    pub address: String,
    /// Port of its sshd.
    pub port: u16,
    /// Login user.
    pub user: String,
    /// The user's private key, as an absolute path; `None` leaves it to the agent and ssh's defaults.
    pub key: Option<PathBuf>,
    /// Its verified public host keys (type and base64).
    pub host_keys: Vec<String>,
    /// This very machine, without SSH.
    pub local: bool,
    /// Its sshd forwards TCP, so it can be a jump host.
    pub tcp_forwarding: bool,
    /// `ProxyCommand` of the user's ssh configuration, tokens not expanded.
    pub proxy_command: Option<String>,
    /// `ProxyJump` of the user's ssh configuration.
    pub proxy_jump: Option<String>,
    /// How Ironic powers its nodes, when it can. It has a secret.
    #[serde(skip)]
    pub power: Option<Power>,
}

/// How Ironic powers the nodes of a hypervisor.
#[derive(Clone, Debug)]
pub struct Power {
    /// The hypervisor's address as the undercloud sees it.
    pub address: String,
    /// Port of its sshd there.
    pub port: u16,
    /// The user who may manage libvirt.
    pub user: String,
    /// The text of that user's private key.
    pub key: Secret,
}

/// A node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeView {
    /// The domain's name.
    pub name: String,
    /// The type's name.
    pub node_type: String,
    /// Its index within the type.
    pub index: u32,
    /// Which of [`View::hosts`] it lives on.
    pub host: usize,
    /// The inventory groups.
    pub groups: Vec<String>,
    /// It boots an image of ours and can be logged in to.
    pub has_os: bool,
    /// Its address on `external_network`.
    pub address: Option<IpAddr>,
    /// It is on a LAN, and reached without its hypervisor.
    pub direct: bool,
    /// Login user.
    pub user: String,
    /// `ansible_connection`.
    pub ansible_connection: String,
    /// `ansible_python_interpreter`; `None` lets Ansible find one.
    pub python: Option<String>,
    /// Its public host key in OpenSSH's one-line form.
    pub host_public_key: Option<String>,
    /// What Ironic must know of it, when it has no OS.
    #[serde(skip)]
    pub blank: Option<Blank>,
}

/// A node without an OS, as Ironic must know it.
#[derive(Clone, Debug)]
pub struct Blank {
    /// The MAC addresses over which it is provisioned.
    pub macs: Vec<String>,
    /// Virtual CPUs.
    pub cpu: u32,
    /// MiB.
    pub memory_mib: u64,
    /// Whole GiB of its first disk.
    pub disk_gib: u64,
    /// Its architecture, `x86_64`.
    pub arch: String,
    /// Ironic's words for what it is and how it boots, `name:value,…`.
    pub capabilities: String,
}

impl View {
    /// The name of a hypervisor in the inventory and the ssh configuration: `hypervisor`, or
    /// `hypervisor-0` and so on where there are several.
    pub fn alias(&self, host: usize) -> String {
        match self.hosts.len() {
            1 => "hypervisor".to_owned(),
            _ => format!("hypervisor-{host}"),
        }
    }

    /// The nodes by type and index, so that `compute-10` follows `compute-9`.
    pub fn sorted(&self) -> Vec<&NodeView> {
        let mut nodes: Vec<_> = self.nodes.iter().collect();
        nodes.sort_by(|a, b| (&a.node_type, a.index, &a.name).cmp(&(&b.node_type, b.index, &b.name)));
        nodes
    }

    /// The nodes that can be logged in to, with their addresses.
    fn reachable(&self) -> impl Iterator<Item = (&NodeView, IpAddr)> {
        self.sorted()
            .into_iter()
            .filter(|node| node.has_os)
            .filter_map(|node| Some((node, node.address?)))
    }

    /// Whether an address means one machine only: nodes behind two hypervisors may share one.
    fn is_unique(&self, address: &str) -> bool {
        let nodes = self
            .reachable()
            .filter(|(_, ip)| ip.to_string() == address)
            .count();
        let hosts = self
            .hosts
            .iter()
            .filter(|host| !host.local && host.address == address)
            .count();
        nodes + hosts == 1
    }
}

/// A node's or group's name as it came from the hypervisor, when it means itself in all three files.
fn checked<'a>(what: &str, name: &'a str) -> anyhow::Result<&'a str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && name.chars().all(plain) {
        true => Ok(name),
        false => Err(Fault::new(
            Exit::Usage,
            format!("'{}' is no name for an inventory {what}", shown(name)),
        )
        .hint("use letters, digits, '-', '_' and '.', the first a letter or digit")
        .into()),
    }
}

/// Whether an address has no sign that patterns of ssh give a meaning to.
fn is_literal(address: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:%".contains(c);
    !address.is_empty() && address.chars().all(plain)
}

fn files(view: &View) -> anyhow::Result<[(PathBuf, String); 4]> {
    let path = |name: &str| view.workspace.join(name);
    Ok([
        (path(INVENTORY), inventory::render(view)?),
        (path(SSH_CONFIG), ssh_config::render(view)?),
        (path(KNOWN_HOSTS), known_hosts::render(view)),
        (path(NODES), stored::render(view)?),
    ])
}

/// Makes sure that the files of a view can be written.
///
/// # Errors
/// The name or value that they cannot have.
pub fn check(view: &View) -> anyhow::Result<()> {
    files(view).map(drop)
}

/// Writes the outputs into the view's workspace, which must exist, and gives those that changed.
pub fn write(view: &View) -> anyhow::Result<Vec<PathBuf>> {
    let mut changed = write_ways(view)?;
    // Where somebody asked for it.
    let path = view.workspace.join(SSH_INCLUDE);
    if path.exists() {
        let nodes: Vec<&str> = view.reachable().map(|(node, _)| node.name.as_str()).collect();
        let config = ssh_config::render(view)?;
        let text = include::render(
            &view.workspace.join(SSH_CONFIG),
            &config,
            &view.deployment,
            &nodes,
        )?;
        if atomic::write_if_changed(&path, text.as_bytes(), 0o600)? {
            changed.push(path);
        }
    }
    let path = view.workspace.join(INSTACKENV);
    match instackenv::render(view)? {
        Some(text) if atomic::write_if_changed(&path, text.as_bytes(), 0o600)? => changed.push(path),
        None if path.exists() => {
            std::fs::remove_file(&path)?;
            changed.push(path);
        }
        _ => {}
    }
    Ok(changed)
}

/// Writes all but what is for Ironic: the files that have paths of the workspace, or are found by them.
///
/// # Errors
/// When a file cannot be written.
pub fn write_ways(view: &View) -> anyhow::Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    for (path, text) in files(view)? {
        if atomic::write_if_changed(&path, text.as_bytes(), 0o600)? {
            changed.push(path);
        }
    }
    let link = view.workspace.join(INVENTORY_LINK);
    if atomic::link_if_changed(&link, Path::new(INVENTORY))? {
        changed.push(link);
    }
    Ok(changed)
}

#[cfg(test)]
mod nasty_tests;
#[cfg(test)]
mod tests;
