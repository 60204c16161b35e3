//! Waiting until nodes answer that were started.

use crate::apply;
use crate::commands::connection;
use crate::commands::live::{Found, Place};
use crate::commands::status::alive::Alive;
use crate::commands::virsh::report::NodeReport;
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::ui::Ui;
use crate::units::format_duration;
use anyhow::Result;
use std::time::{Duration, Instant};

/// How often nodes are asked: some sshds take offence at more.
const EVERY: Duration = Duration::from_secs(2);

/// Waits for the nodes with an OS of irs's whose hypervisor reaches them.
///
/// # Errors
/// `Failed`, naming who does not answer within `seconds`; an interruption.
pub(super) fn wait(chosen: &[Found<'_>], seconds: u64, ui: &Ui) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut places: Vec<&Place> = Vec::new();
    for found in chosen {
        if !places.iter().any(|place| std::ptr::eq(*place, found.place)) {
            places.push(found.place);
        }
    }
    let waited = connection::at_once(places, |place| {
        let here = chosen.iter().filter(|found| std::ptr::eq(found.place, place));
        wait_at(place, here.map(|found| found.node).collect(), end, ui)
    });
    let silent: Vec<String> = waited.into_iter().collect::<Result<Vec<_>>>()?.concat();
    if silent.is_empty() {
        return Ok(());
    }
    let patience = format_duration(seconds);
    let message = format!(
        "no answer on ssh within {patience} from '{}'",
        silent.join("', '")
    );
    let hint = format!("'irs console {}' shows its serial console", silent[0]);
    Err(Fault::new(Exit::Failed, message).hint(hint).into())
}

fn wait_at(place: &Place, nodes: Vec<&NodeReport>, end: Instant, ui: &Ui) -> Result<Vec<String>> {
    let reached = |node: &NodeReport| {
        let domain = place
            .actual
            .domains
            .iter()
            .find(|domain| domain.name == node.name);
        domain.is_some_and(|domain| place.actual.on_lan(domain).is_none())
    };
    let asked = nodes
        .into_iter()
        .filter(|node| node.has_seed && node.ip.is_some() && reached(node));
    let mut waiting: Vec<NodeReport> = asked
        .map(|node| NodeReport {
            ready: true,
            state: "running",
            ..node.clone()
        })
        .collect();
    let mut lines: Vec<_> = waiting.iter().map(|node| Some(ui.node(&node.name))).collect();
    while !waiting.is_empty() {
        let alive = Alive::ask(&place.session.host, &waiting, |_| true)?;
        let mut left = (Vec::new(), Vec::new());
        for (node, mut line) in waiting.into_iter().zip(lines) {
            match alive.is_silent(&node.name) {
                true => {
                    if let Some(line) = &line {
                        line.set("boots: there is no answer on port 22 yet");
                    }
                    left.0.push(node);
                    left.1.push(line);
                }
                false => {
                    if let Some(line) = line.take() {
                        line.done("answers");
                    }
                }
            }
        }
        (waiting, lines) = left;
        if waiting.is_empty() || Instant::now() >= end {
            break;
        }
        if interrupt::pause(EVERY) {
            return Err(apply::stopped());
        }
    }
    Ok(waiting.into_iter().map(|node| node.name).collect())
}
