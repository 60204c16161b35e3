//! `irs hypervisor check`: a table of what a server must have; nothing is changed.

use super::report::{HostReport, Report};
use super::{on_each, pool, ways};
use crate::cli::hypervisor::Check;
use crate::commands::topology::draft;
use crate::commands::virsh::{blocking, spec};
use crate::deployment::Deployment;
use crate::remote::Host;
use crate::steps::host::prepare::{self, Asked, Scope, read, resources};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;

/// Runs `irs hypervisor check`.
///
/// # Errors
/// `Usage` for bad flags, `Unreachable`, `Resources` when something is missing.
pub async fn run(args: &Check, ui: &Ui) -> Result<()> {
    let mut problems = Problems::default();
    let storage = spec::storage(
        args.draft.image.disk_pool.as_deref(),
        &args.draft.image.pool_name,
        &mut problems,
    );
    let asked = Asked {
        validate: args.ground.host_validate,
        libguestfs: args.ground.host_libguestfs,
        customize: false,
        folder: storage.folder.clone(),
    };
    let ways = ways(&args.connect, &args.workspace, &mut problems, ui)?;
    let deployment = deployment(args, ui)?;
    let all = ways.clone();
    let reports = blocking(move || {
        let look = |way: &crate::commands::connection::Way| {
            let host = Host::connect(&way.host, &way.client)?;
            let found = read::read(&host, &asked, Scope::Host)?;
            let mut rows = prepare::requirements(&found, &asked);
            rows.extend(resources::requirements(
                &found,
                deployment.as_ref(),
                &asked.folder,
            ));
            Ok(HostReport::new(&way.host, rows).with(pool::row(&host, &storage)?))
        };
        Ok(on_each(&ways, look))
    })
    .await?;
    let report = Report::of(&all, reports)?;
    ui.result(&report.table());
    ui.json(&report)?;
    report.judge()
}

/// What the topology flags come to, when they name nodes.
fn deployment(args: &Check, ui: &Ui) -> Result<Option<Deployment>> {
    if args.draft.topology.topology_nodes.is_empty() {
        return Ok(None);
    }
    let first: Vec<String> = args.connect.host_address.first().cloned().into_iter().collect();
    Ok(Some(draft::resolve(&first, &args.draft, ui)?.deployment))
}
