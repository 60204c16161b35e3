//! Virtual machines as they should be.

use super::ImageSource;
use crate::addresses::Mac;
use crate::customize::Customize;
use crate::secret::Secret;
use crate::topology::cloud_init::CloudInit;
use crate::topology::cpu::{CpuModel, Layout};
use crate::topology::disk::{Bus, Cache, Preallocation};
use crate::topology::firmware::{Firmware, Tpm};
use crate::virtopts::Extra;
use ipnet::IpNet;
use std::net::IpAddr;
use uuid::Uuid;

/// A virtual machine.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Node {
    /// The domain's name, prefixed.
    pub name: String,
    /// The `name` key of its file.
    pub node_type: String,
    /// The name of that file.
    pub file_name: String,
    /// Its number among the nodes of its type.
    pub index: u32,
    /// The domain's UUID.
    pub uuid: Uuid,
    /// What it is to run by, `kvm` or `qemu`, where this run is told: else one that is there stays what it is.
    #[serde(skip)]
    pub virt_type: Option<&'static str>,
    /// Virtual CPUs.
    pub cpu: u32,
    /// How they are laid out, when that is asked for.
    pub cpu_layout: Option<Layout>,
    /// The CPU model asked for.
    pub cpu_model: CpuModel,
    /// MiB.
    pub memory_mib: u64,
    /// MiB of swap made by cloud-init.
    pub swap_mib: u64,
    /// Whether its first disk has an operating system.
    pub has_os: bool,
    /// Whether a seed tells that operating system its name, keys and addresses: its image takes customisation.
    pub has_seed: bool,
    /// How it is told so at its first boot; a run's own business, as nodes that are there are told nothing.
    #[serde(skip)]
    pub customize: Customize,
    /// infrared's `os.type`.
    pub os_type: String,
    /// infrared's `os.variant`, an osinfo short name.
    pub os_variant: String,
    /// Machine type, libvirt's default when absent.
    pub machine: Option<String>,
    /// Firmware; an existing node keeps its own when nobody says anything.
    pub firmware: Firmware,
    /// An emulated TPM; an existing node keeps its own when nobody says anything.
    pub tpm: Option<Tpm>,
    /// What it boots from, in order; empty for what its kind boots from.
    pub boot: Vec<String>,
    /// In the order of the file; with an OS, the first has the image.
    pub disks: Vec<Disk>,
    /// What the seed hangs on: an existing node's stays where it is.
    #[serde(default = "virtio")]
    pub seed_bus: Bus,
    /// What its file adds to its first boot: for the seed alone, and maybe with passwords in it.
    #[serde(skip)]
    pub cloud_init: Option<CloudInit>,
    /// In the order of the topology.
    pub nics: Vec<Nic>,
    /// NICs that it has and is to lose in this run.
    #[serde(skip)]
    pub gone: Vec<Mac>,
    /// Index in `nics` of the one through which the node is reached.
    pub external: Option<usize>,
    /// The network that it is provisioned over, when its file or its networks say so.
    #[serde(default)]
    pub provision: Option<String>,
    /// Inventory groups.
    pub groups: Vec<String>,
    /// The SSH user of the inventory.
    pub user: String,
    /// Ansible's connection plugin.
    pub ansible_connection: String,
    /// Whether it has a guest-agent channel.
    pub guest_agent: bool,
    /// Where the serial console is logged, when it is.
    pub serial_file: Option<String>,
    /// Who sees its screen.
    pub vnc: Vnc,
    /// What `--virtopts` adds.
    pub extras: Vec<Extra>,
    /// Whether it is started.
    pub starts: bool,
}

/// Where the seeds are of nodes that were made before there was a choice.
fn virtio() -> Bus {
    Bus::Virtio
}

/// What the node is called that provisions others, and its group in the inventory.
const UNDERCLOUD: &str = "undercloud";

/// Who sees the screens of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Vnc {
    /// Everybody who reaches the hypervisor, else only who is logged in there.
    pub external: bool,
    /// The password; it is written down nowhere.
    #[serde(skip)]
    pub password: Option<Secret>,
}

impl Node {
    /// The address through which the node is reached.
    pub fn address(&self) -> Option<IpAddr> {
        self.nics.get(self.external?)?.ips.first().copied()
    }

    /// That address, where no network reserves it.
    pub fn told_address(&self) -> Option<IpAddr> {
        let nic = self.nics.get(self.external?)?;
        let address = nic.ips.first()?;
        (!nic.reserved.contains(address)).then_some(*address)
    }

    /// Whether an Ironic runs in it.
    pub fn is_undercloud(&self) -> bool {
        let named = self.node_type == UNDERCLOUD || self.groups.iter().any(|group| group == UNDERCLOUD);
        named && self.has_seed
    }

    /// The name of the seed's volume.
    pub fn seed_volume(&self) -> String {
        seed_volume(&self.name)
    }
}

/// The name of the volume of a node's seed.
pub fn seed_volume(node: &str) -> String {
    format!("{node}-seed.img")
}

/// A disk of a node.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Disk {
    /// Target device, `vda`.
    pub dev: String,
    /// Controller.
    pub bus: Bus,
    /// Virtual size in bytes.
    pub size: u64,
    /// QEMU cache mode.
    pub cache: Cache,
    /// How much is allocated at once.
    pub preallocation: Preallocation,
    /// The image that it begins with; blank without one. A blueprint says only that there is one.
    #[serde(with = "has_image")]
    pub image: Option<ImageSource>,
    /// The volume's name in the deployment's pool, or the file's in its folder.
    pub volume: String,
    /// Where it lives.
    pub home: Home,
}

/// Where a disk lives.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// In the deployment's pool.
    Pool,
    /// In this folder of the hypervisor.
    Folder(String),
    /// It is this file or block device, which was there before.
    Existing {
        /// Its path.
        path: String,
        /// `raw`, `qcow2`, …
        format: String,
    },
}

impl Disk {
    /// How it is known among all disks of a deployment: its volume's name, or its path outside of the pool.
    pub fn key(&self) -> String {
        match &self.home {
            Home::Pool => self.volume.clone(),
            Home::Folder(folder) => format!("{}/{}", folder.trim_end_matches('/'), self.volume),
            Home::Existing { path, .. } => path.clone(),
        }
    }

    /// Its path, where `folder` is the one of the deployment's pool.
    pub fn path(&self, folder: &str) -> String {
        match &self.home {
            Home::Pool => format!("{folder}/{}", self.volume),
            _ => self.key(),
        }
    }

    /// Its format.
    pub fn format(&self) -> &str {
        match &self.home {
            Home::Existing { format, .. } => format,
            _ => "qcow2",
        }
    }

    /// Whether irs makes it, and so removes it.
    pub fn is_ours(&self) -> bool {
        !matches!(self.home, Home::Existing { .. })
    }

    /// Whether it lies over its image, else it is a copy of its own.
    pub fn is_overlay(&self) -> bool {
        self.image.is_some() && !self.preallocation.is_full()
    }
}

/// A network interface of a node.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Nic {
    /// The libvirt name of its network.
    pub network: String,
    /// The port group of that network.
    pub portgroup: Option<String>,
    /// Which interface of the node's file it stands for; none for a wire's end.
    pub interface: Option<usize>,
    /// Its address on the wire.
    pub mac: Mac,
    /// Its fixed addresses, IPv4 before IPv6: those that its network reserves for it, and those that the node is told.
    pub ips: Vec<IpAddr>,
    /// Those of them that the network reserves.
    pub reserved: Vec<IpAddr>,
    /// Whether the node asks for the IPv4 address by DHCP.
    pub dhcp4: bool,
    /// The addresses that the node is told in its seed, with the lengths of their subnets.
    pub told: Vec<IpNet>,
    /// The routers that the node is told for these.
    pub gateways: Vec<IpAddr>,
    /// Where the node looks names up that have no domain, where the seed says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Bytes; the kernel's default when absent.
    pub mtu: Option<u32>,
    /// The bridge of the host that it is plugged straight into.
    pub bridge: Option<String>,
    /// Whether it is on a LAN of the host's, where others give out addresses.
    pub lan: bool,
    /// NIC model.
    pub model: String,
}

/// Where an image comes from differs from client to client, and may have a password in it: what is kept of it is that a
/// disk has one.
mod has_image {
    use crate::deployment::ImageSource;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(image: &Option<ImageSource>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bool(image.is_some())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ImageSource>, D::Error> {
        let has_image = bool::deserialize(from)?;
        Ok(has_image.then(|| ImageSource::Url(String::new())))
    }
}
