//! The storage pools that exist: read, and looked up by the folder that they own.

use crate::libvirt::Libvirt;
use anyhow::{Context, Result};
use roxmltree::Document;
use std::collections::BTreeMap;
use uuid::Uuid;

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

/// Reads every pool, and the volumes of those that deployments of irs have.
///
/// # Errors
/// When a call fails or an XML cannot be read.
pub fn read(libvirt: &Libvirt) -> Result<Vec<ActualPool>> {
    let mut pools = Vec::new();
    for pool in libvirt.pools()? {
        let name = pool.name()?;
        let xml = pool.xml_desc(0)?;
        let document = Document::parse(&xml).with_context(|| format!("reading pool '{name}'"))?;
        let path = document
            .descendants()
            .filter(|n| n.has_tag_name("target"))
            .find_map(|target| {
                target
                    .children()
                    .find(|n| n.has_tag_name("path"))?
                    .text()
                    .map(|path| path.trim_end_matches('/').to_owned())
            });
        let active = pool.is_active()?;
        let mut volumes = BTreeMap::new();
        if name.starts_with("irs-") && active {
            // libvirt remembers volumes; what was deleted behind its back is seen only after a refresh, which it
            // refuses while another run makes a volume there.
            let _ = pool.refresh(0);
            for volume in pool.list_all_volumes(0)? {
                volumes.insert(volume.name()?, volume.info()?.capacity);
            }
        }
        pools.push(ActualPool {
            uuid: pool.uuid()?,
            target: path,
            active,
            autostart: pool.autostart()?,
            volumes,
            name,
        });
    }
    Ok(pools)
}

/// The UUID of a pool of base images that irs makes: tells it from one that was there before.
pub fn base_uuid(host: Uuid, name: &str) -> Uuid {
    Uuid::new_v5(&host, format!("pool {name}").as_bytes())
}
