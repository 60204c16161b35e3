//! The domains that exist: read from the inactive XML.

use super::state::State;
use crate::addresses::Mac;
use crate::libvirt::{self, Libvirt};
use crate::mark::{self, NodeMark};
use crate::secret::Secret;
use crate::steps::host::facts::LooseNic;
use crate::topology::disk::Bus;
use crate::topology::firmware::{Firmware, Tpm};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};
use std::collections::BTreeSet;
use uuid::Uuid;
use virt::domain::Domain;

/// A domain as libvirt has it.
#[derive(Clone, Debug)]
pub struct ActualDomain {
    /// libvirt's name.
    pub name: String,
    /// libvirt's UUID.
    pub uuid: Uuid,
    /// The mark, when irs made it.
    pub mark: Option<NodeMark>,
    /// Whether it has a definition, else it is gone when it stops.
    pub persistent: bool,
    /// Running, paused, shut off, …
    pub state: State,
    /// Whether it is off with its machine saved by libvirt: its next start goes on from there.
    pub saved: bool,
    /// Whether it starts with the host.
    pub autostart: bool,
    /// MiB of the definition.
    pub memory_mib: u64,
    /// MiB that it has of these: all, unless somebody took some of them.
    pub memory_now_mib: u64,
    /// Virtual CPUs of the definition.
    pub cpu: u32,
    /// How many of these are plugged in.
    pub cpu_now: u32,
    /// NICs in order.
    pub nics: Vec<ActualNic>,
    /// `kvm` or `qemu`, where it is one of them.
    pub virt_type: &'static str,
    /// What it boots by.
    pub firmware: Firmware,
    /// Its emulated TPM.
    pub tpm: Option<Tpm>,
    /// The file with its firmware's variables.
    pub nvram: Option<String>,
    /// Disks in order.
    pub disks: Vec<ActualDisk>,
    /// The whole definition.
    pub definition: Secret,
    /// The machine as it runs, of domains that irs made.
    pub live: Option<Box<ActualDomain>>,
}

/// A disk as libvirt has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualDisk {
    /// The file or device; empty for another kind of source.
    pub source: String,
    /// Its bus, where it is one that irs knows.
    pub bus: Option<Bus>,
    /// What the emulator reads it as: `raw`, `qcow2`, ….
    pub format: Option<String>,
}

/// A NIC as libvirt has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualNic {
    /// Its address on the wire.
    pub mac: Mac,
    /// The network that it is on, when it is on one.
    pub network: Option<String>,
    /// The bridge of the host that it is plugged straight into.
    pub bridge: Option<String>,
    /// The port group that its definition names.
    pub portgroup: Option<String>,
    /// NIC model; libvirt's default when none is said.
    pub model: Option<String>,
    /// Bytes, when its definition says it.
    pub mtu: Option<u32>,
}

/// Reads every domain of a hypervisor, and how those of the deployment of that name run. One that vanishes meanwhile is
/// left out.
///
/// # Errors
/// When a call fails or an XML cannot be read.
pub fn read(libvirt: &Libvirt, deployment: &str) -> Result<Vec<ActualDomain>> {
    let listed = libvirt.domains()?;
    let saved = match listed.iter().any(|domain| domain.off) {
        true => libvirt.saved()?,
        false => BTreeSet::new(),
    };
    let found = libvirt::of_each(&listed, |listed| {
        unless_gone(libvirt, &listed.it, || {
            let mut actual = definition(&listed.it)?;
            actual.persistent = listed.persistent;
            actual.autostart = listed.autostart;
            actual.state = match (listed.running, listed.off) {
                (true, false) => State::Running,
                (false, true) => State::ShutOff,
                // Paused, why has to be asked; or on its way between the two lists.
                _ => State::of(&listed.it)?,
            };
            actual.saved = actual.state == State::ShutOff && saved.contains(&actual.uuid);
            let own = |mark: &NodeMark| mark.owner.deployment == deployment;
            let read = listed.persistent && actual.mark.as_ref().is_some_and(own);
            with_live(actual, &listed.it, read)
        })
    });
    let read: Result<Vec<Option<ActualDomain>>> = found.into_iter().collect();
    let mut domains: Vec<ActualDomain> = read?.into_iter().flatten().collect();
    domains.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(domains)
}

/// Reads one domain; nothing when it vanishes meanwhile.
///
/// # Errors
/// When a call fails or its XML cannot be read.
pub fn one(libvirt: &Libvirt, domain: &Domain) -> Result<Option<ActualDomain>> {
    unless_gone(libvirt, domain, || {
        let persistent = domain.is_persistent()?;
        let mut actual = definition(domain)?;
        actual.persistent = persistent;
        actual.state = State::of(domain)?;
        actual.saved = actual.state == State::ShutOff && domain.has_managed_save(0)?;
        actual.autostart = persistent && domain.autostart()?;
        with_live(actual, domain, persistent)
    })
}

fn unless_gone(
    libvirt: &Libvirt,
    domain: &Domain,
    read: impl FnOnce() -> Result<ActualDomain>,
) -> Result<Option<ActualDomain>> {
    let name = domain.name()?;
    match read() {
        Ok(actual) => Ok(Some(actual)),
        Err(_) if libvirt.domain(&name)?.is_none() => Ok(None),
        Err(error) => Err(error.context(format!("reading domain '{name}'"))),
    }
}

/// What a domain is defined as; of one that was only started, what its definition would be.
fn definition(domain: &Domain) -> Result<ActualDomain> {
    parse(&xml(domain, virt::sys::VIR_DOMAIN_XML_INACTIVE)?)
}

/// The same with the machine that runs, where that is asked for.
fn with_live(actual: ActualDomain, domain: &Domain, asked: bool) -> Result<ActualDomain> {
    let read = asked && actual.state.is_running();
    let live = read.then(|| Ok::<_, anyhow::Error>(Box::new(parse(&xml(domain, 0)?)?)));
    Ok(ActualDomain {
        live: live.transpose()?,
        ..actual
    })
}

/// With the passwords, where this user may see them: else they could not be compared.
fn xml(domain: &Domain, flags: u32) -> Result<String, virt::error::Error> {
    let secure = domain.xml_desc(flags | virt::sys::VIR_DOMAIN_XML_SECURE);
    secure.or_else(|_| domain.xml_desc(flags))
}

/// The NICs of running domains that irs made whose host's ends are among `taps`.
///
/// # Errors
/// When a call fails.
pub fn loose(libvirt: &Libvirt, domains: &[ActualDomain], taps: &[String]) -> Result<Vec<LooseNic>> {
    let running: Vec<&ActualDomain> = domains
        .iter()
        .filter(|domain| domain.mark.is_some() && domain.state.is_running())
        .collect();
    let found = libvirt::of_each(&running, |domain| -> Result<Vec<LooseNic>> {
        let Some(found) = libvirt.domain(&domain.name)? else {
            return Ok(Vec::new());
        };
        let xml = found.xml_desc(0)?;
        let document = Document::parse(&xml)?;
        let nics = document.descendants().filter(|n| n.has_tag_name("interface"));
        let loose = nics.filter_map(|nic| {
            let attribute = |name: &str, key: &str| {
                let child = nic.children().find(|n| n.has_tag_name(name))?;
                child.attribute(key).map(str::to_owned)
            };
            let tap = attribute("target", "dev").filter(|tap| taps.contains(tap))?;
            Some(LooseNic {
                domain: domain.name.clone(),
                network: attribute("source", "network")?,
                tap,
            })
        });
        Ok(loose.collect())
    });
    Ok(found.into_iter().collect::<Result<Vec<_>>>()?.concat())
}

/// Reads a domain's XML; its state is not in it.
///
/// # Errors
/// When XML or mark is broken.
pub fn parse(xml: &str) -> Result<ActualDomain> {
    let document = Document::parse(xml)?;
    let root = document.root_element();
    let child = |name: &str| root.children().find(|n| n.has_tag_name(name));
    let text = |name: &str| child(name).and_then(|n| n.text()).map(str::trim);
    let nics = root
        .descendants()
        .filter(|n| n.has_tag_name("interface"))
        .filter_map(|interface| {
            let inner = |name: &str| interface.children().find(|n| n.has_tag_name(name));
            let attribute = |name, key| inner(name).and_then(|n| n.attribute(key)).map(str::to_owned);
            Some(ActualNic {
                mac: attribute("mac", "address")?.parse().ok()?,
                network: attribute("source", "network"),
                // One on a network that runs says that network's bridge, too.
                bridge: attribute("source", "bridge").filter(|_| attribute("source", "network").is_none()),
                portgroup: attribute("source", "portgroup"),
                model: attribute("model", "type"),
                mtu: attribute("mtu", "size").and_then(|size| size.parse().ok()),
            })
        })
        .collect();
    let sizes = sizes(root)?;
    Ok(ActualDomain {
        name: text("name").context("it has no name")?.to_owned(),
        uuid: text("uuid").context("it has no UUID")?.parse()?,
        mark: mark::of_domain(root),
        persistent: true,
        state: State::Other,
        saved: false,
        autostart: false,
        memory_mib: sizes.memory_mib,
        memory_now_mib: sizes.memory_now_mib,
        cpu: sizes.cpu,
        cpu_now: sizes.cpu_now,
        nics,
        virt_type: virt_type(root),
        firmware: firmware(root),
        tpm: tpm(root),
        nvram: nvram(root),
        disks: disks(root),
        definition: Secret::new(xml),
        live: None,
    })
}

/// What a `<domain>` runs by: `kvm`, else `qemu`.
pub fn virt_type(root: Node<'_, '_>) -> &'static str {
    match root.attribute("type") {
        Some("kvm") => "kvm",
        _ => "qemu",
    }
}

/// Memory and CPUs of a domain's XML: what there is room for, and what it has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// MiB.
    pub memory_mib: u64,
    /// MiB that it has of these.
    pub memory_now_mib: u64,
    /// Virtual CPUs.
    pub cpu: u32,
    /// How many of these are plugged in.
    pub cpu_now: u32,
}

/// Reads the sizes of a `<domain>`.
///
/// # Errors
/// When one of them is missing or no number.
pub fn sizes(root: Node<'_, '_>) -> Result<Sizes> {
    let child = |name: &str| root.children().find(|n| n.has_tag_name(name));
    let memory_mib = child("memory").and_then(mib).context("it has no memory")?;
    let vcpu = child("vcpu").context("it has no vcpu")?;
    let cpu = vcpu.text().unwrap_or_default().trim().parse()?;
    let plugged = vcpu.attribute("current").map(str::parse).transpose()?;
    Ok(Sizes {
        memory_mib,
        memory_now_mib: child("currentMemory").and_then(mib).unwrap_or(memory_mib),
        cpu,
        cpu_now: plugged.unwrap_or(cpu),
    })
}

/// A size in MiB. libvirt writes KiB, irs MiB.
fn mib(size: Node<'_, '_>) -> Option<u64> {
    let value: u64 = size.text()?.trim().parse().ok()?;
    match size.attribute("unit") {
        Some("MiB") => Some(value),
        _ => Some(value / 1024),
    }
}

fn firmware(root: Node<'_, '_>) -> Firmware {
    let os = root.children().find(|n| n.has_tag_name("os"));
    let uefi = |os: &Node<'_, '_>| {
        os.attribute("firmware") == Some("efi")
            || os
                .children()
                .any(|n| n.has_tag_name("loader") && n.attribute("type") == Some("pflash"))
    };
    let enrolled = |n: Node<'_, '_>| {
        n.attribute("name") == Some("enrolled-keys") && n.attribute("enabled") == Some("yes")
    };
    match os.filter(uefi) {
        Some(os) => Firmware::Uefi {
            secure: os.descendants().any(enrolled),
        },
        None => Firmware::Bios,
    }
}

fn nvram(root: Node<'_, '_>) -> Option<String> {
    let os = root.children().find(|n| n.has_tag_name("os"))?;
    let nvram = os.children().find(|n| n.has_tag_name("nvram"))?;
    let source = nvram.children().find(|n| n.has_tag_name("source"));
    let path = source
        .and_then(|n| n.attribute("file"))
        .or(nvram.text().map(str::trim));
    path.filter(|path| path.starts_with('/')).map(str::to_owned)
}

fn tpm(root: Node<'_, '_>) -> Option<Tpm> {
    let tpm = root.descendants().find(|n| n.has_tag_name("tpm"))?;
    let backend = tpm
        .children()
        .find(|n| n.has_tag_name("backend") && n.attribute("type") == Some("emulator"))?;
    Some(match backend.attribute("version") {
        Some("1.2") => Tpm::V1,
        _ => Tpm::V2,
    })
}

fn disks(root: Node<'_, '_>) -> Vec<ActualDisk> {
    root.descendants()
        .filter(|n| n.has_tag_name("disk") && n.attribute("device") != Some("cdrom"))
        .map(|disk| {
            let child = |name: &str| disk.children().find(|n| n.has_tag_name(name));
            let source = child("source").and_then(|n| n.attribute("file").or_else(|| n.attribute("dev")));
            ActualDisk {
                source: source.unwrap_or_default().to_owned(),
                bus: child("target").and_then(|n| Bus::of(n.attribute("bus")?)),
                format: child("driver")
                    .and_then(|n| n.attribute("type"))
                    .map(str::to_owned),
            }
        })
        .collect()
}
