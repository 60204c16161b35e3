//! `irs power`: nodes on, off, off and on, and their reset button.

mod deed;
mod settle;

use super::connection;
use super::live::{Found, Live};
use super::virsh::{blocking, looking};
use crate::apply;
use crate::cli::power::{Deed, Power};
use crate::error::{Exit, Fault, Report};
use crate::interrupt;
use crate::lease::{self, Lease};
use crate::log;
use crate::steps::start::Watch;
use crate::ui::Ui;
use crate::workspace::choice;
use anyhow::Result;
use deed::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;

/// Runs `irs power`.
///
/// # Errors
/// `Usage` for nodes that are not there, `Busy` while another run changes the environment, `Failed` when a node does not do
/// as it is told.
pub async fn run(args: &Power, ui: &Ui) -> Result<()> {
    let environment = &args.environment;
    if let Ok(choice) = choice::choose(environment.prefix.as_deref(), environment.workspace.as_deref()) {
        log::attach(&choice.workspace);
    }
    let announce = || {
        if interrupt::has_changed() {
            ui.note("stopping; once more stops now");
        }
    };
    let leave = || ui.leave("stopped now");
    let work = async {
        let prepared = {
            let (args, ui) = (args.clone(), ui.clone());
            looking(move || Prepared::of(&args, &ui)).await?
        };
        let (args, ui) = (args.clone(), ui.clone());
        blocking(move || prepared.carry_out(&args, &ui)).await
    };
    tokio::select! {
        result = work => result,
        error = interrupt::listen(announce, leave) => Err(error.map_or_else(Into::into, |()| apply::stopped())),
    }
}

/// Everything that is to be known before the first change.
struct Prepared {
    live: Live,
    /// The names of the nodes.
    nodes: Vec<String>,
    /// The leases, by hypervisor.
    leases: BTreeMap<String, Lease>,
}

impl Prepared {
    fn of(args: &Power, ui: &Ui) -> Result<Prepared> {
        let live = Live::open(&args.connect, &args.environment)?;
        let found = live.select(&args.nodes)?;
        let tell = |who: &str| ui.note(&format!("waiting: {who}"));
        let waiting: Option<&(dyn Fn(&str) + Sync)> = if args.wait { Some(&tell) } else { None };
        let places = live.places.iter().filter(|place| {
            let mut there = place.nodes.iter();
            there.any(|node| found.iter().any(|found| found.node.name == node.name))
        });
        let taken = connection::at_once(places.collect(), |place| {
            let lease = Lease::deployment(&place.session.host, &live.name, &lease::who(), waiting)?;
            Ok((place.id.host.clone(), lease))
        });
        let leases = taken.into_iter().collect::<Result<_>>()?;
        let nodes = found.iter().map(|found| found.node.name.clone()).collect();
        Ok(Prepared { live, nodes, leases })
    }

    fn carry_out(&self, args: &Power, ui: &Ui) -> Result<()> {
        let chosen: Vec<Found<'_>> = self
            .live
            .nodes()
            .filter(|found| self.nodes.contains(&found.node.name))
            .collect();
        let results = connection::at_once(chosen.clone(), |found| {
            let watch = Watch {
                ui,
                goes_on: &goes_on,
                leads: &|| self.leads(&found.place.id.host),
            };
            let line = ui.node(&found.node.name);
            let result = deed::carry_out(args, &found, &watch, &line);
            match &result {
                Ok(outcome) => line.done(outcome.did),
                Err(_) => line.failed("failed"),
            }
            result
        });
        let (mut nodes, mut failed) = (Vec::new(), Vec::new());
        for (found, result) in chosen.iter().zip(results) {
            match result {
                Ok(outcome) => nodes.push(NodeResult::new(found, outcome)),
                Err(error) => failed.push((found.node.name.clone(), error)),
            }
        }
        if args.wait && failed.is_empty() && args.deed != Deed::Off {
            settle::wait(&chosen, args.timeout, ui)?;
        }
        let changed = nodes.iter().filter(|node| node.changed).count();
        let all = chosen.len();
        let error = fault(failed, all);
        let summary = Summary {
            deployment: &self.live.name,
            action: args.deed.word(),
            nodes,
            error: error.as_ref().map(Report::of),
        };
        let Some(error) = error else {
            ui.result(&in_words(args.deed, all, changed));
            return ui.json(&summary);
        };
        ui.json_with_error(&summary)?;
        Err(error)
    }

    /// Fails when the right to change the environment there is lost.
    fn leads(&self, host: &str) -> Result<()> {
        match self.leases.get(host).is_some_and(Lease::lost) {
            false => Ok(()),
            true => {
                let message =
                    format!("the connection to '{host}' that holds the environment's lease is lost");
                Err(Fault::new(Exit::Unreachable, message)
                    .hint("the same command goes on from here")
                    .into())
            }
        }
    }
}

fn goes_on() -> Result<()> {
    match interrupt::requested() {
        true => Err(apply::stopped()),
        false => Ok(()),
    }
}

/// What went wrong, in one error.
fn fault(failed: Vec<(String, anyhow::Error)>, all: usize) -> Option<anyhow::Error> {
    let count = failed.len();
    let (name, error) = failed.into_iter().next()?;
    if count == 1 {
        return Some(match Report::of(&error).message.contains(&format!("'{name}'")) {
            true => error,
            false => error.context(format!("node '{name}'")),
        });
    }
    Some(error.context(format!("{count} of {all} nodes failed, the first is '{name}'")))
}

fn in_words(deed: Deed, all: usize, changed: usize) -> String {
    let what = match deed {
        Deed::On => "on",
        Deed::Off => "off",
        Deed::Cycle => "switched off and on",
        Deed::Reset => "reset",
    };
    let nodes = match all {
        1 => "1 node is".to_owned(),
        all => format!("{all} nodes are"),
    };
    match (changed, all - changed) {
        (_, 0) => format!("{nodes} {what}"),
        (0, _) => format!("{nodes} {what} already"),
        (_, before) => format!("{nodes} {what}, {before} of them already"),
    }
}

/// What became of the nodes, in the shape of `--format json`.
#[derive(Serialize)]
struct Summary<'a> {
    /// The environment.
    deployment: &'a str,
    /// `on`, `off`, `cycle` or `reset`.
    action: &'static str,
    /// The nodes that are as they are to be.
    nodes: Vec<NodeResult>,
    /// What went wrong with the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Report>,
}

/// What became of a node.
#[derive(Serialize)]
struct NodeResult {
    /// The domain.
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    node_type: String,
    /// Its number among those of its type.
    index: u32,
    /// The hypervisor, as the user typed it.
    host: String,
    /// The state before, in libvirt's word.
    was: &'static str,
    /// The state after.
    state: &'static str,
    /// Whether anything was done.
    changed: bool,
    /// What was done, in words.
    done: &'static str,
}

impl NodeResult {
    fn new(found: &Found<'_>, outcome: Outcome) -> NodeResult {
        NodeResult {
            name: found.node.name.clone(),
            node_type: found.node.node_type.clone(),
            index: found.node.index,
            host: found.place.id.host.clone(),
            was: outcome.was.name(),
            state: outcome.state.name(),
            changed: outcome.changed,
            done: outcome.did,
        }
    }
}
