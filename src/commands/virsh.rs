//! `irs virsh`: one road for making, extending, repairing and removing.

mod ansible_facts;
mod connect;
mod customize;
pub mod facts;
mod first_boot;
mod first_contact;
pub(super) mod fleet;
pub mod getting;
mod ground;
mod guest;
mod images;
pub mod input;
mod ironic;
pub mod make;
mod mode;
mod on_node;
pub mod persist;
pub mod prepare;
pub mod removal;
pub mod remove;
pub mod report;
mod seating;
mod settle;
pub mod spec;

use crate::answers::{self, Answers};
use crate::apply::{self, Tools};
use crate::cli::virsh::Virsh;
use crate::interrupt;
use crate::lease::{self, Lease};
use crate::log;
use crate::plan::{Action, Change, Kind, Plan};
use crate::remote::Host;
use crate::steps::host::{pools, record_path};
use crate::ui::Ui;
use anyhow::Result;
use fleet::{Crew, Each};
use mode::Mode;
use persist::Progress;
use report::Report;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

/// Runs `irs virsh`.
///
/// # Errors
/// See the exit codes of [`crate::error::Exit`].
pub async fn run(args: &Virsh, answers: Answers, ui: &Ui) -> Result<()> {
    if let Some(path) = &args.run.generate_answers_file {
        answers::write("--generate-answers-file", path, &answers.generated()?)?;
        ui.note(&format!(
            "wrote '{}': edit it, then use it by --from-file",
            path.display()
        ));
        return Ok(());
    }
    let request = input::check(args)?;
    log::attach(&request.workspace);
    if let Some(path) = &args.run.output {
        answers::write("--output", path, &request.answers(answers).resolved()?)?;
    }
    let announce = || {
        if interrupt::has_changed() {
            ui.note("stopping at the next safe point; once more stops now");
        }
    };
    let leave = || ui.leave("stopped now: the same command goes on from here");
    let work = async {
        match &request.mode {
            Mode::Make => make::run(&request, ui).await,
            Mode::RemoveNodes(_) | Mode::Kill | Mode::CleanupAll => remove::run(&request, ui).await,
        }
    };
    tokio::select! {
        result = work => result,
        error = interrupt::listen(announce, leave) => Err(error.map_or_else(Into::into, |()| apply::stopped())),
    }
}

/// Work that changes nothing but leases: a signal ends it at once, wherever it is.
///
/// # Errors
/// Its own; an interruption.
pub(super) async fn looking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = interrupt::unless_stopped(blocking(work)).await;
    done.unwrap_or_else(|| Err(apply::stopped()))
}

/// Shows a plan that is not carried out.
fn show_plan(plan: &Plan, report: Report, ui: &Ui) -> Result<()> {
    if plan.is_empty() && plan.later.is_empty() {
        ui.result("nothing to do");
    } else {
        let text = match crate::ui::colours_stdout() {
            true => format!("{plan:#}"),
            false => plan.to_string(),
        };
        ui.result(text.trim_end());
    }
    report.planned(plan.changes()).print(ui)
}

/// Does the plans of all hypervisors at once and notes what is done; gives those that are through.
async fn carry_out(
    plans: Each<(&Plan, &Arc<Tools>)>,
    crew: &mut Crew,
    progress: &mut Progress,
) -> Result<Vec<usize>> {
    progress.begun = true;
    if plans.iter().any(|(_, (plan, _))| !plan.is_empty()) {
        interrupt::changing();
    }
    let run = async |at, plan, tools| {
        let (done, result) = apply::run(plan, tools).await;
        if result.is_err() {
            crew.stop_others();
        }
        (at, plan, tools, done, result)
    };
    let ran = plans.into_iter().map(|(at, (plan, tools))| run(at, plan, tools));
    let (mut results, mut all_done) = (Vec::new(), Vec::new());
    for (at, plan, tools, done, result) in fleet::all(ran.collect()).await {
        let count = done.len();
        let changes: Vec<Change> = done.iter().map(Action::change).collect();
        all_done.extend(done);
        let left = left(plan, &changes);
        let record = record_path(&tools.setting.folder);
        if changes.iter().any(|change| change.is_of(Kind::File, &record)) {
            let secret = tools.record.as_ref().map(|record| record.secret.clone());
            progress
                .secrets
                .extend(secret.map(|secret| (tools.id.host.clone(), secret)));
        }
        let Err(error) = result else {
            results.push((at, Ok(at)));
            continue;
        };
        let all = plan.actions.len();
        let are = if all - count == 1 { "is" } else { "are" };
        tools.ui.note(&format!(
            "{count} of {all} changes are made, {} {are} left: {left}",
            all - count
        ));
        let tools = Arc::clone(tools);
        let explained = blocking(move || Err(apply::explain(&tools, error))).await;
        results.push((at, explained));
    }
    // By step, as the dry run has them.
    progress.changes.extend(Plan::new(all_done).changes());
    Ok(crew.sort(results)?.into_iter().map(|(at, _)| at).collect())
}

/// What of a plan was not done, in words.
fn left(plan: &Plan, done: &[Change]) -> String {
    const SHOWN: usize = 4;
    let left = plan.actions.iter().map(Action::change);
    let mut left: Vec<String> = left
        .filter(|change| !done.contains(change))
        .map(|change| change.to_string())
        .collect();
    // A node is defined, and then started.
    let mut told = BTreeSet::new();
    left.retain(|name| told.insert(name.clone()));
    match left.len() {
        all if all > SHOWN + 1 => format!("{} and {} more", left[..SHOWN].join(", "), all - SHOWN),
        _ => left.join(", "),
    }
}

/// Takes the lease on a deployment; with `--wait` when it gets free.
fn lease(request: &input::Request, host: &Host, deployment: &str, ui: &Ui) -> Result<Arc<Lease>> {
    let line = Mutex::new(None);
    let tell = |who: &str| {
        let waiting = ui.waiting(who);
        *line.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
    };
    let waiting: Option<&(dyn Fn(&str) + Sync)> = if request.wait { Some(&tell) } else { None };
    Lease::deployment(host, deployment, &lease::who(), waiting).map(Arc::new)
}

/// Runs blocking work beside the signals.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

/// What a thread of a scope gave; its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The connections of a run. Dropping it closes libvirt before the tunnel under it.
pub struct Session {
    /// The machine.
    pub host: Host,
    /// Its libvirt.
    pub libvirt: crate::libvirt::Libvirt,
    _tunnel: crate::remote::TunnelGuard,
}

impl Session {
    /// The request with the folder of images where the deployment has its own, when none was named.
    fn at_its_folder(&self, request: &input::Request) -> Result<input::Request> {
        let mut request = request.clone();
        // A deployment that nobody knows here is most likely new: then nothing is searched for it.
        if request.folder_is_default
            && (request.known.is_some() || pools::is_there(&self.libvirt, request.deployment())?)
            && let Some(folder) = pools::images_of(&self.libvirt, request.deployment())?
        {
            request.wanted.storage.folder = folder;
        }
        Ok(request)
    }

    /// Connects to a host's libvirt.
    ///
    /// # Errors
    /// When libvirt cannot be reached or refuses.
    pub fn on(host: Host) -> Result<Session> {
        let (uri, tunnel) = host.libvirt_uri()?;
        let libvirt = tunnel.explain(crate::libvirt::Libvirt::open(&uri, host.name()))?;
        Ok(Session {
            host,
            libvirt,
            _tunnel: tunnel,
        })
    }
}
