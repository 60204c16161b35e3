//! What libvirt's lists say of all things at once: with their filters nobody need be asked one by one.

use super::{Libvirt, of_each};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use uuid::Uuid;
use virt::domain::Domain;
use virt::network::Network;
use virt::storage_pool::StoragePool;
use virt::sys;

/// A domain, network or pool with what the lists say of it.
pub struct Listed<T> {
    /// Itself.
    pub it: T,
    /// Whether it has a definition.
    pub persistent: bool,
    /// Whether it starts with the host.
    pub autostart: bool,
    /// Whether it runs, and for a domain that nothing holds it up.
    pub running: bool,
    /// Of a domain: whether it is off. It may be neither, as one that is paused.
    pub off: bool,
}

impl Libvirt {
    /// Every domain.
    ///
    /// # Errors
    /// When a call fails.
    pub fn domains(&self) -> Result<Vec<Listed<Domain>>> {
        let list = |flags: &u32| self.connect.list_all_domains(*flags);
        let filters = [
            0,
            sys::VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
            sys::VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
            sys::VIR_CONNECT_LIST_DOMAINS_RUNNING,
            sys::VIR_CONNECT_LIST_DOMAINS_SHUTOFF,
        ];
        listed(of_each(&filters, list), Domain::uuid).context("listing the domains")
    }

    /// Every domain, and nothing about them.
    ///
    /// # Errors
    /// When the call fails.
    pub fn all_domains(&self) -> Result<Vec<Domain>> {
        self.connect.list_all_domains(0).context("listing the domains")
    }

    /// The domains that have snapshots.
    ///
    /// # Errors
    /// When the call fails.
    pub fn domains_with_snapshots(&self) -> Result<Vec<Domain>> {
        let list = self
            .connect
            .list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT);
        list.context("listing the domains with snapshots")
    }

    /// The UUIDs of the domains whose machine libvirt saved.
    ///
    /// # Errors
    /// When the call fails.
    pub fn saved(&self) -> Result<BTreeSet<Uuid>> {
        let flags = sys::VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE;
        let list = self.connect.list_all_domains(flags);
        let uuids: Result<BTreeSet<Uuid>, _> = list.and_then(|list| list.iter().map(Domain::uuid).collect());
        uuids.context("listing the domains that are saved")
    }

    /// The domains that run.
    ///
    /// # Errors
    /// When the call fails.
    pub fn running(&self) -> Result<Vec<Domain>> {
        let flags = sys::VIR_CONNECT_LIST_DOMAINS_RUNNING;
        self.connect
            .list_all_domains(flags)
            .context("listing the domains that run")
    }

    /// Every network.
    ///
    /// # Errors
    /// When a call fails.
    pub fn networks(&self) -> Result<Vec<Listed<Network>>> {
        let list = |flags: &u32| self.connect.list_all_networks(*flags);
        let filters = [
            0,
            sys::VIR_CONNECT_LIST_NETWORKS_PERSISTENT,
            sys::VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
            sys::VIR_CONNECT_LIST_NETWORKS_ACTIVE,
        ];
        listed(of_each(&filters, list), Network::uuid).context("listing the networks")
    }

    /// Every storage pool.
    ///
    /// # Errors
    /// When a call fails.
    pub fn pools(&self) -> Result<Vec<Listed<StoragePool>>> {
        let list = |flags: &u32| self.connect.list_all_storage_pools(*flags);
        let filters = [
            0,
            sys::VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
            sys::VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART,
            sys::VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
        ];
        listed(of_each(&filters, list), StoragePool::uuid).context("listing the storage pools")
    }
}

type Answer<T> = Result<Vec<T>, virt::error::Error>;

/// Puts the answers together: all things, and those that each filter leaves, in the order of the fields.
fn listed<T>(
    answers: Vec<Answer<T>>,
    uuid: impl Fn(&T) -> Result<Uuid, virt::error::Error>,
) -> Result<Vec<Listed<T>>, virt::error::Error> {
    let mut answers = answers.into_iter();
    let all = answers.next().unwrap_or_else(|| Ok(Vec::new()))?;
    let mut filtered = || -> Result<BTreeSet<Uuid>, virt::error::Error> {
        let found = answers.next().unwrap_or_else(|| Ok(Vec::new()))?;
        found.iter().map(&uuid).collect()
    };
    let (persistent, autostart) = (filtered()?, filtered()?);
    let (running, off) = (filtered()?, filtered()?);
    let all = all.into_iter().map(|it| {
        let id = uuid(&it)?;
        Ok(Listed {
            persistent: persistent.contains(&id),
            autostart: autostart.contains(&id),
            running: running.contains(&id),
            off: off.contains(&id),
            it,
        })
    });
    all.collect()
}
