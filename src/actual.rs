//! What is on a hypervisor now: each step reads its kind.

use crate::deployment::{Identity, Storage};
use crate::libvirt::Libvirt;
use crate::names;
use crate::remote::Host;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::facts::Facts;
use crate::steps::host::pools::ActualPool;
use crate::steps::host::record_path;
use crate::steps::networks::read::ActualNetwork;
use crate::steps::{domains, host, networks};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A hypervisor as it is; by default one that has nothing and whose UUID is nil.
#[derive(Clone, Debug, Default)]
pub struct Actual {
    /// The host, and the deployment's record.
    pub facts: Facts,
    /// Every network.
    pub networks: Vec<ActualNetwork>,
    /// Every pool.
    pub pools: Vec<ActualPool>,
    /// Every domain.
    pub domains: Vec<ActualDomain>,
}

/// Reads everything.
///
/// # Errors
/// When a call or the facts command fails.
pub fn read(host: &Host, libvirt: &Libvirt, storage: &Storage, deployment: &str) -> Result<Actual> {
    let folder = storage.deployment_folder(deployment);
    // The facts come over another channel than libvirt's answers: ask for both at once.
    std::thread::scope(|scope| {
        let facts = scope.spawn(|| host::facts::read(host, libvirt, &storage.folder, &record_path(&folder)));
        let networks = networks::read::read(libvirt)?;
        let pools = host::pools::read(libvirt, &|pool| pool == names::pool(deployment))?;
        let domains = domains::read::read(libvirt)?;
        let facts = facts
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let mut facts = facts;
        if !facts.loose_taps.is_empty() {
            facts.loose = domains::read::loose(libvirt, &domains, &facts.loose_taps)?;
        }
        Ok(Actual {
            facts,
            networks,
            pools,
            domains,
        })
    })
}

impl Actual {
    /// Who a deployment of that name is on this host: as its record says, else derived.
    pub fn identity(&self, name: &str, prefix: Option<&str>, host: &str) -> Identity {
        let derived = Uuid::new_v5(&self.facts.uuid, name.as_bytes());
        let uuid = self.facts.record.as_ref().map_or(derived, |record| record.uuid);
        Identity {
            name: name.to_owned(),
            prefix: prefix.map(str::to_owned),
            uuid,
            host: host.to_owned(),
        }
    }

    /// The UUID that the marks of a deployment of that name carry.
    pub fn marked_uuid(&self, name: &str) -> Option<Uuid> {
        let marks = self.domains.iter().filter_map(|domain| domain.mark.as_ref());
        let owners = marks.map(|mark| &mark.owner);
        let mut owners = owners.chain(self.networks.iter().filter_map(|network| network.owner.as_ref()));
        owners
            .find(|owner| owner.deployment == name)
            .map(|owner| owner.uuid)
    }

    /// The volumes of a deployment with their virtual sizes in bytes; its record is none.
    pub fn volumes(&self, deployment: &str) -> BTreeMap<String, u64> {
        let name = names::pool(deployment);
        let mut volumes = self
            .pools
            .iter()
            .find(|pool| pool.name == name)
            .map(|pool| pool.volumes.clone())
            .unwrap_or_default();
        volumes.remove(host::RECORD);
        volumes
    }

    /// The domains of a deployment.
    pub fn domains_of(&self, deployment: Uuid) -> impl Iterator<Item = &ActualDomain> {
        self.domains
            .iter()
            .filter(move |d| d.mark.as_ref().is_some_and(|mark| mark.owner.uuid == deployment))
    }

    /// Whether a deployment has a domain of that name.
    pub fn defines(&self, deployment: Uuid, name: &str) -> bool {
        self.domains_of(deployment).any(|domain| domain.name == name)
    }

    /// The networks of a deployment.
    pub fn networks_of(&self, deployment: Uuid) -> impl Iterator<Item = &ActualNetwork> {
        self.networks
            .iter()
            .filter(move |n| n.owner.as_ref().is_some_and(|owner| owner.uuid == deployment))
    }

    /// The names of all deployments that left a mark.
    pub fn deployments(&self) -> BTreeSet<&str> {
        let domains = self
            .domains
            .iter()
            .filter_map(|d| d.mark.as_ref())
            .map(|mark| mark.owner.deployment.as_str());
        let networks = self
            .networks
            .iter()
            .filter_map(|n| n.owner.as_ref())
            .map(|owner| owner.deployment.as_str());
        let uuid = self.facts.uuid;
        let folders = self
            .facts
            .folders
            .iter()
            .filter_map(|name| name.strip_prefix("irs-"));
        let pools = self
            .pools
            .iter()
            .filter(|pool| host::diff::is_deployment_pool(pool, uuid));
        domains
            .chain(networks)
            .chain(folders)
            .chain(pools.filter_map(|pool| pool.name.strip_prefix("irs-")))
            .collect()
    }
}
