//! NICs of nodes that are there: which must be plugged in, changed or unplugged, and how.

use super::Work;
use super::read::{self, ActualDomain, ActualNic};
use super::template;
use crate::addresses::Mac;
use crate::deployment::{Deployment, Nic, Node};
use crate::steps::networks::read::ActualNetwork;
use crate::xml::edit::Edits;
use anyhow::{Context, Result};
use roxmltree::Document;
use std::collections::BTreeSet;
use virt::domain::Domain;
use virt::sys;

/// What must happen to a node's NICs, each with its reason.
///
/// # Errors
/// The networks of its NICs and those of the topology, when one would have to go from between others.
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
    let stays = |nic: &&ActualNic| node.nics.iter().any(|wanted| wanted.mac == nic.mac);
    let on_wire = |network: Option<&String>| network.is_some_and(|name| wires.contains(name.as_str()));
    // What others plugged in stays, wherever it is.
    let own = |nic: &&ActualNic| nic.mac.is_derived(deployment.id.uuid, &node.name);
    let misplaced = found.nics.iter().any(|nic| {
        !stays(&nic) && !node.gone.contains(&nic.mac) && !on_wire(nic.network.as_ref()) && own(&nic)
    });
    let moves = |nic: &&ActualNic| {
        let wanted = node.nics.iter().find(|wanted| wanted.mac == nic.mac);
        wanted.is_some_and(|wanted| is_elsewhere(wanted, nic))
    };
    // An extend adds nodes; what the existing ones have is another run's business.
    let rewired = found.nics.iter().any(|nic| moves(&nic)) || !node.gone.is_empty();
    if misplaced || (deployment.extend.is_some() && rewired) {
        let there = found
            .nics
            .iter()
            .filter(|nic| !on_wire(nic.network.as_ref()) && (stays(nic) || own(nic)))
            .map(|nic| shown(nic.network.as_ref(), nic.bridge.as_ref()));
        let wanted = node
            .nics
            .iter()
            .filter(|nic| !on_wire(Some(&nic.network)))
            .map(|nic| shown(Some(&nic.network), nic.bridge.as_ref()));
        let list = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
        return Err((list(&mut there.into_iter()), list(&mut wanted.into_iter())));
    }
    let given = deployment.given.get(&node.name);
    let mut changes = changes(&node.name, &node.nics, given, found);
    for nic in found.nics.iter().filter(|nic| node.gone.contains(&nic.mac)) {
        let place = shown(nic.network.as_ref(), nic.bridge.as_ref());
        let when = match found.live {
            Some(_) => ", at once if the guest lets go of it, else after the next restart",
            None => "",
        };
        let work = Work::Unplug {
            name: node.name.clone(),
            mac: nic.mac,
        };
        changes.push((format!("its NIC {} on '{place}' goes{when}", nic.mac), work));
    }
    Ok(changes)
}

/// Whether a NIC is on another network than it should be.
fn is_elsewhere(nic: &Nic, there: &ActualNic) -> bool {
    match &nic.bridge {
        Some(bridge) => Some(bridge) != there.bridge.as_ref(),
        None => Some(&nic.network) != there.network.as_ref(),
    }
}

/// What must happen so that a domain has these NICs.
pub fn changes(
    domain: &str,
    wanted: &[Nic],
    given: Option<&BTreeSet<Mac>>,
    found: &ActualDomain,
) -> Vec<(String, Work)> {
    let mut changes = Vec::new();
    let is_wanted = |there: &ActualNic| wanted.iter().any(|nic| nic.mac == there.mac);
    let last = found.nics.iter().rposition(is_wanted);
    for (position, nic) in wanted.iter().enumerate() {
        let Some(there) = found.nics.iter().find(|there| there.mac == nic.mac) else {
            // On the same network, under an address that nobody gave it, and in the same place or before a NIC that irs
            // gave: others' come after those.
            let edited = |(at, there): &(usize, &ActualNic)| {
                given.is_some_and(|given| given.contains(&nic.mac) && !given.contains(&there.mac))
                    && !is_elsewhere(nic, there)
                    && !is_wanted(there)
                    && (*at == position || last.is_some_and(|last| *at < last))
            };
            if let Some((_, there)) = found.nics.iter().enumerate().find(edited) {
                let when = if found.live.is_some() {
                    ", after the next restart"
                } else {
                    ""
                };
                let reason = format!(
                    "its NIC on '{}' has the address {}, wanted {}{when}",
                    nic.network, there.mac, nic.mac
                );
                let work = Work::Readdress {
                    name: domain.to_owned(),
                    from: there.mac,
                    to: nic.mac,
                };
                changes.push((reason, work));
                continue;
            }
            let work = Work::Plug {
                name: domain.to_owned(),
                nic: Box::new(nic.clone()),
            };
            let has = |live: &ActualDomain| live.nics.iter().any(|there| there.mac == nic.mac);
            let place = match found.live.as_deref().is_some_and(has) {
                true => " in its definition",
                false => "",
            };
            let reason = format!("it has no NIC {} on '{}'{place}", nic.mac, nic.network);
            changes.push((reason, work));
            continue;
        };
        let runs = found.live.is_some();
        let place = there.bridge.as_ref().or(there.network.as_ref());
        let place = place.map_or("no network", String::as_str);
        let differences = differences(nic, there, runs).join(", ");
        let mut reasons = Vec::new();
        if is_elsewhere(nic, there) {
            let to = nic.bridge.as_ref().unwrap_or(&nic.network);
            let when = if runs { ", at once" } else { "" };
            reasons.push(format!(
                "its NIC {} moves from '{place}' to '{to}'{when}",
                nic.mac
            ));
        }
        if !differences.is_empty() {
            reasons.push(format!("its NIC {} on '{place}' has {differences}", nic.mac));
        }
        if !reasons.is_empty() {
            let reason = reasons.join("; ");
            let work = Work::Replug {
                name: domain.to_owned(),
                nic: Box::new(nic.clone()),
            };
            changes.push((reason, work));
        }
    }
    changes
}

fn differences(nic: &Nic, there: &ActualNic, runs: bool) -> Vec<String> {
    let mut differences = Vec::new();
    let later = if runs { ", after the next restart" } else { "" };
    let quoted = |word: &String| format!("'{word}'");
    let mut note = |what: &str, is: Option<String>, wanted: Option<String>, later: &str| {
        if is != wanted {
            let is = is.map_or(format!("no {what}"), |is| format!("the {what} {is}"));
            let wanted = wanted.as_deref().unwrap_or("none");
            differences.push(format!("{is}, wanted {wanted}{later}"));
        }
    };
    let [is, wanted] = [&there.portgroup, &nic.portgroup].map(|name| name.as_ref().map(quoted));
    note("port group", is, wanted, "");
    let model = there.model.as_ref().map(quoted);
    note("model", model, Some(quoted(&nic.model)), later);
    let [is, wanted] = [there.mtu, nic.mtu].map(|mtu| mtu.map(|mtu| mtu.to_string()));
    note("MTU", is, wanted, later);
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

/// Gives a domain a NIC, at once where its machine can take it, else with the next restart. A machine that has it still
/// gets no second one.
///
/// # Errors
/// libvirt's.
pub fn plug(domain: &Domain, nic: &Nic) -> Result<()> {
    let xml = template::interface(nic)?;
    if domain.is_active()? && element(&domain.xml_desc(0)?, nic.mac, |n| Some(n.range()))?.is_some() {
        domain.attach_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_CONFIG)?;
        // It may run on another network by now.
        return follow(domain, nic);
    }
    both(domain, |flags| domain.attach_device_flags(&xml, flags))
}

/// Changes a NIC's definition, and the network of a running one. That keeps its model until the restart; its VLANs are
/// changed by themselves.
///
/// # Errors
/// libvirt's.
pub fn replug(domain: &Domain, nic: &Nic) -> Result<()> {
    let present = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?;
    // With its old place on the bus the guest still finds it where it was.
    let address = element(&present, nic.mac, place)?;
    let xml = template::interface(nic)?;
    let xml = xml.replacen(
        "</interface>",
        &format!("{}</interface>", address.unwrap_or_default()),
        1,
    );
    domain.update_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_CONFIG)?;
    if let Err(error) = follow(domain, nic) {
        tracing::info!(
            "the running '{}' has its NIC {} where it was: {error:#}",
            domain.name()?,
            nic.mac
        );
    }
    Ok(())
}

/// Plugs a running NIC into its network, as if somebody moved the cable: a guest that looks at its link asks for an
/// address there.
fn follow(domain: &Domain, nic: &Nic) -> Result<()> {
    if !domain.is_active()? {
        return Ok(());
    }
    let live = read::parse(&domain.xml_desc(0)?)?;
    let Some(there) = live.nics.iter().find(|there| there.mac == nic.mac) else {
        return Ok(());
    };
    if !is_elsewhere(nic, there) {
        return Ok(());
    }
    // What cannot change as it runs must be said as it is.
    let moved = Nic {
        model: there.model.clone().unwrap_or_else(|| nic.model.clone()),
        mtu: there.mtu,
        ..nic.clone()
    };
    let xml = template::interface(&moved)?;
    for link in ["down", "up"] {
        let xml = xml.replacen("</interface>", &format!("<link state='{link}'/></interface>"), 1);
        domain.update_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_LIVE)?;
    }
    Ok(())
}

/// A definition with another address for a NIC.
///
/// # Errors
/// When it cannot be read, or has no such NIC.
pub fn readdressed(xml: &str, from: Mac, to: Mac) -> Result<String> {
    let document = Document::parse(xml)?;
    let is_it = |n: &roxmltree::Node<'_, '_>| {
        n.has_tag_name("mac")
            && n.parent().is_some_and(|parent| parent.has_tag_name("interface"))
            && n.attribute("address").and_then(|text| text.parse().ok()) == Some(from)
    };
    let address = document.descendants().find(is_it).context("the NIC is gone")?;
    let mut edits = Edits::default();
    edits.replace(address, format!("<mac address='{to}'/>"));
    Ok(edits.apply(xml))
}

/// Takes a NIC away; one that is gone already is fine.
///
/// # Errors
/// libvirt's.
pub fn unplug_one(domain: &Domain, mac: Mac) -> Result<()> {
    let present = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?;
    let Some(xml) = element(&present, mac, |n| Some(n.range()))? else {
        return Ok(());
    };
    // The running machine may have it elsewhere on its bus.
    let address = element(&present, mac, place)?;
    let xml = xml.replacen(&address.unwrap_or_default(), "", 1);
    both(domain, |flags| {
        domain.detach_device_flags(&xml, flags).map(|_| ())
    })
}

/// Where a NIC is on its bus.
fn place(nic: &roxmltree::Node<'_, '_>) -> Option<std::ops::Range<usize>> {
    let address = nic.children().find(|n| n.has_tag_name("address"));
    address.map(|n| n.range())
}

/// A part of the definition of the NIC with this address, as text.
fn element(
    xml: &str,
    mac: Mac,
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
