//! The flags of `irs virsh`, checked: nothing of the hypervisor is asked yet.

use crate::cli::virsh::{DiskBus, Start, Virsh, VirtType};
use crate::deployment::{ImageSource, Storage};
use crate::error::{Exit, Fault};
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::resolve::Wanted;
use crate::resolve::slots::Forced;
use crate::ssh::config::ClientOptions;
use crate::steps::start::Policy;
use crate::topology::disk::Bus;
use crate::topology::{self, overrides, selection};
use crate::workspace::{self, Workspace};
use crate::yaml::Problems;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of images when neither the flag nor the environment's pool names one.
const DEFAULT_DISK_POOL: &str = "/var/lib/libvirt/images";

/// What a run is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Make what is missing.
    Make,
    /// Remove these nodes.
    RemoveNodes(Vec<String>),
    /// Remove the deployment.
    Kill,
    /// Remove everything of everybody.
    CleanupAll,
}

/// A checked command line.
#[derive(Clone, Debug)]
pub struct Request {
    /// What for.
    pub mode: Mode,
    /// The hypervisor.
    pub host: String,
    /// Whether nobody named the hypervisor, so that it is this machine.
    pub host_is_default: bool,
    /// How it is reached.
    pub client: ClientOptions,
    /// The prefix, from the flag or the workspace.
    pub prefix: Option<String>,
    /// Where the outputs go.
    pub workspace: Workspace,
    /// What the last run noted there.
    pub known: Option<workspace::Record>,
    /// What is to be made.
    pub wanted: Wanted,
    /// Whether nobody named the folder of images.
    pub folder_is_default: bool,
    /// The topology asked for; the network's name is empty when none was named.
    pub topology: topology::Request,
    /// Forced subnets.
    pub forced: Forced,
    /// Time zone of the nodes.
    pub timezone: Option<String>,
    /// Hardware virtualization or emulation.
    pub virt_type: VirtType,
    /// Whether virtualization is checked.
    pub validate: bool,
    /// Whether too little memory is accepted.
    pub memory_overcommit: bool,
    /// Whether the base image is fetched again.
    pub force_download: bool,
    /// Say only.
    pub dry_run: bool,
    /// Ask nothing.
    pub yes: bool,
    /// For a node to get ready.
    pub timeout: Duration,
}

impl Request {
    /// The deployment's name.
    pub fn deployment(&self) -> &str {
        self.prefix.as_deref().unwrap_or(DEFAULT_DEPLOYMENT)
    }
}

/// Checks the flags, all of them.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn check(args: &Virsh) -> Result<Request> {
    let mut problems = Problems::default();
    let mode = mode(args, &mut problems);
    if let Some(prefix) = &args.topology.prefix
        && let Err(why) = names::check_prefix(prefix)
    {
        problems
            .push(None, format!("--prefix '{prefix}' cannot be used: {why}"))
            .hint("e.g. --prefix lab1");
    }
    let nodes = nodes(args, &mut problems);
    let overrides = overrides::parse(&args.topology.extra_vars).unwrap_or_else(|found| {
        problems.append(found);
        overrides::Overrides::default()
    });
    let storage = storage(args, &mut problems);
    let image = image(&args.image.image_url, &mut problems);
    check_guest(args, &mut problems);
    if args
        .host
        .host_address
        .iter()
        .any(|address| address.trim().is_empty())
    {
        problems
            .push(None, "--host-address is empty")
            .hint("name the hypervisor, e.g. --host-address hv1");
    }
    let topology = topology::Request {
        nodes,
        network: args.topology.topology_network.clone().unwrap_or_default(),
        dirs: args.topology.topology_dir.clone(),
        overrides,
    };
    let forced = Forced {
        net: args.topology.net_subnet,
        data_net: args.topology.data_subnet,
    };
    if !problems.is_empty() {
        if !topology.nodes.is_empty() {
            problems.append(super::make::faults(&topology, forced));
        }
        return Err(problems.into_fault());
    }

    let name = args
        .run
        .workspace
        .as_deref()
        .or(args.topology.prefix.as_deref())
        .unwrap_or(DEFAULT_DEPLOYMENT);
    let workspace = Workspace::named(name)?;
    let known = workspace.record()?;
    let prefix = args
        .topology
        .prefix
        .clone()
        .or_else(|| known.as_ref().and_then(|record| record.prefix.clone()));
    let deployment = prefix.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
    if let Some(other) = known.as_ref().filter(|record| record.deployment != deployment) {
        bail!(
            Fault::new(
                Exit::Usage,
                format!(
                    "the workspace '{name}' belongs to deployment '{}', not to '{deployment}'",
                    other.deployment
                )
            )
            .hint("leave --workspace away, or name another one")
        );
    }
    let (host, host_is_default) = host(args, known.as_ref())?;
    if mode == Mode::CleanupAll && args.host.host_address.is_empty() {
        bail!(
            Fault::new(
                Exit::Usage,
                "--cleanup without --prefix removes everything on a hypervisor: --host-address must be said"
            )
            .hint("--host-address local is this machine; --cleanup --prefix NAME removes one environment")
        );
    }
    let known_host = known
        .as_ref()
        .and_then(|record| record.hosts.iter().find(|known| known.address == host));
    Ok(Request {
        folder_is_default: args.image.disk_pool.is_none(),
        mode,
        client: ClientOptions {
            user: args
                .host
                .host_user
                .clone()
                .or_else(|| known_host.and_then(|known| known.user.clone())),
            key: args
                .host
                .host_key
                .clone()
                .or_else(|| known_host.and_then(|known| known.key.clone())),
            known_hosts: args.host.known_hosts.clone(),
            ..ClientOptions::default()
        },
        host,
        host_is_default,
        prefix,
        workspace,
        known,
        wanted: Wanted {
            storage,
            image,
            username: args.node.topology_username.clone(),
            disk_bus: match args.node.disk_bus {
                DiskBus::Virtio => Bus::Virtio,
                DiskBus::Scsi => Bus::Scsi,
            },
            serial_files: args.node.serial_files,
            start: match args.node.start {
                Start::All => Policy::All,
                Start::Os => Policy::Os,
                Start::None => Policy::None,
            },
            extend: args.topology.topology_extend,
        },
        topology,
        forced,
        timezone: args.node.topology_timezone.clone(),
        virt_type: args.node.virt_type,
        validate: args.host.host_validate,
        memory_overcommit: args.host.host_memory_overcommit,
        force_download: args.image.force_image_download,
        dry_run: args.run.dry_run,
        yes: args.removal.yes,
        timeout: Duration::from_secs(args.run.timeout),
    })
}

fn mode(args: &Virsh, problems: &mut Problems) -> Mode {
    let removal = &args.removal;
    let topology = &args.topology;
    let removes = [
        ("--cleanup", removal.cleanup),
        ("--kill", removal.kill),
        ("--remove-nodes", !removal.remove_nodes.is_empty()),
    ];
    let asked: Vec<&str> = removes
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(flag, _)| flag)
        .collect();
    if asked.len() > 1 {
        problems
            .push(None, format!("{} do not go together", asked.join(" and ")))
            .hint("use one of them");
    }
    if let Some(flag) = asked.first()
        && (topology.topology_extend || !topology.topology_nodes.is_empty())
    {
        problems
            .push(None, format!("{flag} and --topology-nodes do not go together"))
            .hint("remove first, then make");
    }
    if !removal.remove_nodes.is_empty() {
        return Mode::RemoveNodes(
            removal
                .remove_nodes
                .iter()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        );
    }
    if removal.kill || (removal.cleanup && topology.prefix.is_some()) {
        return Mode::Kill;
    }
    if removal.cleanup {
        return Mode::CleanupAll;
    }
    if topology.topology_nodes.is_empty() {
        problems
            .push(None, "--topology-nodes is missing: which nodes shall there be?")
            .hint("e.g. --topology-nodes undercloud:1,controller:1,compute:1");
    }
    Mode::Make
}

fn nodes(args: &Virsh, problems: &mut Problems) -> Vec<(String, u32)> {
    if args.topology.topology_nodes.is_empty() {
        return Vec::new();
    }
    selection::parse(&args.topology.topology_nodes.join(",")).unwrap_or_else(|found| {
        problems.append(found);
        Vec::new()
    })
}

fn storage(args: &Virsh, problems: &mut Problems) -> Storage {
    let said = args.image.disk_pool.as_deref().unwrap_or(DEFAULT_DISK_POOL);
    let folder = said.trim_end_matches('/').to_owned();
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c))
    };
    if !folder.starts_with('/') || !plain(&folder) || folder.split('/').any(|part| part == "..") {
        problems
            .push(None, format!("--disk-pool '{said}' cannot be used"))
            .hint("it takes an absolute path of letters, digits and . _ - +, e.g. /var/lib/libvirt/images");
    }
    let pool = args.image.pool_name.clone();
    if pool.is_empty()
        || pool.len() > 64
        || pool.starts_with(['-', '.'])
        || !plain(&pool)
        || pool.contains('/')
        || pool.starts_with("irs-")
    {
        problems
            .push(None, format!("--pool-name '{pool}' cannot be used"))
            .hint("it takes letters, digits and . _ - +; names that begin with 'irs-' are irs's own");
    }
    Storage { folder, pool }
}

fn image(text: &str, problems: &mut Problems) -> ImageSource {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            problems
                .push(
                    None,
                    format!("--image-url {text:?} has blanks or control characters"),
                )
                .hint("write a blank as %20");
        }
        return ImageSource::Url(text.to_owned());
    }
    if let Some(path) = text.strip_prefix("file://") {
        return ImageSource::File(PathBuf::from(path));
    }
    if let Some((scheme, _)) = text.split_once("://") {
        problems
            .push(None, format!("--image-url has the scheme '{scheme}'"))
            .hint("it takes http://, https:// or the path of a file");
    }
    ImageSource::File(PathBuf::from(text))
}

fn check_guest(args: &Virsh, problems: &mut Problems) {
    let user = &args.node.topology_username;
    let first = user
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let rest = user
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if !first || !rest || user.len() > 32 {
        problems
            .push(
                None,
                format!("--topology-username {user:?} is no name of a Linux user"),
            )
            .hint("it takes small letters, digits, _ and -, at most 32");
    }
    if let Some(zone) = &args.node.topology_timezone {
        let plain = !zone.is_empty()
            && zone
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c))
            && !zone.starts_with('/');
        let zones = Path::new("/usr/share/zoneinfo");
        if !plain || (zones.is_dir() && !zones.join(zone).is_file()) {
            problems
                .push(None, format!("--topology-timezone {zone:?} is not known"))
                .hint("e.g. Europe/Berlin or UTC");
        }
    }
}

fn host(args: &Virsh, known: Option<&workspace::Record>) -> Result<(String, bool)> {
    let mut hosts: Vec<&str> = Vec::new();
    for address in args.host.host_address.iter().map(|address| address.trim()) {
        if !hosts.contains(&address) {
            hosts.push(address);
        }
    }
    if hosts.len() > 1 {
        bail!(
            Fault::new(
                Exit::Usage,
                format!(
                    "{} hypervisors are named, and this version works on one",
                    hosts.len()
                )
            )
            .hint("run irs once for each, with a --prefix of its own")
        );
    }
    let remembered = || {
        known
            .and_then(|record| record.hosts.first())
            .map(|host| host.address.clone())
    };
    Ok(match hosts.first() {
        Some(host) => ((*host).to_owned(), false),
        None => remembered().map_or_else(|| ("local".to_owned(), true), |host| (host, false)),
    })
}
