//! What must change so that a deployment is there: the diffs of all steps, and the plan that they make. Pure.

use crate::actual::Actual;
use crate::blueprint::Blueprint;
use crate::deployment::{Deployment, Disk, Network, Node};
use crate::plan::{Action, Plan};
use crate::steps::host::access::{limits, stack};
use crate::steps::host::record::Record;
use crate::steps::host::{self, bridges, openvswitch};
use crate::steps::networks::read::ActualNetwork;
use crate::steps::{disks, domains, networks, start};
use crate::yaml::Problems;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What must be there, and what is.
pub struct Goal<'a> {
    /// What must be there.
    pub deployment: &'a Deployment,
    /// What the record must say.
    pub record: &'a Record,
    /// What the blueprint must say, when it says something else.
    pub blueprint: Option<&'a Blueprint>,
    /// What is there.
    pub actual: &'a Actual,
    /// Disks and seeds that are there, by [`crate::deployment::Disk::key`], with their sizes in bytes.
    pub volumes: &'a BTreeMap<String, u64>,
    /// Those that QEMU could not open, with what is wrong.
    pub damaged: &'a BTreeMap<String, String>,
}

/// The actions of a step, or what it refuses.
pub type Found = Result<Vec<Action>, Problems>;

impl Goal<'_> {
    /// The whole plan; `others` are actions of other reasons, as those that fetch base images, `restarts` those that a run
    /// asks for.
    ///
    /// # Errors
    /// All that the steps refuse.
    pub fn plan(&self, others: Vec<Action>, restarts: Vec<Action>) -> Result<Plan, Problems> {
        let networks = self.of_networks(self.deployment);
        let nodes = self.of_nodes(self.deployment);
        all([
            self.of_host(),
            networks,
            Ok(self.stale()),
            Ok(others),
            nodes,
            Ok(restarts),
        ])
        .map(Plan::new)
    }

    /// What must change on the host itself: record, pools, bridges.
    pub fn of_host(&self) -> Found {
        let Actual { facts, pools, .. } = self.actual;
        let Deployment { bridges, id, .. } = self.deployment;
        all([
            host::diff::converge(
                self.deployment,
                (self.record, facts.record.as_ref()),
                self.blueprint,
                pools,
                facts.uuid,
            ),
            Ok(self.of_access()),
            bridges::diff::converge(bridges, &facts.links, &id.host),
            openvswitch::diff::converge(self.deployment, facts),
        ])
    }

    /// What must change in who may come to the host, and how often.
    fn of_access(&self) -> Vec<Action> {
        let (access, id) = (&self.actual.facts.access, &self.deployment.id);
        let mut actions = Vec::new();
        if self.deployment.ssh_limits {
            actions.extend(limits::converge(access, &id.host));
        }
        if self.deployment.stack {
            actions.extend(stack::converge(self.record, &access.stack, id));
        }
        actions
    }

    /// What must change in the networks of a deployment, or of a part of it.
    pub fn of_networks(&self, deployment: &Deployment) -> Found {
        let there = self.past_theirs(deployment);
        networks::diff::converge(deployment, &there, &self.actual.facts)
    }

    /// The restarts of networks that lack what they are defined to have, which `--restart` asks for.
    pub fn restarts_of_networks(&self) -> Vec<Action> {
        let there = self.past_theirs(self.deployment);
        networks::pending::restarts(self.deployment, &there)
    }

    /// The networks that are there, less what others added to them.
    fn past_theirs(&self, deployment: &Deployment) -> Cow<'_, [ActualNetwork]> {
        let before = self.actual.facts.blueprint.as_ref();
        before.map_or(Cow::Borrowed(&self.actual.networks[..]), |before| {
            before.past_theirs(deployment, self.actual)
        })
    }

    /// The reservations of NICs that are gone.
    pub fn stale(&self) -> Vec<Action> {
        networks::stale::converge(self.deployment, &self.actual.networks)
    }

    /// What must change in the nodes of a deployment, or of a part of it: disks, definitions, and what runs.
    pub fn of_nodes(&self, deployment: &Deployment) -> Found {
        let Actual {
            domains,
            networks,
            facts,
            ..
        } = self.actual;
        let before = facts.blueprint.as_ref();
        let domains = &before.map_or(Cow::Borrowed(&domains[..]), |before| {
            before.past_their_devices(deployment, self.actual)
        });
        let of_deployment = || self.actual.domains_of(deployment.id.uuid);
        let defined: BTreeSet<String> = of_deployment().map(|domain| domain.name.clone()).collect();
        let running = of_deployment().filter(|domain| domain.state.is_running());
        let running = running.map(|domain| domain.name.clone()).collect();
        let folder = deployment.storage.deployment_folder(&deployment.id.name);
        let over = |node: &Node, disk: &Disk| {
            let found = of_deployment().find(|domain| domain.name == node.name)?;
            domains::overlaid::over(found, &disk.dev, &disk.path(&folder))
        };
        all([
            disks::diff::converge(
                deployment,
                (self.volumes, self.damaged),
                &defined,
                &running,
                &over,
            ),
            domains::diff::converge(deployment, domains, networks),
            Ok(domains::vlans::converge(
                deployment,
                domains,
                facts.openvswitch.as_ref(),
            )),
            Ok(start::converge(&deployment.nodes, domains, &deployment.id.host)),
        ])
    }
}

/// A deployment with one of its networks alone.
pub fn only_network(deployment: &Deployment, network: &Network) -> Deployment {
    Deployment {
        networks: vec![network.clone()],
        nodes: Vec::new(),
        ..deployment.clone()
    }
}

/// A deployment with one of its nodes alone, and its networks.
pub fn only_node(deployment: &Deployment, node: &Node) -> Deployment {
    Deployment {
        nodes: vec![node.clone()],
        ..deployment.clone()
    }
}

fn all<const N: usize>(found: [Found; N]) -> Found {
    let mut problems = Problems::default();
    let mut actions = Vec::new();
    for found in found {
        match found {
            Ok(found) => actions.extend(found),
            Err(found) => problems.append(found),
        }
    }
    match problems.is_empty() {
        true => Ok(actions),
        false => Err(problems),
    }
}
