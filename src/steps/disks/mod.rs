//! Step 4: the volumes of the nodes: disks and cloud-init seeds.

pub mod apply;
pub mod diff;

use crate::deployment::Disk;
use crate::steps::image::Base;

/// What can happen to a volume.
#[derive(Clone, Debug)]
pub enum Work {
    /// Make a disk: an overlay on the base image, or a blank one.
    Disk {
        /// The disk.
        disk: Disk,
        /// The node's first disk, when it has an OS, lies over the base image.
        overlay: bool,
    },
    /// Write a node's cloud-init seed.
    Seed(Box<Seed>),
    /// Delete a volume.
    Remove {
        /// Its pool.
        pool: String,
        /// Its name.
        name: String,
    },
}

/// What the seed of a node is made from; the key comes from the record when it is written.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The volume's name.
    pub volume: String,
    /// The node.
    pub node: crate::deployment::Node,
}

/// What the volumes are made with, known when the run gets to them.
#[derive(Clone, Debug, Default)]
pub struct Materials {
    /// The base image, when a node has an OS.
    pub base: Option<Base>,
    /// Public keys that may log in.
    pub login_keys: Vec<String>,
    /// The user that is made on the nodes.
    pub username: String,
    /// Time zone of the nodes.
    pub timezone: Option<String>,
}
