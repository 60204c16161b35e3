//! The DHCP servers of the networks: which of them do not run.

use crate::remote::{Cmd, Host};
use anyhow::Result;
use std::collections::BTreeSet;

/// Says which networks' dnsmasq ought to run and does not; part of the reading of a host, too.
pub const SCRIPT: &str = include_str!("servers.sh");

/// The networks whose dnsmasq ought to run and does not.
///
/// # Errors
/// When the host cannot be asked.
pub fn missing(host: &Host) -> Result<BTreeSet<String>> {
    let names = host.text(&Cmd::script(SCRIPT, &[]))?;
    Ok(names.lines().map(str::to_owned).collect())
}
