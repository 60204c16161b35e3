//! The ground that a run stands on: whether the hypervisor is one yet, and what of it must be mended before a run can be planned.

use super::input::Request;
use super::mode::Mode;
use super::persist::Progress;
use super::{Each, Session, blocking, joined, looking, show_plan};
use crate::cli::virsh::VirtType;
use crate::customize::Customize;
use crate::error::{Exit, Fault, Report as Failure};
use crate::plan::{Action, Change, Kind, Plan};
use crate::remote::Host;
use crate::steps::host::prepare::{self, Asked, Fix, Requirement, Scope, State, apply, packages, read};
use crate::ui::Ui;
use anyhow::Result;
use std::fmt;

/// What a look at the ground gave.
#[derive(Clone)]
pub struct Ground {
    host: Host,
    asked: Asked,
    scope: Scope,
    /// What must be there.
    pub rows: Vec<Requirement>,
    /// What is to be done about it.
    pub actions: Vec<Action>,
    lacks_libvirt: bool,
}

/// A run cannot be planned yet: this must be done first.
#[derive(Clone, Debug)]
pub struct Unready(Vec<Ground>);

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on '{}'", self.actions.len(), self.host.name())
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self
            .0
            .iter()
            .map(|ground| format!("'{}'", ground.host.name()))
            .collect();
        let are = if hosts.len() == 1 {
            "is no hypervisor yet"
        } else {
            "are no hypervisors yet"
        };
        write!(f, "{} {are}", hosts.join(", "))
    }
}

impl std::error::Error for Unready {}

/// What a run asks of the ground.
pub fn asked(request: &Request) -> Asked {
    Asked {
        // Emulation needs nothing of the CPU.
        validate: request.validate && request.virt_type != VirtType::Qemu,
        libguestfs: request.libguestfs,
        customize: request.wanted.customize == Customize::Libguestfs,
        folder: request.wanted.storage.folder.clone(),
    }
}

/// Looks, in one round trip. Where libvirt or QEMU is not installed everything that a hypervisor has is wanted; else only
/// what a run needs itself: what somebody chose to do without on a hypervisor of theirs is not for a run to install.
///
/// # Errors
/// When the host cannot be asked.
pub fn look(host: &Host, asked: Asked) -> Result<Ground> {
    let found = read::read(host, &asked, Scope::Run)?;
    let rows = prepare::requirements(&found, &asked);
    let scope = match found.is_whole() && packages::is_bare(&found, &asked) {
        true => Scope::Host,
        false => Scope::Run,
    };
    Ok(Ground {
        host: host.clone(),
        asked,
        scope,
        actions: prepare::actions(&rows, scope, host.name()),
        rows,
        lacks_libvirt: false,
    })
}

/// Opens libvirt on a hypervisor and looks at the ground beside; a removal takes what is there.
///
/// # Errors
/// Why there is no libvirt, when irs can do nothing about it; [`Unready`], when something must be done first.
pub fn stand(host: &Host, request: &Request) -> Result<(Session, Ground)> {
    if request.mode != Mode::Make {
        let ground = Ground {
            host: host.clone(),
            asked: asked(request),
            scope: Scope::Run,
            rows: Vec::new(),
            actions: Vec::new(),
            lacks_libvirt: false,
        };
        return Ok((Session::on(host.clone())?, ground));
    }
    let (session, ground) = std::thread::scope(|scope| {
        let ground = scope.spawn(|| look(host, asked(request)));
        (Session::on(host.clone()), joined(ground))
    });
    match (session, ground) {
        (Err(error), Err(_)) => Err(error),
        (session, ground) => ground?.bears(session, request.dry_run),
    }
}

/// What must be done first goes before what else is wrong with several hypervisors; when one fails nothing is done on any.
///
/// # Errors
/// All that is [`Unready`].
pub fn first<T>(results: Each<Result<T>>, keep_going: bool) -> Result<Each<Result<T>>> {
    let is_unready = |error: &anyhow::Error| error.is::<Unready>();
    let failures = || results.iter().filter_map(|(_, result)| result.as_ref().err());
    let fails = failures().any(|error| !is_unready(error));
    if !failures().any(is_unready) || (fails && !keep_going) {
        return Ok(results);
    }
    let unready = results
        .into_iter()
        .filter_map(|(_, result)| result.err()?.downcast::<Unready>().ok());
    Err(Unready(unready.flat_map(|unready| unready.0).collect()).into())
}

impl Ground {
    /// The session, when a run can be planned with it: a dry run can as soon as there is libvirt.
    ///
    /// # Errors
    /// [`Unready`], when something must be done first; why there is no libvirt, when irs can do nothing about it.
    fn bears(self, session: Result<Session>, dry_run: bool) -> Result<(Session, Ground)> {
        let brings = |action: &Action| [Kind::Package, Kind::Service].contains(&action.kind);
        match session {
            Ok(session) if self.actions.is_empty() || dry_run => Ok((session, self)),
            Ok(_) => Err(Unready(vec![self]).into()),
            Err(_) if self.actions.iter().any(brings) => Err(Unready(vec![Ground {
                lacks_libvirt: true,
                ..self
            }])
            .into()),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Puts what the user must do over why there is no libvirt.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let missing = self.rows.iter().filter(|row| row.state == State::Missing);
        let mut services = missing.filter(|row| row.what.starts_with("service "));
        let fix = services.find_map(|row| match &row.fix {
            Fix::User(fix) => Some(fix.clone()),
            Fix::None | Fix::Irs(_) => None,
        });
        match (fix, error.downcast_ref::<Fault>().cloned()) {
            (Some(fix), Some(fault)) => {
                let message = Failure::of(&error).message;
                error.context(Fault::new(fault.exit, message).hint(fix))
            }
            _ => error,
        }
    }

    /// What stands in a run's way that the user alone can mend.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let rows = self.rows.iter().filter(|row| row.scope == Scope::Run);
        rows.filter_map(|row| match &row.fix {
            Fix::User(fix) if row.state == State::Missing && !row.what.starts_with("service ") => Some(
                format!("{} on '{}': {}: {fix}", row.what, self.host.name(), row.found),
            ),
            _ => None,
        })
    }
}

/// Whether it is libvirt that is missing.
fn lacks_libvirt(error: &anyhow::Error) -> bool {
    let unready = error.downcast_ref::<Unready>();
    unready.is_some_and(|Unready(grounds)| grounds.iter().any(|ground| ground.lacks_libvirt))
}

/// Does what must be done before a run can be planned, on all hypervisors at once, or shows it in a dry run; whether the run
/// goes on.
///
/// # Errors
/// `error` itself, when it is another one; the first failure.
async fn level(error: anyhow::Error, request: &Request, ui: &Ui, changes: &mut Vec<Change>) -> Result<bool> {
    let Unready(grounds) = error.downcast::<Unready>()?;
    let is_several = request.ways.all.len() > 1;
    if request.dry_run {
        let plans: Vec<Plan> = grounds
            .iter()
            .map(|ground| Plan::new(ground.actions.clone()))
            .collect();
        let report = super::Report::new(request, request.deployment(), Vec::new());
        show_plan(&Plan::joined(&plans, is_several), report, ui)?;
        let hosts: Vec<String> = grounds
            .iter()
            .map(|ground| format!("'{}'", ground.host.name()))
            .collect();
        let hosts = hosts.join(" and ");
        ui.note(&format!(
            "what comes after that is planned once libvirt runs on {hosts}"
        ));
        return Ok(false);
    }
    let ui = ui.clone();
    let done = blocking(move || {
        let prepare = |ground: &Ground| {
            let mut made = Vec::new();
            let ui = match is_several {
                true => ui.of(ground.host.name()),
                false => ui.clone(),
            };
            let result = apply::prepare(&ground.host, &ground.asked, ground.scope, &ui, &mut made);
            (made, result)
        };
        Ok(std::thread::scope(|scope| {
            let threads: Vec<_> = grounds
                .iter()
                .map(|ground| scope.spawn(|| prepare(ground)))
                .collect();
            threads.into_iter().map(joined).collect::<Vec<_>>()
        }))
    })
    .await?;
    let mut first = Ok(true);
    for (made, result) in done {
        changes.extend(made);
        first = first.and(result.map(|_| true));
    }
    first
}

/// Plans a run; what must be done before that is done, on one hypervisor after the other as they turn out to need it.
///
/// After a lost connection libvirt may be about to start again, by whoever restarts it: it is waited for, as for the connection.
///
/// # Errors
/// Its own; `None` when a dry run ends here.
pub async fn on_level_ground<T: Send + 'static>(
    request: &Request,
    ui: &Ui,
    progress: &mut Progress,
    plan: impl Fn() -> Result<T> + Clone + Send + 'static,
) -> Result<Option<T>> {
    let mut planned = looking(plan.clone()).await;
    for _ in &request.ways.all {
        match planned {
            Ok(planned) => return Ok(Some(planned)),
            Err(error) if progress.cuts > 0 && lacks_libvirt(&error) => {
                return Err(Fault::new(Exit::Resources, format!("libvirt does not run: {error}")).into());
            }
            Err(error) => match level(error, request, ui, &mut progress.changes).await? {
                true => planned = looking(plan.clone()).await,
                false => return Ok(None),
            },
        }
    }
    planned.map(Some)
}
