//! Logging in to a node that was ready before, as its user, to tell it something.

use super::facts::is_direct;
use super::{Session, report};
use crate::actual::Actual;
use crate::deployment::Deployment;
use crate::remote::{Cmd, Host};
use crate::ssh::node::{self, NodeKey, NodeSession};
use crate::steps::host::record::Record;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// How long a login to a node that was ready before may take.
const LOGIN: Duration = Duration::from_secs(30);

/// A node that runs and was ready, and how it is reached.
pub(super) struct OnNode {
    way: Host,
    address: IpAddr,
    /// Who logs in.
    pub(super) user: String,
    host_key: String,
    key: NodeKey,
    timeout: Duration,
}

impl OnNode {
    /// None for a node that does not run, or never was ready.
    pub(super) fn find(
        name: &str,
        session: &Session,
        (actual, record): (&Actual, &Record),
        (key, timeout): (&NodeKey, Duration),
    ) -> Option<OnNode> {
        let domain = actual.domains.iter().find(|domain| domain.name == name)?;
        let mark = domain.mark.as_ref()?;
        if !record.ready.contains(name) || !domain.state.is_running() {
            return None;
        }
        Some(OnNode {
            way: match is_direct(domain, actual) {
                true => Host::here(),
                false => session.host.clone(),
            },
            // One that came up in this run was seen by it alone.
            address: report::address(domain, actual).or_else(|| record.lan.get(name).copied())?,
            user: mark.user.clone(),
            host_key: mark.host_key.clone()?,
            key: key.clone(),
            timeout: timeout.min(LOGIN),
        })
    }

    /// Logs in, and does it.
    ///
    /// # Errors
    /// Why that failed.
    pub(super) fn log_in<T>(&self, work: impl FnOnce(&mut NodeSession) -> Result<T>) -> Result<T> {
        let login = node::login_through(
            &self.way,
            self.address,
            &self.user,
            &self.key,
            &self.host_key,
            self.timeout,
        );
        work(&mut login.map_err(|failure| anyhow::anyhow!("{failure}"))?)
    }
}

/// Whether a node will answer when a run is through: it was ready and runs, or is waited for.
pub(super) fn will_answer(
    name: &str,
    (deployment, actual): (&Deployment, &Actual),
    starting: &BTreeSet<&str>,
) -> bool {
    let mut nodes = deployment.nodes.iter();
    let is_waited_for = nodes.any(|node| node.name == name && node.starts);
    starting.contains(name) || answers(name, actual) || (is_waited_for && runs(name, actual))
}

/// Whether a node answers now, as far as is known: it runs, and was ready.
pub(super) fn answers(name: &str, actual: &Actual) -> bool {
    let record = actual.facts.record.as_ref();
    runs(name, actual) && record.is_some_and(|record| record.ready.contains(name))
}

fn runs(name: &str, actual: &Actual) -> bool {
    let mut domains = actual.domains.iter();
    domains.any(|domain| domain.name == name && domain.state.is_running())
}

/// Runs a script as root; it goes through stdin, as others may see a command line.
///
/// # Errors
/// The node's.
pub(super) fn as_root(session: &mut NodeSession, user: &str, script: String) -> Result<()> {
    let program = match user {
        "root" => Cmd::new("sh"),
        _ => Cmd::new("sudo").args(["-n", "sh"]),
    };
    let output = session.run(&program.stdin(script))?;
    if !output.success() {
        bail!("{}", output.errors().trim());
    }
    Ok(())
}
