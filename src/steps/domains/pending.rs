//! What a running machine lacks of its definition: it shows after the next restart. Pure.
//!
//! Only what irs sets is compared, and only where libvirt writes both alike: what it works out at a start, as the
//! features of a CPU, must not look like something that a restart could mend.

mod devices;

use self::devices::{Given, devices};
use super::change::{self, is_machine};
use super::read::{self, ActualDomain, ActualNic};
use super::when::{When, when_cpus, when_memory};
use super::words::{boot_order, boot_words, cpu_words, layout, memory_words, model, virt_words};
use crate::addresses::Mac;
use crate::deployment::{Deployment, Home, Nic, Node};
use crate::mark::NodeMark;
use crate::xml::edit::child;
use anyhow::Result;
use roxmltree::{Document, Node as Element};
use std::collections::{BTreeMap, BTreeSet};

/// Something that a machine lacks.
struct Lack {
    words: String,
    /// A run that changes the definition brings it to the machine, too.
    at_once: bool,
}

impl From<String> for Lack {
    fn from(words: String) -> Lack {
        Lack {
            words,
            at_once: false,
        }
    }
}

/// What of a domain is irs's to say, beside what its mark tells.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The NICs that it was given.
    pub nics: BTreeSet<Mac>,
    /// Files of the hypervisor that are its disks as they are.
    pub files: BTreeSet<String>,
    /// Whether it has a TPM by irs.
    pub tpm: bool,
}

impl Own {
    /// What a node has by irs.
    pub fn of(node: &Node) -> Own {
        let existing = node.disks.iter().filter_map(|disk| match &disk.home {
            Home::Existing { path, .. } => Some(path.clone()),
            _ => None,
        });
        Own {
            nics: node.nics.iter().map(|nic| nic.mac).collect(),
            files: existing.collect(),
            tpm: node.tpm.is_some(),
        }
    }
}

/// What a running domain lacks of its definition, in words; nothing for one that does not run.
pub fn of(found: &ActualDomain, own: &Own) -> Vec<String> {
    let all = between(found.definition.reveal(), &found.nics, found, own);
    all.unwrap_or_default()
        .into_iter()
        .map(|lack| lack.words)
        .collect()
}

/// The same once this run has changed the definition. What libvirt can change as it runs is not among it, but for what
/// the guest has a say in: memory and NICs that it is to give back.
pub fn after(node: &Node, found: &ActualDomain, deployment: &Deployment) -> Vec<String> {
    if found.live.is_none() {
        return Vec::new();
    }
    let changed = match deployment.extend {
        Some(_) => Ok(found.definition.reveal().to_owned()),
        None => {
            change::of(node, found, deployment).and_then(|changes| changes.apply(found.definition.reveal()))
        }
    };
    let nics: Vec<ActualNic> = found
        .nics
        .iter()
        .filter(|there| !node.gone.contains(&there.mac))
        .map(|there| {
            let wanted = node.nics.iter().find(|nic| nic.mac == there.mac);
            wanted.map_or_else(|| there.clone(), |nic| as_defined(nic, there, found))
        })
        .collect();
    let mut own = Own::of(node);
    own.nics.extend(&node.gone);
    own.nics
        .extend(deployment.given.get(&node.name).into_iter().flatten());
    let lacks = changed.and_then(|xml| between(&xml, &nics, found, &own));
    let left = lacks.unwrap_or_default().into_iter().filter(|lack| !lack.at_once);
    left.map(|lack| lack.words).collect()
}

/// A NIC as it will be defined. One that moves to another network moves as it runs.
fn as_defined(nic: &Nic, there: &ActualNic, found: &ActualDomain) -> ActualNic {
    let moves = nic.bridge != there.bridge || Some(&nic.network) != there.network.as_ref();
    let live = found.live.iter().flat_map(|live| &live.nics);
    let live = live.into_iter().find(|live| live.mac == nic.mac);
    let place = live.filter(|_| moves && nic.bridge.is_none()).unwrap_or(there);
    ActualNic {
        network: place.network.clone(),
        bridge: place.bridge.clone(),
        model: Some(nic.model.clone()),
        mtu: nic.mtu,
        ..there.clone()
    }
}

/// What `found` lacks as it runs of a definition with these NICs.
fn between(defined: &str, nics: &[ActualNic], found: &ActualDomain, own: &Own) -> Result<Vec<Lack>> {
    let Some(live) = &found.live else {
        return Ok(Vec::new());
    };
    let wanted = read::parse(defined)?;
    let (defined, running) = (
        Document::parse(defined)?,
        Document::parse(live.definition.reveal())?,
    );
    let (defined, running) = (defined.root_element(), running.root_element());
    let mut lacks = Vec::new();
    if wanted.virt_type != live.virt_type {
        lacks.push(virt_words(live.virt_type, wanted.virt_type).into());
    }
    let (to, from) = (wanted.memory_now_mib, live.memory_now_mib);
    if to != from {
        lacks.push(Lack {
            words: memory_words(from, to),
            at_once: when_memory(live, to) == When::Now,
        });
    }
    let (to, from) = (wanted.cpu_now, live.cpu_now);
    if to != from {
        lacks.push(Lack {
            words: cpu_words(from, to),
            at_once: found.cpu_now != to && when_cpus(live, to) == When::Now,
        });
    }
    cpu(defined, running, &mut lacks);
    os(defined, running, found, &mut lacks);
    disks(defined, running, (found, own), &mut lacks);
    // What others plugged in, for now or for the next start, is theirs to say.
    let is_own = |nic: &&ActualNic| {
        let owner = found.mark.as_ref().map(|mark| mark.owner.uuid);
        own.nics.contains(&nic.mac) || owner.is_some_and(|uuid| nic.mac.is_derived(uuid, &found.name))
    };
    let (wanted_nics, live_nics): (Vec<_>, Vec<_>) = (
        nics.iter().filter(is_own).collect(),
        live.nics.iter().filter(is_own).collect(),
    );
    interfaces(&wanted_nics, &live_nics, &mut lacks);
    screen(defined, running, found, &mut lacks);
    let marks = [&wanted, live].map(|domain| domain.mark.as_ref());
    devices(defined, running, &Given::by(own, marks), &mut lacks);
    let extras = |domain: &ActualDomain| domain.mark.as_ref().map(|mark| mark.extras.clone());
    if extras(&wanted) != extras(live) {
        lacks.push("--virtopts".to_owned().into());
    }
    Ok(lacks)
}

fn cpu(defined: Element<'_, '_>, running: Element<'_, '_>, lacks: &mut Vec<Lack>) {
    let of = |root| child(root, "cpu");
    let (wanted, live) = (of(defined), of(running));
    // A copy of the host's CPU is spelt out as it runs, one of the definition's own name is not.
    let named = |cpu: Option<Element<'_, '_>>| {
        let plain = cpu.is_none_or(|cpu| matches!(cpu.attribute("mode"), None | Some("custom")));
        plain.then(|| model(cpu))
    };
    if let (Some(to), Some(from)) = (named(wanted), named(live))
        && to != from
    {
        lacks.push(Lack::from(format!("CPU model from {from} to {to}")));
    }
    let (to, from) = (wanted.and_then(layout), live.and_then(layout));
    if to != from {
        let show = |layout: Option<String>| layout.unwrap_or_else(|| "libvirt's default".into());
        lacks.push(Lack::from(format!(
            "CPU layout from {} to {}",
            show(from),
            show(to)
        )));
    }
}

fn os(defined: Element<'_, '_>, running: Element<'_, '_>, found: &ActualDomain, lacks: &mut Vec<Lack>) {
    let (Some(wanted), Some(live)) = (child(defined, "os"), child(running, "os")) else {
        return;
    };
    let machine = |os| child(os, "type").and_then(|n| n.attribute("machine").map(str::to_owned));
    if let (Some(to), Some(from)) = (machine(wanted), machine(live))
        && !is_machine(&to, &from)
    {
        lacks.push(Lack::from(format!("machine type from '{from}' to '{to}'")));
    }
    // Others set that of a blank node, for its next start.
    let (to, from) = (boot_order(wanted), boot_order(live));
    if found.mark.as_ref().is_some_and(|mark| mark.has_os) && to != from {
        lacks.push(boot_words(&from, &to).into());
    }
}

fn disks(
    defined: Element<'_, '_>,
    running: Element<'_, '_>,
    (found, own): (&ActualDomain, &Own),
    lacks: &mut Vec<Lack>,
) {
    type Disk = (String, BTreeMap<&'static str, String>);
    let of = |root: Element<'_, '_>| -> BTreeMap<String, Disk> {
        let disks = root.descendants().filter(|n| n.has_tag_name("disk"));
        disks
            .filter_map(|disk| {
                let word = |tag, name| child(disk, tag)?.attribute(name).map(str::to_owned);
                let source = word("source", "file").or_else(|| word("source", "dev"))?;
                let cache = word("driver", "cache").unwrap_or_else(|| "default".into());
                let words = [
                    ("cache", cache),
                    ("bus", word("target", "bus")?),
                    ("device", word("target", "dev")?),
                ];
                Some((source, (word("target", "dev")?, words.into_iter().collect())))
            })
            .collect()
    };
    let live = of(running);
    let is_own = |source: &str| {
        let file = source.rsplit('/').next().unwrap_or(source);
        let has = |mark: &NodeMark| {
            mark.files.iter().any(|f| f == source) || mark.volumes.iter().any(|v| v == file)
        };
        own.files.contains(source) || found.mark.as_ref().is_some_and(has)
    };
    // Disks of others are theirs.
    for (source, (dev, wanted)) in of(defined).into_iter().filter(|(source, _)| is_own(source)) {
        let Some((_, live)) = live.get(&source) else {
            // One that runs on another file, as a snapshot's, is not irs's to say.
            if !live.values().any(|(there, _)| *there == dev) {
                lacks.push(Lack::from(format!("disk {dev}")));
            }
            continue;
        };
        for (what, to) in wanted {
            if let Some(from) = live.get(what).filter(|from| **from != to) {
                lacks.push(Lack::from(format!("disk {dev}: {what} from '{from}' to '{to}'")));
            }
        }
    }
}

fn interfaces(wanted: &[&ActualNic], live: &[&ActualNic], lacks: &mut Vec<Lack>) {
    let place = |nic: &ActualNic| match (&nic.bridge, &nic.network) {
        (Some(bridge), _) => format!("bridge '{bridge}'"),
        (None, Some(network)) => format!("'{network}'"),
        (None, None) => "another kind of network".to_owned(),
    };
    for nic in wanted {
        let mac = nic.mac;
        let Some(now) = live.iter().find(|live| live.mac == mac) else {
            lacks.push(Lack::from(format!("the new NIC {mac} on {}", place(nic))));
            continue;
        };
        if place(nic) != place(now) {
            lacks.push(Lack::from(format!(
                "NIC {mac} from {} to {}",
                place(now),
                place(nic)
            )));
        }
        if let (Some(to), Some(from)) = (&nic.model, &now.model)
            && to != from
        {
            lacks.push(Lack::from(format!("NIC {mac}: model from '{from}' to '{to}'")));
        }
        // A NIC that names none has its network's.
        if let Some(to) = nic.mtu.filter(|mtu| Some(*mtu) != now.mtu) {
            let from = now.mtu.map_or_else(|| "none".into(), |mtu| mtu.to_string());
            lacks.push(Lack::from(format!("NIC {mac}: MTU from {from} to {to}")));
        }
    }
    for nic in live {
        if !wanted.iter().any(|wanted| wanted.mac == nic.mac) {
            lacks.push(Lack::from(format!("NIC {} on {} goes", nic.mac, place(nic))));
        }
    }
}

fn screen(defined: Element<'_, '_>, running: Element<'_, '_>, found: &ActualDomain, lacks: &mut Vec<Lack>) {
    let of = |root| child(root, "devices").and_then(|devices| child(devices, "graphics"));
    let (Some(wanted), Some(live)) = (of(defined), of(running)) else {
        return;
    };
    let (to, from) = (wanted.attribute("listen"), live.attribute("listen"));
    if to.is_some() && to != from {
        let show = |listen: Option<&str>| listen.unwrap_or("nowhere").to_owned();
        lacks.push(Lack::from(format!(
            "its screen from {} to {}",
            show(from),
            show(to)
        )));
    }
    // Without the right to see passwords neither has one.
    let (to, from) = (wanted.attribute("passwd"), live.attribute("passwd"));
    if to != from {
        lacks.push(Lack {
            words: "the VNC password".into(),
            at_once: to.is_some() && from.is_some() && password(found) != to.map(str::to_owned),
        });
    }
}

/// The password of a domain's screen, as it is defined.
fn password(found: &ActualDomain) -> Option<String> {
    let document = Document::parse(found.definition.reveal()).ok()?;
    let graphics = child(child(document.root_element(), "devices")?, "graphics")?;
    graphics.attribute("passwd").map(str::to_owned)
}

#[cfg(test)]
mod tests;
