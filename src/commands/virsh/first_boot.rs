//! What nodes are told beside who they are: which certificates to trust, and of one another. The first boot tells it; of
//! nodes that come and go later those that are there are told over SSH.

use super::guest::Guest;
use super::on_node::{OnNode, as_root};
use super::{Session, blocking, fleet};
use crate::actual::Actual;
use crate::blueprint::Blueprint;
use crate::ca;
use crate::deployment::Deployment;
use crate::interrupt;
use crate::plan::{Change, Later, Plan};
use crate::seed::hosts::{self, Hosts};
use crate::ssh::node::NodeKey;
use crate::steps::host::record::Record;
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;
use std::time::Duration;

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

/// What was asked for that new nodes which take no customisation are not told; in words.
pub(super) fn untold(
    guest: &Guest,
    deployment: &Deployment,
    is_new: impl Fn(&str) -> bool,
) -> Option<String> {
    let nodes = || {
        deployment
            .nodes
            .iter()
            .filter(|node| node.has_os && !node.has_seed && is_new(&node.name))
    };
    let asked = [
        ("--topology-timezone", guest.timezone.is_some()),
        ("--topology-locale", guest.locale.is_some()),
        ("--tls-ca", !guest.tls_ca.is_empty()),
        ("'swap'", nodes().any(|node| node.swap_mib > 0)),
    ];
    let asked: Vec<&str> = asked
        .into_iter()
        .filter(|(_, asked)| *asked)
        .map(|(what, _)| what)
        .collect();
    let names: Vec<&str> = nodes().map(|node| node.name.as_str()).collect();
    (!asked.is_empty() && !names.is_empty()).then(|| {
        format!(
            "note: nodes that take no customisation are told nothing of {}: {}",
            asked.join(", "),
            names.join(", ")
        )
    })
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

/// What is wrong with a node's /etc/hosts when no node came or went.
const OUTDATED: &str = "it knows other addresses, or was not reached when it was to be told";

/// The nodes that a run tells of those that come and go: `before` and `after` are the blueprints, `runs` says which of the nodes
/// will answer.
pub(super) fn later(
    (before, after): (Option<&Blueprint>, &Blueprint),
    record: &Record,
    host: &str,
    runs: impl Fn(&str) -> bool,
) -> Vec<Later> {
    let hosts = Hosts::new(&after.nodes, &after.networks, &record.lan);
    let names = |of: Option<&Blueprint>, but: Option<&Blueprint>| -> Vec<String> {
        let all = of.iter().flat_map(|blueprint| &blueprint.nodes);
        let gone = all.filter(|node| but.is_none_or(|but| but.node(&node.name).is_none()));
        gone.map(|node| node.name.clone()).collect()
    };
    let (come, go) = (names(Some(after), before), names(before, Some(after)));
    // Where others give one its address, that is known when it is there.
    let on_lan = |name: &&String| {
        let node = after.node(name);
        let nic = node.and_then(|node| node.nics.get(node.external?));
        nic.is_some_and(|nic| nic.lan && nic.ips.is_empty())
    };
    let unknown = come.iter().any(|name| on_lan(&name));
    let mut words = Vec::new();
    for (names, one, more) in [(&come, "comes", "come"), (&go, "goes", "go")] {
        match &names[..] {
            [] => {}
            [name] => words.push(format!("{name} {one}")),
            [names @ .., last] if names.len() < SHOWN => {
                words.push(format!("{} and {last} {more}", names.join(", ")));
            }
            names => words.push(format!("{} nodes {more}", names.len())),
        }
    }
    let reason = match words.is_empty() {
        true => OUTDATED.to_owned(),
        false => words.join(", "),
    };
    let is_due = |(name, told): &(&String, &String)| {
        let block = hosts.block(name);
        let other = block.is_some_and(|block| Hosts::digest(&block) != **told);
        // The seed of a new one tells it all that is known by then.
        let is_new = come.contains(name);
        (unknown || (other && !is_new)) && runs(name)
    };
    let due = record.hosts.iter().filter(is_due);
    due.map(|(name, _)| Later {
        node: name.clone(),
        file: HOSTS,
        host: host.to_owned(),
        reason: reason.clone(),
    })
    .collect()
}

/// How many nodes a reason names.
const SHOWN: usize = 4;
/// The file that nodes know one another by.
const HOSTS: &str = "/etc/hosts";

/// How many nodes are told at once.
const AT_ONCE: usize = 8;

/// Tells the nodes that are there of those that came and went, where their seeds told them of one another, and gives back
/// what was done; one that is not reached is told by the next run. `planned` says why.
///
/// # Errors
/// That the run was interrupted.
pub(super) async fn tell(
    session: &Session,
    actual: &Actual,
    record: &mut Record,
    way: (&NodeKey, Duration),
    (planned, ui): (&[Later], &Ui),
) -> Result<Vec<Change>> {
    let Some(blueprint) = &actual.facts.blueprint else {
        return Ok(Vec::new());
    };
    let hosts = Hosts::new(&blueprint.nodes, &blueprint.networks, &record.lan);
    let mut due = Vec::new();
    for (name, told) in &record.hosts {
        let Some(block) = hosts.block(name) else { continue };
        let digest = Hosts::digest(&block);
        if *told == digest {
            continue;
        }
        if let Some(node) = OnNode::find(name, session, (actual, record), way) {
            due.push((name.clone(), node, hosts::script(&block, false), digest));
        }
    }
    let mut done = Vec::new();
    while !due.is_empty() {
        let next = due.drain(..due.len().min(AT_ONCE));
        let asked = next.map(async |(name, node, script, digest)| {
            let told = move || node.log_in(|session| as_root(session, &node.user, script));
            (name, digest, blocking(told).await)
        });
        for (name, digest, told) in fleet::all(asked.collect()).await {
            match told {
                Ok(()) => {
                    let of_plan = |later: &&Later| later.node == name && later.file == HOSTS;
                    let later = planned.iter().find(of_plan).cloned();
                    let later = later.unwrap_or_else(|| Later {
                        node: name.clone(),
                        file: HOSTS,
                        host: session.host.name().to_owned(),
                        reason: OUTDATED.into(),
                    });
                    done.push(later);
                    record.hosts.insert(name, digest);
                }
                Err(error) if interrupt::requested() => return Err(error),
                Err(error) => ui.warn(&format!(
                    "{name} could not be told of the other nodes (/etc/hosts), the next run tries again: {}",
                    fleet::in_a_line(&error)
                )),
            }
        }
    }
    match done.len() {
        0 => {}
        1 => ui.note("1 node was told of the others (/etc/hosts)"),
        count => ui.note(&format!("{count} nodes were told of the others (/etc/hosts)")),
    }
    done.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(done.iter().map(Later::change).collect())
}
