//! Which hypervisor a command works on, and how it is reached: as the flags say, else as the workspace remembers.

use crate::cli::host::ConnectFlags;
use crate::error::{Exit, Fault};
use crate::ssh::config::ClientOptions;
use crate::workspace::Record;
use crate::yaml::Problems;
use anyhow::{Result, bail};

/// A hypervisor and the way to it.
#[derive(Clone, Debug)]
pub struct Way {
    /// The hypervisor, as it was typed.
    pub host: String,
    /// Whether nobody named it, so that it is this machine.
    pub is_default: bool,
    /// How it is reached.
    pub client: ClientOptions,
}

/// The way that the flags name; what they leave open is as in the workspace's last run.
///
/// # Errors
/// `Usage`, when there are several hypervisors.
pub fn way(flags: &ConnectFlags, known: Option<&Record>) -> Result<Way> {
    let remembered = known.and_then(|record| record.hosts.first());
    let (host, is_default) = match (one_host(&flags.host_address)?, remembered) {
        (Some(host), _) => (host, false),
        (None, Some(remembered)) => (remembered.address.clone(), false),
        (None, None) => ("local".to_owned(), true),
    };
    let last = known.and_then(|record| record.hosts.iter().find(|known| known.address == host));
    Ok(Way {
        client: ClientOptions {
            user: flags.host_user.clone().or_else(|| last?.user.clone()),
            key: flags.host_key.clone().or_else(|| last?.key.clone()),
            known_hosts: flags.known_hosts.clone().or_else(|| last?.known_hosts.clone()),
            ..ClientOptions::default()
        },
        host,
        is_default,
    })
}

/// Reports a `--host-address` without a name.
pub fn check_hosts(named: &[String], problems: &mut Problems) {
    if named.iter().any(|address| address.trim().is_empty()) {
        problems
            .push(None, "--host-address is empty")
            .hint("name the hypervisor, e.g. --host-address hv1");
    }
}

/// The hypervisor that `--host-address` names, if it names any.
///
/// # Errors
/// `Usage`, when there are several.
pub fn one_host(named: &[String]) -> Result<Option<String>> {
    let mut hosts: Vec<&str> = Vec::new();
    for address in named.iter().map(|address| address.trim()) {
        if !hosts.contains(&address) {
            hosts.push(address);
        }
    }
    if hosts.len() > 1 {
        bail!(
            Fault::new(
                Exit::Usage,
                format!(
                    "{} hypervisors are named, and this version works on one",
                    hosts.len()
                )
            )
            .hint("run irs once for each, with a --prefix of its own")
        );
    }
    Ok(hosts.first().map(|host| (*host).to_owned()))
}
