//! `instackenv.json`: the nodes without an OS, as `openstack overcloud node import` reads them.
//!
//! The values are texts, as in infrared's file. `pxe_ssh` is the driver that powers VMs by `virsh` over SSH; the key's text is
//! its password, and `mac` the key that the releases which have it read.

use serde::Serialize;

use super::{View, checked};

#[derive(Serialize)]
struct File<'a> {
    nodes: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    arch: &'a str,
    cpu: String,
    memory: String,
    disk: String,
    mac: &'a [String],
    capabilities: &'a str,
    pm_type: &'a str,
    pm_virt_type: &'a str,
    pm_addr: &'a str,
    pm_user: &'a str,
    pm_password: &'a str,
    // The driver's own name: it has none of the file's for the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_port: Option<String>,
}

/// The text of the file; none when there is nobody to power nodes, or no node to power.
pub(super) fn render(view: &View) -> anyhow::Result<Option<String>> {
    let mut nodes = Vec::new();
    for node in view.sorted() {
        let power = view.hosts.get(node.host).and_then(|host| host.power.as_ref());
        let (Some(blank), Some(power)) = (&node.blank, power) else {
            continue;
        };
        nodes.push(Entry {
            name: checked("node", &node.name)?,
            arch: &blank.arch,
            cpu: blank.cpu.to_string(),
            memory: blank.memory_mib.to_string(),
            disk: blank.disk_gib.to_string(),
            mac: &blank.macs,
            capabilities: &blank.capabilities,
            pm_type: "pxe_ssh",
            pm_virt_type: "virsh",
            pm_addr: &power.address,
            pm_user: &power.user,
            pm_password: power.key.reveal(),
            ssh_port: (power.port != 22).then(|| power.port.to_string()),
        });
    }
    match nodes.is_empty() {
        true => Ok(None),
        false => Ok(Some(serde_json::to_string_pretty(&File { nodes })? + "\n")),
    }
}
