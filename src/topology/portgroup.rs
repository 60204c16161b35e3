//! Port groups of networks on Open vSwitch bridges.

use crate::yaml::{Fields, Place, Problems, Tree};

use super::reference::names;
use super::reference::networks::{PORTGROUP, VLAN};
use super::{address, name};

/// The keys of a port group.
pub const KEYS: &[&str] = &names::<{ PORTGROUP.keys.len() }>(&PORTGROUP);
/// The keys of a VLAN of a port group.
pub const VLAN_KEYS: &[&str] = &names::<{ VLAN.keys.len() }>(&VLAN);

/// A named set of VLANs that a NIC may be plugged into.
#[derive(Clone, Debug)]
pub struct Portgroup {
    /// Where it stands.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Whether NICs that name no port group are in this one.
    pub default: bool,
    /// Whether packets keep their tags.
    pub trunk: bool,
    /// The VLANs: one, or those of the trunk.
    pub vlans: Vec<Vlan>,
    /// The host's address in it, with its length.
    pub ipv4_address: Option<String>,
    /// The host's IPv6 address in it, with its length.
    pub ipv6_address: Option<String>,
}

/// A VLAN of a port group.
#[derive(Clone, Debug)]
pub struct Vlan {
    /// 1 to 4094.
    pub id: u16,
    /// Whether its packets go untagged.
    pub native: bool,
    /// The host's address in it, with its length.
    pub ipv4_address: Option<String>,
    /// The host's IPv6 address in it, with its length.
    pub ipv6_address: Option<String>,
}

/// A port of the host itself in a port group, or in one of its VLANs.
pub struct HostPort<'a> {
    /// infrared's name for it: the port group's, with the VLAN's id for a VLAN of a trunk.
    pub name: String,
    /// Its VLAN; untagged without one.
    pub vlan: Option<u16>,
    /// The host's addresses, with their lengths.
    pub addresses: Vec<&'a str>,
}

impl Portgroup {
    /// The ports that the host needs for its addresses: one for the group, one for each VLAN with an address.
    pub fn host_ports(&self) -> Vec<HostPort<'_>> {
        // A group's own address is in its one VLAN, or in the one that its guests see untagged.
        let own_vlan = match &self.vlans[..] {
            [vlan] if !self.trunk => Some(vlan.id),
            vlans => vlans.iter().find(|vlan| vlan.native).map(|vlan| vlan.id),
        };
        let both = |v4, v6| [v4, v6].into_iter().filter_map(Option::as_deref).collect();
        let group = HostPort {
            name: self.name.clone(),
            vlan: own_vlan,
            addresses: both(&self.ipv4_address, &self.ipv6_address),
        };
        let vlans = self.vlans.iter().map(|vlan| HostPort {
            name: format!("{}{}", self.name, vlan.id),
            vlan: Some(vlan.id),
            addresses: both(&vlan.ipv4_address, &vlan.ipv6_address),
        });
        let all = std::iter::once(group).chain(vlans);
        all.filter(|port| !port.addresses.is_empty()).collect()
    }
}

/// Reads the `portgroups` of a network.
pub(super) fn read(network: &Fields<'_>, problems: &mut Problems) -> Vec<Portgroup> {
    let mut groups: Vec<Portgroup> = Vec::new();
    for tree in network.list("portgroups", problems) {
        let Some(group) = read_one(tree, &network.of, problems) else {
            continue;
        };
        if groups.iter().any(|g| g.name == group.name) {
            problems
                .push(
                    group.place.clone(),
                    format!("two port groups are named '{}'", group.name),
                )
                .hint("give each a name of its own");
        }
        let default = groups.iter().find(|g| g.default && group.default);
        if let Some(other) = default {
            problems
                .push(
                    group.place.clone(),
                    format!(
                        "'{}' and '{}' are both the default port group",
                        other.name, group.name
                    ),
                )
                .hint("leave 'default: true' to one of them");
        }
        check_vlans(&group, problems);
        groups.push(group);
    }
    groups
}

fn check_vlans(group: &Portgroup, problems: &mut Problems) {
    let name = &group.name;
    let mut problem = |message: String, hint: &str| {
        problems.push(group.place.clone(), message).hint(hint);
    };
    for (position, vlan) in group.vlans.iter().enumerate() {
        if group.vlans[..position].iter().any(|other| other.id == vlan.id) {
            problem(
                format!("port group '{name}' has the VLAN {} twice", vlan.id),
                "leave one of them out",
            );
        }
    }
    if !group.trunk && group.vlans.len() > 1 {
        problem(
            format!(
                "port group '{name}' has {} VLANs and is no trunk",
                group.vlans.len()
            ),
            "add 'trunk: true', or leave one VLAN",
        );
    }
    match group.vlans.iter().filter(|vlan| vlan.native).count() {
        0 => {}
        1 if group.trunk => {}
        1 => problem(
            format!("port group '{name}' has a native VLAN and is no trunk"),
            "add 'trunk: true', or leave 'native' out: the packets of a single VLAN go untagged anyway",
        ),
        _ => problem(
            format!("port group '{name}' has more than one native VLAN"),
            "only one VLAN of a trunk goes untagged",
        ),
    }
}

fn read_one(tree: &Tree, of: &str, problems: &mut Problems) -> Option<Portgroup> {
    let fields = Fields::new(format!("a port group of {of}"), tree, KEYS, problems);
    let mut vlans: Vec<Vlan> = fields
        .list("vlans", problems)
        .iter()
        .filter_map(|t| vlan(t, &fields.of, problems))
        .collect();
    if let (Some(id), true) = (fields.integer("vlan_id", 1..=4094, problems), vlans.is_empty()) {
        vlans.push(Vlan {
            id: id as u16,
            native: false,
            ipv4_address: None,
            ipv6_address: None,
        });
    }
    let group = Portgroup {
        place: tree.place.clone(),
        name: String::new(),
        default: fields.boolean("default", problems).unwrap_or(false),
        trunk: fields.boolean("trunk", problems).unwrap_or(false),
        vlans,
        ipv4_address: address::with_length(&fields, "ipv4_address", problems),
        ipv6_address: address::with_length(&fields, "ipv6_address", problems),
    };
    let tree = fields.required("name", problems)?;
    let name = tree.string(&fields.what("name"), problems)?;
    name::check("port group", &name, &tree.place, problems).then_some(Portgroup { name, ..group })
}

fn vlan(tree: &Tree, of: &str, problems: &mut Problems) -> Option<Vlan> {
    let fields = Fields::new(format!("a VLAN of {of}"), tree, VLAN_KEYS, problems);
    let id = fields
        .required("id", problems)?
        .integer(&fields.what("id"), 1..=4094, problems);
    Some(Vlan {
        native: fields.boolean("native", problems).unwrap_or(false),
        ipv4_address: address::with_length(&fields, "ipv4_address", problems),
        ipv6_address: address::with_length(&fields, "ipv6_address", problems),
        id: id? as u16,
    })
}
