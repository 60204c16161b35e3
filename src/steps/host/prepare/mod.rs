//! The first part of step 1: what a server must have to be a hypervisor, what of it is there, and what is done about it.
//!
//! `read.sh` looks at everything in one round trip, without libvirt, which may not be there yet. Each file beside this one is
//! about one kind of thing and says, as pure functions of what was read, what is required: from these [`Requirement`]s come
//! both the table of `irs hypervisor check` and the actions of a plan.

mod access;
pub mod apply;
mod channel;
mod cpu;
pub mod distribution;
mod firewall;
mod forwarding;
pub mod install;
mod installed;
mod modules;
pub mod packages;
pub mod read;
#[cfg(test)]
mod recorded;
pub mod resources;
#[cfg(test)]
mod servers;
mod services;
#[cfg(test)]
mod tests;

pub use read::Found;

use crate::plan::{Action, Kind, Verb};
use crate::remote::Cmd;
use crate::steps::Step;
use distribution::Distribution;
use install::Install;
use serde::Serialize;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `--host-validate`: whether CPU, modules and KVM are looked at and changed.
    pub validate: bool,
    /// `--host-libguestfs`: whether its packages are wanted.
    pub libguestfs: bool,
    /// Whether a run needs what they bring.
    pub customize: bool,
    /// The folder of images.
    pub folder: String,
}

/// Something that a hypervisor must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// What it is about, e.g. `package qemu-utils`.
    pub what: String,
    /// What is there.
    pub found: String,
    /// What there must be.
    pub needed: String,
    /// Whether that is enough.
    pub state: State,
    /// What mends it.
    pub fix: Fix,
    /// Who needs it.
    pub scope: Scope,
}

/// Whether a requirement is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Met,
    /// It is not, and irs does without.
    Advised,
    /// It is not.
    Missing,
}

/// Who needs what is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every run: a run on a host whose libvirt works mends these, and no others.
    Run,
    /// A hypervisor that is prepared: by `irs hypervisor prepare`, or by a run that finds no libvirt there.
    Host,
}

/// What mends a requirement that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Nothing needs to be done.
    None,
    /// irs does it.
    Irs(Box<Change>),
    /// The user does it: it is the hardware's, or nothing that irs may decide.
    User(String),
}

/// What irs does to meet a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it does, for the plan.
    pub verb: Verb,
    /// To what kind of thing.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// The same as a command for people.
    pub by_hand: String,
    /// How.
    pub work: Work,
}

/// How a change is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Install packages.
    Install(Install),
    /// Run a command as root.
    Run(Cmd),
}

impl Requirement {
    /// One that is met.
    pub fn met(what: impl Into<String>, found: impl Into<String>, needed: impl Into<String>) -> Requirement {
        Requirement {
            what: what.into(),
            found: found.into(),
            needed: needed.into(),
            state: State::Met,
            fix: Fix::None,
            scope: Scope::Host,
        }
    }

    /// The same, not met, and irs does something about it.
    pub fn irs_does(self, change: Change) -> Requirement {
        Requirement {
            state: State::Missing,
            fix: Fix::Irs(Box::new(change)),
            ..self
        }
    }

    /// The same, not met, and for the user to mend.
    pub fn user_does(self, fix: impl Into<String>) -> Requirement {
        Requirement {
            state: State::Missing,
            fix: Fix::User(fix.into()),
            ..self
        }
    }

    /// The same, not met, and not needed in any case.
    pub fn advised(self, fix: impl Into<String>) -> Requirement {
        Requirement {
            state: State::Advised,
            fix: Fix::User(fix.into()),
            ..self
        }
    }

    /// The same, needed by every run.
    pub fn by_every_run(self) -> Requirement {
        Requirement {
            scope: Scope::Run,
            ..self
        }
    }
}

/// All that is required, in the order in which it is mended.
pub fn requirements(found: &Found, asked: &Asked) -> Vec<Requirement> {
    let distribution = Distribution::of(found);
    let mut rows = Vec::new();
    rows.push(login(found));
    if found.is_whole() {
        rows.extend(distribution::requirements(&distribution));
        rows.extend(packages::requirements(found, &distribution, asked));
    }
    if asked.validate {
        rows.extend(cpu::requirements(found));
        rows.extend(modules::requirements(found));
    }
    rows.push(cpu::threads(found));
    rows.extend(services::requirements(found, &distribution));
    rows.extend(access::requirements(found, asked));
    rows.extend(forwarding::requirements(found));
    rows.extend(firewall::requirements(found));
    rows
}

/// Who irs works as; one who is neither root nor a sudoer does not come as far as this.
fn login(found: &Found) -> Requirement {
    let shown = match found.word("login") {
        "root" => "root".to_owned(),
        user => format!("{user}, by sudo"),
    };
    Requirement::met("login", shown, "root, or a sudoer, over SSH")
}

/// The actions that mend what irs can mend; of a run that goes on with a libvirt that works only those that it needs itself.
pub fn actions(requirements: &[Requirement], scope: Scope, host: &str) -> Vec<Action> {
    let wanted = requirements
        .iter()
        .filter(|requirement| scope == Scope::Host || requirement.scope == Scope::Run);
    let changes = wanted.filter_map(|requirement| match &requirement.fix {
        Fix::Irs(change) => Some(change.as_ref()),
        Fix::None | Fix::User(_) => None,
    });
    let action = |change: &Change| {
        Action::new(
            Step::Host,
            change.verb,
            change.kind,
            &change.name,
            host,
            change.reason.as_str(),
            super::Work::Prepare(change.work.clone()),
        )
    };
    changes.map(action).collect()
}
