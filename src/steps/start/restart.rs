//! Restarting nodes whose machine lacks what only a new start shows: gracefully, within a deadline.

use super::{Watch, Work, start};
use crate::deployment::{Deployment, Node};
use crate::interrupt;
use crate::libvirt::settled;
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::steps::domains::pending;
use crate::steps::domains::read::ActualDomain;
use crate::ui::NodeLine;
use crate::units::format_duration;
use crate::xml::edit::child;
use anyhow::{Context, Result};
use roxmltree::Document;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use virt::domain::Domain;
use virt::sys;

/// How often the state of a domain is asked.
const PAUSE: Duration = Duration::from_millis(300);
/// A guest that is still booting does not hear its power button: it is pressed again.
const PRESS: Duration = Duration::from_secs(15);

/// The restarts of nodes that run, that this run would start again, and that lack something. Pure.
pub fn converge(deployment: &Deployment, actual: &[ActualDomain], deadline: Duration) -> Vec<Action> {
    let mut actions = Vec::new();
    for node in deployment.nodes.iter().filter(|node| node.starts) {
        let Some(found) = actual.iter().find(|domain| domain.name == node.name) else {
            continue;
        };
        let own = found.mark.as_ref().map(|mark| mark.owner.uuid) == Some(deployment.id.uuid);
        let mut reasons = pending::after(node, found, deployment);
        reasons.extend(readdressed(node, found));
        if reasons.is_empty() || !own || !found.state.is_running() {
            continue;
        }
        let how = match deadline.as_secs() {
            0 => "it is switched off at once".to_owned(),
            seconds => format!(
                "switched off unless it is down within {}",
                format_duration(seconds)
            ),
        };
        actions.push(Action::new(
            Step::Start,
            Verb::Restart,
            Kind::Domain,
            &node.name,
            &deployment.id.host,
            format!("restart for {}; {how}", reasons.join("; ")),
            Work::Restart {
                name: node.name.clone(),
                deadline,
            },
        ));
    }
    actions
}

/// A guest that looks at no link asks for its address when it boots.
fn readdressed(node: &Node, found: &ActualDomain) -> Option<String> {
    let mut moved = node.nics.iter().filter(|nic| {
        let there = found.nics.iter().find(|there| there.mac == nic.mac);
        there.is_some_and(|there| nic.bridge.is_none() && Some(&nic.network) != there.network.as_ref())
    });
    let moved = moved.find(|_| node.has_os)?;
    Some(format!("its address on '{}'", moved.network))
}

/// How a guest is asked to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Agent,
    PowerButton,
}

/// Shuts a domain down, switches it off when its guest does not obey, and starts it.
///
/// # Errors
/// libvirt's; an interruption, which leaves a guest that was asked to go down to do so.
pub(super) fn apply(
    domain: &Domain,
    name: &str,
    deadline: Duration,
    virt_type: &str,
    watch: &Watch<'_>,
) -> Result<()> {
    let line = watch.ui.node(name);
    let after = "once it is down, the next run starts it";
    let down = shut_down((domain, name), deadline, after, watch, &line)?;
    // This process may have slept for long, and another run may be at work on the node.
    (watch.leads)()?;
    if !down {
        settled(domain.destroy(), false, || domain.is_active()).context("switching it off")?;
    }
    interrupt::point("restart-off");
    (watch.leads)().with_context(|| format!("'{name}' is off: the next run starts it"))?;
    start(domain, virt_type)?;
    let patience = format_duration(deadline.as_secs());
    match (down, deadline.as_secs()) {
        (true, _) => line.done("was shut down and started again"),
        (false, 0) => line.done("was switched off and started again"),
        (false, _) => {
            line.done("was switched off and started again");
            watch.ui.warn(&format!(
                "{name} was not down within {patience}, and was switched off"
            ));
        }
    }
    Ok(())
}

/// Asks the guest to shut down, and waits; whether it is down. `after` says what follows for one that was asked when the run
/// is interrupted.
///
/// # Errors
/// libvirt's; an interruption.
pub fn shut_down(
    (domain, name): (&Domain, &str),
    deadline: Duration,
    after: &str,
    watch: &Watch<'_>,
    line: &NodeLine,
) -> Result<bool> {
    if deadline.is_zero() {
        return Ok(!domain.is_active()?);
    }
    let mut way = match has_agent(domain) {
        true => Way::Agent,
        false => Way::PowerButton,
    };
    let mut asked: Option<Asked> = None;
    let mut pressed: Option<Instant> = None;
    let mut begun: Option<Instant> = None;
    loop {
        if !domain.is_active()? {
            return Ok(true);
        }
        let left = deadline.saturating_sub(begun.map_or(Duration::ZERO, |begun| begun.elapsed()));
        if left.is_zero() {
            return Ok(false);
        }
        (watch.goes_on)().with_context(|| match begun {
            Some(_) => format!("'{name}' was asked to shut down: {after}"),
            None => format!("'{name}' was not asked to shut down yet"),
        })?;
        match (way, &asked) {
            (Way::Agent, None) => asked = Asked::now(domain),
            (Way::Agent, Some(call)) if call.has_failed() => way = Way::PowerButton,
            (Way::Agent, Some(_)) => {}
            (Way::PowerButton, _) if pressed.is_none_or(|at| at.elapsed() >= PRESS) => {
                let press = domain.shutdown_flags(sys::VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
                settled(press, false, || domain.is_active()).context("shutting it down")?;
                pressed = Some(Instant::now());
            }
            (Way::PowerButton, _) => {}
        }
        if asked.is_some() || pressed.is_some() {
            begun.get_or_insert_with(Instant::now);
        }
        let patience = format_duration(deadline.as_secs());
        line.set(&match (begun, way) {
            (None, _) => "waits for others to shut down".to_owned(),
            (_, Way::Agent) => format!("its guest agent shuts it down; it is switched off after {patience}"),
            (_, Way::PowerButton) => {
                format!("its power button (ACPI) is pressed; it is switched off after {patience}")
            }
        });
        std::thread::sleep(PAUSE.min(left));
    }
}

/// A call of libvirt's to a guest agent, which ends when the guest is down, or after a minute.
struct Asked(JoinHandle<()>);

/// libvirt works on five calls of a client; one is for what else there is to ask.
const AGENTS: usize = 4;
static ASKED: AtomicUsize = AtomicUsize::new(0);

impl Asked {
    /// Asks it, unless too many others are being asked.
    fn now(domain: &Domain) -> Option<Asked> {
        let more = |asked| (asked < AGENTS).then_some(asked + 1);
        ASKED
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more)
            .ok()?;
        let domain = domain.clone();
        Some(Asked(std::thread::spawn(move || {
            let result = domain.shutdown_flags(sys::VIR_DOMAIN_SHUTDOWN_GUEST_AGENT);
            ASKED.fetch_sub(1, Ordering::SeqCst);
            if let Err(error) = result {
                tracing::info!("the guest agent does not shut it down: {error}");
            }
        })))
    }

    /// Whether it is over, and the guest still there.
    fn has_failed(&self) -> bool {
        self.0.is_finished()
    }
}

/// Whether a guest agent listens.
fn has_agent(domain: &Domain) -> bool {
    let Ok(xml) = domain.xml_desc(0) else { return false };
    let Ok(document) = Document::parse(&xml) else {
        return false;
    };
    let channels = document.descendants().filter(|n| n.has_tag_name("channel"));
    let mut targets = channels.filter_map(|channel| child(channel, "target"));
    targets.any(|target| {
        target.attribute("name") == Some("org.qemu.guest_agent.0")
            && target.attribute("state") == Some("connected")
    })
}
