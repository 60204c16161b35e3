//! The flags that say what there shall be, checked: those that `irs virsh` shares with `irs topology`.

use super::guest::{self, Guest};
use crate::catalogue::Catalogue;
use crate::cli::virsh::{BootMode, DiskBus, FileFlags, ImageFlags, NodeFlags, Start, TopologyFlags};
use crate::deployment::{DEFAULT_DISK_POOL, ImageSource, Storage};
use crate::names;
use crate::resolve::Wanted;
use crate::resolve::slots::Forced;
use crate::steps::start::Policy;
use crate::topology::disk::Bus;
use crate::topology::firmware::Firmware;
use crate::topology::{self, overrides, selection};
use crate::virtopts::{self, Virtopts};
use crate::yaml::{Problems, shown};
use std::path::PathBuf;
use std::sync::Arc;

/// What there shall be, as far as the command line says it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What is to be made.
    pub wanted: Wanted,
    /// The topology asked for; the network's name is empty when none was named.
    pub topology: topology::Request,
    /// Forced subnets.
    pub forced: Forced,
    /// What the nodes' first boot is told.
    pub guest: Guest,
}

/// Checks these flags; what is wrong is a problem, and has a stand-in in the answer.
pub fn check(
    image_flags: &ImageFlags,
    flags: &TopologyFlags,
    node: &NodeFlags,
    problems: &mut Problems,
) -> Spec {
    let request = files(&flags.files, problems);
    let nodes = nodes(flags, problems);
    let storage = storage(image_flags.disk_pool.as_deref(), &image_flags.pool_name, problems);
    let guest = guest::check(node, problems);
    let catalogue = Catalogue::load(&flags.files.topology_dir, problems);
    let image = image(&image_flags.image_url, &catalogue, problems);
    Spec {
        wanted: Wanted {
            storage,
            image,
            customize: node.customize,
            catalogue: Arc::new(catalogue),
            username: node.topology_username.clone(),
            disk_bus: node.disk_bus.map(|bus| match bus {
                DiskBus::Virtio => Bus::Virtio,
                DiskBus::Scsi => Bus::Scsi,
            }),
            firmware: node.bootmode.map(|mode| match mode {
                BootMode::Bios => Firmware::Bios,
                BootMode::Uefi => Firmware::Uefi { secure: false },
            }),
            image_user: guest::image_user(node, problems),
            ansible_connection: guest::ansible_connection(node, problems),
            vnc: guest::vnc(node, problems),
            virtopts: virtopts::parse(&node.virtopts).unwrap_or_else(|found| {
                problems.append(found);
                Virtopts::default()
            }),
            serial_files: node.serial_files,
            start: match node.start {
                Start::All => Policy::All,
                Start::Os => Policy::Os,
                Start::None => Policy::None,
            },
            network_mtu: flags.host_network_mtu_size,
            querier: flags.host_network_multicast_querier,
            extend: flags.topology_extend,
            host_mtu: None,
            bridge_runtime_only: false,
        },
        topology: topology::Request {
            nodes,
            network: network(flags, problems),
            ..request
        },
        forced: forced(&flags.files),
        guest,
    }
}

/// Checks how topology files are to be found and read; the request names no files yet.
pub fn files(flags: &FileFlags, problems: &mut Problems) -> topology::Request {
    if let Some(prefix) = &flags.prefix
        && let Err(why) = names::check_prefix(prefix)
    {
        problems
            .push(None, format!("--prefix '{prefix}' cannot be used: {why}"))
            .hint("e.g. --prefix lab1");
    }
    let overrides = overrides::parse(&flags.extra_vars).unwrap_or_else(|found| {
        problems.append(found);
        overrides::Overrides::default()
    });
    topology::Request {
        dirs: flags.topology_dir.clone(),
        overrides,
        image_mirror_url: mirror(flags, problems),
        ..topology::Request::default()
    }
}

/// The subnets that are forced.
pub fn forced(flags: &FileFlags) -> Forced {
    Forced {
        net: flags.net_subnet,
        data_net: flags.data_subnet,
    }
}

fn nodes(flags: &TopologyFlags, problems: &mut Problems) -> Vec<(String, u32)> {
    if flags.topology_nodes.is_empty() {
        return Vec::new();
    }
    selection::parse(&flags.topology_nodes.join(",")).unwrap_or_else(|found| {
        problems.append(found);
        Vec::new()
    })
}

/// Checks the folder of images and the name of its pool.
pub fn storage(disk_pool: Option<&str>, pool_name: &str, problems: &mut Problems) -> Storage {
    let said = disk_pool.unwrap_or(DEFAULT_DISK_POOL);
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
    let pool = pool_name.to_owned();
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

/// The image that a word of the command line means.
pub fn image(text: &str, catalogue: &Catalogue, problems: &mut Problems) -> ImageSource {
    let source = topology::image::source(text);
    if let Ok(source) = &source {
        if let Some(named) = topology::image::named(source, catalogue) {
            return named;
        }
        if let Some((why, hint)) = topology::image::unknown(source, catalogue) {
            problems.push(None, format!("--image-url {why}")).hint(hint);
        }
    }
    source.unwrap_or_else(|(why, hint)| {
        problems.push(None, format!("--image-url {why}")).hint(hint);
        ImageSource::File(PathBuf::new())
    })
}

/// The network file: a name, a path, or a URL.
fn network(flags: &TopologyFlags, problems: &mut Problems) -> String {
    if let (Some(_), Some(_)) = (&flags.topology_network, &flags.topology_net_url) {
        problems
            .push(
                None,
                "--topology-network and --topology-net-url do not go together",
            )
            .hint("use one of them");
    }
    if flags.topology_network.as_deref() == Some("") {
        problems
            .push(None, "--topology-network is empty")
            .hint("e.g. --topology-network 3_nets, or the path of a file; leave it out for the default");
    }
    let url = flags.topology_net_url.as_deref();
    let url = url.filter(|url| {
        is_url(
            "--topology-net-url",
            url,
            "https://host.example/3_nets.yml",
            problems,
        )
    });
    url.or(flags.topology_network.as_deref())
        .unwrap_or_default()
        .to_owned()
}

fn mirror(flags: &FileFlags, problems: &mut Problems) -> Option<String> {
    let url = flags.image_mirror_url.as_deref()?;
    is_url(
        "--image-mirror-url",
        url,
        "https://mirror.example/images",
        problems,
    );
    Some(url.to_owned())
}

/// Whether the flag's value is an http(s) URL; if not, says so.
fn is_url(flag: &str, url: &str, example: &str, problems: &mut Problems) -> bool {
    let good = crate::url::is_plain(url);
    if !good {
        problems
            .push(
                None,
                format!(
                    "{flag} '{}' is no http:// or https:// URL",
                    shown(&crate::url::shown(url))
                ),
            )
            .hint(format!("e.g. {flag} {example}"));
    }
    good
}
