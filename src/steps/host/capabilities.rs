//! Whether the hypervisor's libvirt and QEMU have what the nodes ask for: machine types, CPU models, firmware, TPM.

use super::facts::Facts;
use crate::deployment::{Deployment, Node};
use crate::error::{Exit, Fault};
use crate::libvirt::Libvirt;
use crate::steps::domains::read::ActualDomain;
use crate::topology::cpu::Model;
use crate::topology::firmware::Firmware;
use crate::yaml::{Problems, nearest};
use anyhow::{Context, Result, bail};
use roxmltree::{Document, Node as XmlNode};
use std::collections::{BTreeMap, BTreeSet};

/// Where people find what CPU models there are.
const MODELS: &str = "'virsh cpu-models x86_64' on the hypervisor lists them";

/// The existing nodes that are to get a machine type or CPU which their definitions do not show that libvirt knows.
pub fn unproven(deployment: &Deployment, domains: &[ActualDomain]) -> Vec<String> {
    let unproven = |node: &&Node| {
        let Some(found) = domains.iter().find(|domain| domain.name == node.name) else {
            return false;
        };
        let definition = found.definition.reveal();
        let model = match &node.cpu_model.model {
            Model::Named(name) => definition.contains(&format!(">{name}<")),
            _ => true,
        };
        let named = |(feature, _): &(String, _)| definition.contains(&format!("name='{feature}'"));
        let machine = |machine: &String| definition.contains(machine.as_str());
        !(model && node.cpu_model.features.iter().all(named) && node.machine.as_ref().is_none_or(machine))
    };
    let nodes = deployment.nodes.iter().filter(unproven);
    nodes.map(|node| node.name.clone()).collect()
}

/// Checks the nodes in `new`; gives back notes.
///
/// # Errors
/// `Usage` for what libvirt does not know, all at once; `Resources` for what the hypervisor lacks.
pub fn check(
    deployment: &Deployment,
    new: &BTreeSet<String>,
    facts: &Facts,
    libvirt: &Libvirt,
    virt_type: &str,
) -> Result<Vec<String>> {
    let nodes: Vec<&Node> = deployment
        .nodes
        .iter()
        .filter(|node| new.contains(&node.name))
        .collect();
    let mut problems = Problems::default();
    let mut notes = Vec::new();
    let mut machines: BTreeMap<Option<&str>, Option<String>> = BTreeMap::new();
    for machine in nodes.iter().map(|node| node.machine.as_deref()) {
        machines
            .entry(machine)
            .or_insert_with(|| libvirt.machine_capabilities(virt_type, machine).ok());
    }
    for (machine, capabilities) in &machines {
        if let (Some(machine), None) = (machine, capabilities) {
            let known = libvirt.machine_types(virt_type)?;
            let hint = match nearest(machine, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!(
                    "e.g. {}",
                    known.into_iter().take(8).collect::<Vec<_>>().join(", ")
                ),
            };
            problems
                .push(
                    None,
                    format!(
                        "machine type '{machine}' is not known to QEMU on '{}'",
                        deployment.id.host
                    ),
                )
                .hint(hint);
        }
    }
    cpu_models(&nodes, &deployment.id.host, libvirt, &mut problems)?;
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let copies = |node: &&&Node| matches!(node.cpu_model.model, Model::HostPassthrough | Model::HostModel);
    if virt_type == "qemu" && nodes.iter().any(|node| copies(&node)) {
        notes.push(
            "note: under emulation host-passthrough and host-model become libvirt's default CPU model".into(),
        );
    }
    notes.extend(unusable(&nodes, machines.values().flatten().next(), virt_type)?);
    firmware(&nodes, &machines, &deployment.id.host)?;
    tpm(&nodes, facts, &deployment.id.host)?;
    Ok(notes)
}

/// Models and features that libvirt does not know.
fn cpu_models(nodes: &[&Node], host: &str, libvirt: &Libvirt, problems: &mut Problems) -> Result<()> {
    let mut known = Vec::new();
    let mut seen = BTreeSet::new();
    for node in nodes {
        let cpu = &node.cpu_model;
        if !seen.insert(cpu.to_string()) {
            continue;
        }
        let mut base = "qemu64";
        if let Model::Named(model) = &cpu.model {
            if known.is_empty() {
                known = libvirt.cpu_models()?;
            }
            if !known.iter().any(|name| name == model) {
                let hint = match nearest(model, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean '{near}'? {MODELS}"),
                    None => MODELS.to_owned(),
                };
                problems
                    .push(
                        cpu.place.clone(),
                        format!("CPU model '{model}' is not known to libvirt on '{host}'"),
                    )
                    .hint(hint);
                continue;
            }
            base = model;
        }
        for (feature, _) in &cpu.features {
            if !libvirt.knows_cpu_feature(base, feature) {
                problems
                    .push(
                        cpu.place.clone(),
                        format!("CPU feature '{feature}' is not known to libvirt on '{host}'"),
                    )
                    .hint(
                        "/usr/share/libvirt/cpu_map on the hypervisor names them, e.g. vmx, svm, aes, avx2",
                    );
            }
        }
    }
    Ok(())
}

/// Models that this host can give only in part.
fn unusable(nodes: &[&Node], capabilities: Option<&String>, virt_type: &str) -> Result<Vec<String>> {
    let Some(capabilities) = capabilities.filter(|_| virt_type == "kvm") else {
        return Ok(Vec::new());
    };
    let document = Document::parse(capabilities).context("reading libvirt's capabilities")?;
    let refused: BTreeSet<&str> = document
        .descendants()
        .filter(|n| n.has_tag_name("model") && n.attribute("usable") == Some("no"))
        .filter_map(|n| n.text())
        .collect();
    let named = nodes.iter().filter_map(|node| match &node.cpu_model.model {
        Model::Named(name) => Some(name.as_str()),
        _ => None,
    });
    let named: BTreeSet<&str> = named.filter(|name| refused.contains(name)).collect();
    Ok(named
        .into_iter()
        .map(|name| {
            format!("note: this host's CPU has not all of '{name}': the guests see what is left of it")
        })
        .collect())
}

fn firmware(nodes: &[&Node], machines: &BTreeMap<Option<&str>, Option<String>>, host: &str) -> Result<()> {
    for node in nodes {
        let Firmware::Uefi { secure } = node.firmware else {
            continue;
        };
        let Some(Some(capabilities)) = machines.get(&node.machine.as_deref()) else {
            continue;
        };
        let document = Document::parse(capabilities).context("reading libvirt's capabilities")?;
        let os = document
            .root_element()
            .children()
            .find(|n| n.has_tag_name("os"))
            .context("libvirt's capabilities have no os")?;
        let has = |parent: XmlNode<'_, '_>, name: &str, value: &str| {
            let list = parent
                .children()
                .find(|n| n.has_tag_name("enum") && n.attribute("name") == Some(name));
            list.is_some_and(|list| list.children().any(|n| n.text() == Some(value)))
        };
        let loader = os.children().find(|n| n.has_tag_name("loader"));
        let missing = match () {
            () if !has(os, "firmware", "efi") => "UEFI firmware",
            () if secure && !loader.is_some_and(|loader| has(loader, "secure", "yes")) => {
                "UEFI firmware with secure boot"
            }
            () => continue,
        };
        let message = format!("'{host}' has no {missing} for the nodes '{}'", node.node_type);
        bail!(Fault::new(Exit::Resources, message).hint(
            "install it there: the package is called ovmf on Debian and Ubuntu, edk2-ovmf on Fedora, RHEL and CentOS"
        ));
    }
    Ok(())
}

fn tpm(nodes: &[&Node], facts: &Facts, host: &str) -> Result<()> {
    let Some(node) = nodes.iter().find(|node| node.tpm.is_some()) else {
        return Ok(());
    };
    let missing: Vec<&str> = ["swtpm", "swtpm_setup"]
        .into_iter()
        .filter(|program| !facts.programs.iter().any(|there| there == program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "'{host}' lacks the programs {} for the TPM of the nodes '{}'",
        missing.join(", "),
        node.node_type
    );
    bail!(
        Fault::new(Exit::Resources, message)
            .hint("install the packages swtpm and swtpm-tools there, or leave 'tpm' out")
    )
}
