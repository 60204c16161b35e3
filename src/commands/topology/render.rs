//! `irs topology render`: the resolved model, and the XML that libvirt would be given.

use super::draft::{self, Draft};
use crate::cli::format::Form;
use crate::cli::topology::Render;
use crate::steps::{domains, networks};
use crate::ui::Ui;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Write as _;

/// What a run would make, in the shape of `--format json` and `--format yaml`.
#[derive(Serialize)]
struct Rendered {
    /// The environment: its prefix, or `default`.
    deployment: String,
    /// Its networks.
    networks: Vec<Network>,
    /// Its nodes.
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Network {
    /// Its key in the network file.
    key: String,
    /// libvirt's name of it, with the prefix.
    name: String,
    /// The bridge of the hypervisor.
    bridge: String,
    /// libvirt's XML.
    xml: String,
}

#[derive(Serialize)]
struct Node {
    /// The domain.
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    node_type: String,
    /// Its number among those of its type.
    index: u32,
    /// The hypervisor that it is dealt to.
    host: String,
    /// Its CPUs.
    cpus: u32,
    /// Its memory.
    memory_mib: u64,
    /// Whether it gets the base image.
    deploy_os: bool,
    /// Its groups of the inventory.
    groups: Vec<String>,
    /// Its disks, in their order.
    disks: Vec<Disk>,
    /// Its NICs, in their order.
    interfaces: Vec<Interface>,
    /// libvirt's XML.
    xml: String,
}

#[derive(Serialize)]
struct Disk {
    /// Its key in the node file.
    name: String,
    /// Its size.
    size_bytes: u64,
    /// Its bus: virtio, scsi, sata or ide.
    bus: &'static str,
}

#[derive(Serialize)]
struct Interface {
    /// libvirt's name of its network.
    network: String,
    /// The port group of the network.
    portgroup: Option<String>,
    /// Its MAC address.
    mac: String,
    /// What the guest sees: virtio, e1000 and so on.
    model: String,
    /// The address that DHCP reserves for it.
    ip: Option<String>,
}

/// Runs `irs topology render`.
///
/// # Errors
/// Everything that is wrong with flags and files.
pub fn run(args: &Render, ui: &Ui) -> Result<()> {
    let rendered = rendered(&draft::resolve(&args.drawn.host_address, &args.drawn.draft, ui)?)?;
    match args.format {
        Form::Json => ui.json(&rendered)?,
        Form::Xml => ui.result(&xml(&rendered)),
        _ => ui.result(&serde_yaml::to_string(&rendered).context("writing YAML")?),
    }
    Ok(())
}

fn rendered(draft: &Draft) -> Result<Rendered> {
    let Draft {
        topology,
        deployment,
        setting,
    } = draft;
    let id = &deployment.id;
    let networks = deployment
        .networks
        .iter()
        .map(|network| {
            Ok(Network {
                // A wire is in no file: it has its own name for a key.
                key: topology
                    .network(&network.topology_name)
                    .map_or(&network.topology_name, |spec| &spec.key)
                    .clone(),
                name: network.name.clone(),
                bridge: network.bridge.clone(),
                xml: networks::apply::template(network, id)?,
            })
        })
        .collect::<Result<_>>()?;
    let nodes = deployment
        .nodes
        .iter()
        .map(|node| {
            let spec = topology
                .node_types
                .iter()
                .find(|spec| spec.file_name == node.file_name);
            let spec = spec.with_context(|| format!("'{}' has no node type", node.name))?;
            Ok(Node {
                name: node.name.clone(),
                node_type: node.node_type.clone(),
                index: node.index,
                host: id.host.clone(),
                cpus: node.cpu,
                memory_mib: node.memory_mib,
                deploy_os: node.has_os,
                groups: node.groups.clone(),
                disks: node
                    .disks
                    .iter()
                    .zip(&spec.disks)
                    .map(|(disk, spec)| Disk {
                        name: spec.key.clone(),
                        size_bytes: disk.size,
                        bus: disk.bus.as_str(),
                    })
                    .collect(),
                interfaces: node
                    .nics
                    .iter()
                    .map(|nic| Interface {
                        network: nic.network.clone(),
                        portgroup: nic.portgroup.clone(),
                        mac: nic.mac.to_string(),
                        model: nic.model.clone(),
                        ip: nic.ips.first().map(ToString::to_string),
                    })
                    .collect(),
                xml: domains::template::domain(node, id, setting, None)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Rendered {
        deployment: id.name.clone(),
        networks,
        nodes,
    })
}

/// One document, so that any XML tool can read it.
fn xml(rendered: &Rendered) -> String {
    // The name of a deployment is made of letters, digits and hyphens.
    let mut out = format!("<deployment name=\"{}\">\n", rendered.deployment);
    let networks = rendered.networks.iter().map(|network| &network.xml);
    for part in networks.chain(rendered.nodes.iter().map(|node| &node.xml)) {
        for line in part.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out + "</deployment>"
}
