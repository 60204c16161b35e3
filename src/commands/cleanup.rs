//! `irs cleanup`: the environments that nobody has changed for a time go, each by the road of `irs virsh --kill`.

mod choose;
mod outcome;

use super::connection::{self, Silent, Way, Ways};
use super::list::{listing, records};
use super::virsh::{Session, blocking, fleet, input, remove};
use crate::cli::cleanup::Cleanup;
use crate::deployment::Storage;
use crate::error::{Exit, Fault, Report};
use crate::names::DEFAULT_DEPLOYMENT;
use crate::remote::Host;
use crate::steps::host::record::{self, Record};
use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{actual, apply, interrupt, lease};
use anyhow::{Result, bail};
use choose::{Case, Sight, Terms, Verdict};
use outcome::{Became, Outcome};
use std::collections::BTreeMap;

/// Runs `irs cleanup`.
///
/// # Errors
/// `Usage` for bad flags and where nobody can be asked, `Unreachable` for a hypervisor that does not answer, `Failed` when
/// an environment could not be removed; the others are then removed all the same.
pub async fn run(args: &Cleanup, ui: &Ui) -> Result<()> {
    let announce = || {
        if interrupt::has_changed() {
            ui.note("stopping at the next safe point; once more stops now");
        }
    };
    let leave = || ui.leave("stopped now: the same command goes on from here");
    tokio::select! {
        result = work(args, ui) => result,
        error = interrupt::listen(announce, leave) => Err(error.map_or_else(Into::into, |()| apply::stopped())),
    }
}

async fn work(args: &Cleanup, ui: &Ui) -> Result<()> {
    let ways = connection::looked_at(&args.connect, &args.workspace, ui)?;
    let (sights, silent) = look(ways.clone()).await?;
    let terms = Terms {
        now: record::now()?,
        older_than: args.older_than.as_secs(),
        globs: &args.prefix,
    };
    let cases = choose::choose(&sights, &terms);
    let mut outcome = Outcome::new(&cases, silent);
    if outcome.is_empty() && !sights.is_empty() {
        ui.result(&nothing(&sights, &args.prefix));
    }
    let old = outcome.which(Became::Old).len();
    if !args.dry_run && old > 0 {
        if !args.yes {
            confirm(&outcome, old, ui).await?;
        }
        remove_all(&cases, &ways, &mut outcome, ui).await?;
    }
    tell(outcome, args, ui)
}

/// What is on the hypervisors, and which of them do not answer.
async fn look(ways: Vec<Way>) -> Result<(Vec<Sight>, Vec<Silent>)> {
    let read = blocking(move || {
        let read = |way: Way| sight(&way).map_err(|error| (way.host, error));
        Ok(connection::at_once(ways, read))
    });
    let (mut sights, mut silent) = (Vec::new(), Vec::new());
    for one in read.await? {
        match one {
            Ok(sight) => sights.push(sight),
            Err((host, error)) => silent.push(Silent {
                host,
                error: Report::of(&error),
            }),
        }
    }
    Ok((sights, silent))
}

/// Says where nothing was found, and what of.
fn nothing(sights: &[Sight], globs: &[String]) -> String {
    let hosts: Vec<&str> = sights.iter().map(|sight| sight.host.as_str()).collect();
    let which = match globs.is_empty() {
        true => String::new(),
        false => format!(" with a prefix like '{}'", globs.join("' or '")),
    };
    format!("no environments of irs{which} on '{}'", hosts.join("' and '"))
}

fn sight(way: &Way) -> Result<Sight> {
    let host = Host::connect(&way.host, &way.client)?;
    let session = Session::on(host.clone())?;
    let storage = Storage::default();
    let actual = actual::read(&host, &session.libvirt, &storage, DEFAULT_DEPLOYMENT)?;
    let records = records(&host, &actual, &storage)?;
    let mut held = BTreeMap::new();
    for name in records.keys() {
        held.extend(lease::holder(&host, name)?.map(|who| (name.clone(), who)));
    }
    let names = listing::names(&actual, &records).into_iter().map(str::to_owned);
    Ok(Sight {
        host: way.host.clone(),
        names: names.collect(),
        records,
        held,
    })
}

async fn confirm(outcome: &Outcome, old: usize, ui: &Ui) -> Result<()> {
    ui.note(outcome.to_string().trim_end());
    let what = match old {
        1 => "this environment".to_owned(),
        _ => format!("these {old} environments"),
    };
    let asked = ui.clone();
    match blocking(move || Ok(asked.confirm(&format!("remove {what}, with all nodes and disks?")))).await? {
        Some(true) => Ok(()),
        Some(false) => bail!(Fault::new(Exit::Interrupted, "nothing was removed")),
        None => bail!(
            Fault::new(
                Exit::Usage,
                format!(
                    "{} would be removed, and there is no terminal to ask on",
                    outcome.which(Became::Old).join(", ")
                )
            )
            .hint("add --yes, or look first with --dry-run")
        ),
    }
}

/// Removes one after the other; what is wrong with one is told, and the others go all the same.
async fn remove_all(cases: &[Case], ways: &[Way], outcome: &mut Outcome, ui: &Ui) -> Result<()> {
    let old = |(_, case): &(usize, &Case)| case.verdict == Verdict::Old;
    for (at, case) in cases.iter().enumerate().filter(old) {
        let hosts = case.hosts.join("' and '");
        ui.note(&format!("removing '{}' from '{hosts}'", case.deployment));
        let Err(error) = remove(case, ways, ui).await else {
            outcome.note(at, Became::Removed, None);
            continue;
        };
        let said = fleet::in_a_line(&error);
        match Report::of(&error).exit_code {
            code if code == Exit::Interrupted as u8 => return Err(error),
            code if code == Exit::Busy as u8 => outcome.note(at, Became::Kept, Some(said)),
            _ => {
                ui.warn(&format!("'{}' is not removed: {said}", case.deployment));
                outcome.note(at, Became::Failed, Some(said));
            }
        }
    }
    Ok(())
}

async fn remove(case: &Case, ways: &[Way], ui: &Ui) -> Result<()> {
    let all: Vec<Way> = ways
        .iter()
        .filter(|way| case.hosts.contains(&way.host))
        .cloned()
        .collect();
    // Its files on this machine go along, where they are of this very environment.
    let workspace = Workspace::named(&case.deployment)?;
    let known = workspace.record().ok().flatten();
    let is_its = |uuid| case.records.values().any(|record: &Record| record.uuid == uuid);
    let known = known.filter(|known| known.deployment == case.deployment && is_its(known.uuid));
    let request = input::removal(input::Place {
        ways: Ways {
            dealt: (0..all.len()).collect(),
            all,
        },
        prefix: (case.deployment != DEFAULT_DEPLOYMENT).then(|| case.deployment.clone()),
        workspace,
        known,
        here: String::new(),
    })?;
    remove::unchanged(&request, &case.records, ui).await
}

fn tell(outcome: Outcome, args: &Cleanup, ui: &Ui) -> Result<()> {
    if !outcome.is_empty() {
        ui.result(outcome.to_string().trim_end());
    }
    let failed: Vec<String> = outcome
        .which(Became::Failed)
        .iter()
        .map(|name| format!("'{name}'"))
        .collect();
    if !failed.is_empty() {
        ui.json_with_error(&outcome)?;
        return Err(Fault::new(
            Exit::Failed,
            format!("{} could not be removed", failed.join(", ")),
        )
        .hint("the warnings above say why; the same command tries again")
        .into());
    }
    match outcome.silent.is_empty() {
        true => ui.json(&outcome)?,
        false => ui.json_with_error(&outcome)?,
    }
    if args.dry_run && outcome.silent.is_empty() {
        ui.note("nothing is removed: this is a dry run");
    }
    connection::incomplete(outcome.silent)
}
