//! Bringing a changed definition to the machine that runs, as far as libvirt can.
//!
//! What does not work shows after the next restart: what the machine lacks is read again at the end of a run
//! ([`super::pending`]), so that nothing here needs to be believed.

use super::read::{self, ActualDomain};
use super::when::{When, when_cpus, when_memory};
use crate::deployment::Node;
use crate::interrupt;
use crate::libvirt::Libvirt;
use crate::xml::edit::child;
use crate::xml::{self, values};
use anyhow::Result;
use roxmltree::Document;
use std::time::{Duration, Instant};
use virt::domain::Domain;
use virt::sys;

/// How long a guest may take to give memory back, and how long until its first page shows that it has a balloon at all.
const BALLOON: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(3));

/// Brings memory, CPUs and the screen's password of a running domain to the node.
///
/// # Errors
/// When the domain cannot be read; what libvirt refuses is only logged.
pub fn follow(libvirt: &Libvirt, domain: &Domain, node: &Node) -> Result<()> {
    let Some(live) = read::one(libvirt, domain)?.and_then(|found| found.live) else {
        return Ok(());
    };
    let try_it = |what: &str, result: Result<()>| {
        if let Err(error) = result {
            tracing::info!("the running '{}' keeps its {what}: {error:#}", node.name);
        }
    };
    if live.cpu_now != node.cpu && when_cpus(&live, node.cpu) == When::Now {
        let plugged = domain.set_vcpus_flags(node.cpu, sys::VIR_DOMAIN_VCPU_LIVE);
        try_it("CPUs", plugged.map_err(Into::into));
    }
    if let Some(wanted) = &node.vnc.password {
        try_it("password", password(domain, &live, wanted.reveal()));
    }
    let wanted = node.memory_mib;
    if live.memory_now_mib != wanted && when_memory(&live, wanted) != When::Restart {
        try_it("memory", memory(libvirt, domain, live.memory_now_mib, wanted));
    }
    Ok(())
}

/// Asks the guest's balloon for a size, and waits until it has it, or shows that it has no balloon.
fn memory(libvirt: &Libvirt, domain: &Domain, from: u64, wanted: u64) -> Result<()> {
    domain.set_memory_flags(wanted * 1024, sys::VIR_DOMAIN_MEM_LIVE)?;
    let (begun, (most, first)) = (Instant::now(), BALLOON);
    loop {
        let now = read::one(libvirt, domain)?.and_then(|found| found.live);
        let Some(now) = now.map(|live| live.memory_now_mib) else {
            return Ok(());
        };
        let patience = if now == from { first } else { most };
        if now == wanted || begun.elapsed() >= patience || interrupt::requested() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Gives a screen that has a password another one. libvirt wants all else as it runs.
fn password(domain: &Domain, live: &ActualDomain, wanted: &str) -> Result<()> {
    let document = Document::parse(live.definition.reveal())?;
    let devices = child(document.root_element(), "devices");
    let graphics = devices.and_then(|devices| child(devices, "graphics"));
    let old = graphics.and_then(|n| n.attribute("passwd"));
    let Some(graphics) = graphics.filter(|n| n.attribute("type") == Some("vnc")) else {
        return Ok(());
    };
    if old.is_none_or(|old| old == wanted) {
        return Ok(());
    }
    let word = |name| graphics.attribute(name).unwrap_or_default();
    let xml = xml::render(
        "<graphics type='vnc' port='{{ port }}' autoport='{{ autoport }}' listen='{{ listen }}' passwd='{{ wanted }}'/>",
        values! { port => word("port"), autoport => word("autoport"), listen => word("listen"), wanted },
    )?;
    Ok(domain.update_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_LIVE)?)
}
