//! Step 4: the volumes of the nodes: disks and cloud-init seeds.

pub mod apply;
pub mod damage;
pub mod diff;
pub mod outside;
pub mod room;
pub mod stored;

use crate::customize::{Customisation, Customize};
use crate::deployment::{Disk, ImageSource, Node};
use crate::ironic::Handed;
use crate::seed::hosts::Hosts;
use crate::steps::image::Base;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What can happen to a volume.
#[derive(Clone, Debug)]
pub enum Work {
    /// Make a disk: blank, an overlay on its image, or a copy of it.
    Disk {
        /// Which.
        disk: Disk,
        /// How the node is told who it is, whose first disk it is.
        customize: Customize,
    },
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
    pub node: Node,
}

/// What the volumes are made with, known when the run gets to them.
#[derive(Clone, Debug, Default)]
pub struct Materials {
    /// The images in the cache.
    pub bases: BTreeMap<ImageSource, Base>,
    /// The customised forms of those that have one.
    pub customized: BTreeMap<ImageSource, Base>,
    /// Public keys that may log in.
    pub login_keys: Vec<String>,
    /// The user that is made on the nodes.
    pub username: String,
    /// Time zone of the nodes.
    pub timezone: Option<String>,
    /// Locale of the nodes.
    pub locale: Option<String>,
    /// The CA certificates that they trust, one each.
    pub certificates: Arc<Vec<String>>,
    /// What they are told of one another.
    pub hosts: Arc<Hosts>,
    /// What the underclouds among the nodes are told, by their names.
    pub handed: BTreeMap<String, Handed>,
}

impl Materials {
    /// What is changed in an image for all nodes alike.
    pub fn customisation(&self) -> Customisation {
        Customisation {
            user: self.username.clone(),
            timezone: self.timezone.clone(),
        }
    }

    /// What a disk of an image lies over, or is a copy of.
    fn base(&self, image: &ImageSource, customize: Customize) -> Option<&Base> {
        let customized = self.customized.get(image);
        match customize {
            Customize::Libguestfs => customized,
            Customize::Auto => customized.or_else(|| self.bases.get(image)),
            Customize::CloudInit | Customize::None => self.bases.get(image),
        }
    }

    /// Whether a node that is made now finds no cloud-init in its image.
    fn lacks_cloud_init(&self, node: &Node) -> bool {
        let image = node.disks.first().and_then(|disk| disk.image.as_ref());
        node.customize.may_take_libguestfs() && image.is_some_and(|image| self.customized.contains_key(image))
    }

    /// Whether a node may find no cloud-init in its image, so that its seed has what is read in its place.
    fn may_lack_cloud_init(&self, node: &Node) -> bool {
        let image = node.disks.first().and_then(|disk| disk.image.as_ref());
        match node.customize {
            Customize::Libguestfs => true,
            // Of a node that is there already nobody asks.
            Customize::Auto => image
                .is_none_or(|image| self.customized.contains_key(image) || !self.bases.contains_key(image)),
            Customize::CloudInit | Customize::None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    #[test]
    fn what_a_guest_writes_into_a_raw_file_says_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = |program: &str, args: &[&str]| {
            let output = Command::new(program)
                .args(args)
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{args:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        run("qemu-img", &["create", "-q", "-f", "qcow2", "a.qcow2", "3G"]);
        std::fs::copy(folder.path().join("a.qcow2"), folder.path().join("seed.img")).unwrap();
        let size = folder.path().join("seed.img").metadata().unwrap().len();
        let listed = run("sh", &["-c", include_str!("listed.sh"), "sh", "."]);
        assert_eq!(listed, format!("{} a.qcow2\n{size} seed.img\n", 3u64 << 30));
    }
}
