//! What irs knows of the hypervisor itself.

use super::access::facts::{self as access, Access};
use super::bridges::{self, links::Links};
use super::openvswitch::read::OpenVswitch;
use super::record::Record;
use super::{BLUEPRINT, record_path};
use crate::blueprint::Blueprint;
use crate::lease;
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use crate::steps::disks::damage;
use crate::steps::host::with_open_folder;
use crate::steps::image::lost::Lost;
use crate::steps::image::settle::sealing;
use crate::steps::networks::servers;
use anyhow::{Context, Result};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A hypervisor as it is.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Its lasting identity.
    pub uuid: Uuid,
    /// Whether libvirt offers guests.
    pub offers_guests: bool,
    /// Bytes of memory that new guests may use.
    pub memory_available: u64,
    /// Bytes free for images.
    pub disk_available: u64,
    /// The folder in which anybody could exchange the folder of images or what is in it, when there is one.
    pub open_folder: Option<String>,
    /// Whether the file system of the images takes writes.
    pub writable: bool,
    /// Base images that the deployment's disks lie over, and that are not as they were placed.
    pub lost_bases: Vec<Lost>,
    /// Disks in the deployment's folder that QEMU could not open, by name, with what is wrong with them.
    pub damaged: BTreeMap<String, String>,
    /// Networks whose dnsmasq ought to run and does not.
    pub dead_servers: Vec<String>,
    /// Online CPU threads.
    pub cpus: u32,
    /// `/dev/kvm` is there.
    pub kvm_device: bool,
    /// The CPU's flag of hardware virtualization, `vmx` or `svm`.
    pub cpu_flag: Option<String>,
    /// Subnets of its routes, each with how it was found.
    pub routes: Vec<(IpNet, String)>,
    /// Who may come to it, and how often.
    pub access: Access,
    /// Its NICs, bridges and routes.
    pub links: Links,
    /// The programs that irs uses there and that are there.
    pub programs: Vec<String>,
    /// The folders of deployments under the folder of images.
    pub folders: Vec<String>,
    /// The logs of domains, by their names.
    pub logs: BTreeSet<String>,
    /// The deployments that runs hold a lease on, or held one when they were killed.
    pub leased: Vec<String>,
    /// Bridges of the kernel.
    pub bridges: BTreeMap<String, Bridge>,
    /// Taps that are plugged into nothing.
    pub loose_taps: Vec<String>,
    /// NICs of running domains at such taps: filled in from the domains.
    pub loose: Vec<LooseNic>,
    /// Open vSwitch, where it is installed.
    pub openvswitch: Option<OpenVswitch>,
    /// The deployment's record.
    pub record: Option<Record>,
    /// What there must be, as the last runs resolved it.
    pub blueprint: Option<Blueprint>,
    /// Why the record that is there cannot be read.
    pub record_fault: Option<String>,
}

/// A bridge of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// How long it remembers an address, in hundredths of a second.
    pub ageing_time: u64,
    /// Which of the frames that bridges keep to themselves it passes on.
    pub group_forward_mask: u64,
    /// Whether it asks for multicast groups.
    pub querier: bool,
}

/// A NIC of a running domain whose host's end is plugged into nothing: its network stopped meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooseNic {
    /// The domain.
    pub domain: String,
    /// The network that it should be on.
    pub network: String,
    /// The host's end.
    pub tap: String,
}

impl Facts {
    /// Whether there is a log whose name begins so.
    pub fn has_log(&self, name: &str) -> bool {
        let mut from = self.logs.range(name.to_owned()..);
        from.next().is_some_and(|log| log.starts_with(name))
    }

    /// The loose NICs of a network.
    pub fn loose_on(&self, network: &str) -> Vec<LooseNic> {
        let of_network = self.loose.iter().filter(|nic| nic.network == network);
        of_network.cloned().collect()
    }
}

/// UUIDs that firmware vendors left in place of a real one.
const BOGUS_UUIDS: [&str; 2] = [
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
];

/// Reads the facts in one command; `folder` is the one of images, `own` the deployment's.
///
/// # Errors
/// When the command fails or the record is broken.
pub fn read(host: &Host, libvirt: &Libvirt, folder: &str, own: &str) -> Result<Facts> {
    let record = &record_path(own);
    let blueprint = format!("{own}/{BLUEPRINT}");
    let script = sealing(&with_open_folder(
        &[
            damage::SCRIPT,
            include_str!("facts.sh"),
            "section servers\n",
            servers::SCRIPT,
            bridges::read::SCRIPT,
            &access::script(),
        ]
        .concat(),
    ));
    let cmd = Cmd::script(&script, &[folder, record, &blueprint]);
    let output = host.text(&cmd).context("reading the facts of the hypervisor")?;
    let sections = sections(&output);
    let section = |name: &str| sections.get(name).map(String::as_str).unwrap_or_default();
    let (libvirt_uuid, offers_guests) = libvirt.host()?;
    // A removal goes by the marks and does without it; whoever makes something must have it.
    let parsed = Record::parse(section("record"), record);
    Ok(Facts {
        uuid: host_uuid(section("product-uuid"), section("machine-id"), libvirt_uuid),
        offers_guests,
        memory_available: section("memory")
            .lines()
            .find_map(mem_available)
            .context("the hypervisor does not say how much memory is available")?,
        disk_available: disk_available(section("disk"))
            .with_context(|| format!("the hypervisor does not say how much of '{folder}' is free"))?,
        open_folder: Some(section("open-folder").trim().to_owned()).filter(|folder| !folder.is_empty()),
        writable: section("writable").trim() == "yes",
        lost_bases: section("bases")
            .lines()
            .filter_map(|line| Lost::parse(line, folder))
            .collect(),
        damaged: damage::damaged(section("disks")),
        dead_servers: section("servers").lines().map(str::to_owned).collect(),
        cpus: section("cpus").trim().parse().unwrap_or(1),
        kvm_device: section("kvm").trim() == "yes",
        cpu_flag: Some(section("flags").trim().to_owned()).filter(|flag| !flag.is_empty()),
        routes: section("routes").lines().filter_map(route).collect(),
        access: Access::parse(&sections),
        links: bridges::read::of(&sections)?,
        programs: section("programs").lines().map(str::to_owned).collect(),
        folders: section("folders").lines().map(str::to_owned).collect(),
        logs: section("logs")
            .lines()
            .map(|line| line.trim().to_owned())
            .collect(),
        leased: section("leases")
            .lines()
            .filter_map(lease::deployment_of)
            .collect(),
        bridges: section("bridges").lines().filter_map(bridge).collect(),
        loose_taps: section("loose").lines().map(str::to_owned).collect(),
        loose: Vec::new(),
        openvswitch: sections
            .get("openvswitch")
            .map(|said| OpenVswitch::parse(said, section("openvswitch-module").trim() == "yes")),
        record_fault: parsed.as_ref().err().map(|error| error.to_string()),
        record: parsed.unwrap_or_default(),
        blueprint: Blueprint::parse(section("blueprint")),
    })
}

/// `MemAvailable: N kB`, in bytes.
pub fn mem_available(line: &str) -> Option<u64> {
    let rest = line.trim().strip_prefix("MemAvailable:")?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Splits `#name` sections. The record's JSON never has a line that begins with `#`.
pub fn sections(output: &str) -> BTreeMap<String, String> {
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut name = String::new();
    for line in output.lines() {
        if let Some(next) = line.strip_prefix('#') {
            next.clone_into(&mut name);
        } else if !line.is_empty() {
            let text = sections.entry(name.clone()).or_default();
            text.push_str(line);
            text.push('\n');
        }
    }
    sections
}

/// libvirt's own, unless the firmware gives a bogus one and libvirt made one up for this start only.
fn host_uuid(product: &str, machine_id: &str, libvirt: Uuid) -> Uuid {
    let firmware_is_good = product.trim().parse::<Uuid>().is_ok_and(|uuid| {
        uuid == libvirt
            && !BOGUS_UUIDS.contains(&uuid.to_string().as_str())
            && !one_digit(&uuid.simple().to_string())
    });
    match machine_id.trim().parse::<Uuid>() {
        Ok(machine) if !firmware_is_good => machine,
        _ => libvirt,
    }
}

fn one_digit(hex: &str) -> bool {
    hex.chars().all(|c| hex.starts_with(c))
}

/// What is free, in bytes, of a line of df in bytes.
pub fn disk_available(df: &str) -> Option<u64> {
    df.split_whitespace().nth(3)?.parse().ok()
}

/// A line of `ip -o route`: the destination is the first word that is a subnet; multicast and defaults do not count.
fn route(line: &str) -> Option<(IpNet, String)> {
    let mut words = line.split_whitespace().peekable();
    if matches!(
        *words.peek()?,
        "broadcast" | "multicast" | "unreachable" | "anycast"
    ) {
        return None;
    }
    let destination = words.find(|word| *word != "local")?;
    let net = destination
        .parse::<IpNet>()
        .or_else(|_| destination.parse::<std::net::IpAddr>().map(IpNet::from))
        .ok()?;
    let device = words
        .skip_while(|word| *word != "dev")
        .nth(1)
        .unwrap_or("a route");
    if net.prefix_len() == 0 || device == "lo" || (net.addr().is_ipv6() && destination.starts_with("fe80")) {
        return None;
    }
    Some((net, device.to_owned()))
}

/// `NAME AGEING MASK QUERIER`, the mask as the kernel writes it, `0xfff8`.
fn bridge(line: &str) -> Option<(String, Bridge)> {
    let mut words = line.split_whitespace();
    let (name, ageing, mask, querier) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let bridge = Bridge {
        ageing_time: ageing.parse().ok()?,
        group_forward_mask: u64::from_str_radix(mask.trim_start_matches("0x"), 16).ok()?,
        querier: querier == "1",
    };
    Some((name.to_owned(), bridge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_give_their_subnet_and_device() {
        let of = |line| route(line).map(|(net, device)| format!("{net} {device}"));
        assert_eq!(
            of("10.0.0.0/24 dev external proto kernel scope link src 10.0.0.1").unwrap(),
            "10.0.0.0/24 external"
        );
        assert_eq!(
            of("local 192.168.1.5 dev eth0 table local").unwrap(),
            "192.168.1.5/32 eth0"
        );
        assert_eq!(
            of("2001:db8::/64 dev eth0 proto ra").unwrap(),
            "2001:db8::/64 eth0"
        );
        for none in [
            "default via 10.0.0.1 dev eth0",
            "broadcast 10.0.0.255 dev eth0",
            "fe80::/64 dev eth0",
            "local 127.0.0.1 dev lo",
            "",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn a_bogus_firmware_uuid_gives_way_to_the_machine_id() {
        let libvirt = Uuid::from_u128(5);
        let machine = "0123456789abcdef0123456789abcdef";
        assert_eq!(host_uuid("", machine, libvirt), machine.parse::<Uuid>().unwrap());
        assert_eq!(
            host_uuid(&libvirt.to_string().to_uppercase(), machine, libvirt),
            libvirt
        );
        assert_eq!(host_uuid("", "", libvirt), libvirt);
        let ones = Uuid::from_u128(u128::MAX);
        assert_eq!(
            host_uuid(&ones.to_string(), machine, ones),
            machine.parse::<Uuid>().unwrap()
        );
    }

    #[test]
    fn a_log_is_there_by_the_beginning_of_its_name() {
        let facts = Facts {
            logs: ["a-10.log", "a-1.log.0", "b.log"].map(str::to_owned).into(),
            ..Facts::default()
        };
        assert!(facts.has_log("a-1.log") && facts.has_log("a-10.log") && facts.has_log("b.log"));
        assert!(!facts.has_log("a.log") && !facts.has_log("c.log"));
    }
}
