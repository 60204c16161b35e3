//! Port groups: how they are written, read, compared and changed.

use crate::deployment::Portgroup;
use crate::xml::{self, values};
use anyhow::Result;
use minijinja::Value;
use roxmltree::Node as XmlNode;
use virt::network::Network;
use virt::sys;

/// The XML of a port group.
///
/// # Errors
/// When the template does not fit: a fault of the program.
pub fn template(group: &Portgroup) -> Result<String> {
    let vlans: Vec<Value> = group
        .vlans
        .iter()
        .map(|(id, native)| values! { id, native })
        .collect();
    xml::render(
        include_str!("portgroup.xml"),
        values! { group => values! { name => group.name, default => group.default, trunk => group.trunk, vlans } },
    )
}

/// The port groups of a network's XML.
pub fn read(network: XmlNode<'_, '_>) -> Vec<Portgroup> {
    let groups = network.children().filter(|n| n.has_tag_name("portgroup"));
    groups.filter_map(read_one).collect()
}

fn read_one(group: XmlNode<'_, '_>) -> Option<Portgroup> {
    let vlan = group.children().find(|n| n.has_tag_name("vlan"));
    let tags = vlan
        .into_iter()
        .flat_map(|n| n.children())
        .filter(|n| n.has_tag_name("tag"));
    let vlans = tags.filter_map(|tag| {
        let native = tag.attribute("nativeMode") == Some("untagged");
        Some((tag.attribute("id")?.parse().ok()?, native))
    });
    Some(Portgroup {
        name: group.attribute("name")?.to_owned(),
        default: group.attribute("default") == Some("yes"),
        trunk: vlan.is_some_and(|n| n.attribute("trunk") == Some("yes")),
        vlans: vlans.collect(),
    })
}

/// One change of a network's port groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is not there.
    Add(Portgroup),
    /// It is otherwise.
    Modify(Portgroup),
    /// The topology has none of that name.
    Delete(Portgroup),
}

/// What turns the one list into the other, each with its reason.
pub fn changes(wanted: &[Portgroup], found: &[Portgroup]) -> Vec<(String, Change)> {
    let mut changes = Vec::new();
    // There may be one default only: who was it gives it up first.
    for there in found {
        match wanted.iter().find(|group| group.name == there.name) {
            None => {
                let reason = format!("the topology has no port group '{}'", there.name);
                changes.push((reason, Change::Delete(there.clone())));
            }
            Some(group) if shown(group) != shown(there) => {
                let reason = format!(
                    "port group '{}' has {}, wanted {}",
                    there.name,
                    shown(there),
                    shown(group)
                );
                changes.push((reason, Change::Modify(group.clone())));
            }
            Some(_) => {}
        }
    }
    changes.sort_by_key(|(_, change)| matches!(change, Change::Modify(group) if group.default));
    for group in wanted {
        if !found.iter().any(|there| there.name == group.name) {
            let reason = format!("port group '{}' is not there", group.name);
            changes.push((reason, Change::Add(group.clone())));
        }
    }
    changes
}

/// A port group in words.
fn shown(group: &Portgroup) -> String {
    let vlan = |(id, native): (&u16, &bool)| format!("{id}{}", if *native { " untagged" } else { "" });
    let vlans: Vec<String> = group.vlans.iter().map(vlan).collect();
    let what = match (&vlans[..], group.trunk) {
        ([], _) => "all VLANs".to_owned(),
        (vlans, true) => format!("a trunk of {}", vlans.join(", ")),
        (vlans, false) => format!("VLAN {}", vlans.join(", ")),
    };
    format!("{what}{}", if group.default { ", by default" } else { "" })
}

/// Makes a change, in the definition and, when it runs, in the network.
///
/// # Errors
/// libvirt's.
pub fn apply(network: &Network, change: &Change) -> Result<()> {
    let (command, group) = match change {
        Change::Add(group) => (sys::VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, group),
        Change::Modify(group) => (sys::VIR_NETWORK_UPDATE_COMMAND_MODIFY, group),
        Change::Delete(group) => (sys::VIR_NETWORK_UPDATE_COMMAND_DELETE, group),
    };
    let mut flags = sys::VIR_NETWORK_UPDATE_AFFECT_CONFIG;
    if network.is_active()? {
        flags |= sys::VIR_NETWORK_UPDATE_AFFECT_LIVE;
    }
    let xml = template(group)?;
    Ok(network.update(command, sys::VIR_NETWORK_SECTION_PORTGROUP, -1, &xml, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn group(name: &str, default: bool, vlans: &[(u16, bool)]) -> Portgroup {
        Portgroup {
            name: name.into(),
            default,
            trunk: vlans.len() > 1,
            vlans: BTreeMap::from_iter(vlans.iter().copied()),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let groups = [
            group("access", true, &[(5, false)]),
            group("trunk", false, &[(10, true), (20, false)]),
            group("all", false, &[]),
        ];
        let xml: String = groups.iter().map(|group| template(group).unwrap()).collect();
        let xml = format!("<network>{xml}</network>");
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(read(document.root_element()), groups);
    }

    #[test]
    fn the_default_is_given_up_before_it_is_taken() {
        let found = [
            group("a", true, &[(1, false)]),
            group("b", false, &[(2, false)]),
            group("gone", false, &[]),
        ];
        let wanted = [
            group("a", false, &[(1, false)]),
            group("b", true, &[(2, false)]),
            group("new", false, &[]),
        ];
        let changes: Vec<Change> = changes(&wanted, &found)
            .into_iter()
            .map(|(_, change)| change)
            .collect();
        let [a, b, new] = wanted;
        let [_, _, gone] = found;
        let expected = [
            Change::Modify(a),
            Change::Delete(gone),
            Change::Modify(b),
            Change::Add(new),
        ];
        assert_eq!(changes, expected);
    }
}
