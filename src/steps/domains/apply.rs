//! Defining, changing and removing domains.

use super::template::{self, Setting};
use super::{Work, change, nics, read, running, vlans};
use crate::deployment::{Identity, Node};
use crate::keys;
use crate::libvirt::{Libvirt, gone, settled};
use crate::remote::{Cmd, Host};
use crate::steps::host::record::Record;
use anyhow::{Context, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};
use virt::domain::Domain;
use virt::sys;

/// Does one action.
///
/// # Errors
/// libvirt's.
pub fn apply(
    work: &Work,
    libvirt: &Libvirt,
    host: &Host,
    id: &Identity,
    setting: &Setting,
    record: Option<&Record>,
) -> Result<()> {
    match work {
        Work::Define(node) => define(node, libvirt, id, setting, record),
        Work::Autostart(name) => Ok(existing(libvirt, name)?.set_autostart(true)?),
        Work::Change(node) => {
            let domain = {
                let _turn = turn();
                let mut found = read::one(libvirt, &existing(libvirt, &node.name)?)?.context("it is gone")?;
                if found.mark.is_none() {
                    found.mark = Some(template::mark_of(node, id, setting, host_key(node, record)?));
                }
                let xml = change::definition(node, &found, id, &setting.folder)?;
                let domain = libvirt.define_domain(&xml).context("changing its definition")?;
                if !found.persistent {
                    domain
                        .set_autostart(true)
                        .context("making it start with the host")?;
                }
                domain
            };
            running::follow(libvirt, &domain, node)
        }
        Work::Plug { name, nic } => {
            let _turn = turn();
            nics::plug(&defined(libvirt, name)?, nic)
        }
        Work::Replug { name, nic } => {
            let _turn = turn();
            nics::replug(&defined(libvirt, name)?, nic)
        }
        Work::Readdress { name, from, to } => {
            let _turn = turn();
            let xml = nics::readdressed(&definition_of(&defined(libvirt, name)?)?, *from, *to)?;
            libvirt.define_domain(&xml).context("changing its definition")?;
            Ok(())
        }
        Work::Unplug { name, mac } => {
            let _turn = turn();
            match libvirt.domain(name)? {
                Some(domain) => nics::unplug_one(&domain, *mac),
                None => Ok(()),
            }
        }
        Work::Vlans {
            name,
            nic,
            bridge,
            port,
            vlans,
        } => vlans::apply(
            &existing(libvirt, name)?,
            host,
            nic,
            bridge,
            port.as_deref(),
            vlans,
        ),
        Work::Remove { name, files, left } => {
            let stopped = match libvirt.domain(name)? {
                Some(domain) => remove(libvirt, &domain)?,
                None => false,
            };
            match (left | stopped) && !files.is_empty() {
                true => remove_files(host, files),
                false => Ok(()),
            }
        }
    }
}

/// A definition is read, changed and written: one change at a time, or two of one domain would lose one.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn existing(libvirt: &Libvirt, name: &str) -> Result<Domain> {
    libvirt.domain(name)?.context("it is gone")
}

/// A domain that has a definition to be changed: one that was undefined while it runs gets what it runs by.
fn defined(libvirt: &Libvirt, name: &str) -> Result<Domain> {
    let domain = existing(libvirt, name)?;
    if domain.is_persistent()? {
        return Ok(domain);
    }
    libvirt
        .define_domain(&definition_of(&domain)?)
        .context("defining it again")
}

/// Its definition, with what only an administrator may see.
fn definition_of(domain: &Domain) -> Result<String> {
    Ok(domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE | sys::VIR_DOMAIN_XML_SECURE)?)
}

fn define(
    node: &Node,
    libvirt: &Libvirt,
    id: &Identity,
    setting: &Setting,
    record: Option<&Record>,
) -> Result<()> {
    let xml = template::domain(node, id, setting, host_key(node, record)?)?;
    let domain = libvirt.define_domain(&xml).context("defining it")?;
    domain
        .set_autostart(true)
        .context("making it start with the host")
}

/// The public host key that the node's seed gives it.
fn host_key(node: &Node, record: Option<&Record>) -> Result<Option<String>> {
    let Some(record) = record.filter(|_| node.has_seed) else {
        return Ok(None);
    };
    let key = keys::from_seed(record.host_key_seed(&node.name), &node.name)?;
    Ok(Some(keys::bare(&key.public_openssh)))
}

/// Removes a domain; gives back whether it had to be stopped.
fn remove(libvirt: &Libvirt, domain: &Domain) -> Result<bool> {
    let active = domain.is_active().is_ok_and(|active| active);
    if active {
        settled(domain.destroy(), false, || domain.is_active()).context("stopping it")?;
    }
    let flags = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | sys::VIR_DOMAIN_UNDEFINE_NVRAM;
    gone(domain.undefine_flags(flags)).or_else(|error| {
        // A domain that was only started has no definition to remove: it went with the stop.
        let name = domain.name()?;
        if libvirt.domain(&name)?.is_none() {
            Ok(())
        } else {
            Err(error).context("undefining it")
        }
    })?;
    Ok(active)
}

/// Removes logs with the older ones that virtlogd rotated away, and the nvram that libvirt leaves of a domain without a
/// definition.
fn remove_files(host: &Host, files: &[String]) -> Result<()> {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let cmd = Cmd::script(r#"for file; do rm -f -- "$file" "$file".[0-9]; done"#, &files);
    host.text(&cmd).context("removing its logs")?;
    Ok(())
}
