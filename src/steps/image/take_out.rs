//! Taking base images out of the cache: never one that a disk lies over, or that a run under way needs.

use super::cache::{Cache, Cached};
use super::settle::sealing;
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// How many files one command takes.
const AT_ONCE: usize = 200;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone, and so many bytes are free.
    Removed(u64),
    /// A run needs it: whose.
    Needed(String),
    /// A process has it open.
    Open,
}

/// Takes out images that no disk lies over, as of the look at all disks after `cache` was read, and other files.
///
/// # Errors
/// The hypervisor's.
pub fn take_out(
    host: &Host,
    cache: &Cache,
    bases: &[&Cached],
    files: &[&str],
) -> Result<BTreeMap<String, Fate>> {
    let mut fates = BTreeMap::new();
    let count = bases.len().to_string();
    let mut first = vec![cache.folder.as_str(), &count];
    first.extend(
        bases
            .iter()
            .flat_map(|base| [base.name.as_str(), base.stamp.as_str()]),
    );
    let mut parts = files.chunks(AT_ONCE);
    let mut args = [&first[..], parts.next().unwrap_or_default()].concat();
    loop {
        let text = host
            .text(&Cmd::script(&sealing(include_str!("take_out.sh")), &args))
            .context("taking images out of the cache")?;
        fates.extend(text.lines().filter_map(parse));
        let Some(part) = parts.next() else {
            return Ok(fates);
        };
        args = [&[cache.folder.as_str(), "0"], part].concat();
    }
}

fn parse(line: &str) -> Option<(String, Fate)> {
    let (what, rest) = line.split_once(' ')?;
    let (name, said) = rest.split_once(' ').unwrap_or((rest, ""));
    let fate = match what {
        "removed" => Fate::Removed(said.parse().ok()?),
        "needed" => Fate::Needed(said.to_owned()),
        "open" => Fate::Open,
        _ => return None,
    };
    Some((name.to_owned(), fate))
}
