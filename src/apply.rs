//! Running a plan step by step, a bounded number of actions at a time.

mod explain;
mod perform;

pub use explain::{explain, explain_lost, lease_lost};

use crate::deployment::{Identity, ImageSource, Storage};
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::lease::Lease;
use crate::libvirt::Libvirt;
use crate::plan::{self, Action, Kept, Kind, Plan, Verb, Work};
use crate::remote::Host;
use crate::steps::Step;
use crate::steps::disks::Materials;
use crate::steps::domains::template::Setting;
use crate::steps::host::record::Record;
use crate::steps::image::Base;
use crate::ui::Ui;
use anyhow::Result;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many nodes are worked on at once: libvirt gains nothing from more.
pub const AT_ONCE: usize = 8;

/// What the actions are done with.
pub struct Tools {
    /// The machine.
    pub host: Host,
    /// Its libvirt.
    pub libvirt: Libvirt,
    /// The deployment.
    pub id: Identity,
    /// Folders and pools.
    pub storage: Storage,
    /// What the record says, or is to say.
    pub record: Option<Record>,
    /// The images that are in the cache already; step 3 adds the others.
    pub bases: Mutex<BTreeMap<ImageSource, Base>>,
    /// Their customised forms, likewise.
    pub customized: Mutex<BTreeMap<ImageSource, Base>>,
    /// What volumes are made with.
    pub materials: Materials,
    /// What definitions share.
    pub setting: Setting,
    /// Where progress is shown.
    pub ui: Ui,
    /// The host-wide lease under which subnets were chosen, until the networks are there.
    pub subnets: Mutex<Option<Lease>>,
    /// Whether the lease on the deployment is lost.
    pub lease_lost: Box<dyn Fn() -> bool + Send + Sync>,
    /// Whether another hypervisor of the run failed, so that this one is to stop after its step.
    pub halt: Arc<AtomicBool>,
}

/// What a hypervisor says that stopped since another one failed.
#[derive(Debug)]
pub struct Halted;

impl std::fmt::Display for Halted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped, since another hypervisor fails")
    }
}

impl std::error::Error for Halted {}

impl Tools {
    /// Others may choose their subnets from now on.
    fn release_subnets(&self) {
        self.subnets.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What became of some actions.
struct Outcome {
    done: Vec<Action>,
    /// What was to be removed and is not.
    left: Vec<Action>,
    result: Result<()>,
}

/// Does the whole plan; gives back what was done. A removal that fails does not keep the others from being done.
///
/// # Errors
/// The first failures of a step, after its other actions are through; an interruption at a safe point.
pub async fn run(plan: &Plan, tools: &Arc<Tools>) -> (Vec<Action>, Result<()>) {
    let mut done = Vec::new();
    let mut kept = Kept::default();
    let mut result = Ok(());
    if !plan.makes_networks() {
        tools.release_subnets();
    }
    for lanes in plan.lanes() {
        let failed = Cell::new(false);
        if result.is_err() && !lanes.removes() {
            break;
        }
        if tools.halt.load(Ordering::Relaxed) {
            result = result.and(Err(Halted.into()));
            break;
        }
        let (first, second) = tokio::join!(
            run_row(&lanes.main, tools, &failed, &kept),
            run_row(&lanes.beside, tools, &failed, &kept)
        );
        for outcome in [first, second] {
            done.extend(outcome.done);
            outcome.left.iter().for_each(|action| kept.note(action));
            let ends = outcome.result.as_ref().is_err_and(|error| ends_all(error, tools));
            result = result.and(outcome.result);
            if ends {
                return (done, result);
            }
        }
    }
    (done, result)
}

/// Whether nothing more may be done after an error: the run is to stop, or its lease is lost.
fn ends_all(error: &anyhow::Error, tools: &Tools) -> bool {
    is_stop(error) || (tools.lease_lost)()
}

/// Does the stretches of a row until one fails, here or in the row beside it.
async fn run_row(row: &[&[Action]], tools: &Arc<Tools>, failed: &Cell<bool>, kept: &Kept) -> Outcome {
    let mut all = Outcome {
        done: Vec::new(),
        left: Vec::new(),
        result: Ok(()),
    };
    for stretch in row {
        if failed.get() {
            break;
        }
        let removes = stretch.iter().all(|action| action.verb == Verb::Remove);
        let (stretch, stays): (Vec<Action>, Vec<Action>) = stretch
            .iter()
            .cloned()
            .partition(|action| !removes || !kept.keeps(action));
        all.left.extend(stays);
        let (positions, result) = run_shown(&stretch, tools).await;
        let mut positions = positions.into_iter().peekable();
        for (at, action) in stretch.into_iter().enumerate() {
            match positions.next_if_eq(&at) {
                Some(_) => all.done.push(action),
                None if removes => all.left.push(action),
                None => {}
            }
        }
        if result.is_err() {
            failed.set(true);
            all.result = result;
            break;
        }
    }
    all
}

/// Does a stretch under a line of progress of its own; gives back the positions of what was done.
async fn run_shown(stretch: &[Action], tools: &Arc<Tools>) -> (Vec<usize>, Result<()>) {
    let Some(first) = stretch.first() else {
        return (Vec::new(), Ok(()));
    };
    let line = tools.ui.step(first.step.number(), plan::title(stretch));
    let mut done = Vec::new();
    let result = match first.step {
        Step::Host => run_in_order(stretch, tools, &mut done).await,
        _ => run_stretch(stretch, tools, &mut done).await,
    };
    if first.step == Step::Networks && first.verb != Verb::Remove {
        tools.release_subnets();
    }
    match &result {
        Ok(()) => {
            line.done(&tally(stretch));
            changed(stretch).for_each(|text| tools.ui.note(&text));
        }
        Err(_) => line.failed(),
    }
    (done, result)
}

/// What became of the definitions that were changed: a running node may need a restart to show it.
fn changed(stretch: &[Action]) -> impl Iterator<Item = String> {
    stretch
        .iter()
        .filter(|action| match &action.work {
            Work::Networks(work) => work.defines(),
            _ => action.step == Step::Domains && action.verb == Verb::Update,
        })
        .map(|action| format!("changed {}: {}", action.name, action.reason))
}

fn tally(stretch: &[Action]) -> String {
    // Some are only looked at.
    if let Some(Work::Customize(_)) = stretch.first().map(|action| &action.work) {
        return match stretch.len() {
            1 => "1 image".to_owned(),
            count => format!("{count} images"),
        };
    }
    let count = |verb| stretch.iter().filter(|action| action.verb == verb).count();
    let started = stretch.first().is_some_and(|action| action.step == Step::Start);
    let words = [
        (Verb::Create, "created"),
        (Verb::Update, if started { "started" } else { "changed" }),
        (Verb::Restart, "restarted"),
        (Verb::Remove, "removed"),
    ];
    let parts: Vec<String> = words
        .into_iter()
        .filter(|(verb, _)| count(*verb) > 0)
        .map(|(verb, word)| format!("{} {word}", count(verb)))
        .collect();
    parts.join(", ")
}

/// The host's actions build on one another, record, folder, pool: one by one, to the first failure.
async fn run_in_order(stretch: &[Action], tools: &Arc<Tools>, done: &mut Vec<usize>) -> Result<()> {
    for (position, action) in stretch.iter().enumerate() {
        run_stretch(std::slice::from_ref(action), tools, &mut Vec::new()).await?;
        done.push(position);
    }
    Ok(())
}

async fn run_stretch(stretch: &[Action], tools: &Arc<Tools>, done: &mut Vec<usize>) -> Result<()> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    // What is done to one resource is done in its order: a definition before the start that goes by it.
    let mut of_resources: BTreeMap<(Kind, &str), Vec<(usize, Action)>> = BTreeMap::new();
    for (position, action) in stretch.iter().enumerate() {
        let resource = (action.kind, action.name.as_str());
        of_resources
            .entry(resource)
            .or_default()
            .push((position, action.clone()));
    }
    let mut in_order: Vec<_> = of_resources.into_values().collect();
    in_order.sort_by_key(|actions| actions.first().map(|(position, _)| *position));
    for actions in in_order {
        let (tools, places) = (Arc::clone(tools), Arc::clone(&places));
        tasks.spawn(async move {
            let _place = places.acquire().await;
            let mut results = Vec::new();
            for (position, action) in actions {
                results.push((position, run_one(action, &tools).await));
            }
            results
        });
    }
    let mut finished = Vec::new();
    let mut failures = Vec::new();
    while let Some(results) = tasks.join_next().await {
        for (position, result) in results? {
            match result {
                Ok(()) => finished.push(position),
                Err(error) => failures.push((position, error)),
            }
        }
    }
    finished.sort_unstable();
    done.extend(finished);
    failures.sort_by_key(|(position, error)| (is_stop(error), *position));
    if let Some(halfway) = halfway(&failures) {
        return Err(stopped().context(halfway));
    }
    let others = failures
        .iter()
        .filter(|(_, error)| !is_stop(error))
        .count()
        .saturating_sub(1);
    match failures.into_iter().next() {
        None => Ok(()),
        Some((_, error)) if others > 0 => {
            Err(error.context(format!("{} of the step's actions failed; the first", others + 1)))
        }
        Some((_, error)) => Err(error),
    }
}

async fn run_one(action: Action, tools: &Arc<Tools>) -> Result<()> {
    if interrupt::requested() {
        return Err(stopped());
    }
    if (tools.lease_lost)() {
        return Err(lease_lost(tools).into());
    }
    let tools = Arc::clone(tools);
    let work = tokio::task::spawn_blocking(move || perform::perform(&action, &tools));
    work.await.map_err(anyhow::Error::from).flatten()
}

/// What several actions say of where they stopped, when nothing else went wrong.
fn halfway(failures: &[(usize, anyhow::Error)]) -> Option<String> {
    const SHOWN: usize = 4;
    let stops = failures.iter().map(|(_, error)| error);
    // Those that were not begun have nothing to say.
    let said: Vec<String> = stops
        .clone()
        .filter(|error| error.chain().len() > 1)
        .map(ToString::to_string)
        .collect();
    if said.len() < 2 || !stops.clone().all(is_stop) {
        return None;
    }
    let more = said.len().saturating_sub(SHOWN);
    let mut shown = said[..said.len() - more].join("; ");
    if more > 0 {
        shown.push_str(&format!("; and {more} more"));
    }
    Some(shown)
}

/// The error of a run that was asked to stop.
pub fn stopped() -> anyhow::Error {
    let (message, hint) = match interrupt::has_changed() {
        true => ("interrupted", "the same command goes on from here"),
        false => (
            "interrupted: nothing was changed",
            "the same command begins again",
        ),
    };
    Fault::new(Exit::Interrupted, message).hint(hint).into()
}

/// Whether an error is that of a run that was asked to stop.
pub fn is_stop(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Fault>()
        .is_some_and(|fault| fault.exit == Exit::Interrupted)
}
