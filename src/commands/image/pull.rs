//! `irs image pull`: an image comes into the cache before anybody makes nodes of it.

use super::{Several, on_each, place};
use crate::catalogue::Catalogue;
use crate::checksum::Said;
use crate::cli::image::Pull;
use crate::commands::connection::{self, Silent, Way};
use crate::commands::hypervisor::pool;
use crate::commands::virsh::{Session, getting, persist, spec};
use crate::deployment::{ImageSource, Storage};
use crate::plan::Work as Planned;
use crate::remote::{Host, News};
use crate::steps::host::Work;
use crate::steps::host::apply::make_pool;
use crate::steps::image::getting::Getting;
use crate::steps::image::locate::{Wish, locate};
use crate::steps::image::{Base, Located, apply, room, sums};
use crate::topology;
use crate::ui::Ui;
use crate::units::format_size;
use crate::yaml::Problems;
use anyhow::Result;
use serde::Serialize;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

/// An image that is in the cache now, in the shape of `--format json`.
#[derive(Clone, Debug, Serialize)]
struct Pulled {
    /// The hypervisor, as it was typed.
    host: String,
    /// Its file there.
    path: String,
    /// raw or qcow2.
    format: &'static str,
    /// The size of the disk in it, in bytes.
    virtual_size: u64,
    /// Whether it came just now; no when it was there already.
    changed: bool,
}

/// Images that are in several hypervisors' caches now, in the shape of `--format json`.
#[derive(Serialize)]
struct AllPulled {
    /// Those that answer.
    hosts: Vec<Pulled>,
    /// Those that do not.
    #[serde(rename = "no_answer", skip_serializing_if = "Vec::is_empty")]
    silent: Vec<Silent>,
}

/// What is wanted.
#[derive(Clone)]
struct Asked {
    source: ImageSource,
    /// As it may be shown.
    shown: String,
    storage: Storage,
    checksum: Option<Said>,
    getting: Getting,
    force: bool,
}

/// Runs `irs image pull`.
///
/// # Errors
/// `Usage` for what is no image; `Failed` when it does not come.
pub async fn run(args: &Pull, ui: &Ui) -> Result<()> {
    let mut problems = Problems::default();
    let storage = spec::storage(args.cache.disk_pool.as_deref(), &args.pool_name, &mut problems);
    let catalogue = Arc::new(Catalogue::load(&args.topology_dir, &mut problems));
    let asked = Asked {
        source: source_of(&args.source, &catalogue, &mut problems),
        shown: crate::url::shown(&args.source),
        storage,
        checksum: args.image_checksum.clone(),
        getting: getting::check(&args.getting, &catalogue, &mut problems),
        force: args.force_image_download,
    };
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let (ways, _) = place(&args.cache, ui)?;
    let (shown, is_one) = (ui.clone(), ways.len() == 1);
    let several: Several<Pulled> = on_each(ways, move |way| {
        let ui = if is_one {
            shown.clone()
        } else {
            shown.of(&way.host)
        };
        persist::persist_on(&persist::PAUSES, &ui, |reached| pull(way, &asked, &ui, reached))
    })
    .await?;
    for pulled in &several.hosts {
        let what = if pulled.changed {
            "is in the cache now"
        } else {
            "was there already"
        };
        ui.result(&format!(
            "{} of '{}', a disk of {}, {what}",
            pulled.path,
            pulled.host,
            format_size(pulled.virtual_size)
        ));
    }
    several.print(ui, false, |hosts, silent| AllPulled { hosts, silent })?;
    connection::incomplete(several.silent)
}

fn source_of(text: &str, catalogue: &Catalogue, problems: &mut Problems) -> ImageSource {
    let source = topology::image::source(text);
    if let Ok(source) = &source {
        if let Some(named) = topology::image::named(source, catalogue) {
            return named;
        }
        if let Some((why, hint)) = topology::image::unknown(source, catalogue) {
            problems.push(None, format!("the image {why}")).hint(hint);
        }
    }
    source.unwrap_or_else(|(why, hint)| {
        problems.push(None, format!("the image {why}")).hint(hint);
        ImageSource::File(PathBuf::new())
    })
}

fn pull(way: &Way, asked: &Asked, ui: &Ui, reached: &mut bool) -> Result<Pulled> {
    let session = Session::on(Host::connect(&way.host, &way.client)?)?;
    *reached = true;
    let host = &session.host;
    let checksum = match &asked.checksum {
        Some(said) => Some(sums::checksum(host, said, &asked.source, &asked.getting)?),
        None => None,
    };
    let wish = Wish {
        force: asked.force,
        checksum,
        getting: &asked.getting,
    };
    let located = locate(host, &asked.source, &asked.storage, &wish, None)?;
    located
        .unprotected()
        .into_iter()
        .for_each(|warning| ui.warn(&warning));
    room::check(host, asked.storage.folder.trim_end_matches('/'), &located)?;
    let size = located.size();
    let (base, changed) = match located {
        Located::Cached(base) => (base, false),
        Located::Missing(work) => {
            crate::interrupt::changing();
            // Its folder, as a run makes it.
            if let Some(action) = pool::missing(&session, &asked.storage)?
                && let Planned::Host(Work::Pool { name, uuid, folder }) = &action.work
            {
                make_pool(&session.libvirt, host, name, *uuid, folder)?;
            }
            let label = asked
                .shown
                .split(['?', '#'])
                .next()
                .unwrap_or_default()
                .rsplit('/')
                .next()
                .unwrap_or_default();
            let transfer = ui.transfer(label, Some(size).filter(|size| *size > 0));
            let joined = Cell::new(false);
            let base: Base = apply::apply(&work, host, &asked.storage, &|news| {
                match news {
                    News::Joined if !joined.replace(true) => {
                        ui.note(&format!("{label}: an earlier run began this, it goes on"))
                    }
                    News::Joined => {}
                    News::Size(bytes) => transfer.position(bytes),
                }
                Ok(())
            })?;
            transfer.done();
            (base, true)
        }
    };
    Ok(Pulled {
        host: way.host.clone(),
        path: base.path,
        format: base.format.name(),
        virtual_size: base.virtual_size,
        changed,
    })
}
