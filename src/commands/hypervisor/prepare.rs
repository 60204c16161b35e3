//! `irs hypervisor prepare`: step 1 of a run by itself.

use super::report::{HostReport, Report};
use super::{on_each, pool, ways};
use crate::cli::hypervisor::Prepare;
use crate::commands::connection::Way;
use crate::commands::virsh::{Session, blocking, persist, spec};
use crate::deployment::Storage;
use crate::plan::{Change, Plan, Work as Planned};
use crate::remote::Host;
use crate::steps::host::apply::make_pool;
use crate::steps::host::prepare::{self, Asked, Requirement, Scope, apply, read};
use crate::steps::host::{Work, diff};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;

/// Runs `irs hypervisor prepare`.
///
/// # Errors
/// `Usage` for bad flags, `Unreachable`, `Resources` when something is missing that irs cannot bring.
pub async fn run(args: &Prepare, ui: &Ui) -> Result<()> {
    let mut problems = Problems::default();
    let storage = spec::storage(args.disk_pool.as_deref(), &args.pool_name, &mut problems);
    let asked = Asked {
        validate: args.ground.host_validate,
        libguestfs: args.ground.host_libguestfs,
        customize: false,
        folder: storage.folder.clone(),
    };
    let ways = ways(&args.connect, &args.workspace, &mut problems, ui)?;
    let (dry_run, shown, all) = (args.dry_run, ui.clone(), ways.clone());
    let reports = blocking(move || {
        Ok(on_each(&ways, |way| {
            if dry_run {
                return planned(way, &asked, &storage);
            }
            let ui = match ways.len() {
                1 => shown.clone(),
                _ => shown.of(&way.host),
            };
            let mut changes = Vec::new();
            let rows = persist::persist_on(&persist::PAUSES, &ui, |reached| {
                prepared(way, (&asked, &storage), &ui, (reached, &mut changes))
            })?;
            Ok(HostReport::new(&way.host, rows).changed(changes))
        }))
    })
    .await?;
    let report = Report::of(&all, reports)?;
    ui.result(&report.summary(crate::ui::colours_stdout()));
    ui.json(&report)?;
    match dry_run {
        true => Ok(()),
        false => report.judge(),
    }
}

fn planned(way: &Way, asked: &Asked, storage: &Storage) -> Result<HostReport> {
    let host = Host::connect(&way.host, &way.client)?;
    let rows = prepare::requirements(&read::read(&host, asked, Scope::Host)?, asked);
    let mut actions = prepare::actions(&rows, Scope::Host, &way.host);
    // Pools are libvirt's to tell of.
    if let Ok(session) = Session::on(host) {
        actions.extend(pool::missing(&session, storage)?);
    } else {
        actions.push(diff::new_base_pool(storage, &way.host, uuid::Uuid::nil()));
    }
    Ok(HostReport::new(&way.host, rows).planned(Plan::new(actions)))
}

fn prepared(
    way: &Way,
    (asked, storage): (&Asked, &Storage),
    ui: &Ui,
    (reached, changes): (&mut bool, &mut Vec<Change>),
) -> Result<Vec<Requirement>> {
    let host = Host::connect(&way.host, &way.client)?;
    *reached = true;
    let rows = apply::prepare(&host, asked, Scope::Host, ui, changes)?;
    // Without libvirt the rows say what is missing.
    if let Ok(session) = Session::on(host)
        && let Some(action) = pool::missing(&session, storage)?
        && let Planned::Host(Work::Pool { name, uuid, folder }) = &action.work
    {
        make_pool(&session.libvirt, &session.host, name, *uuid, folder)?;
        changes.push(action.change());
    }
    Ok(rows)
}
