//! What becomes of images that are to go; also what is said of it.

use super::sight::{Sight, UserReport};
use crate::commands::connection::Silent;
use crate::error::{Exit, Fault};
use crate::steps::image::cache::Cached;
use crate::steps::image::take_out::{Fate, take_out};
use crate::units::bytes;
use anyhow::Result;
use serde::Serialize;
use std::fmt;

/// What was removed from a hypervisor's cache, in the shape of `--format json`.
#[derive(Clone, Debug, Serialize)]
pub struct Removal {
    /// The hypervisor, as it was typed.
    host: String,
    /// The images that were looked at.
    images: Vec<ImageRemoval>,
    /// The unfinished files that were removed, or would be.
    files: Vec<String>,
    /// Bytes that are free again, or would be.
    freed: u64,
    /// Whether nothing was removed, as it was a dry run.
    dry_run: bool,
}

/// What was removed from several hypervisors' caches, in the shape of `--format json`.
#[derive(Serialize)]
pub struct Removals {
    /// Those that answer.
    pub hosts: Vec<Removal>,
    /// Those that do not.
    #[serde(rename = "no_answer", skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<Silent>,
}

/// An image and what became of it.
#[derive(Clone, Debug, Serialize)]
struct ImageRemoval {
    /// The beginning of the SHA-256 of what came.
    id: String,
    /// Its file in the folder of images.
    name: String,
    /// Whether it was removed, or would be.
    removed: bool,
    /// Why it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    /// Who lies over it.
    used_by: Vec<UserReport>,
    /// Where it came from last.
    from: Option<String>,
    /// Whether what keeps it is a run that will be over.
    #[serde(skip)]
    is_passing: bool,
}

/// Removes what nothing uses of `bases`, those that `spare` gives no reason to keep, and `files`.
///
/// # Errors
/// The hypervisor's.
pub fn remove(
    sight: &Sight,
    bases: &[&Cached],
    spare: &dyn Fn(&Cached) -> Option<String>,
    files: &[&str],
    dry_run: bool,
) -> Result<Removal> {
    let kept = |base: &Cached| sight.why_kept(base).or_else(|| spare(base));
    let going: Vec<&Cached> = bases
        .iter()
        .copied()
        .filter(|base| kept(base).is_none())
        .collect();
    let fates = match dry_run || (going.is_empty() && files.is_empty()) {
        true => None,
        false => {
            crate::interrupt::changing();
            Some(take_out(&sight.session.host, &sight.cache, &going, files)?)
        }
    };
    let part = |name: &str| sight.cache.parts.iter().find(|part| part.name == name);
    let mut freed = 0;
    let mut images = Vec::new();
    for base in bases {
        let mut said = ImageRemoval {
            id: base.short_id().to_owned(),
            name: base.name.clone(),
            removed: false,
            kept: kept(base),
            used_by: sight.users(base),
            from: base.sources.last().cloned(),
            is_passing: base.needed_by.is_some() && sight.users(base).is_empty(),
        };
        match fates.as_ref().map(|fates| fates.get(&base.name)) {
            _ if said.kept.is_some() => {}
            None => {
                said.removed = true;
                freed += base.allocated;
            }
            Some(Some(Fate::Removed(bytes))) => {
                said.removed = true;
                freed += bytes;
            }
            Some(Some(Fate::Needed(who))) => {
                said.kept = Some(format!("needed by a run of {who}"));
                said.is_passing = true;
            }
            Some(Some(Fate::Open)) => said.kept = Some("open in a process of the hypervisor".into()),
            Some(None) => said.kept = Some("it cannot be removed".into()),
        }
        images.push(said);
    }
    let mut gone = Vec::new();
    for name in files {
        match fates.as_ref().map(|fates| fates.get(*name)) {
            None => freed += part(name).map_or(0, |part| part.allocated),
            Some(Some(Fate::Removed(bytes))) => freed += bytes,
            Some(_) => continue,
        }
        gone.push((*name).to_owned());
    }
    Ok(Removal {
        host: sight.host.clone(),
        images,
        files: gone,
        freed,
        dry_run,
    })
}

impl Removal {
    /// The hypervisor, as it was typed.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether nothing is to go.
    pub fn is_nothing(&self) -> bool {
        self.files.is_empty() && self.images.iter().all(|image| !image.removed)
    }

    /// The refusal of what was named and stays.
    pub fn refusal(&self) -> Option<Fault> {
        let kept: Vec<&ImageRemoval> = self.images.iter().filter(|image| image.kept.is_some()).collect();
        let exit = match kept.iter().all(|image| image.is_passing) {
            _ if kept.is_empty() => return None,
            true => Exit::Busy,
            false => Exit::Failed,
        };
        let said = |image: &&ImageRemoval| {
            format!(
                "base image {} on '{}' stays: {}",
                image.id,
                self.host,
                image.kept.as_deref().unwrap_or_default()
            )
        };
        let all: Vec<String> = kept.iter().map(said).collect();
        Some(Fault::new(exit, all.join("; ")).hint(match exit {
            Exit::Busy => "try again when that run is over",
            _ => "'irs image list' shows who uses what; 'irs virsh --kill --prefix NAME' removes an environment",
        }))
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.dry_run {
            "would be removed"
        } else {
            "removed"
        };
        for image in &self.images {
            let from = image
                .from
                .as_deref()
                .map_or_else(String::new, |from| format!(" ({from})"));
            match &image.kept {
                Some(why) => writeln!(f, "kept {}{from}: {why}", image.id)?,
                None => writeln!(f, "{verb}: {}{from}", image.id)?,
            }
        }
        if !self.files.is_empty() {
            writeln!(f, "{verb}: {}", self.files.join(", "))?;
        }
        let free = if self.dry_run { "would be free" } else { "are free" };
        match self.is_nothing() {
            true => writeln!(f, "nothing to remove on '{}'", self.host),
            false => writeln!(f, "{} {free} on '{}'", bytes(self.freed), self.host),
        }
    }
}
