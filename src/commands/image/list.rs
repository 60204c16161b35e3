//! `irs image list`: what is in the cache.

use super::sight::{self, Sight, UserReport, together};
use super::{on_each, place};
use crate::cli::image::List;
use crate::commands::connection::{self, Silent};
use crate::steps::image::cache::{Cached, Part, Sight as State};
use crate::ui::Ui;
use crate::ui::table::{row, table};
use crate::units::{bytes, format_duration, format_size, format_time};
use anyhow::Result;
use serde::Serialize;
use std::fmt;

/// The base images of a hypervisor, in the shape of `--format json`.
#[derive(Clone, Debug, Serialize)]
pub struct Images {
    /// The hypervisor, as it was typed.
    host: String,
    /// The folder of images there.
    folder: String,
    /// The images.
    images: Vec<ImageReport>,
    /// Partial downloads and uploads.
    partial: Vec<PartReport>,
    /// Disks whose chains of images cannot be read to the end: any image may lie under them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

/// Several hypervisors' base images, in the shape of `--format json`.
#[derive(Serialize)]
struct Lists {
    /// Those that answer.
    hosts: Vec<Images>,
    /// Those that do not.
    #[serde(rename = "no_answer", skip_serializing_if = "Vec::is_empty")]
    silent: Vec<Silent>,
}

/// A base image.
#[derive(Clone, Debug, Serialize)]
struct ImageReport {
    /// The beginning of the SHA-256 of what came.
    id: String,
    /// Its file in the folder.
    name: String,
    /// raw or qcow2; qed or vmdk where an earlier irs placed it.
    format: Option<String>,
    /// The format that it came in, when it was converted.
    #[serde(skip_serializing_if = "Option::is_none")]
    converted_from: Option<String>,
    /// The size of the disk in it, in bytes.
    virtual_size: u64,
    /// Bytes that it takes in the folder.
    size_on_disk: u64,
    /// `good`, `changed` when it is not as it was placed, or `gone`; only `irs image verify` reads all of it.
    state: &'static str,
    /// Where it came from: URLs without what is secret in them, and paths of the machines that sent it.
    from: Vec<String>,
    /// RFC 3339.
    placed_at: String,
    /// When a run needed it last, RFC 3339.
    used_at: String,
    /// Who lies over it.
    used_by: Vec<UserReport>,
    /// Whose run needs it just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    needed_by: Option<String>,
}

/// A partial download or upload.
#[derive(Clone, Debug, Serialize)]
struct PartReport {
    /// Its file in the folder.
    name: String,
    /// Bytes that it takes there.
    size_on_disk: u64,
    /// How long ago it was written to, in seconds.
    age_seconds: u64,
    /// Whether something writes to it just now.
    active: bool,
}

/// Runs `irs image list`.
///
/// # Errors
/// `Usage` for bad flags, `Unreachable` for a hypervisor that does not answer.
pub async fn run(args: &List, ui: &Ui) -> Result<()> {
    let (ways, folder) = place(&args.cache, ui)?;
    let is_one = ways.len() == 1;
    let several = on_each(ways, move |way| Ok(Images::of(&sight::look(way, &folder)?))).await?;
    for images in &several.hosts {
        match is_one {
            true => ui.result(images.to_string().trim_end()),
            false => ui.result(&format!(
                "on '{}':\n{}",
                images.host,
                indented(&images.to_string())
            )),
        }
    }
    several.print(ui, false, |hosts, silent| Lists { hosts, silent })?;
    connection::incomplete(several.silent)
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

impl Images {
    fn of(sight: &Sight) -> Images {
        let cache = &sight.cache;
        let part = |part: &Part| PartReport {
            name: part.name.clone(),
            size_on_disk: part.allocated,
            age_seconds: cache.now.saturating_sub(part.changed),
            active: part.is_open,
        };
        Images {
            host: sight.host.clone(),
            folder: cache.folder.clone(),
            images: cache
                .bases
                .iter()
                .map(|base| ImageReport::of(base, sight))
                .collect(),
            partial: cache.parts.iter().map(part).collect(),
            unreadable: sight.unread(),
        }
    }
}

impl ImageReport {
    fn of(base: &Cached, sight: &Sight) -> ImageReport {
        ImageReport {
            id: base.short_id().to_owned(),
            name: base.name.clone(),
            format: base.format.map(|format| format.name().to_owned()),
            converted_from: base.converted_from().map(|format| format.name().to_owned()),
            virtual_size: base.virtual_size,
            size_on_disk: base.allocated,
            state: state(base.state),
            from: base.sources.clone(),
            placed_at: format_time(base.placed),
            used_at: format_time(base.used),
            used_by: sight.users(base),
            needed_by: base.needed_by.clone(),
        }
    }

    fn row(&self) -> Vec<String> {
        let format = self.format.as_deref().unwrap_or("?");
        let mut used = together(&self.used_by);
        if let Some(who) = &self.needed_by {
            used = format!("{used}{}a run of {who}", if used.is_empty() { "" } else { ", " });
        }
        vec![
            self.id.clone(),
            match &self.converted_from {
                Some(from) => format!("{format} (of {from})"),
                None => format.to_owned(),
            },
            format_size(self.virtual_size),
            match self.state {
                "good" => bytes(self.size_on_disk),
                state => state.to_owned(),
            },
            self.placed_at.clone(),
            self.from.last().cloned().unwrap_or_else(|| "unknown".into()),
            if used.is_empty() { "nothing".into() } else { used },
        ]
    }
}

/// A state in a word.
pub fn state(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::Changed => "changed",
        State::Gone => "gone",
    }
}

impl fmt::Display for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.images.is_empty() {
            writeln!(f, "no base images in '{}' on '{}'", self.folder, self.host)?;
        } else {
            let header = row(&["IMAGE", "FORMAT", "SIZE", "ON DISK", "WHEN", "FROM", "USED BY"]);
            let rows: Vec<_> = std::iter::once(header)
                .chain(self.images.iter().map(ImageReport::row))
                .collect();
            f.write_str(&table(&rows))?;
        }
        for part in &self.partial {
            let when = match part.active {
                true => "under way".to_owned(),
                false => format!("{} old", format_duration(part.age_seconds)),
            };
            writeln!(
                f,
                "unfinished: {}, {}, {when}",
                part.name,
                bytes(part.size_on_disk)
            )?;
        }
        for unreadable in &self.unreadable {
            writeln!(f, "any image may lie under {unreadable}")?;
        }
        Ok(())
    }
}
