//! `irs doctor`: whether this machine has what irs works with, and whether the hypervisors can be reached from it.

mod machine;
mod reach;
mod report;

use crate::cli::doctor::Doctor;
use crate::commands::connection;
use crate::commands::virsh::blocking;
use crate::ui::Ui;
use crate::workspace::choice;
use crate::yaml::Problems;
use anyhow::Result;
use report::{Check, Report};

/// Runs `irs doctor`.
///
/// # Errors
/// `Usage` for bad flags; `Failed` or `Unreachable` when something fails, which stdout has told then.
pub async fn run(args: &Doctor, ui: &Ui) -> Result<()> {
    let mut problems = Problems::default();
    connection::check_hosts(&args.connect.host_address, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let choice = choice::choose(
        args.environment.prefix.as_deref(),
        args.environment.workspace.as_deref(),
    );
    let mut checks = machine::checks(&args.connect);
    checks.push(match &choice {
        Ok(choice) => Check::ok("workspace", choice.workspace.path().display().to_string()),
        Err(error) => Check::of_error("workspace", error),
    });
    let record = choice.ok().and_then(|choice| choice.record);
    let is_named = !args.connect.host_address.is_empty();
    let known = record.as_ref().filter(|_| !is_named);
    // Nobody's hypervisor is this machine only where that is said.
    let ways = match is_named || known.is_some_and(|record| !record.hosts.is_empty()) {
        true => connection::ways(&args.connect, known).all,
        false => Vec::new(),
    };
    let hosts = blocking(move || {
        Ok(connection::at_once(ways.iter().collect(), |way| {
            reach::checks(&way.host, &way.client)
        }))
    })
    .await?;
    let report = Report::new(checks, hosts);
    ui.result(&report.text());
    ui.json(&report)?;
    report.judge()
}
