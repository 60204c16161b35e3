//! The flags of `irs virsh`, infrared's names and ours.

use super::boolean::Boolean;
use super::getting::GettingFlags;
use super::host::ConnectFlags;
use super::hypervisor::GroundFlags;
use super::number::number;
use crate::checksum;
use crate::customize::Customize;
use crate::secret::Secret;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The base image when none is named.
pub const DEFAULT_IMAGE: &str =
    "https://cloud.centos.org/centos/9-stream/x86_64/images/CentOS-Stream-GenericCloud-9-latest.x86_64.qcow2";

/// Flags of `irs virsh`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Booleans take no value, or yes|no|true|false|on|off|1|0. Lists are comma-separated and may be repeated. \
A flag that shows [env: IRS_…] can be given in the environment too.\n\n\
Exit codes: 0 done, 1 failed, 2 usage or input, 3 hypervisor unreachable or refused, 4 not enough resources, 5 busy, 130 interrupted."
)]
pub struct Virsh {
    /// Which hypervisor.
    #[command(flatten)]
    pub host: HostFlags,
    /// Images and pools.
    #[command(flatten)]
    pub image: ImageFlags,
    /// What to make.
    #[command(flatten)]
    pub topology: TopologyFlags,
    /// What to take away.
    #[command(flatten)]
    pub removal: RemovalFlags,
    /// How the nodes are made.
    #[command(flatten)]
    pub node: NodeFlags,
    /// How irs runs.
    #[command(flatten)]
    pub run: RunFlags,
}

/// Which hypervisor, and how it is reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Hypervisor")]
pub struct HostFlags {
    /// Which one.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// What of step 1 is wanted.
    #[command(flatten)]
    pub ground: GroundFlags,
    /// MTU of the physical NICs under bridged networks, in bytes. Default: as they are.
    #[arg(long, value_name = "BYTES", value_parser = number::<u32>(576..=65535), env = "IRS_HOST_MTU_SIZE")]
    pub host_mtu_size: Option<u32>,
    /// Make bridges over NICs that neither NetworkManager nor netplan rules, though such a bridge ends with the next boot.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_BRIDGE_RUNTIME_ONLY", hide_possible_values = true)]
    pub bridge_runtime_only: bool,
    /// How new nodes are dealt to several hypervisors; 'host' in a node file or override says it for that type.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Placement::RoundRobin, env = "IRS_PLACEMENT")]
    pub placement: Placement,
    /// A hypervisor that is gone for good: what lived there is forgotten, and made anew on the others.
    #[arg(long, value_name = "HOST,…", value_delimiter = ',')]
    pub forget_host: Vec<String>,
    /// Make nodes that need more memory than is available.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_HOST_MEMORY_OVERCOMMIT", hide_possible_values = true)]
    pub host_memory_overcommit: bool,
    /// Raise sshd's limits of sessions and logins at once where they are low, until the last environment goes.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "yes", default_missing_value = "yes", value_parser = Boolean, env = "IRS_HOST_SSH_LIMITS", hide_possible_values = true)]
    pub host_ssh_limits: bool,
    /// For an undercloud, and for nodes without an OS: make the hypervisor's user 'stack', as which Ironic powers them.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "yes", default_missing_value = "yes", value_parser = Boolean, env = "IRS_STACK_USER", hide_possible_values = true)]
    pub stack_user: bool,
}

/// The base image, and where images live.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Images")]
pub struct ImageFlags {
    /// Base image of the nodes with an OS: an http(s) URL that the hypervisor fetches, a file of this machine, or a name
    /// that 'irs topology images' shows. What is packed by gzip, xz or zstd is unpacked.
    #[arg(long, value_name = "URL|PATH|NAME", default_value = DEFAULT_IMAGE, env = "IRS_IMAGE_URL")]
    pub image_url: String,
    /// What the base image's content must be, checked before it is used: sha256: or sha512: and its digits, or the URL or
    /// path of a file of sums (SHA256SUMS) that names the image.
    #[arg(long, value_name = "sha256:HEX|URL|PATH", env = "IRS_IMAGE_CHECKSUM")]
    pub image_checksum: Option<checksum::Said>,
    /// How images are fetched.
    #[command(flatten)]
    pub getting: GettingFlags,
    /// Fetch the base image again, though it is in the cache.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_FORCE_IMAGE_DOWNLOAD", hide_possible_values = true)]
    pub force_image_download: bool,
    /// Folder of all images on the hypervisor. Default: the environment's, else /var/lib/libvirt/images.
    #[arg(long, value_name = "DIR", env = "IRS_DISK_POOL")]
    pub disk_pool: Option<String>,
    /// Name of the pool of base images in that folder, unless a pool owns it already.
    #[arg(long, value_name = "NAME", default_value = "images", env = "IRS_POOL_NAME")]
    pub pool_name: String,
}

/// What to make.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Topology")]
pub struct TopologyFlags {
    /// How many nodes of which type there must be, e.g. undercloud:1,controller:3. Never removes.
    #[arg(
        long,
        value_name = "TYPE:COUNT,…",
        value_delimiter = ',',
        env = "IRS_TOPOLOGY_NODES"
    )]
    pub topology_nodes: Vec<String>,
    /// The networks: a name or the path of a YAML file. Default: those of the environment, else 3_nets.
    #[arg(long, value_name = "NAME|PATH", env = "IRS_TOPOLOGY_NETWORK")]
    pub topology_network: Option<String>,
    /// MTU in bytes of the virtual networks, and of the nodes' NICs on them; a network's own 'mtu' wins.
    /// Default: the networks' own, else 1500.
    #[arg(long, value_name = "BYTES", value_parser = number::<u32>(576..=65535), env = "IRS_HOST_NETWORK_MTU_SIZE")]
    pub host_network_mtu_size: Option<u32>,
    /// Let the external network's bridge ask which multicast groups its nodes want. It ends with the bridge, and the
    /// same command brings it back.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_HOST_NETWORK_MULTICAST_QUERIER", hide_possible_values = true)]
    pub host_network_multicast_querier: bool,
    /// The networks: the http(s) URL of a YAML file, which this machine fetches.
    #[arg(long, value_name = "URL", env = "IRS_TOPOLOGY_NET_URL")]
    pub topology_net_url: Option<String>,
    /// Add the nodes of --topology-nodes to the existing ones.
    #[arg(long, visible_alias = "extend", value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_TOPOLOGY_EXTEND", hide_possible_values = true)]
    pub topology_extend: bool,
    /// How the files are read.
    #[command(flatten)]
    pub files: FileFlags,
}

/// How topology files are found and read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Topology")]
pub struct FileFlags {
    /// Name of the environment, before all its names: many live side by side on one hypervisor.
    #[arg(long, value_name = "NAME", env = "IRS_PREFIX")]
    pub prefix: Option<String>,
    /// A folder with nodes/ and network/ that comes before the built-in files; may be repeated.
    #[arg(long, value_name = "DIR", env = "IRS_TOPOLOGY_DIR")]
    pub topology_dir: Vec<PathBuf>,
    /// Where auxiliary images lie: provision.image.mirror.url in the templates of topology files.
    #[arg(long, value_name = "URL", env = "IRS_IMAGE_MIRROR_URL")]
    pub image_mirror_url: Option<String>,
    /// Third octet of the subnets of management and external networks. Default: a free one.
    #[arg(long = "net_subnet", visible_alias = "net-subnet", value_name = "OCTET", value_parser = number::<u8>(0..=255), env = "IRS_NET_SUBNET")]
    pub net_subnet: Option<u8>,
    /// Third octet of the data network's subnet. Default: a free one.
    #[arg(long = "data_subnet", visible_alias = "data-subnet", value_name = "OCTET", value_parser = number::<u8>(0..=255), env = "IRS_DATA_SUBNET")]
    pub data_subnet: Option<u8>,
    /// A variable of the templates, or a value over a topology file's: override.controller.memory=8192,
    /// override.networks.net2.ip_address=172.16.9.1; @FILE.yml reads many.
    #[arg(
        short = 'e',
        long = "extra-vars",
        value_name = "KEY=VALUE|@FILE",
        env = "IRS_EXTRA_VARS"
    )]
    pub extra_vars: Vec<String>,
}

/// What to take away.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Removal")]
pub struct RemovalFlags {
    /// Remove these nodes with their disks.
    #[arg(long, value_name = "NODE,…", value_delimiter = ',')]
    pub remove_nodes: Vec<String>,
    /// Remove this environment: the workspace's, or the one named by --prefix.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, hide_possible_values = true)]
    pub kill: bool,
    /// With --prefix remove that environment, from anywhere; without, ALL domains and networks of the hypervisor
    /// but the network 'default'.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, hide_possible_values = true)]
    pub cleanup: bool,
    /// With a --cleanup without --prefix, remove the disks of domains that irs did not make, too: files and volumes, also
    /// those of their snapshots; never block devices, nor what is read-only, shareable, or in a CD drive.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, hide_possible_values = true)]
    pub with_storage: bool,
    /// Do not ask: before a --cleanup without --prefix, or a --kill of what this workspace did not make.
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// How the nodes are made.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Nodes")]
pub struct NodeFlags {
    /// The sudo user that is made on the nodes with an OS, and the one to log in as.
    #[arg(
        long,
        value_name = "USER",
        default_value = "cloud-user",
        env = "IRS_TOPOLOGY_USERNAME"
    )]
    pub topology_username: String,
    /// Time zone of the nodes, e.g. Europe/Berlin. Default: the image's.
    #[arg(long, value_name = "ZONE", env = "IRS_TOPOLOGY_TIMEZONE")]
    pub topology_timezone: Option<String>,
    /// How nodes are told who they are: by the cloud-init of their image, or by what libguestfs puts into it, once for all
    /// nodes, or not at all. auto: by cloud-init, unless libguestfs is on the hypervisor and finds none in the image. Nodes
    /// that are there stay as they are.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Customize::Auto, env = "IRS_CUSTOMIZE")]
    pub customize: Customize,
    /// Locale of the nodes, e.g. de_DE.UTF-8. Default: the image's.
    #[arg(long, value_name = "LOCALE", env = "IRS_TOPOLOGY_LOCALE")]
    pub topology_locale: Option<String>,
    /// CA certificates that new nodes trust: files of this machine or http(s) URLs that it fetches, in PEM.
    #[arg(long, value_name = "PATH|URL,…", value_delimiter = ',', env = "IRS_TLS_CA")]
    pub tls_ca: Vec<String>,
    /// Who logs in to the nodes on which no user is made. Default: the user that an image with a name has, else root.
    #[arg(
        long = "image-ssh_user",
        visible_alias = "image-ssh-user",
        value_name = "USER",
        env = "IRS_IMAGE_SSH_USER"
    )]
    pub image_ssh_user: Option<String>,
    /// Ansible's connection plugin for the nodes, in the inventory.
    #[arg(
        long = "image-ansible_connection",
        visible_alias = "image-ansible-connection",
        value_name = "PLUGIN",
        default_value = "ssh",
        env = "IRS_IMAGE_ANSIBLE_CONNECTION"
    )]
    pub image_ansible_connection: String,
    /// Firmware of the nodes that say none themselves. Default: bios for new nodes, existing ones keep theirs.
    #[arg(long, value_enum, value_name = "MODE", env = "IRS_BOOTMODE")]
    pub bootmode: Option<BootMode>,
    /// Bus of the disks that say none themselves. Default: virtio for new nodes, existing ones keep theirs.
    #[arg(long, value_enum, value_name = "BUS", env = "IRS_DISK_BUS")]
    pub disk_bus: Option<DiskBus>,
    /// What is added to every node's domain: libvirt's domain XML, or options of virt-install (--memballoon, --tpm,
    /// --rng, --boot, --cpu, --graphics, --hostdev, --filesystem, --watchdog).
    #[arg(
        long,
        value_name = "XML|OPTIONS",
        allow_hyphen_values = true,
        default_value = "",
        hide_default_value = true,
        env = "IRS_VIRTOPTS"
    )]
    pub virtopts: String,
    /// Show the nodes' screens (VNC) to everybody who reaches the hypervisor; needs a password.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_VNC_EXTERNAL", hide_possible_values = true)]
    pub vnc_external: bool,
    /// The password of the nodes' screens, at most 8 characters. Others may see a command line: rather use the
    /// environment, or --vnc-password-file.
    #[arg(long, value_name = "PASSWORD", value_parser = clap::builder::ValueParser::new(secret), env = "IRS_VNC_PASSWORD", hide_env_values = true, conflicts_with = "vnc_password_file")]
    pub vnc_password: Option<Secret>,
    /// A file whose first line is the password of the nodes' screens.
    #[arg(long, value_name = "FILE", env = "IRS_VNC_PASSWORD_FILE")]
    pub vnc_password_file: Option<PathBuf>,
    /// Log each node's serial console on the hypervisor, under /var/lib/libvirt/qemu.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_SERIAL_FILES", hide_possible_values = true)]
    pub serial_files: bool,
    /// Hardware virtualization, or QEMU's own emulation; auto takes KVM where it is usable, and leaves nodes that are
    /// there as they are.
    #[arg(long, value_enum, value_name = "TYPE", default_value_t = VirtType::Auto, env = "IRS_VIRT_TYPE")]
    pub virt_type: VirtType,
    /// Which nodes are started: 'os' leaves those without an OS parked, for Ironic to switch on.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Start::All, env = "IRS_START")]
    pub start: Start,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// How irs runs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunFlags {
    /// Read flags from this file: YAML whose keys are the long flags, or an answers file of infrared's. The command line
    /// wins over it, and it wins over the environment.
    #[arg(long, value_name = "FILE")]
    pub from_file: Vec<PathBuf>,
    /// Write a file for --from-file with every flag, its help and its value, and do nothing else.
    #[arg(long, value_name = "FILE")]
    pub generate_answers_file: Option<PathBuf>,
    /// Write what this run was told, resolved, as a file for --from-file; without secrets.
    #[arg(short, long, value_name = "FILE", env = "IRS_OUTPUT")]
    pub output: Option<PathBuf>,
    /// Say what would be done, with reasons, and touch nothing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_DRY_RUN", hide_possible_values = true)]
    pub dry_run: bool,
    /// Where inventory, ssh config and keys are written. Default: --prefix, else the active one ('irs workspace checkout'),
    /// else 'default'.
    #[arg(long, value_name = "NAME", env = "IRS_WORKSPACE")]
    pub workspace: Option<String>,
    /// Wait while another run changes this environment, in place of giving up.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_WAIT", hide_possible_values = true)]
    pub wait: bool,
    /// With several hypervisors, go on with the others when one fails; the exit code tells of it all the same.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_KEEP_GOING", hide_possible_values = true)]
    pub keep_going: bool,
    /// Restart the running nodes that a change shows on after a restart only, this run's changes and earlier ones: each is
    /// shut down by its guest agent, else by its power button (ACPI), started, and waited for.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_RESTART", hide_possible_values = true)]
    pub restart: bool,
    /// How long a node may take to shut down before it is switched off, in seconds; 0 switches it off at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = number::<u64>(0..=86400), env = "IRS_RESTART_TIMEOUT")]
    pub restart_timeout: u64,
    /// When all is ready, have Ansible ask the nodes and the hypervisor for their facts, and write them into the workspace:
    /// facts/NODE.json.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_COLLECT_ANSIBLE_FACTS", hide_possible_values = true)]
    pub collect_ansible_facts: bool,
    /// How long a node may take until it answers, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = number::<u64>(1..=86400), env = "IRS_TIMEOUT")]
    pub timeout: u64,
}

/// Firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BootMode {
    /// SeaBIOS.
    Bios,
    /// OVMF, with nvram of each node's own.
    Uefi,
}

/// Buses of disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiskBus {
    /// virtio-blk.
    Virtio,
    /// A virtio-scsi controller.
    Scsi,
}

/// How guests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VirtType {
    /// KVM where it is usable, else emulation.
    Auto,
    /// Hardware virtualization.
    Kvm,
    /// QEMU's emulation: slow.
    Qemu,
}

impl VirtType {
    /// What is asked for; nothing where it is to be found out.
    pub fn said(self) -> Option<&'static str> {
        match self {
            VirtType::Auto => None,
            VirtType::Kvm => Some("kvm"),
            VirtType::Qemu => Some("qemu"),
        }
    }
}

/// How new nodes are dealt to several hypervisors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Placement {
    /// The node of number N to hypervisor N modulo their count, in the order of --host-address.
    RoundRobin,
    /// Each to the hypervisor that has the most memory left.
    Memory,
}

/// Which nodes are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Start {
    /// All.
    All,
    /// Those with an OS.
    Os,
    /// None.
    None,
}
