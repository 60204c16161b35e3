//! Doing what a requirement lacks, until nothing is lacking.

use super::{Asked, Fix, Requirement, Scope, Work, actions, read, requirements};
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::lease::{self, Lease};
use crate::plan::{self, Action, Change};
use crate::remote::Host;
use crate::steps;
use crate::ui::Ui;
use crate::{apply, plan::Work as Planned};
use anyhow::Result;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How often it is looked at what is lacking still: a package brings services, services bring files.
const ROUNDS: usize = 4;

/// Does one change.
///
/// # Errors
/// The command's, with its status and the end of its stderr.
pub fn apply(work: &Work, host: &Host) -> Result<()> {
    match work {
        Work::Install(install) => install.run(host),
        Work::Run(cmd) => host.check(cmd).map(|_| ()),
    }
}

/// Makes a host what it must be, as far as irs can; notes what is done, and gives back what is required then.
///
/// One run at a time does it on a host. What is done in one round shows what is lacking in the next one.
///
/// # Errors
/// The first failure; an interruption between two changes; a change that changes nothing.
pub fn prepare(
    host: &Host,
    asked: &Asked,
    scope: Scope,
    ui: &Ui,
    changes: &mut Vec<Change>,
) -> Result<Vec<Requirement>> {
    let line = Mutex::new(None);
    let tell = |who: &str| {
        let waiting = ui.waiting(who);
        *line.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
    };
    let _turn = Lease::software(host, &lease::who(), &tell)?;
    drop(line);
    let mut done: BTreeSet<(plan::Kind, String)> = BTreeSet::new();
    for _ in 0..ROUNDS {
        let rows = requirements(&read::read(host, asked, scope)?, asked);
        let actions = actions(&rows, scope, host.name());
        if actions.is_empty() {
            return Ok(rows);
        }
        if let Some(again) = actions.iter().find(|action| done.contains(&key(action))) {
            return Err(in_vain(again, &rows));
        }
        interrupt::changing();
        let line = ui.step(1, plan::title(&actions));
        match round(&actions, host, changes) {
            Ok(()) => line.done(&format!("{} changed", actions.len())),
            Err(error) => {
                line.failed();
                return Err(error);
            }
        }
        done.extend(actions.iter().map(key));
    }
    Ok(requirements(&read::read(host, asked, scope)?, asked))
}

fn key(action: &Action) -> (plan::Kind, String) {
    (action.kind, action.name.clone())
}

/// The actions in their order; packages all at once.
fn round(actions: &[Action], host: &Host, changes: &mut Vec<Change>) -> Result<()> {
    let together = |a: &Action, b: &Action| packages(a).is_some() && packages(b).is_some();
    for some in actions.chunk_by(together) {
        if interrupt::requested() {
            return Err(apply::stopped());
        }
        for action in some {
            tracing::info!(
                "{:?} {} {}: {}",
                action.verb,
                action.kind,
                action.name,
                action.reason
            );
        }
        let first = &some[0];
        let (what, result) = match some.iter().filter_map(packages).cloned().reduce(|mut all, next| {
            all.packages.extend(next.packages);
            all
        }) {
            Some(install) => ("packages".to_owned(), install.run(host)),
            None => (format!("{} '{}'", first.kind, first.name), one(first, host)),
        };
        result.map_err(|error| match apply::is_stop(&error) {
            true => error,
            false => error.context(format!("preparing {what} on '{}'", first.host)),
        })?;
        changes.extend(some.iter().map(Action::change));
        interrupt::point("prepare");
    }
    Ok(())
}

fn packages(action: &Action) -> Option<&super::Install> {
    match &action.work {
        Planned::Host(steps::host::Work::Prepare(Work::Install(install))) => Some(install),
        _ => None,
    }
}

fn one(action: &Action, host: &Host) -> Result<()> {
    match &action.work {
        Planned::Host(steps::host::Work::Prepare(work)) => apply(work, host),
        _ => Ok(()),
    }
}

/// A change was made and the host is as it was: somebody undoes it, or it takes more.
fn in_vain(action: &Action, rows: &[Requirement]) -> anyhow::Error {
    let row = rows.iter().find(|row| match &row.fix {
        Fix::Irs(change) => change.kind == action.kind && change.name == action.name,
        _ => false,
    });
    let found = row
        .map(|row| format!("{}: {}", row.what, row.found))
        .unwrap_or_default();
    let hint = row.and_then(|row| match &row.fix {
        Fix::Irs(change) => Some(format!("see there what comes of: {}", change.by_hand)),
        _ => None,
    });
    let message = format!(
        "{} '{}' on '{}' was changed, and is as it was: {found}",
        action.kind, action.name, action.host
    );
    Fault::new(Exit::Failed, message)
        .hint(hint.unwrap_or_default())
        .into()
}
