//! A deployment as a drawing: networks are rails, nodes hang from them, addresses stand on the wires.
//!
//! [`Graph::of`] says what is drawn, the modules below in which language. All of it is pure.

pub mod dot;
pub mod mermaid;
pub mod svg;

use crate::deployment::{self, Deployment};
use crate::units::{MIB, format_size};

/// What is drawn; all of it is plain text that each language escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Whose picture it is.
    pub title: String,
    /// The networks, in the topology's order.
    pub rails: Vec<Rail>,
    /// The nodes, in the order of the command line.
    pub nodes: Vec<Hanging>,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rail {
    /// Its name.
    pub name: String,
    /// What it is, a line each: its kind, the host's addresses.
    pub notes: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hanging {
    /// Its name.
    pub name: String,
    /// How large it is, a line each.
    pub notes: Vec<String>,
    /// Its NICs, in order.
    pub wires: Vec<Wire>,
}

/// A NIC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// The index of its rail.
    pub rail: usize,
    /// Its fixed addresses, and its port group.
    pub labels: Vec<String>,
}

/// Colours of the rails, readable on light and on dark.
const COLOURS: [&str; 8] = [
    "#2f7fd3", "#d07c1f", "#2a9a58", "#b455c4", "#cf4a4a", "#1d97a6", "#8b8020", "#7b6ee0",
];

/// The colour of a rail.
fn colour(rail: usize) -> &'static str {
    COLOURS[rail % COLOURS.len()]
}

impl Graph {
    /// The drawing of a deployment.
    pub fn of(deployment: &Deployment) -> Graph {
        let id = &deployment.id;
        let mut rails: Vec<Rail> = deployment.networks.iter().map(rail).collect();
        let nodes = deployment
            .nodes
            .iter()
            .map(|node| Hanging {
                name: node.name.clone(),
                notes: size(node),
                wires: node
                    .nics
                    .iter()
                    .map(|nic| Wire {
                        rail: position(&mut rails, &nic.network),
                        labels: nic
                            .ips
                            .iter()
                            .map(ToString::to_string)
                            .chain(nic.portgroup.clone())
                            .collect(),
                    })
                    .collect(),
            })
            .collect();
        Graph {
            title: format!("deployment {} on {}", id.name, id.host),
            rails,
            nodes,
        }
    }
}

fn rail(network: &deployment::Network) -> Rail {
    let v4 = network.ipv4.as_ref();
    let v6 = network.ipv6.as_ref();
    let v4 = v4.map(|side| format!("{}/{}", side.address, side.net.prefix_len()));
    let v6 = v6.map(|side| format!("{}/{}", side.address, side.net.prefix_len()));
    let kind = match (&network.wire, &network.switch) {
        (Some(_), _) => "wire",
        (_, Some(_)) => "openvswitch",
        _ => network.forward.mode().unwrap_or("isolated"),
    };
    let ports = network.switch.iter().flat_map(|switch| &switch.ports);
    let of_host = ports.flat_map(|port| {
        port.addresses.iter().map(|address| match port.vlan {
            Some(vlan) => format!("{address}, VLAN {vlan}"),
            None => address.to_string(),
        })
    });
    let notes = std::iter::once(kind.to_owned()).chain(v4).chain(v6);
    Rail {
        name: network.name.clone(),
        notes: notes.chain(of_host).collect(),
    }
}

/// The index of a network's rail; a bridge that the host has already gets one of its own.
fn position(rails: &mut Vec<Rail>, network: &str) -> usize {
    rails
        .iter()
        .position(|rail| rail.name == network)
        .unwrap_or_else(|| {
            rails.push(Rail {
                name: network.to_owned(),
                notes: vec!["bridge of the host".into()],
            });
            rails.len() - 1
        })
}

fn size(node: &deployment::Node) -> Vec<String> {
    let cpus = if node.cpu == 1 { "CPU" } else { "CPUs" };
    let disks: Vec<String> = node
        .disks
        .chunk_by(|a, b| a.size == b.size)
        .map(|same| match same {
            [one] => format_size(one.size),
            _ => format!("{} x {}", same.len(), format_size(same[0].size)),
        })
        .collect();
    let disks = match disks.is_empty() {
        true => "no disk".to_owned(),
        false => disks.join(", "),
    };
    vec![
        format!("{} {cpus}, {}", node.cpu, format_size(node.memory_mib * MIB)),
        format!("{disks}{}", if node.has_os { "" } else { ", blank" }),
    ]
}

/// A drawing whose every text is hostile, and one text of each place is as it is here.
#[cfg(test)]
pub(crate) fn hostile() -> Graph {
    let text = |place: &str| format!("{place} <&\"'\\>#`|]]> --> {{}};");
    Graph {
        title: text("title"),
        rails: vec![
            Rail {
                name: text("rail"),
                notes: vec![text("note")],
            },
            Rail::default(),
        ],
        nodes: vec![Hanging {
            name: text("node"),
            notes: vec![text("size")],
            wires: vec![
                Wire {
                    rail: 0,
                    labels: vec![text("wire"), text("second")],
                },
                Wire {
                    rail: 1,
                    labels: Vec::new(),
                },
            ],
        }],
    }
}
