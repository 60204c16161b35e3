//! Port groups of networks on Open vSwitch bridges.

use crate::yaml::{Fields, Place, Problems, Tree};

use super::{address, name};

/// The keys of a port group.
pub const KEYS: &[&str] = &[
    "name",
    "default",
    "trunk",
    "vlan_id",
    "vlans",
    "ipv4_address",
    "ipv6_address",
];
/// The keys of a VLAN of a port group.
pub const VLAN_KEYS: &[&str] = &["id", "native", "ipv4_address", "ipv6_address"];

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
        groups.push(group);
    }
    groups
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
