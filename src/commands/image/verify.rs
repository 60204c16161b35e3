//! `irs image verify`: whole images are held against what was placed.

use super::sight::{self, UserReport, together};
use super::{on_each, place};
use crate::cli::image::Verify;
use crate::commands::connection::{self, Silent, Way};
use crate::commands::virsh::persist;
use crate::error::{Exit, Fault};
use crate::remote::News;
use crate::steps::image::cache::{Cached, Sight as State};
use crate::steps::image::whole::is_whole;
use crate::ui::Ui;
use crate::ui::table::{row, table};
use crate::{apply, interrupt};
use anyhow::{Result, bail};
use serde::Serialize;

/// What a hypervisor's base images are, in the shape of `--format json`.
#[derive(Clone, Debug, Serialize)]
struct Verified {
    /// The hypervisor, as it was typed.
    host: String,
    /// The images that were read.
    images: Vec<ImageVerified>,
}

/// What several hypervisors' base images are, in the shape of `--format json`.
#[derive(Serialize)]
struct AllVerified {
    /// Those that answer.
    hosts: Vec<Verified>,
    /// Those that do not.
    #[serde(rename = "no_answer", skip_serializing_if = "Vec::is_empty")]
    silent: Vec<Silent>,
}

/// A base image that was read.
#[derive(Clone, Debug, Serialize)]
struct ImageVerified {
    /// The beginning of the SHA-256 of what came.
    id: String,
    /// Its file in the folder of images.
    name: String,
    /// `good`, `broken` or `gone`.
    state: &'static str,
    /// Who lies over it.
    used_by: Vec<UserReport>,
}

/// Runs `irs image verify`.
///
/// # Errors
/// `Usage` for an image that is not there; `Failed` for one that is not what was placed.
pub async fn run(args: &Verify, ui: &Ui) -> Result<()> {
    let (ways, folder) = place(&args.cache, ui)?;
    let names = args.images.clone();
    let (shown, is_one) = (ui.clone(), ways.len() == 1);
    let several = on_each(ways, move |way| {
        let ui = if is_one {
            shown.clone()
        } else {
            shown.of(&way.host)
        };
        persist::persist_on(&persist::PAUSES, &ui, |reached| {
            verified(way, (&folder, &names), &ui, reached)
        })
    })
    .await?;
    let mut broken = Vec::new();
    for verified in &several.hosts {
        let header = row(&["IMAGE", "STATE", "USED BY"]);
        let rows: Vec<_> = std::iter::once(header)
            .chain(verified.images.iter().map(ImageVerified::row))
            .collect();
        match verified.images.is_empty() {
            true => ui.result(&format!("no base images on '{}'", verified.host)),
            false => ui.result(table(&rows).trim_end()),
        }
        let bad = verified.images.iter().filter(|image| image.state != "good");
        broken.extend(bad.map(|image| image.told(&verified.host)));
    }
    several.print(ui, !broken.is_empty(), |hosts, silent| AllVerified {
        hosts,
        silent,
    })?;
    if !broken.is_empty() {
        bail!(Fault::new(Exit::Failed, broken.join("; ")).hint(
            "a run with the same image brings it back, --force-image-download too; 'irs image rm' removes one that nothing uses"
        ));
    }
    connection::incomplete(several.silent)
}

fn verified(way: &Way, (folder, names): (&str, &[String]), ui: &Ui, reached: &mut bool) -> Result<Verified> {
    let sight = sight::look(way, folder)?;
    *reached = true;
    let bases: Vec<&Cached> = match names.is_empty() {
        true => sight.cache.bases.iter().collect(),
        false => sight.cache.named(names, &way.host)?,
    };
    let mut images = Vec::new();
    for base in bases {
        let state = match base.state {
            State::Gone => "gone",
            _ => {
                let transfer = ui.transfer(base.short_id(), Some(base.length));
                let whole = is_whole(&sight.session.host, &sight.cache, base, &|news| {
                    if let News::Size(bytes) = news {
                        transfer.position(bytes);
                    }
                    match interrupt::requested() {
                        true => Err(apply::stopped()),
                        false => Ok(()),
                    }
                })?;
                transfer.position(base.length);
                transfer.done();
                if whole { "good" } else { "broken" }
            }
        };
        images.push(ImageVerified {
            id: base.short_id().to_owned(),
            name: base.name.clone(),
            state,
            used_by: sight.users(base),
        });
    }
    Ok(Verified {
        host: way.host.clone(),
        images,
    })
}

impl ImageVerified {
    fn row(&self) -> Vec<String> {
        let used = together(&self.used_by);
        vec![
            self.id.clone(),
            self.state.to_owned(),
            if used.is_empty() { "nothing".into() } else { used },
        ]
    }

    fn told(&self, host: &str) -> String {
        let what = match self.state {
            "gone" => "is gone",
            _ => "is not what was placed",
        };
        let under = match self.used_by.is_empty() {
            true => "nothing lies over it".to_owned(),
            false => format!("over it lie {}", together(&self.used_by)),
        };
        format!("base image {} on '{host}' {what}, and {under}", self.id)
    }
}
