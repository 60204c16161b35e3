//! The resolved model: what should be on the hypervisor, as pure data.

use crate::addresses::Mac;
use crate::mark::Wire;
use crate::secret::Secret;
use crate::steps::host::bridges::HostBridge;
use crate::topology::cpu::{CpuModel, Layout};
use crate::topology::disk::{Bus, Cache, Preallocation};
use crate::topology::firmware::{Firmware, Tpm};
use crate::topology::network::Forward;
use crate::virtopts::Extra;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
    /// The target counts of an extend, kept in the record until it is complete.
    pub extend: Option<BTreeMap<String, u32>>,
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
    /// Downloaded by the hypervisor.
    Url(String),
    /// Uploaded from the client.
    File(std::path::PathBuf),
}

/// A libvirt network.
#[derive(Clone, Debug)]
pub struct Network {
    /// The libvirt name, prefixed.
    pub name: String,
    /// The name in the topology.
    pub topology_name: String,
    /// The network's UUID.
    pub uuid: Uuid,
    /// The bridge device, at most 15 bytes.
    pub bridge: String,
    /// How it reaches the world.
    pub forward: Forward,
    /// Bytes.
    pub mtu: Option<u32>,
    /// DNS domain of the guests.
    pub domain: Option<String>,
    /// The host's address and the subnet.
    pub ipv4: Option<Ipv4Side>,
    /// The host's IPv6 address and the subnet.
    pub ipv6: Option<Ipv6Side>,
    /// DNS SRV records.
    pub srvs: Vec<crate::topology::network::Srv>,
    /// Whether its bridge is to ask for multicast groups.
    pub querier: bool,
    /// Addresses given to the nodes' NICs, of both families.
    pub reservations: Vec<Reservation>,
    /// The two nodes that it joins, when it is a wire.
    pub wire: Option<Wire>,
    /// What it is on Open vSwitch, when it is there.
    pub switch: Option<Switch>,
}

/// A bridge of Open vSwitch under a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// What NICs may be plugged into.
    pub portgroups: Vec<Portgroup>,
    /// The host's ports; the first is the bridge's own.
    pub ports: Vec<HostPort>,
    /// The physical NIC that becomes a port of it.
    pub nic: Option<String>,
}

/// VLANs under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portgroup {
    /// Its name.
    pub name: String,
    /// Whether NICs that name none are in this one.
    pub default: bool,
    /// Whether packets keep their tags.
    pub trunk: bool,
    /// The VLANs, each with whether it goes untagged in the trunk; every VLAN when there is none.
    pub vlans: BTreeMap<u16, bool>,
}

/// A port of the host itself on a bridge of Open vSwitch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The device.
    pub device: String,
    /// Its VLAN; untagged without one.
    pub vlan: Option<u16>,
    /// The host's addresses there.
    pub addresses: Vec<IpNet>,
}

/// The IPv4 half of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4Side {
    /// The host's address.
    pub address: Ipv4Addr,
    /// The subnet.
    pub net: Ipv4Net,
    /// First and last address given out by DHCP.
    pub dhcp: Option<(Ipv4Addr, Ipv4Addr)>,
}

/// The IPv6 half of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6Side {
    /// The host's address.
    pub address: Ipv6Addr,
    /// The subnet.
    pub net: Ipv6Net,
    /// First and last address given out by DHCPv6.
    pub dhcp: Option<(Ipv6Addr, Ipv6Addr)>,
}

/// A fixed address in a network's DHCP or DHCPv6.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reservation {
    /// The NIC.
    pub mac: Mac,
    /// Its address.
    pub ip: IpAddr,
    /// The node, and which of its NICs where it has several on the network: `web-0`, `web-0-eth2`.
    pub name: String,
}

impl Reservation {
    /// Whether it is of a NIC of that node.
    pub fn is_of(&self, node: &str) -> bool {
        let rest = self.name.strip_prefix(node);
        rest.is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix("-eth").is_some_and(|number| {
                    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                })
        })
    }
}

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct Node {
    /// The domain's name, prefixed.
    pub name: String,
    /// The `name` key of its file.
    pub node_type: String,
    /// Its number among the nodes of its type.
    pub index: u32,
    /// The domain's UUID.
    pub uuid: Uuid,
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
    /// In the order of the topology.
    pub nics: Vec<Nic>,
    /// Index in `nics` of the one through which the node is reached.
    pub external: Option<usize>,
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
}

/// Who sees the screens of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vnc {
    /// Everybody who reaches the hypervisor, else only who is logged in there.
    pub external: bool,
    /// The password.
    pub password: Option<Secret>,
}

/// A disk of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The image that it begins with; blank without one.
    pub image: Option<ImageSource>,
    /// The volume's name in the deployment's pool, or the file's in its folder.
    pub volume: String,
    /// Where it lives.
    pub home: Home,
}

/// Where a disk lives.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Bytes; the kernel's default when absent.
    pub mtu: Option<u32>,
    /// The bridge of the host that it is plugged straight into.
    pub bridge: Option<String>,
    /// Whether it is on a LAN of the host's, where others give out addresses.
    pub lan: bool,
    /// NIC model.
    pub model: String,
}

impl Deployment {
    /// All images that its disks begin with.
    pub fn images(&self) -> BTreeSet<&ImageSource> {
        let disks = self.nodes.iter().flat_map(|node| &node.disks);
        disks.filter_map(|disk| disk.image.as_ref()).collect()
    }
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

    /// The name of the seed's volume.
    pub fn seed_volume(&self) -> String {
        format!("{}-seed.img", self.name)
    }
}
