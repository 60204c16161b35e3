//! What there is on a server that may become a hypervisor: the answer of one script, by sections.

use super::Asked;
use crate::remote::{Cmd, Host};
use crate::steps::host::facts::sections;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// The answer of `read.sh`: each kind of requirement reads the sections that it is about.
#[derive(Clone, Debug, Default)]
pub struct Found(BTreeMap<String, String>);

/// Looks at a server in one round trip.
///
/// # Errors
/// When the server cannot be asked.
pub fn read(host: &Host, asked: &Asked) -> Result<Found> {
    let cmd = Cmd::script(include_str!("read.sh"), &[&asked.folder]);
    let output = host.text(&cmd).context("looking at what the hypervisor has")?;
    Ok(Found::parse(&output))
}

impl Found {
    /// Takes the script's answer apart.
    pub fn parse(output: &str) -> Found {
        Found(sections(output))
    }

    /// A section's lines; those of files and of other programs have a space before them, as they may begin like a section.
    pub fn lines(&self, section: &str) -> impl Iterator<Item = &str> {
        let text = self.0.get(section).map(String::as_str).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// A section of one line.
    pub fn word(&self, section: &str) -> &str {
        self.lines(section).next().unwrap_or_default()
    }
}
