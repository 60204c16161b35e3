//! The storage pools that exist: read, and looked up by the folder that they own.

use crate::libvirt::{self, Libvirt, Listed};
use crate::names;
use crate::steps::domains;
use anyhow::Result;
use roxmltree::Document;
use std::collections::BTreeMap;
use uuid::Uuid;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;

/// A pool as libvirt has it.
#[derive(Clone, Debug)]
pub struct ActualPool {
    /// libvirt's name.
    pub name: String,
    /// libvirt's UUID; the deployment's own for a deployment's pool.
    pub uuid: Uuid,
    /// The folder, for pools that have one.
    pub target: Option<String>,
    /// Whether it is started.
    pub active: bool,
    /// Whether it starts with the host.
    pub autostart: bool,
    /// Volumes by name with their virtual size in bytes; only of irs's own pools.
    pub volumes: BTreeMap<String, u64>,
}

/// Reads every pool, and the volumes of those that `whose` names. One that vanishes meanwhile is left out.
///
/// # Errors
/// When a call fails or an XML cannot be read.
pub fn read(libvirt: &Libvirt, whose: &dyn Fn(&str) -> bool) -> Result<Vec<ActualPool>> {
    let mut pools = Vec::new();
    for listed in libvirt.pools()? {
        let name = listed.it.name()?;
        match read_one(&listed, &name, whose(&name)) {
            Ok(actual) => pools.push(actual),
            Err(_) if libvirt.pool(&name)?.is_none() => {}
            Err(error) => return Err(error.context(format!("reading pool '{name}'"))),
        }
    }
    Ok(pools)
}

/// The folder of the pool of that name, when there is such a pool.
///
/// # Errors
/// When a call fails or the XML cannot be read.
fn folder_of(libvirt: &Libvirt, name: &str) -> Result<Option<String>> {
    match libvirt.pool(name)? {
        Some(pool) => target(&pool),
        None => Ok(None),
    }
}

/// Whether a deployment has its pool.
///
/// # Errors
/// When the call fails.
pub fn is_there(libvirt: &Libvirt, deployment: &str) -> Result<bool> {
    Ok(libvirt.pool(&names::pool(deployment))?.is_some())
}

/// The folder of images that a deployment has its own in: its pool says it, or where somebody undefined that, its nodes'
/// disks.
///
/// # Errors
/// When a call fails or an XML cannot be read.
pub fn images_of(libvirt: &Libvirt, deployment: &str) -> Result<Option<String>> {
    let pool = names::pool(deployment);
    let own = format!("/{pool}");
    if let Some(folder) = folder_of(libvirt, &pool)? {
        return Ok(folder.strip_suffix(&own).map(str::to_owned));
    }
    let domains = domains::read::read(libvirt, "")?;
    let ours = domains.iter().filter(|domain| {
        let mark = domain.mark.as_ref();
        mark.is_some_and(|mark| mark.owner.deployment == deployment)
    });
    let folders = ours.flat_map(|domain| &domain.disks);
    let mut folders = folders.filter_map(|disk| disk.source.rsplit_once('/')?.0.strip_suffix(&own));
    Ok(folders.next().map(str::to_owned))
}

fn target(pool: &StoragePool) -> Result<Option<String>> {
    let xml = pool.xml_desc(0)?;
    let document = Document::parse(&xml)?;
    let target = document.descendants().find(|n| n.has_tag_name("target"));
    let path = target
        .and_then(|n| n.children().find(|n| n.has_tag_name("path")))
        .and_then(|n| n.text());
    Ok(path.map(|path| path.trim_end_matches('/').to_owned()))
}

fn read_one(listed: &Listed<StoragePool>, name: &str, with_volumes: bool) -> Result<ActualPool> {
    let pool = &listed.it;
    let mut volumes = BTreeMap::new();
    let mut active = listed.running;
    if with_volumes && active {
        // libvirt remembers volumes; what was deleted behind its back is seen only after a refresh, which it
        // refuses while another run makes a volume there.
        let _ = pool.refresh(0);
        // It stops a pool whose folder is gone.
        active = pool.is_active()?;
    }
    if with_volumes && active {
        // A volume that cannot be read, being deleted or broken, is there by its name.
        let sized = |volume: &StorageVol| -> Result<(String, u64)> {
            Ok((volume.name()?, volume.info().map_or(0, |info| info.capacity)))
        };
        let sizes = libvirt::of_each(&pool.list_all_volumes(0)?, sized);
        volumes = sizes.into_iter().collect::<Result<_>>()?;
    }
    Ok(ActualPool {
        name: name.to_owned(),
        uuid: pool.uuid()?,
        target: target(pool)?,
        active,
        autostart: listed.autostart,
        volumes,
    })
}

/// The UUID of a pool of base images that irs makes: tells it from one that was there before.
pub fn base_uuid(host: Uuid, name: &str) -> Uuid {
    Uuid::new_v5(&host, format!("pool {name}").as_bytes())
}
