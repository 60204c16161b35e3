//! infrared's BGP topologies: known by their shape or name, and refused in one sentence.

use crate::yaml::{Place, Problems, Tree, Value};

use super::files::Kind;

/// infrared's BGP files, which are not built in.
const NODES: &[&str] = &[
    "cephbgp",
    "computebgp",
    "controllerbgp",
    "extvmbgp",
    "freeipabgp",
    "leaf",
    "networkerbgp",
    "routerbgp",
    "spine",
    "undercloudbgp",
];
const NETWORKS: &[&str] = &["bgp_networks", "bgp_networks_ipv6"];
/// Keys of networks that only BGP topologies have.
const NETWORK_KEYS: &[&str] = &["net", "gw", "hypervisor", "net_v6", "gw_v6", "hypervisor_v6"];

/// Whether the name is that of one of infrared's BGP files.
pub(super) fn is_name(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Nodes => NODES.contains(&name),
        Kind::Network => NETWORKS.contains(&name),
    }
}

/// Whether a node file lists its networks by BGP mode, `interfaces: {basic: [[…], …]}`; if so, says it.
pub(super) fn node(name: &str, tree: &Tree, problems: &mut Problems) -> bool {
    let interfaces = tree.get("interfaces");
    let Some(Value::Map(modes)) = interfaces.map(|t| &t.value) else {
        return false;
    };
    let mode = modes.iter().find(|(_, t)| matches!(t.value, Value::Seq(_)));
    if let Some((key, _)) = mode {
        refuse(&key.place, format!("the node type '{name}'"), problems);
    }
    mode.is_some()
}

/// Whether a network file describes the routers of a BGP topology; if so, says it.
pub(super) fn network(name: &str, tree: &Tree, problems: &mut Problems) -> bool {
    let Some(Value::Map(networks)) = tree.get("networks").map(|t| &t.value) else {
        return false;
    };
    let known = networks.iter().find(|(_, network)| {
        let Value::Map(keys) = &network.value else {
            return false;
        };
        keys.iter()
            .any(|(key, _)| NETWORK_KEYS.contains(&key.name.as_str()))
    });
    // One key may be a slip of the pen in a file of another kind.
    let is_bgp = known.filter(|_| is_name(Kind::Network, name) || tree.get("cidrs").is_some());
    if let Some((key, _)) = is_bgp {
        refuse(&key.place, format!("the network file '{name}'"), problems);
    }
    is_bgp.is_some()
}

/// Says of something that it belongs to a BGP topology.
pub(super) fn refuse(place: &Place, what: String, problems: &mut Problems) {
    problems
        .push(
            place.clone(),
            format!("{what} belongs to a BGP topology: BGP topologies are not supported yet"),
        )
        .hint("use another node type or network file");
}
