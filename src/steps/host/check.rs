//! Whether the hypervisor can carry what is to be made.

use super::facts::Facts;
use crate::deployment::{Deployment, Home, ImageSource, Node};
use crate::error::{Exit, Fault};
use crate::steps::image::Located;
use crate::steps::networks::read::ActualNetwork;
use crate::yaml::shown;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

const GIB: u64 = 1 << 30;
/// Fewer CPU threads than that make every node slow.
pub const THREADS: u32 = 4;
/// What an empty disk takes, without its tables.
const EMPTY_DISK: u64 = 2 << 20;
/// An empty disk's tables are no larger than such a part of it (*measured*: 3 MB for 65 GiB, all told).
const TABLES: u64 = 32 << 10;

/// What to do about a file system that takes no writes.
pub const READ_ONLY: &str = "the kernel makes a file system read-only that has errors: see dmesg there; once it is whole, mount it anew, \
    or choose another folder with --disk-pool";

/// What to do about a folder of images without room.
pub const NO_ROOM: &str = "free some space there, or choose another folder with --disk-pool";

/// What the user said of the checks.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `--host-memory-overcommit`.
    pub memory_overcommit: bool,
}

/// What nodes need of their host, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Of memory.
    pub memory: u64,
    /// How many of them have an OS.
    pub with_os: u64,
    /// Of the file system of images, at once: images, a GiB for each node with an OS, and what empty disks take.
    pub disk: u64,
    /// Of it at once, too: disks that are written out when they are made.
    pub preallocated: u64,
    /// What all disks may come to there.
    pub full: u64,
}

impl Needs {
    /// What these nodes need, with base images of so many bytes.
    pub fn of<'a>(nodes: impl Iterator<Item = &'a Node>, images: u64) -> Needs {
        let mut needs = Needs {
            disk: images,
            ..Needs::default()
        };
        for node in nodes {
            needs.memory += node.memory_mib << 20;
            if node.has_os {
                needs.with_os += 1;
                needs.disk += GIB;
            }
            // Disks elsewhere take no space here.
            for disk in node.disks.iter().filter(|disk| disk.home == Home::Pool) {
                needs.full += disk.size;
                if disk.preallocation.is_full() {
                    needs.preallocated += disk.size;
                } else if disk.image.is_none() {
                    needs.disk += EMPTY_DISK + disk.size / TABLES;
                }
            }
        }
        needs
    }

    /// What is taken at once.
    pub fn at_once(&self) -> u64 {
        self.disk + self.preallocated
    }
}

/// Checks memory and disk for the nodes in `new`; gives back warnings.
///
/// # Errors
/// `Resources`, naming everything that is missing at once.
pub fn check(
    deployment: &Deployment,
    new: &BTreeSet<String>,
    facts: &Facts,
    images: &BTreeMap<ImageSource, Located>,
    limits: Limits,
) -> Result<Vec<String>> {
    let host = &deployment.id.host;
    let nodes = || deployment.nodes.iter().filter(|node| new.contains(&node.name));
    let mut warnings = Vec::new();
    let mut missing: Vec<(String, &str)> = Vec::new();

    let Needs {
        memory,
        disk,
        preallocated,
        full,
        ..
    } = Needs::of(nodes(), images.values().map(Located::size).sum());
    if memory > facts.memory_available && !limits.memory_overcommit {
        missing.push((
            format!("memory: the nodes to be made need {}, {} are available", size(memory), size(facts.memory_available)),
            "make the nodes smaller with -e override.TYPE.memory=MIB, or allow it with --host-memory-overcommit yes",
        ));
    } else if memory > facts.memory_available / 10 * 8 {
        warnings.push(format!(
            "the nodes to be made need {} of memory, more than 80% of the {} available on '{host}'",
            size(memory),
            size(facts.memory_available)
        ));
    }

    if !facts.writable && !new.is_empty() {
        missing.push((
            format!(
                "a disk that takes writes: the file system of '{}' is read-only",
                deployment.storage.folder
            ),
            READ_ONLY,
        ));
    }
    if disk + preallocated > facts.disk_available {
        missing.push((
            format!(
                "disk: the base image, 1 GiB a node with an OS, empty and preallocated disks need {}, {} are free in '{}'",
                size(disk + preallocated),
                size(facts.disk_available),
                deployment.storage.folder
            ),
            NO_ROOM,
        ));
    } else if full > facts.disk_available {
        warnings.push(format!(
            "the disks of the nodes to be made may grow to {}, and {} are free in '{}' on '{host}'",
            size(full),
            size(facts.disk_available),
            deployment.storage.folder
        ));
    }

    if facts.cpus < THREADS && !new.is_empty() {
        let few = match facts.cpus {
            1 => "1 CPU thread".to_owned(),
            cpus => format!("{cpus} CPU threads"),
        };
        warnings.push(format!(
            "'{host}' has {few}, less than {THREADS}: nodes will be slow, and may be taken for dead"
        ));
    }

    let Some((_, hint)) = missing.first() else {
        return Ok(warnings);
    };
    let hint = (*hint).to_owned();
    let list: Vec<String> = missing.into_iter().map(|(what, _)| what).collect();
    bail!(Fault::new(Exit::Resources, format!("'{host}' lacks {}", list.join("; "))).hint(hint))
}

/// Checks that nobody but root and the folder's owner can exchange what root writes to the folder of images.
///
/// # Errors
/// `Usage`, naming the folder that is open to everybody.
pub fn check_folder(deployment: &Deployment, facts: &Facts) -> Result<()> {
    let Some(open) = &facts.open_folder else {
        return Ok(());
    };
    let message = format!(
        "--disk-pool '{}' cannot be used: everybody on '{}' may change what is in '{}'",
        deployment.storage.folder,
        deployment.id.host,
        shown(open)
    );
    bail!(Fault::new(Exit::Usage, message).hint(super::OPEN_HINT))
}

/// How Open vSwitch is started.
const START_SWITCH: &str =
    "start it there: systemctl enable --now openvswitch-switch (openvswitch on RHEL, CentOS and Fedora)";

/// Checks that Open vSwitch can be asked to let go of the networks that are removed.
///
/// # Errors
/// `Resources`, when it is silent: its bridges would be left for good.
pub fn check_switch_of<'a>(
    networks: impl IntoIterator<Item = &'a ActualNetwork>,
    facts: &Facts,
    host: &str,
) -> Result<()> {
    let fault = facts.openvswitch.as_ref().and_then(|found| found.fault.as_ref());
    let mut on_switch = networks
        .into_iter()
        .filter(|network| network.virtualport.is_some());
    if let (Some(fault), Some(network)) = (fault, on_switch.next()) {
        let message = format!(
            "Open vSwitch, which has the bridge of network '{}', does not answer on '{host}': {fault}",
            network.name
        );
        bail!(Fault::new(Exit::Resources, message).hint(START_SWITCH));
    }
    Ok(())
}

/// Checks that libvirt knows of QEMU: else its error for each node is "no supported architecture for os type 'hvm'".
///
/// # Errors
/// `Resources`.
pub fn check_guests(facts: &Facts, host: &str) -> Result<()> {
    if facts.offers_guests {
        return Ok(());
    }
    let message =
        format!("libvirt on '{host}' offers no guests (\"no supported architecture for os type 'hvm'\")");
    bail!(Fault::new(Exit::Resources, message).hint(format!(
        "it looks for QEMU when it starts: 'irs hypervisor prepare --host-address {host}' installs what is missing and restarts it"
    )))
}

/// Checks the programs that irs runs on the hypervisor to make the nodes in `new`.
///
/// # Errors
/// `Resources`, naming those that are missing.
pub fn check_programs(deployment: &Deployment, new: &BTreeSet<String>, facts: &Facts) -> Result<()> {
    let nodes = || deployment.nodes.iter().filter(|node| new.contains(&node.name));
    let mut needed = Vec::new();
    let on_switch = deployment
        .networks
        .iter()
        .find(|network| network.switch.is_some());
    if on_switch.is_some() {
        needed.push("ovs-vsctl");
    }
    if nodes().next().is_some() {
        needed.push("qemu-img");
    }
    let images = || {
        nodes()
            .flat_map(|node| &node.disks)
            .filter_map(|disk| disk.image.as_ref())
    };
    if images().any(|image| !matches!(image, ImageSource::File(_))) {
        needed.extend(["curl", "sha256sum"]);
    }
    needed.retain(|program| !facts.programs.iter().any(|there| there == program));
    let fault = facts.openvswitch.as_ref().and_then(|found| found.fault.as_ref());
    if let (Some(network), Some(fault)) = (on_switch, fault) {
        let message = format!(
            "Open vSwitch, which network '{}' is on, does not answer on '{}': {fault}",
            network.name, deployment.id.host
        );
        bail!(Fault::new(Exit::Resources, message).hint(START_SWITCH));
    }
    if needed.is_empty() {
        return Ok(());
    }
    if needed.contains(&"ovs-vsctl") {
        let message = format!(
            "'{}' lacks the programs {}",
            deployment.id.host,
            needed.join(", ")
        );
        let hint = "install Open vSwitch on the hypervisor: apt install openvswitch-switch, or dnf install openvswitch";
        bail!(Fault::new(Exit::Resources, message).hint(hint));
    }
    let message = format!(
        "'{}' lacks the programs {}",
        deployment.id.host,
        needed.join(", ")
    );
    bail!(
        Fault::new(Exit::Resources, message).hint("install them on the hypervisor with its package manager")
    )
}

/// Bytes, for people.
pub fn size(bytes: u64) -> String {
    crate::units::bytes(bytes)
}
