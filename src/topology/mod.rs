//! The topology: node types and networks as YAML files say them, found, rendered, overridden,
//! typed and checked. All that is wrong is reported at once, with its place in the file.

pub mod address;
mod bgp;

mod bounded;
pub mod cloud_init;
pub mod commented;
pub mod cpu;
mod dhcp;
pub mod disk;
pub mod fetch;
pub mod files;
pub mod firmware;
pub mod fixed;
pub mod image;
pub mod interface;
mod load;
pub mod name;
pub mod network;
pub mod node;
pub mod overrides;
pub mod portgroup;
mod reachable;
pub mod reference;
pub mod schema;
pub mod selection;
pub mod single;
mod strangers;
pub mod template;
mod validate;
mod variables;

use std::path::PathBuf;

pub use address::{DhcpRange, Ipv6Spec};
pub use disk::{Bus, Cache, DiskSpec, Preallocation};
pub use interface::InterfaceSpec;
pub use load::load;
pub use network::{Forward, NetworkSpec, Srv};
pub use node::NodeType;
pub use overrides::Overrides;
pub use portgroup::{Portgroup, Vlan};

/// What templates see, besides the variables of `-e`.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// Third octet of the management and external subnets, text in templates.
    pub net: String,
    /// Third octet of the data subnet, text in templates.
    pub data_net: String,
    /// The prefix, empty without one.
    pub prefix: String,
}

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Node types by file name, with their counts.
    pub nodes: Vec<(String, u32)>,
    /// Name or path of the network file.
    pub network: String,
    /// Folders that come before the built-in files.
    pub dirs: Vec<PathBuf>,
    /// Types of the nodes that are there: a switch among them is wired to, whether it is asked for again or not.
    pub present: Vec<String>,
    /// What `-e` says.
    pub overrides: Overrides,
    /// `--image-mirror-url`, `provision.image.mirror.url` in templates.
    pub image_mirror_url: Option<String>,
}

/// A checked topology.
#[derive(Clone, Debug)]
pub struct Topology {
    /// All networks of the network file, in its order.
    pub networks: Vec<NetworkSpec>,
    /// The node types asked for, in that order.
    pub node_types: Vec<NodeType>,
    /// What the user should know and need not change: keys that are not used.
    pub notes: Vec<String>,
}

impl Topology {
    /// The network with this `name`.
    pub fn network(&self, name: &str) -> Option<&NetworkSpec> {
        self.networks.iter().find(|n| n.name == name)
    }
}
