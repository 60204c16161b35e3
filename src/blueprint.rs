//! What there must be of a deployment, as the runs so far resolved it: a file beside the record. By it anybody can tell
//! what is not as it should be without the topology and the flags, and a node keeps its addresses when it is lost.

mod known;
mod theirs;

pub use theirs::Dropped;

use crate::addresses::Mac;
use crate::deployment::{Deployment, Identity, Network, Nic, Node, Slot, Storage};
use crate::mark::Wire;
use crate::steps::host::bridges::HostBridge;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The format that this program writes, and the one that it reads.
const VERSION: u32 = 1;

/// The resolved model of a whole deployment, less what differs from client to client and what is secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Blueprint {
    version: u32,
    /// The deployment's UUID.
    pub uuid: Uuid,
    /// The pool that base images are in.
    pub pool: String,
    /// Whether the host's sshd is to take many sessions and logins.
    #[serde(default)]
    pub ssh_limits: bool,
    /// Whether the host is to have the user that Ironic powers nodes as.
    #[serde(default)]
    pub stack: bool,
    /// The bridges of the host that irs keeps for its networks.
    pub bridges: Vec<HostBridge>,
    /// Its networks.
    pub networks: Vec<Network>,
    /// What these networks had earlier, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dropped: BTreeMap<String, Dropped>,
    /// Its nodes, by type and index.
    pub nodes: Vec<Node>,
    /// The nodes whose screens have a password by irs; the passwords are written down nowhere. None where an older irs left it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passwords: Option<BTreeSet<String>>,
}

impl Blueprint {
    /// What there must be after a run: what it says itself, and what earlier runs said of the nodes that it does not
    /// name. `pool` is the one that owns the folder of base images; `defined` are the nodes that are there.
    pub fn after(
        deployment: &Deployment,
        before: Option<&Blueprint>,
        pool: &str,
        defined: &BTreeSet<String>,
    ) -> Blueprint {
        let known = |name: &str| before.and_then(|before| before.node(name));
        let passwords = passwords(deployment, before);
        let mut nodes: Vec<Node> = Vec::new();
        for node in &deployment.nodes {
            match known(&node.name) {
                // An extend adds nodes; of those that are there it changes the NICs alone.
                Some(known) if deployment.extend.is_some() => nodes.push(Node {
                    nics: node.nics.clone(),
                    external: node.external,
                    starts: node.starts,
                    ..known.clone()
                }),
                None if deployment.extend.is_some() && defined.contains(&node.name) => {}
                _ => nodes.push(node.clone()),
            }
        }
        let named: BTreeSet<&str> = deployment.nodes.iter().map(|node| node.name.as_str()).collect();
        let others = before.iter().flat_map(|before| &before.nodes);
        for other in others.filter(|node| !named.contains(node.name.as_str())) {
            let mut other = other.clone();
            join(&mut other.nics, deployment.joined.get(&other.name));
            nodes.push(other);
        }
        nodes.sort_by(|a, b| (&a.node_type, a.index, &a.name).cmp(&(&b.node_type, b.index, &b.name)));
        let mut networks = deployment.networks.clone();
        let used: BTreeSet<&str> = nodes
            .iter()
            .flat_map(|node| &node.nics)
            .map(|nic| nic.network.as_str())
            .collect();
        let kept = before.iter().flat_map(|before| &before.networks);
        let kept: Vec<Network> = kept
            .filter(|network| used.contains(network.name.as_str()))
            .filter(|network| !networks.iter().any(|new| new.name == network.name))
            .cloned()
            .collect();
        networks.extend(kept);
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Blueprint {
            version: VERSION,
            uuid: deployment.id.uuid,
            pool: pool.to_owned(),
            ssh_limits: deployment.ssh_limits,
            stack: deployment.stack,
            bridges: deployment.bridges.clone(),
            dropped: theirs::dropped(before, &networks),
            networks,
            nodes,
            passwords,
        }
    }

    /// Whether it says what another one does, as far as it says anything of it: what an older irs did not write down is no
    /// reason to write it anew.
    ///
    /// # Errors
    /// Never, for this type.
    pub fn says_the_same(&self, other: &Blueprint) -> Result<bool> {
        let mut other = other.clone();
        if self.passwords.is_none() {
            other.passwords = None;
        }
        Ok(self.to_json()? == other.to_json()?)
    }

    /// Whether a node's screen has a password by irs, where that is known.
    pub fn has_password(&self, node: &str) -> Option<bool> {
        self.passwords.as_ref().map(|names| names.contains(node))
    }

    /// What there must be when these nodes are gone, with their wires and addresses.
    pub fn without(&self, names: &BTreeSet<String>) -> Blueprint {
        let joins = |wire: &Wire| names.contains(&wire.from) || names.contains(&wire.to);
        let (gone, mut networks): (Vec<Network>, Vec<Network>) = self
            .networks
            .iter()
            .cloned()
            .partition(|network| network.wire.as_ref().is_some_and(joins));
        for network in &mut networks {
            network
                .reservations
                .retain(|reserved| !names.iter().any(|name| reserved.is_of(name)));
        }
        let mut nodes: Vec<Node> = self.nodes.clone();
        nodes.retain(|node| !names.contains(&node.name));
        for node in &mut nodes {
            let reached = node.external.and_then(|at| node.nics.get(at)).map(|nic| nic.mac);
            node.nics
                .retain(|nic| !gone.iter().any(|network| network.name == nic.network));
            node.external = node.nics.iter().position(|nic| Some(nic.mac) == reached);
        }
        let mut passwords = self.passwords.clone();
        if let Some(passwords) = &mut passwords {
            passwords.retain(|name| !names.contains(name));
        }
        Blueprint {
            networks,
            nodes,
            passwords,
            ..self.clone()
        }
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The NICs that each node was given.
    fn given(&self) -> BTreeMap<String, BTreeSet<Mac>> {
        let macs = |node: &Node| node.nics.iter().map(|nic| nic.mac).collect();
        self.nodes
            .iter()
            .map(|node| (node.name.clone(), macs(node)))
            .collect()
    }

    /// Tells a new model what is known of the nodes that are there: their NICs and what their first boot was told of them,
    /// and the machine type that they were made with, where the topology names none.
    pub fn recall(&self, deployment: &mut Deployment) {
        deployment.given = self.given();
        for node in &mut deployment.nodes {
            let Some(known) = self.node(&node.name) else {
                continue;
            };
            for nic in &mut node.nics {
                let before = known.nics.iter().find(|before| before.mac == nic.mac);
                if let Some(before) = before.filter(|before| before.network == nic.network) {
                    nic.dhcp4 = before.dhcp4;
                    nic.told.clone_from(&before.told);
                    nic.gateways.clone_from(&before.gateways);
                    nic.search.clone_from(&before.search);
                }
            }
        }
        for node in deployment.nodes.iter_mut().filter(|node| node.machine.is_none()) {
            node.machine = self.node(&node.name).and_then(|known| known.machine.clone());
        }
    }

    /// The model again, as a run that names every node would have it.
    pub fn deployment(&self, id: &Identity, storage: &Storage) -> Deployment {
        let mut bridges = self.bridges.clone();
        for bridge in &mut bridges {
            bridge.deployment.clone_from(&id.name);
        }
        Deployment {
            id: id.clone(),
            storage: Storage {
                pool: self.pool.clone(),
                ..storage.clone()
            },
            bridges,
            notes: Vec::new(),
            warnings: Vec::new(),
            networks: self.networks.clone(),
            nodes: self.nodes.clone(),
            joined: BTreeMap::new(),
            given: self.given(),
            extend: None,
            ssh_limits: self.ssh_limits,
            stack: self.stack,
            slot: Slot {
                net: String::new(),
                data_net: String::new(),
            },
        }
    }

    /// Reads one. None when there is none, or one that this program does not understand: the next run writes it anew.
    pub fn parse(text: &str) -> Option<Blueprint> {
        let read = || -> Result<Blueprint> { Ok(serde_json::from_str(text)?) };
        if text.trim().is_empty() {
            return None;
        }
        read()
            .inspect_err(|error| tracing::warn!("the deployment's blueprint cannot be read: {error}"))
            .ok()
            .filter(|blueprint| blueprint.version == VERSION)
    }

    /// The JSON of it, the same for the same deployment.
    ///
    /// # Errors
    /// Never, for this type.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// The nodes whose screens have a password after a run; none while that is not known of all.
fn passwords(deployment: &Deployment, before: Option<&Blueprint>) -> Option<BTreeSet<String>> {
    let known = |name: &str| before.is_some_and(|before| before.node(name).is_some());
    // Of the nodes that are there an extend says nothing.
    let said = |name: &str| deployment.extend.is_none() || !known(name);
    let named = deployment.nodes.iter().filter(|node| said(&node.name));
    let all: BTreeSet<&str> = named.clone().map(|node| node.name.as_str()).collect();
    let mut passwords: BTreeSet<String> = named
        .filter(|node| node.vnc.password.is_some())
        .map(|node| node.name.clone())
        .collect();
    let others = before.iter().flat_map(|before| &before.nodes);
    for other in others.filter(|node| !all.contains(node.name.as_str())) {
        if before?.has_password(&other.name)? {
            passwords.insert(other.name.clone());
        }
    }
    Some(passwords)
}

/// Adds the ends of new wires.
fn join(nics: &mut Vec<Nic>, joined: Option<&Vec<Nic>>) {
    for nic in joined.into_iter().flatten() {
        if !nics.iter().any(|there| there.mac == nic.mac) {
            nics.push(nic.clone());
        }
    }
}
