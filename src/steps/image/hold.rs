//! A run that has found a base image in the cache keeps it there until its disks lie over it.
//!
//! The file of its lease says which ones it needs. Who takes images out looks there first, then at all disks, and then again,
//! with the cache locked: a run that came between has left its mark, or finds the image gone before it relies on it.

use super::settle::sealing;
use super::{Base, Located};
use crate::deployment::{ImageSource, Storage};
use crate::error::{Exit, Fault};
use crate::lease;
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Keeps bases for the run that holds the lease on `deployment`; gives back the names of those that are gone.
///
/// # Errors
/// The hypervisor's.
pub fn hold(host: &Host, storage: &Storage, deployment: &str, bases: &[&Base]) -> Result<BTreeSet<String>> {
    if bases.is_empty() {
        return Ok(BTreeSet::new());
    }
    let lock = lease::file_of(deployment);
    let names = bases.iter().map(|base| base.name());
    let args: Vec<&str> = [storage.folder.as_str(), &lock]
        .into_iter()
        .chain(names)
        .collect();
    let text = host
        .text(&Cmd::script(&sealing(include_str!("hold.sh")), &args))
        .context("keeping the base images of this run")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The same for what was located; whether all of it is there still.
///
/// # Errors
/// As those of [`hold`].
pub fn hold_located(
    host: &Host,
    storage: &Storage,
    deployment: &str,
    located: &BTreeMap<ImageSource, Located>,
) -> Result<bool> {
    let cached = located.values().filter_map(|located| match located {
        Located::Cached(base) => Some(base),
        Located::Missing(_) => None,
    });
    Ok(hold(host, storage, deployment, &cached.collect::<Vec<_>>())?.is_empty())
}

/// What is said when an image is taken away again and again.
pub fn vanished(path: &str) -> Fault {
    Fault::new(
        Exit::Busy,
        format!("base image '{path}' was removed from the cache just now"),
    )
    .hint("does 'irs image rm' or 'prune' run on that hypervisor? Run irs again")
}
