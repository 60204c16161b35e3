//! What is on a hypervisor now: each step reads its kind.

use crate::deployment::{Identity, Storage};
use crate::libvirt::Libvirt;
use crate::names;
use crate::patience;
use crate::remote::{Cmd, Host};
use crate::steps::domains::read::{ActualDomain, ActualNic};
use crate::steps::host::bridges::lan::{self, LanNic};
use crate::steps::host::facts::Facts;
use crate::steps::host::pools::ActualPool;
use crate::steps::networks::read::ActualNetwork;
use crate::steps::{domains, host, networks};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
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
    /// The volumes of a deployment whose pool does not run, with their virtual sizes in bytes.
    pub unpooled: BTreeMap<String, u64>,
    /// Where the deployment's nodes are reached that live on a LAN, by domain.
    pub lan: BTreeMap<String, IpAddr>,
}

/// Reads everything.
///
/// # Errors
/// When a call or the facts command fails.
pub fn read(host: &Host, libvirt: &Libvirt, storage: &Storage, deployment: &str) -> Result<Actual> {
    let folder = storage.deployment_folder(deployment);
    let _waiting = patience::waiting(format!("what libvirt has on '{}'", host.name()));
    // The facts come over another channel than libvirt's answers: ask for both at once.
    std::thread::scope(|scope| {
        let facts = scope.spawn(|| host::facts::read(host, libvirt, &storage.folder, &folder));
        let networks = networks::read::read(libvirt, deployment)?;
        let pools = host::pools::read(libvirt, &|pool| pool == names::pool(deployment))?;
        let domains = domains::read::read(libvirt, deployment)?;
        let facts = facts
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let mut actual = Actual {
            facts,
            networks,
            pools,
            domains,
            unpooled: BTreeMap::new(),
            lan: BTreeMap::new(),
        };
        actual.unpooled = actual.find_unpooled(host, deployment, &folder)?;
        actual.adopt(deployment, &folder)?;
        if !actual.facts.loose_taps.is_empty() {
            let taps = &actual.facts.loose_taps;
            actual.facts.loose = domains::read::loose(libvirt, &actual.domains, taps)?;
        }
        actual.lan = actual.find_on_lans(host, libvirt, deployment)?;
        Ok(actual)
    })
}

impl Actual {
    /// Takes for irs's what the blueprint knows by its UUID, though its mark is gone.
    fn adopt(&mut self, deployment: &str, folder: &str) -> Result<()> {
        let id = self.identity(deployment, None, "");
        let blueprint = self.facts.blueprint.take();
        if let Some(blueprint) = blueprint.as_ref().filter(|blueprint| blueprint.uuid == id.uuid) {
            let record = self.facts.record.clone();
            blueprint.adopt(self, record.as_ref(), &id, folder)?;
        }
        self.facts.blueprint = blueprint.filter(|blueprint| blueprint.uuid == id.uuid);
        Ok(())
    }

    /// Disks stay where they are when somebody stops or undefines their pool.
    fn find_unpooled(&self, host: &Host, deployment: &str, folder: &str) -> Result<BTreeMap<String, u64>> {
        let name = names::pool(deployment);
        let runs = self.pools.iter().any(|pool| pool.name == name && pool.active);
        if runs || (self.facts.record.is_none() && !self.facts.folders.contains(&name)) {
            return Ok(BTreeMap::new());
        }
        let cmd = Cmd::script(include_str!("steps/disks/listed.sh"), &[folder]);
        let output = host.text(&cmd).context("looking for the deployment's disks")?;
        let sized = |line: &str| {
            let (size, name) = line.split_once(' ')?;
            Some((name.to_owned(), size.parse().ok()?))
        };
        Ok(output.lines().filter_map(sized).collect())
    }

    /// Where the nodes on LANs are now, else where they were last.
    fn find_on_lans(
        &self,
        host: &Host,
        libvirt: &Libvirt,
        deployment: &str,
    ) -> Result<BTreeMap<String, IpAddr>> {
        let own = self.domains.iter().filter(|domain| {
            let mark = domain.mark.as_ref();
            mark.is_some_and(|mark| mark.has_os && mark.owner.deployment == deployment)
        });
        let nics: Vec<LanNic> = own
            .clone()
            .filter(|domain| domain.state.is_running())
            .filter_map(|domain| self.on_lan(domain))
            .collect();
        let mut found = BTreeMap::new();
        if let Some(record) = &self.facts.record {
            let there = own.filter(|domain| self.on_lan(domain).is_some());
            let last = there.filter_map(|d| Some((d.name.clone(), *record.lan.get(&d.name)?)));
            found.extend(last);
        }
        if !nics.is_empty() {
            found.extend(lan::find(host, libvirt, &nics, false)?);
        }
        Ok(found)
    }

    /// The NIC through which a node is reached, when it is on a LAN of the host's and has no address that its seed told it.
    pub fn on_lan(&self, domain: &ActualDomain) -> Option<LanNic> {
        let mark = domain.mark.as_ref().filter(|mark| mark.address.is_none())?;
        let nic = domain.nics.get(mark.external?)?;
        self.lan_bridge(nic).map(|bridge| LanNic {
            domain: domain.name.clone(),
            bridge: bridge.to_owned(),
            mac: nic.mac,
        })
    }

    /// The bridge of the host's LAN that a NIC is on: not one that libvirt made for a network of its own.
    pub fn lan_bridge<'a>(&'a self, nic: &'a ActualNic) -> Option<&'a str> {
        match (&nic.bridge, &nic.network) {
            (Some(bridge), _) => {
                let networks = self.networks.iter().filter(|n| n.bridge.as_ref() == Some(bridge));
                let mut inner = networks.filter(|n| n.forward.as_deref() != Some("bridge"));
                inner.next().is_none().then_some(bridge)
            }
            (None, Some(name)) => {
                let network = self.networks.iter().find(|n| n.name == *name);
                network
                    .filter(|n| n.forward.as_deref() == Some("bridge"))?
                    .bridge
                    .as_deref()
            }
            (None, None) => None,
        }
    }

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
        let pool = self.pools.iter().find(|pool| pool.name == name && pool.active);
        let mut volumes = pool.map_or_else(|| self.unpooled.clone(), |pool| pool.volumes.clone());
        volumes.remove(host::RECORD);
        volumes.remove(host::BLUEPRINT);
        volumes
    }

    /// The domains of a deployment.
    pub fn domains_of(&self, deployment: Uuid) -> impl Iterator<Item = &ActualDomain> {
        self.domains
            .iter()
            .filter(move |d| d.mark.as_ref().is_some_and(|mark| mark.owner.uuid == deployment))
    }

    /// The domains of nodes by the names that were given, which may lack the prefix.
    pub fn full_names(&self, given: &[String], id: &Identity) -> BTreeMap<String, String> {
        let full = |given: &String| {
            let prefixed = names::prefixed(id.prefix.as_deref(), given);
            // Of a node that a killed removal took away half there is no domain.
            let begins = id.prefix.as_ref().is_some_and(|prefix| {
                given
                    .strip_prefix(prefix.as_str())
                    .is_some_and(|rest| rest.starts_with('-'))
            });
            match self.defines(id.uuid, given) || begins && !self.knows(id, &prefixed) {
                true => given.clone(),
                false => prefixed,
            }
        };
        given.iter().map(|given| (full(given), given.clone())).collect()
    }

    /// Whether anything of a deployment's node of that name is there.
    fn knows(&self, id: &Identity, name: &str) -> bool {
        let is_named = |volume: &String| {
            volume
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('-'))
        };
        let mut reservations = self.networks_of(id.uuid).flat_map(|own| &own.reservations);
        let blueprint = self.facts.blueprint.as_ref();
        self.defines(id.uuid, name)
            || blueprint.is_some_and(|known| known.node(name).is_some())
            || self.volumes(&id.name).keys().any(is_named)
            || reservations.any(|reservation| reservation.is_of(name))
    }

    /// Whether a deployment has a domain of that name.
    pub fn defines(&self, deployment: Uuid, name: &str) -> bool {
        self.domains_of(deployment).any(|domain| domain.name == name)
    }

    /// The devices of a deployment's bridges and ports on Open vSwitch.
    pub fn switch_devices_of(&self, deployment: Uuid) -> impl Iterator<Item = &str> {
        let bridges = self.facts.openvswitch.iter().flat_map(|found| &found.bridges);
        let ours = bridges.filter(move |bridge| bridge.owner == Some(deployment));
        ours.flat_map(|bridge| &bridge.ports)
            .map(|port| port.name.as_str())
    }

    /// The networks of a deployment.
    pub fn networks_of(&self, deployment: Uuid) -> impl Iterator<Item = &ActualNetwork> {
        self.networks
            .iter()
            .filter(move |network| network.is_of(deployment))
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
        let switches = self.facts.openvswitch.iter().flat_map(|found| &found.bridges);
        let switches = switches.filter(|bridge| bridge.owner.is_some());
        domains
            .chain(networks)
            .chain(switches.filter_map(|bridge| bridge.deployment.as_deref()))
            .chain(folders)
            .chain(pools.filter_map(|pool| pool.name.strip_prefix("irs-")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_whose_domain_is_gone_is_found_by_either_name() {
        let id = Actual::default().identity("web", Some("web"), "hv");
        let full = |actual: &Actual| -> Vec<String> {
            let given = ["web-compute-0", "compute-1"].map(str::to_owned);
            actual.full_names(&given, &id).into_keys().collect()
        };
        assert_eq!(full(&Actual::default()), ["web-compute-0", "web-compute-1"]);
        // A type may begin as the prefix does.
        let volume = "web-web-compute-0-disk1.qcow2".to_owned();
        let doubled = Actual {
            unpooled: BTreeMap::from([(volume, 1)]),
            ..Actual::default()
        };
        assert_eq!(full(&doubled), ["web-compute-1", "web-web-compute-0"]);
    }
}
