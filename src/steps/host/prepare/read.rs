//! What there is on a server that may become a hypervisor: the answer of one script, by sections.

use super::{Asked, Scope, packages};
use crate::remote::{Cmd, Host};
use crate::steps::host::facts::sections;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// The answer of `read.sh`: each kind of requirement reads the sections that it is about.
#[derive(Clone, Debug, Default)]
pub struct Found(BTreeMap<String, String>);

/// Looks at a server in one round trip: at everything, or at what a run needs when libvirt runs.
///
/// # Errors
/// When the server cannot be asked.
pub fn read(host: &Host, asked: &Asked, scope: Scope) -> Result<Found> {
    let (rpm, dpkg) = packages::all_names();
    let depth = match scope {
        Scope::Host => "host",
        Scope::Run => "run",
    };
    let cmd = Cmd::script(include_str!("read.sh"), &[&asked.folder, depth, &rpm, &dpkg]);
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

    /// Whether everything was looked at: where libvirt does not run that is so in any case.
    pub fn is_whole(&self) -> bool {
        self.word("depth") == "host"
    }

    /// Whether systemd is the host's first process.
    pub fn has_systemd(&self) -> bool {
        self.word("init") == "systemd"
    }

    /// A section of one line.
    pub fn word(&self, section: &str) -> &str {
        self.lines(section).next().unwrap_or_default()
    }
}
