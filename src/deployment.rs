//! The resolved model: what should be on the hypervisor, as pure data.

mod network;
mod node;

pub use network::{HostPort, Ipv4Side, Ipv6Side, Network, Portgroup, Reservation, Switch};
pub use node::{Disk, Home, Nic, Node, Vnc, seed_volume};

use crate::addresses::Mac;
use crate::catalogue;
use crate::steps::host::bridges::HostBridge;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// One environment on one hypervisor.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Who it is.
    pub id: Identity,
    /// Where its images live.
    pub storage: Storage,
    /// The bridges of the host that irs keeps for its networks.
    pub bridges: Vec<HostBridge>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What the user should look after.
    pub warnings: Vec<String>,
    /// The networks that it needs, in the topology's order.
    pub networks: Vec<Network>,
    /// The nodes that must be there, existing ones of the wanted types included.
    pub nodes: Vec<Node>,
    /// NICs at the far ends of new wires, of nodes that are there and that this run says nothing else about.
    pub joined: BTreeMap<String, Vec<Nic>>,
    /// The NICs that earlier runs gave each node; none is known of nodes that an older irs made.
    pub given: BTreeMap<String, BTreeSet<Mac>>,
    /// The target counts of an extend, kept in the record until it is complete.
    pub extend: Option<BTreeMap<String, u32>>,
    /// Whether the host's sshd is to take many sessions and logins.
    pub ssh_limits: bool,
    /// Whether the host is to have the user that Ironic powers nodes as.
    pub stack: bool,
    /// The subnet slot: `net` and `data_net` of the templates.
    pub slot: Slot,
}

/// The third octets of a deployment's subnets.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Slot {
    /// `net` of the network templates.
    pub net: String,
    /// `data_net` of the network templates.
    pub data_net: String,
}

/// What tells one deployment from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The prefix, or `default`.
    pub name: String,
    /// The prefix of all names, when there is one.
    pub prefix: Option<String>,
    /// v5 of the host's UUID and the name.
    pub uuid: Uuid,
    /// The hypervisor, as the user typed it.
    pub host: String,
}

/// Folders and pools of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// `--disk-pool`: the folder of base images.
    pub folder: String,
    /// `--pool-name`: the pool of that folder, unless another one owns it.
    pub pool: String,
}

/// The folder of images when neither the flag nor the environment's pool names one.
pub const DEFAULT_DISK_POOL: &str = "/var/lib/libvirt/images";

impl Default for Storage {
    fn default() -> Self {
        Storage {
            folder: DEFAULT_DISK_POOL.into(),
            pool: "images".into(),
        }
    }
}

impl Storage {
    /// The folder of a deployment's own disks, seeds and record.
    pub fn deployment_folder(&self, deployment: &str) -> String {
        format!(
            "{}/{}",
            self.folder.trim_end_matches('/'),
            crate::names::pool(deployment)
        )
    }
}

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageSource {
    /// Downloaded.
    Url(String),
    /// Downloaded from where the catalogue says.
    Named(Arc<catalogue::Entry>),
    /// Uploaded from the client.
    File(std::path::PathBuf),
}

impl Deployment {
    /// All images that its disks begin with.
    pub fn images(&self) -> BTreeSet<&ImageSource> {
        let disks = self.nodes.iter().flat_map(|node| &node.disks);
        disks.filter_map(|disk| disk.image.as_ref()).collect()
    }
}
