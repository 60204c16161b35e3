//! Step 4: the volumes of the nodes: disks and cloud-init seeds.

pub mod apply;
pub mod diff;
pub mod outside;
pub mod room;
pub mod stored;

use crate::deployment::{Disk, ImageSource};
use crate::ironic::Handed;
use crate::steps::image::Base;
use std::collections::BTreeMap;

/// What can happen to a volume.
#[derive(Clone, Debug)]
pub enum Work {
    /// Make a disk: blank, an overlay on its image, or a copy of it.
    Disk(Disk),
    /// Make a disk larger, under a running node too.
    Grow {
        /// The domain.
        node: String,
        /// The disk as it is to be.
        disk: Disk,
    },
    /// Write a node's cloud-init seed.
    Seed(Box<Seed>),
    /// Delete a disk outside of the pool.
    RemoveFile(String),
    /// Delete a file that may be a volume of anybody's pool.
    RemoveStored(String),
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
    /// The images in the cache.
    pub bases: BTreeMap<ImageSource, Base>,
    /// Public keys that may log in.
    pub login_keys: Vec<String>,
    /// The user that is made on the nodes.
    pub username: String,
    /// Time zone of the nodes.
    pub timezone: Option<String>,
    /// What the underclouds among the nodes are told, by their names.
    pub handed: BTreeMap<String, Handed>,
}
