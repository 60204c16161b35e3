//! What nodes are told beside who they are: which certificates to trust, and of one another. The first boot tells it; of
//! nodes that come and go later those that are there are told over SSH.

use super::guest::Guest;
use crate::actual::Actual;
use crate::blueprint::Blueprint;
use crate::ca;
use crate::deployment::Deployment;
use crate::plan::Plan;
use crate::seed::hosts::Hosts;
use crate::steps::host::record::Record;
use crate::yaml::Problems;
use anyhow::Result;

/// The CA certificates that nodes trust, when nodes are to be made.
///
/// # Errors
/// What cannot be fetched, or is no certificate.
pub(super) fn certificates(guest: &Guest, plan: &Plan) -> Result<Vec<String>> {
    if !plan.makes_seeds() {
        return Ok(Vec::new());
    }
    let mut problems = Problems::default();
    let found = ca::load(&guest.tls_ca, &mut problems);
    match problems.is_empty() {
        true => Ok(found),
        false => Err(problems.into_fault()),
    }
}

/// What the nodes of a deployment are told of one another; of those that are to be made the record notes that their seeds
/// do it.
pub(super) fn hosts(
    deployment: &Deployment,
    blueprint: &Blueprint,
    actual: &Actual,
    record: &mut Record,
) -> Hosts {
    let hosts = Hosts::new(&blueprint.nodes, &blueprint.networks, &record.lan);
    let is_new = |name: &str| !actual.defines(deployment.id.uuid, name);
    for node in deployment.nodes.iter().filter(|node| is_new(&node.name)) {
        if let Some(block) = hosts.block(&node.name) {
            record.hosts.insert(node.name.clone(), Hosts::digest(&block));
        }
    }
    hosts
}
