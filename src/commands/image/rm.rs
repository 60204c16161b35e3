//! `irs image rm`: images that are named go, where nothing uses them.

use super::{on_each, place, removal, sight};
use crate::cli::image::Rm;
use crate::commands::connection;
use crate::ui::Ui;
use anyhow::Result;

/// Runs `irs image rm`.
///
/// # Errors
/// `Usage` for an image that is not there; `Failed` for one in use, after the others are gone.
pub async fn run(args: &Rm, ui: &Ui) -> Result<()> {
    let (ways, folder) = place(&args.cache, ui)?;
    let (names, dry_run) = (args.images.clone(), args.dry_run);
    let several = on_each(ways, move |way| {
        let sight = sight::look(way, &folder)?;
        let bases = sight.cache.named(&names, &way.host)?;
        removal::remove(&sight, &bases, &|_| None, &[], dry_run)
    })
    .await?;
    for removal in &several.hosts {
        ui.result(removal.to_string().trim_end());
    }
    let refusal = several.hosts.iter().find_map(removal::Removal::refusal);
    several.print(ui, refusal.is_some(), |hosts, silent| removal::Removals {
        hosts,
        silent,
    })?;
    match refusal {
        Some(fault) => Err(fault.into()),
        None => connection::incomplete(several.silent),
    }
}
