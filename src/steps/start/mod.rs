//! Step 6: starting the domains, and restarting those that were changed, when that is asked for.

pub mod check;
pub mod fallen;
pub mod restart;

use crate::deployment::Node;
use crate::error::{Exit, Fault};
use crate::libvirt::{Libvirt, settled};
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::steps::domains::read::ActualDomain;
use crate::steps::domains::state::State;
use crate::ui::Ui;
use anyhow::{Context, Result};
use std::time::Duration;
use virt::domain::Domain;

/// What can happen to a defined domain.
#[derive(Clone, Debug)]
pub enum Work {
    /// Start it.
    Start(String),
    /// Let a paused one go on.
    Resume(String),
    /// Shut it down, and start it again.
    Restart {
        /// The domain.
        name: String,
        /// How long its guest may take to shut down; then it is switched off.
        deadline: Duration,
    },
}

/// Who looks on while something takes its time.
pub struct Watch<'a> {
    /// Where progress is shown.
    pub ui: &'a Ui,
    /// Fails when the run is to stop.
    pub goes_on: &'a dyn Fn() -> Result<()>,
    /// Fails when the lease is lost: what follows is then another run's to do.
    pub leads: &'a dyn Fn() -> Result<()>,
}

impl Work {
    /// The domain.
    pub fn name(&self) -> &str {
        let (Work::Start(name) | Work::Resume(name) | Work::Restart { name, .. }) = self;
        name
    }
}

/// Which nodes are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// All of them, also the ones without an OS.
    All,
    /// Those with an OS; the others stay parked, for Ironic to switch on.
    Os,
    /// None.
    None,
}

impl Policy {
    /// Whether a node is to run.
    pub fn wants(self, has_os: bool) -> bool {
        match self {
            Policy::All => true,
            Policy::Os => has_os,
            Policy::None => false,
        }
    }
}

/// The actions that start what should run. irs stops nothing that runs.
pub fn converge(nodes: &[Node], actual: &[ActualDomain], host: &str) -> Vec<Action> {
    let mut actions = Vec::new();
    for node in nodes.iter().filter(|node| node.starts) {
        let found = actual.iter().find(|d| d.name == node.name);
        let (verb, reason, work) = match found.map(|d| d.state) {
            None => (
                Verb::Update,
                "it does not run".to_owned(),
                Work::Start(node.name.clone()),
            ),
            Some(State::Paused) => (
                Verb::Update,
                "it is paused".to_owned(),
                Work::Resume(node.name.clone()),
            ),
            Some(state @ (State::ShutOff | State::Crashed)) => (
                Verb::Update,
                format!("it is {}", state.name()),
                Work::Start(node.name.clone()),
            ),
            Some(State::Running | State::Broken | State::Asleep | State::Other) => continue,
        };
        actions.push(Action::new(
            Step::Start,
            verb,
            Kind::Domain,
            &node.name,
            host,
            reason,
            work,
        ));
    }
    actions
}

/// Does one action.
///
/// # Errors
/// libvirt's, e.g. when the hypervisor has no memory left.
pub fn apply(work: &Work, libvirt: &Libvirt, virt_type: &str, watch: &Watch<'_>) -> Result<()> {
    let name = work.name();
    let domain = libvirt.domain(name)?.context("it is gone")?;
    match work {
        Work::Start(_) => start(&domain, virt_type),
        Work::Resume(_) => Ok(domain.resume().map(|_| ())?),
        Work::Restart { deadline, .. } => restart::apply(&domain, name, *deadline, virt_type, watch),
    }
}

/// Starts a domain.
///
/// # Errors
/// libvirt's, with what to do about a KVM that does not carry it.
pub fn start(domain: &Domain, virt_type: &str) -> Result<()> {
    settled(domain.create(), true, || domain.is_active()).map_err(|error| {
        let mut fault = Fault::new(Exit::Failed, "libvirt could not start it");
        if virt_type == "kvm" && error.message().to_lowercase().contains("kvm") {
            fault = fault.hint("KVM does not carry this node on this host: 'irs virsh' on it with --virt-type qemu runs it by emulation (slow)");
        }
        anyhow::Error::from(error).context(fault)
    })
}
