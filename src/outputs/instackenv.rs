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

#[cfg(test)]
mod tests {
    use crate::outputs::{Blank, Power, write};
    use crate::secret::Secret;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn ironic_reads_the_nodes_without_an_os() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("instackenv.json");
        let mut view = super::super::tests::view(folder.path());
        write(&view).unwrap();
        assert!(!file.exists(), "nobody powers them");
        view.hosts[0].power = Some(Power {
            address: "172.16.0.1".into(),
            port: 22,
            user: "stack".into(),
            key: Secret::new("-----BEGIN RSA PRIVATE KEY-----\nAA\n-----END RSA PRIVATE KEY-----\n"),
        });
        assert!(!format!("{view:?}").contains("RSA PRIVATE"));
        view.nodes[0].blank = Some(Blank {
            macs: vec!["52:54:00:00:00:01".into()],
            cpu: 4,
            memory_mib: 8192,
            disk_gib: 65,
            arch: "x86_64".into(),
            capabilities: "profile:compute,boot_mode:bios,boot_option:local".into(),
        });
        assert_eq!(write(&view).unwrap(), std::slice::from_ref(&file));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        insta::assert_snapshot!(std::fs::read_to_string(&file).unwrap(), @r#"
        {
          "nodes": [
            {
              "name": "a-compute-10",
              "arch": "x86_64",
              "cpu": "4",
              "memory": "8192",
              "disk": "65",
              "mac": [
                "52:54:00:00:00:01"
              ],
              "capabilities": "profile:compute,boot_mode:bios,boot_option:local",
              "pm_type": "pxe_ssh",
              "pm_virt_type": "virsh",
              "pm_addr": "172.16.0.1",
              "pm_user": "stack",
              "pm_password": "-----BEGIN RSA PRIVATE KEY-----\nAA\n-----END RSA PRIVATE KEY-----\n"
            }
          ]
        }
        "#);
        assert!(write(&view).unwrap().is_empty());
        view.hosts[0].power.as_mut().unwrap().port = 2222;
        write(&view).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(r#""ssh_port": "2222""#), "{text}");
        view.hosts[0].power = None;
        assert_eq!(write(&view).unwrap(), std::slice::from_ref(&file));
        assert!(!file.exists());
    }
}
