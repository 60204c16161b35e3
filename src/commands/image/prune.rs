//! `irs image prune`: what nothing uses goes.

use super::removal::{self, Removal};
use super::sight::{self, Sight};
use super::{Several, Way, on_each, place};
use crate::cli::image::Prune;
use crate::commands::connection;
use crate::commands::virsh::blocking;
use crate::error::{Exit, Fault};
use crate::steps::image::cache::Cached;
use crate::ui::Ui;
use crate::units::format_duration;
use anyhow::{Result, bail};

/// For how long nobody may have written to a partial file that goes, in seconds: a download pauses between its attempts.
const STALE: u64 = 600;

/// Runs `irs image prune`.
///
/// # Errors
/// `Usage` for bad flags and where nobody can be asked, `Unreachable` for a hypervisor that does not answer.
pub async fn run(args: &Prune, ui: &Ui) -> Result<()> {
    let (ways, folder) = place(&args.cache, ui)?;
    let older_than = args.older_than.map_or(0, |age| age.as_secs());
    let prune = |dry_run: bool| {
        let (ways, folder): (Vec<Way>, String) = (ways.clone(), folder.clone());
        on_each(ways, move |way| {
            pruned(&sight::look(way, &folder)?, older_than, dry_run)
        })
    };
    let is_asked = !args.dry_run && !args.yes;
    let mut several = None;
    if is_asked {
        let planned: Several<Removal> = prune(true).await?;
        if planned.hosts.iter().all(Removal::is_nothing) {
            several = Some(planned);
        } else {
            confirm(&planned, ui).await?;
        }
    }
    let several = match several {
        Some(nothing) => nothing,
        None => prune(args.dry_run).await?,
    };
    for removal in &several.hosts {
        ui.result(removal.to_string().trim_end());
    }
    several.print(ui, false, |hosts, silent| removal::Removals { hosts, silent })?;
    if args.dry_run && several.silent.is_empty() {
        ui.note("nothing is removed: this is a dry run");
    }
    connection::incomplete(several.silent)
}

fn pruned(sight: &Sight, older_than: u64, dry_run: bool) -> Result<Removal> {
    let cache = &sight.cache;
    let bases: Vec<&Cached> = cache.bases.iter().collect();
    let spare = |base: &Cached| {
        let age = cache.now.saturating_sub(base.used);
        (age < older_than).then(|| format!("needed {} ago", format_duration(age)))
    };
    let parts = cache.parts.iter().filter(|part| {
        let age = cache.now.saturating_sub(part.changed);
        !part.is_open && age >= older_than.max(STALE)
    });
    let files: Vec<&str> = parts.map(|part| part.name.as_str()).collect();
    removal::remove(sight, &bases, &spare, &files, dry_run)
}

async fn confirm(planned: &Several<Removal>, ui: &Ui) -> Result<()> {
    for removal in &planned.hosts {
        ui.note(removal.to_string().trim_end());
    }
    let asked = ui.clone();
    match blocking(move || Ok(asked.confirm("remove this?"))).await? {
        Some(true) => Ok(()),
        Some(false) => bail!(Fault::new(Exit::Interrupted, "nothing was removed")),
        None => {
            let hosts: Vec<String> = planned
                .hosts
                .iter()
                .map(|one| format!("'{}'", one.host()))
                .collect();
            let message = format!(
                "images would be removed from {}, and there is no terminal to ask on",
                hosts.join(", ")
            );
            bail!(Fault::new(Exit::Usage, message).hint("add --yes, or look first with --dry-run"))
        }
    }
}
