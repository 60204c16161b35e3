//! NICs of nodes that are there: which must be plugged in, changed or unplugged, and how.

use super::Work;
use super::read::{ActualDomain, ActualNic};
use super::template;
use crate::deployment::{Deployment, Nic, Node};
use crate::steps::networks::read::ActualNetwork;
use anyhow::Result;
use roxmltree::Document;
use std::collections::BTreeSet;
use virt::domain::Domain;
use virt::sys;

/// What must happen to a node's NICs, each with its reason.
///
/// # Errors
/// The networks of its NICs and those of the topology, when NICs would have to change places.
pub fn converge(
    node: &Node,
    found: &ActualDomain,
    deployment: &Deployment,
    networks: &[ActualNetwork],
) -> Result<Vec<(String, Work)>, (String, String)> {
    let wires = wires(deployment, networks);
    let shown = |network: Option<&String>, bridge: Option<&String>| match bridge {
        Some(bridge) => format!("bridge {bridge}"),
        None => network.cloned().unwrap_or_else(|| "?".into()),
    };
    let there: Vec<String> = found
        .nics
        .iter()
        .map(|nic| shown(nic.network.as_ref(), nic.bridge.as_ref()))
        .filter(|network| !wires.contains(network.as_str()))
        .collect();
    let wanted: Vec<String> = node
        .nics
        .iter()
        .map(|nic| shown(Some(&nic.network), nic.bridge.as_ref()))
        .filter(|network| !wires.contains(network.as_str()))
        .collect();
    // The order is the guest's order: what is new may only come last.
    let common = there.len().min(wanted.len());
    if there[..common] != wanted[..common] {
        return Err((there.join(", "), wanted.join(", ")));
    }
    Ok(changes(&node.name, &node.nics, found))
}

/// What must happen so that a domain has these NICs.
pub fn changes(domain: &str, wanted: &[Nic], found: &ActualDomain) -> Vec<(String, Work)> {
    let mut changes = Vec::new();
    for nic in wanted {
        let Some(there) = found.nics.iter().find(|there| there.mac == nic.mac) else {
            let work = Work::Plug {
                name: domain.to_owned(),
                nic: Box::new(nic.clone()),
            };
            changes.push((format!("it has no NIC {} on '{}'", nic.mac, nic.network), work));
            continue;
        };
        let differences = differences(nic, there);
        if !differences.is_empty() {
            let reason = format!(
                "its NIC {} on '{}' has {}",
                nic.mac,
                nic.network,
                differences.join(", ")
            );
            let work = Work::Replug {
                name: domain.to_owned(),
                nic: Box::new(nic.clone()),
            };
            changes.push((reason, work));
        }
    }
    changes
}

fn differences(nic: &Nic, there: &ActualNic) -> Vec<String> {
    let mut differences = Vec::new();
    let show = |word: &Option<String>| word.as_ref().map_or("none".to_owned(), |w| format!("'{w}'"));
    if nic.portgroup != there.portgroup {
        let (is, wanted) = (show(&there.portgroup), show(&nic.portgroup));
        differences.push(format!("the port group {is}, wanted {wanted}"));
    }
    if Some(&nic.model) != there.model.as_ref() {
        let (is, wanted) = (show(&there.model), &nic.model);
        differences.push(format!(
            "the model {is}, wanted '{wanted}', after the next restart"
        ));
    }
    if nic.mtu != there.mtu {
        let show = |mtu: Option<u32>| mtu.map_or("none".to_owned(), |mtu| mtu.to_string());
        let (is, wanted) = (show(there.mtu), show(nic.mtu));
        differences.push(format!("the MTU {is}, wanted {wanted}, after the next restart"));
    }
    differences
}

/// The names of the deployment's wires: those that are there, and those that are to be.
fn wires<'a>(deployment: &'a Deployment, networks: &'a [ActualNetwork]) -> BTreeSet<&'a str> {
    let present = networks
        .iter()
        .filter(|n| n.wire.is_some())
        .map(|n| n.name.as_str());
    let wanted = deployment.networks.iter().filter(|n| n.wire.is_some());
    present.chain(wanted.map(|n| n.name.as_str())).collect()
}

/// The NICs that domains which stay have on networks that go: they are unplugged first.
pub fn unplug<'a>(
    domains: impl IntoIterator<Item = &'a ActualDomain>,
    network: &str,
) -> Vec<(&'a ActualDomain, Work)> {
    let mut works = Vec::new();
    for domain in domains {
        let plugged = domain
            .nics
            .iter()
            .filter(|nic| nic.network.as_deref() == Some(network));
        works.extend(plugged.map(|nic| {
            let work = Work::Unplug {
                name: domain.name.clone(),
                mac: nic.mac,
            };
            (domain, work)
        }));
    }
    works
}

/// Gives a domain a NIC, at once where its machine can take it, else with the next restart.
///
/// # Errors
/// libvirt's.
pub fn plug(domain: &Domain, nic: &Nic) -> Result<()> {
    let xml = template::interface(nic)?;
    both(domain, |flags| domain.attach_device_flags(&xml, flags))
}

/// Changes a NIC's definition. A running one keeps its model until the restart; its VLANs are changed by themselves.
///
/// # Errors
/// libvirt's.
pub fn replug(domain: &Domain, nic: &Nic) -> Result<()> {
    let present = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?;
    // With its old place on the bus the guest still finds it where it was.
    let address = element(&present, nic.mac, |n| {
        n.children()
            .find(|n| n.has_tag_name("address"))
            .map(|n| n.range())
    })?;
    let xml = template::interface(nic)?;
    let xml = xml.replacen(
        "</interface>",
        &format!("{}</interface>", address.unwrap_or_default()),
        1,
    );
    domain.update_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_CONFIG)?;
    Ok(())
}

/// Takes a NIC away; one that is gone already is fine.
///
/// # Errors
/// libvirt's.
pub fn unplug_one(domain: &Domain, mac: crate::addresses::Mac) -> Result<()> {
    let present = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?;
    let Some(xml) = element(&present, mac, |n| Some(n.range()))? else {
        return Ok(());
    };
    both(domain, |flags| {
        domain.detach_device_flags(&xml, flags).map(|_| ())
    })
}

/// A part of the definition of the NIC with this address, as text.
fn element(
    xml: &str,
    mac: crate::addresses::Mac,
    part: impl Fn(&roxmltree::Node<'_, '_>) -> Option<std::ops::Range<usize>>,
) -> Result<Option<String>> {
    let document = Document::parse(xml)?;
    let has_mac = |n: &roxmltree::Node<'_, '_>| {
        let address = n
            .children()
            .find(|n| n.has_tag_name("mac"))
            .and_then(|n| n.attribute("address"));
        address.and_then(|text| text.parse().ok()) == Some(mac)
    };
    let nic = document
        .descendants()
        .filter(|n| n.has_tag_name("interface"))
        .find(has_mac);
    Ok(nic.and_then(|n| part(&n)).map(|range| xml[range].to_owned()))
}

/// Does it to the definition and to the running domain; where that one cannot, to the definition alone.
fn both(domain: &Domain, act: impl Fn(u32) -> Result<(), virt::error::Error>) -> Result<()> {
    let config = sys::VIR_DOMAIN_AFFECT_CONFIG;
    if domain.is_active()? {
        match act(config | sys::VIR_DOMAIN_AFFECT_LIVE) {
            Ok(()) => return Ok(()),
            Err(error) => tracing::warn!(
                "the running '{}' shows it after a restart: {error}",
                domain.name()?
            ),
        }
    }
    Ok(act(config)?)
}
