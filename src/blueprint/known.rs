//! What is there, and what was: a deployment keeps what its blueprint says, whatever somebody did to it meanwhile.

use super::Blueprint;
use crate::actual::Actual;
use crate::deployment::{Identity, Network, Nic, Node, Reservation};
use crate::keys;
use crate::mark::Owner;
use crate::secret::Secret;
use crate::steps::domains::read::{ActualDisk, ActualDomain, ActualNic};
use crate::steps::domains::state::State;
use crate::steps::domains::template::{Setting, mark_of};
use crate::steps::host::record::Record;
use crate::steps::networks::read::ActualNetwork;
use crate::steps::networks::shape::side;
use anyhow::Result;

impl Blueprint {
    /// What is there, with the addresses, NICs and firmware that the deployment had, and with the nodes and networks that
    /// it lost: what a run resolves its topology by. What must be changed shows against what is really there.
    pub fn known(&self, actual: &Actual, id: &Identity, folder: &str) -> Actual {
        let mut known = actual.clone();
        for network in &self.networks {
            let found = known.networks.iter_mut().find(|found| found.name == network.name);
            match found {
                Some(found) => remember(found, network),
                None => known.networks.push(lost_network(network, id)),
            }
        }
        for node in &self.nodes {
            let found = known.domains.iter_mut().find(|found| found.name == node.name);
            match found {
                Some(found) => {
                    found.nics = node.nics.iter().map(nic).collect();
                    found.firmware = node.firmware;
                    found.tpm = node.tpm;
                    for disk in disks(node, folder) {
                        match found.disks.iter_mut().find(|there| there.source == disk.source) {
                            Some(there) => there.bus = disk.bus,
                            None => found.disks.push(disk),
                        }
                    }
                    if let Some(mark) = &mut found.mark {
                        mark.serial_file.clone_from(&node.serial_file);
                    }
                }
                None => known.domains.push(lost_domain(node, id, folder)),
            }
        }
        known
    }

    /// Takes domains and networks that have lost irs's mark for its own again: their UUIDs, which irs made, tell them. The
    /// host keys that the marks had come from the record.
    ///
    /// # Errors
    /// Never, for a good record.
    pub fn adopt(
        &self,
        actual: &mut Actual,
        record: Option<&Record>,
        id: &Identity,
        folder: &str,
    ) -> Result<()> {
        for domain in actual.domains.iter_mut().filter(|domain| domain.mark.is_none()) {
            let Some(node) = self.node(&domain.name).filter(|node| node.uuid == domain.uuid) else {
                continue;
            };
            let mut keys = (None, Vec::new());
            if let (Some(record), true) = (record, node.has_seed) {
                let host_key = keys::from_seed(record.host_key_seed(&node.name), &node.name)?;
                let login = keys::from_seed(record.key_seed("login key"), "irs")?;
                keys = (
                    Some(keys::bare(&host_key.public_openssh)),
                    vec![keys::bare(&login.public_openssh)],
                );
            }
            let setting = Setting {
                virt_type: domain.virt_type,
                folder: folder.to_owned(),
                login_keys: keys.1,
            };
            domain.mark = Some(mark_of(node, id, &setting, keys.0));
        }
        for network in actual
            .networks
            .iter_mut()
            .filter(|network| network.owner.is_none())
        {
            let known = self.networks.iter().find(|known| known.name == network.name);
            let Some(known) = known.filter(|known| known.uuid == network.uuid) else {
                continue;
            };
            network.owner = Some(owner(id));
            network.wire.clone_from(&known.wire);
            network.lost_mark = true;
        }
        Ok(())
    }
}

fn owner(id: &Identity) -> Owner {
    Owner {
        deployment: id.name.clone(),
        uuid: id.uuid,
    }
}

/// The addresses that it reserved: what stands in their way is somebody else's doing.
fn remember(found: &mut ActualNetwork, network: &Network) {
    found.mtu = network.mtu;
    let clashes = |there: &Reservation| {
        network.reservations.iter().any(|r| {
            r.ip.is_ipv4() == there.ip.is_ipv4()
                && (r.mac == there.mac || r.name == there.name || r.ip == there.ip)
        })
    };
    found.reservations.retain(|there| !clashes(there));
    found.reservations.extend(network.reservations.iter().cloned());
    if found.wire.is_none() {
        found.wire.clone_from(&network.wire);
    }
}

pub(super) fn lost_network(network: &Network, id: &Identity) -> ActualNetwork {
    ActualNetwork {
        name: network.name.clone(),
        uuid: network.uuid,
        owner: Some(owner(id)),
        lost_mark: false,
        wire: network.wire.clone(),
        persistent: false,
        active: false,
        autostart: false,
        mac: None,
        bridge: Some(network.bridge.clone()),
        forward: network.forward.mode().map(str::to_owned),
        mtu: network.mtu,
        domain: network.domain.clone(),
        local_only: network.domain.is_some(),
        srvs: network.srvs.clone(),
        virtualport: network.switch.as_ref().map(|_| "openvswitch".to_owned()),
        portgroups: Vec::new(),
        stp: false,
        addresses: [true, false].iter().filter_map(|v4| side(network, *v4)).collect(),
        reservations: network.reservations.clone(),
        foreign: Vec::new(),
        leases: Vec::new(),
        live: None,
    }
}

fn lost_domain(node: &Node, id: &Identity, folder: &str) -> ActualDomain {
    let setting = Setting {
        virt_type: "qemu",
        folder: folder.to_owned(),
        login_keys: Vec::new(),
    };
    ActualDomain {
        name: node.name.clone(),
        uuid: node.uuid,
        mark: Some(mark_of(node, id, &setting, None)),
        persistent: false,
        state: State::ShutOff,
        saved: false,
        autostart: false,
        memory_mib: node.memory_mib,
        memory_now_mib: node.memory_mib,
        cpu: node.cpu,
        cpu_now: node.cpu,
        live: None,
        nics: node.nics.iter().map(nic).collect(),
        virt_type: "qemu",
        firmware: node.firmware,
        tpm: node.tpm,
        disks: disks(node, folder).collect(),
        nvram: None,
        definition: Secret::new(""),
    }
}

/// Its disks, and its seed.
fn disks<'a>(node: &'a Node, folder: &'a str) -> impl Iterator<Item = ActualDisk> + 'a {
    let own = node.disks.iter().map(move |disk| ActualDisk {
        source: disk.path(folder),
        bus: Some(disk.bus),
        format: Some(disk.format().to_owned()),
    });
    let seed = node.has_seed.then(|| ActualDisk {
        source: format!("{folder}/{}", node.seed_volume()),
        bus: Some(node.seed_bus),
        format: Some("raw".to_owned()),
    });
    own.chain(seed)
}

fn nic(nic: &Nic) -> ActualNic {
    ActualNic {
        mac: nic.mac,
        network: nic.bridge.is_none().then(|| nic.network.clone()),
        bridge: nic.bridge.clone(),
        portgroup: nic.portgroup.clone(),
        model: Some(nic.model.clone()),
        mtu: nic.mtu,
    }
}
