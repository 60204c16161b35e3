//! What `irs power` does to one node.

use crate::cli::power::{Deed, Power};
use crate::commands::live::Found;
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::libvirt::settled;
use crate::steps::domains::state::State;
use crate::steps::start::restart::shut_down;
use crate::steps::start::{self, Watch};
use crate::ui::NodeLine;
use crate::units::format_duration;
use anyhow::{Context, Result};
use std::time::Duration;
use virt::domain::Domain;

/// What became of a node.
pub(super) struct Outcome {
    /// Its state before.
    pub(super) was: State,
    /// Its state after.
    pub(super) state: State,
    /// Whether anything was done.
    pub(super) changed: bool,
    /// What was done, in words.
    pub(super) did: &'static str,
}

/// Does it.
///
/// # Errors
/// libvirt's; an interruption; a node that is in no state for it.
pub(super) fn carry_out(
    args: &Power,
    found: &Found<'_>,
    watch: &Watch<'_>,
    line: &NodeLine,
) -> Result<Outcome> {
    let domain = found.domain()?;
    let node = Node {
        domain: &domain,
        found,
        args,
        watch,
        line,
    };
    let was = State::of(&domain)?;
    (watch.goes_on)()?;
    (watch.leads)()?;
    let (changed, did) = match args.deed {
        Deed::On => node.on(was)?,
        Deed::Off => node.off(was)?,
        Deed::Cycle => {
            let (changed, how) = node.off(was)?;
            (watch.leads)().with_context(|| format!("'{}' is off", found.node.name))?;
            node.start()?;
            match (changed, how) {
                (false, _) => (true, "started (it was off)"),
                (true, DOWN) => (true, "shut down and started again"),
                (true, _) => (true, "switched off and started again"),
            }
        }
        Deed::Reset => node.reset(was)?,
    };
    Ok(Outcome {
        was,
        state: State::of(&domain)?,
        changed,
        did,
    })
}

const DOWN: &str = "shut down";

struct Node<'a> {
    domain: &'a Domain,
    found: &'a Found<'a>,
    args: &'a Power,
    watch: &'a Watch<'a>,
    line: &'a NodeLine,
}

type Did = (bool, &'static str);

impl Node<'_> {
    fn start(&self) -> Result<()> {
        interrupt::changing();
        let virt_type = self.found.actual().map_or("kvm", |actual| actual.virt_type);
        start::start(self.domain, virt_type)
    }

    fn on(&self, was: State) -> Result<Did> {
        match was {
            State::Running => Ok((false, "is running already")),
            State::Paused => {
                interrupt::changing();
                self.domain.resume()?;
                Ok((true, "goes on (it was paused)"))
            }
            State::ShutOff | State::Crashed => {
                self.start()?;
                Ok((true, "started"))
            }
            State::Broken | State::Asleep | State::Other => {
                let name = &self.found.node.name;
                let message = format!("'{name}' is {}", was.name());
                let hint = format!("'irs power cycle --force {name}' switches it off and starts it");
                Err(Fault::new(Exit::Failed, message).hint(hint).into())
            }
        }
    }

    fn off(&self, was: State) -> Result<Did> {
        let name = &self.found.node.name;
        let deadline = match (self.args.force, was) {
            (true, _) | (_, State::Broken | State::Crashed) => Duration::ZERO,
            _ => Duration::from_secs(self.args.restart_timeout),
        };
        if was == State::ShutOff {
            return Ok((false, "is off already"));
        }
        interrupt::changing();
        if was == State::Paused && !deadline.is_zero() {
            // A guest that stands still does not shut down.
            self.domain.resume()?;
        }
        let after = "it may go down yet";
        if shut_down((self.domain, name), deadline, after, self.watch, self.line)? {
            return Ok((true, DOWN));
        }
        (self.watch.leads)()?;
        settled(self.domain.destroy(), false, || self.domain.is_active()).context("switching it off")?;
        if !deadline.is_zero() {
            let patience = format_duration(deadline.as_secs());
            let text = format!("{name} was not down within {patience}, and was switched off");
            self.watch.ui.warn(&text);
        }
        Ok((true, "switched off"))
    }

    fn reset(&self, was: State) -> Result<Did> {
        let name = &self.found.node.name;
        if matches!(was, State::ShutOff | State::Crashed) {
            let message = format!("'{name}' is {}: there is nothing to reset", was.name());
            let hint = format!("'irs power on {name}' starts it");
            return Err(Fault::new(Exit::Failed, message).hint(hint).into());
        }
        interrupt::changing();
        self.domain.reset()?;
        Ok((true, "reset"))
    }
}
