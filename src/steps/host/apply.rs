//! Making and removing pools and records.

use super::diff::is_deployment_pool;
use super::record::Record;
use super::{BLUEPRINT, RECORD, Work, openvswitch, pools, record_path, with_open_folder};
use crate::blueprint::Blueprint;
use crate::deployment::Identity;
use crate::error::{Exit, Report};
use crate::lease::{self, Lease};
use crate::libvirt::{Libvirt, gone, settled};
use crate::remote::{Cmd, Host};
use crate::steps::{disks, domains::leavings};
use crate::xml::{self, values};
use anyhow::{Context, Result};
use std::time::Duration;
use uuid::Uuid;

/// How long other runs that remove the last deployments may take to look for others.
const BASE_WAIT: Duration = Duration::from_secs(10);

/// Does one action.
///
/// # Errors
/// libvirt's, or the hypervisor's, e.g. a read-only disk.
pub fn apply(work: &Work, libvirt: &Libvirt, host: &Host, id: &Identity) -> Result<()> {
    match work {
        Work::Record {
            folder,
            record,
            blueprint,
        } => {
            // The record first: by it the folder is known as a deployment's.
            write_record(host, folder, record)?;
            match blueprint {
                Some(blueprint) => write_blueprint(host, folder, blueprint),
                None => Ok(()),
            }
        }
        Work::Pool { name, uuid, folder } => make_pool(libvirt, host, name, *uuid, folder),
        Work::Prepare(work) => super::prepare::apply::apply(work, host),
        Work::OpenVswitch(work) => openvswitch::apply::apply(work, host, id),
        Work::StartPool(name) => {
            let pool = libvirt.pool(name)?.context("it is gone")?;
            settled(pool.create(0), true, || pool.is_active()).context("starting it")
        }
        Work::AutostartPool(name) => Ok(libvirt.pool(name)?.context("it is gone")?.set_autostart(true)?),
        Work::RemovePool(name) => remove_pool(libvirt, name),
        Work::RemoveBasePool { name, host: uuid } => {
            unless_deployed(libvirt, host, *uuid, || remove_pool(libvirt, name))
        }
        Work::Access(work) => super::access::apply::apply(work, libvirt, host),
        Work::Bridge(work) => super::bridges::apply::apply(work, host),
        Work::RemoveFolder { folder, files } => {
            remove_files(host, folder)?;
            // The domains went before: what is left of one that somebody undefined nothing else knows.
            let read = Cmd::script(
                r#"[ ! -f "$1" ] || cat -- "$1""#,
                &[&format!("{folder}/{BLUEPRINT}")],
            );
            let text = host.text(&read).context("reading the deployment's blueprint")?;
            if let Some(blueprint) = Blueprint::parse(&text) {
                leavings::remove_lost(libvirt, host, &blueprint, None)?;
            }
            let cmd = Cmd::script(include_str!("remove_folder.sh"), &[folder, RECORD, BLUEPRINT]);
            let files: String = files.iter().map(|name| format!("./{name}\0")).collect();
            host.text(&cmd.stdin(files))
                .context("removing the deployment's folder")?;
            Ok(())
        }
    }
}

/// Defines and starts a directory pool over a folder, which is made when it is missing.
///
/// # Errors
/// libvirt's, or the hypervisor's.
pub fn make_pool(libvirt: &Libvirt, host: &Host, name: &str, uuid: Uuid, folder: &str) -> Result<()> {
    make_folder(host, folder)?;
    let xml = xml::render(
        "<pool type='dir'><name>{{ name }}</name><uuid>{{ uuid }}</uuid><target><path>{{ folder }}</path></target></pool>",
        values! { name, uuid => uuid.to_string(), folder },
    )?;
    let pool = libvirt.define_pool(&xml).context("defining it")?;
    pool.set_autostart(true)
        .context("making it start with the host")?;
    settled(pool.create(0), true, || pool.is_active()).context("starting it")
}

fn remove_pool(libvirt: &Libvirt, name: &str) -> Result<()> {
    let Some(pool) = libvirt.pool(name)? else {
        return Ok(());
    };
    settled(pool.destroy(), false, || pool.is_active()).context("stopping it")?;
    gone(pool.undefine()).context("undefining it")
}

/// Undoes what all deployments share, unless there is one again: their leases keep no two of them apart. Whoever makes a
/// deployment holds the lease on the subnets until its pool is there, and under that lease no deployment's pool means
/// that nobody needs it.
///
/// # Errors
/// Those of what undoes it.
pub fn unless_deployed(
    libvirt: &Libvirt,
    host: &Host,
    uuid: Uuid,
    undo: impl FnOnce() -> Result<()>,
) -> Result<()> {
    match Lease::subnets(host, &lease::who(), BASE_WAIT) {
        Ok(_turn) => match pools::read(libvirt, &|_| false)? {
            pools if pools.iter().any(|pool| is_deployment_pool(pool, uuid)) => Ok(()),
            _ => undo(),
        },
        // Networks are being made: of a deployment that is to have it.
        Err(error) if Report::of(&error).exit_code == Exit::Busy as u8 => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes the disks outside of the pool that a deployment's record names: of a killed run nothing else may know them.
fn remove_files(host: &Host, folder: &str) -> Result<()> {
    let path = record_path(folder);
    let read = Cmd::script(r#"[ ! -f "$1" ] || cat -- "$1""#, &[&path]);
    let text = host.text(&read).context("reading the deployment's record")?;
    // What cannot be read names nothing.
    let record = Record::parse(&text, &path).unwrap_or_default();
    for file in record.iter().flat_map(Record::outside) {
        disks::apply::remove_file(host, file).with_context(|| format!("removing '{file}'"))?;
    }
    Ok(())
}

/// Writes the record, atomically.
///
/// # Errors
/// The hypervisor's, e.g. a full disk.
pub fn write_record(host: &Host, folder: &str, record: &Record) -> Result<()> {
    make_folder(host, folder)?;
    let json = record.to_json()?;
    host.upload(
        json.as_bytes(),
        Some(json.len() as u64),
        &record_path(folder),
        0o600,
        &|_| {},
    )
    .context("writing the deployment's record")
}

/// Writes the blueprint, atomically, into a folder that is there.
///
/// # Errors
/// The hypervisor's, e.g. a full disk.
pub fn write_blueprint(host: &Host, folder: &str, blueprint: &Blueprint) -> Result<()> {
    let json = blueprint.to_json()?;
    let path = format!("{folder}/{BLUEPRINT}");
    host.upload(json.as_bytes(), Some(json.len() as u64), &path, 0o600, &|_| {})
        .context("writing the deployment's blueprint")
}

fn make_folder(host: &Host, folder: &str) -> Result<()> {
    let cmd = Cmd::script(&with_open_folder(include_str!("make_folder.sh")), &[folder]);
    host.text(&cmd)
        .with_context(|| format!("making the folder '{folder}'"))?;
    Ok(())
}
