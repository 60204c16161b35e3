//! The ordered actions of a run, each with its reason. Pure: its `Display` is the dry run.

mod kept;
mod lanes;
mod later;
mod show;

pub use kept::Kept;
pub use lanes::Lanes;
pub use later::Later;

use crate::steps::{self, Step};
use serde::Serialize;
use std::fmt;

/// What an action does to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It was not there.
    Create,
    /// It was there, and not as it should be.
    Update,
    /// It is as it should be, and shows that after a restart.
    Restart,
    /// It goes.
    Remove,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Restart => "restart",
            Verb::Remove => "remove",
        })
    }
}

/// What kind of resource an action is about.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Ord, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The hypervisor itself.
    Host,
    /// A libvirt network.
    Network,
    /// A base image.
    Image,
    /// A storage pool.
    Pool,
    /// A volume: disk or seed.
    Volume,
    /// A virtual machine.
    Domain,
    /// A file on the hypervisor.
    File,
    /// A package of its distribution.
    Package,
    /// A module of its kernel.
    Module,
    /// A service of its.
    Service,
    /// A user of its.
    User,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Host => "host",
            Kind::Network => "network",
            Kind::Image => "image",
            Kind::Pool => "pool",
            Kind::Volume => "volume",
            Kind::Domain => "domain",
            Kind::File => "file",
            Kind::Package => "package",
            Kind::Module => "module",
            Kind::Service => "service",
            Kind::User => "user",
        })
    }
}

/// How an action is done, in the words of its step.
#[derive(Clone, Debug)]
pub enum Work {
    /// Step 1.
    Host(steps::host::Work),
    /// Step 2.
    Networks(steps::networks::Work),
    /// Step 3.
    Image(steps::image::Work),
    /// Step 3, over images that are there.
    Customize(steps::image::customize::Work),
    /// Step 4.
    Disks(steps::disks::Work),
    /// Step 5.
    Domains(steps::domains::Work),
    /// Step 6.
    Start(steps::start::Work),
}

macro_rules! work_of {
    ($($variant:ident: $step:ident),*) => {
        $(impl From<steps::$step::Work> for Work {
            fn from(work: steps::$step::Work) -> Work {
                Work::$variant(work)
            }
        })*
    };
}
impl From<steps::image::customize::Work> for Work {
    fn from(work: steps::image::customize::Work) -> Work {
        Work::Customize(work)
    }
}

work_of!(Host: host, Networks: networks, Image: image, Disks: disks, Domains: domains, Start: start);

/// One thing that a run does.
#[derive(Clone, Debug)]
pub struct Action {
    /// The step that it belongs to.
    pub step: Step,
    /// What it does.
    pub verb: Verb,
    /// To what kind of resource.
    pub kind: Kind,
    /// The resource's name.
    pub name: String,
    /// The hypervisor, as the user typed it.
    pub host: String,
    /// Why it is needed.
    pub reason: String,
    /// How it is done.
    pub work: Work,
    /// Of a removal: what must stay when it fails.
    pub uses: Vec<(Kind, String)>,
}

impl Action {
    /// An action, in the order of the dry run's columns.
    pub fn new(
        step: Step,
        verb: Verb,
        kind: Kind,
        name: &str,
        host: &str,
        reason: impl Into<String>,
        work: impl Into<Work>,
    ) -> Action {
        Action {
            step,
            verb,
            kind,
            name: name.to_owned(),
            host: host.to_owned(),
            reason: reason.into(),
            work: work.into(),
            uses: Vec::new(),
        }
    }

    /// The same removal, with what must stay when it fails.
    pub fn using(self, uses: impl IntoIterator<Item = (Kind, String)>) -> Action {
        Action {
            uses: uses.into_iter().collect(),
            ..self
        }
    }

    /// The action as it stands in `--format json`.
    pub fn change(&self) -> Change {
        Change {
            step: self.step.name(),
            action: self.verb,
            kind: self.kind,
            name: self.name.clone(),
            host: self.host.clone(),
            reason: self.reason.clone(),
        }
    }
}

/// An action in `--format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The step of the run: host, networks, image, disks, domains or start; nodes for what nodes are told after all of them.
    step: &'static str,
    /// What is done to the resource.
    action: Verb,
    /// What kind of thing the resource is.
    kind: Kind,
    /// The resource.
    name: String,
    /// The hypervisor, as it was typed.
    host: String,
    /// Why.
    reason: String,
}

impl Change {
    /// Whether it was a change of that resource.
    pub fn is_of(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name == name
    }
}

impl fmt::Display for Change {
    /// The resource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// All actions of a run: additions by step, removals by step in reverse.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In the order in which they are done.
    pub actions: Vec<Action>,
    /// What nodes are told after all of them.
    pub later: Vec<Later>,
    /// Whether they are of several hypervisors, so that each is shown with its own.
    pub of_several: bool,
}

impl Plan {
    /// Orders actions: what is removed goes first, from the last step to the first.
    pub fn new(mut actions: Vec<Action>) -> Plan {
        actions.sort_by_key(|action| match action.verb {
            // What stays lets go of what is removed before anything else.
            _ if matches!(action.work, Work::Domains(steps::domains::Work::Unplug { .. })) => (0, 0),
            Verb::Remove => (0, Step::ALL.len() - action.step.number()),
            // An image is there before it is customised.
            _ => (1, 2 * action.step.number() + usize::from(customizes(action))),
        });
        Plan {
            actions,
            ..Plan::default()
        }
    }

    /// The plans of some hypervisors as one, to be shown.
    pub fn joined<'a>(plans: impl IntoIterator<Item = &'a Plan>, of_several: bool) -> Plan {
        let plans: Vec<&Plan> = plans.into_iter().collect();
        let actions = plans.iter().flat_map(|plan| plan.actions.iter().cloned());
        Plan {
            of_several,
            later: plans.iter().flat_map(|plan| plan.later.iter().cloned()).collect(),
            ..Plan::new(actions.collect())
        }
    }

    /// The plan in stretches of one step and one direction, in order.
    pub fn stretches(&self) -> impl Iterator<Item = &[Action]> {
        self.actions.chunk_by(|a, b| {
            a.step == b.step
                && (a.verb == Verb::Remove) == (b.verb == Verb::Remove)
                && customizes(a) == customizes(b)
        })
    }

    /// Whether it makes or changes networks.
    pub fn makes_networks(&self) -> bool {
        let mut actions = self.actions.iter();
        actions.any(|action| action.step == Step::Networks && action.verb != Verb::Remove)
    }

    /// Whether it writes what nodes are told at their first boot.
    pub fn makes_seeds(&self) -> bool {
        let is_seed = |action: &Action| matches!(action.work, Work::Disks(steps::disks::Work::Seed(_)));
        self.actions.iter().any(is_seed)
    }

    /// Whether there is nothing to do in any step.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// All of it as it stands in `--format json`.
    pub fn changes(&self) -> Vec<Change> {
        let later = self.later.iter().map(Later::change);
        self.actions.iter().map(Action::change).chain(later).collect()
    }
}

fn customizes(action: &Action) -> bool {
    matches!(action.work, Work::Customize(_))
}

/// What a stretch of one step does, for people.
pub fn title(stretch: &[Action]) -> &'static str {
    match stretch.first() {
        None => "nothing",
        Some(first) if customizes(first) => "customise the images",
        Some(first) if first.verb == Verb::Remove => first.step.removal_title(),
        Some(_) if stretch.iter().all(|action| action.verb == Verb::Restart) => "restart the VMs",
        Some(_) if stretch.iter().any(|action| action.verb == Verb::Restart) => "start and restart the VMs",
        Some(first) if stretch.iter().all(|action| action.verb == Verb::Update) => first.step.change_title(),
        Some(first) => first.step.title(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_shows_signs_with_reasons_and_colours_them_when_asked() {
        let action = |verb, name: &str| {
            let work = Work::Networks(steps::networks::Work::Remove(String::new()));
            Action::new(Step::Networks, verb, Kind::Network, name, "hv1", "a reason", work)
        };
        let plan = Plan::new(vec![
            action(Verb::Create, "new"),
            action(Verb::Update, "old"),
            action(Verb::Remove, "gone"),
        ]);
        assert_eq!(
            plan.to_string(),
            "remove the networks\n  - network gone: a reason\n\
             create the networks\n  + network new: a reason\n  ~ network old: a reason\n"
        );
        let of_several = Plan::joined([&plan, &plan], true).to_string();
        assert_eq!(
            of_several.matches("  + network new on hv1: a reason\n").count(),
            2
        );
        assert!(format!("{plan:#}").contains("  \x1b[31m-\x1b[0m network gone: a reason\n"));
        let told = Plan {
            later: vec![Later {
                node: "node-0".into(),
                file: "/etc/hosts",
                host: "hv1".into(),
                reason: "a reason".into(),
            }],
            ..Plan::default()
        };
        let shown = Plan::joined([&told], false).to_string();
        assert_eq!(shown, "tell the nodes\n  ~ file node-0:/etc/hosts: a reason\n");
        assert_eq!(told.changes().len(), 1);
    }
}
