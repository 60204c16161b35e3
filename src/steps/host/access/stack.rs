//! The user that Ironic powers nodes as: who needs it, and what is missing of it.

use super::facts::{Access, Stack};
use super::{MADE, STACK, Work};
use crate::deployment::{Identity, Node};
use crate::keys;
use crate::plan::{Action, Kind, Verb};
use crate::remote::{Cmd, Host};
use crate::steps::host::record::{Record, StackKey};
use crate::steps::{Step, host};
use anyhow::{Context, Result};
use uuid::Uuid;

/// What the user is called in a plan.
const NAME: &str = "user stack";

/// Whether a deployment with these nodes has an Ironic: one that its undercloud runs, or another one for its blank nodes.
pub fn is_wanted<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> bool {
    nodes.into_iter().any(|node| !node.has_os || node.is_undercloud())
}

/// A new key for a deployment's Ironic, from the host's own ssh-keygen; nothing of it stays there.
///
/// # Errors
/// When there is no ssh-keygen.
pub fn new_key(host: &Host) -> Result<StackKey> {
    let text = host
        .text(&Cmd::script(include_str!("new_key.sh"), &[]))
        .context("making the key by which Ironic powers nodes")?;
    let (public, private) = text.split_once('\n').context("ssh-keygen said nothing")?;
    Ok(StackKey {
        public: keys::bare(public),
        private: private.to_owned(),
    })
}

/// A deployment's line among the authorized keys: it runs commands, and is no way to anywhere else.
fn line(record: &Record, key: &StackKey) -> String {
    format!(
        "restrict {} irs:{}:{}",
        key.public, record.deployment, record.uuid
    )
}

/// Makes what is missing. Without a key in the record, as in a dry run, that one is missing too.
pub fn converge(record: &Record, there: &Stack, id: &Identity) -> Vec<Action> {
    let line = record.stack_key.as_ref().map(|key| line(record, key));
    let mut missing = Vec::new();
    if there.ours.is_none() {
        missing.push("there is no such user".to_owned());
    }
    if there.rule.is_some() {
        missing.push("polkit does not let it manage libvirt".to_owned());
    }
    if let (Some(group), Some(true)) = (&there.group, there.ours) {
        missing.push(format!(
            "it is not in the group {group} that may use libvirt's socket"
        ));
    }
    if line.as_ref().is_none_or(|line| !there.keys.contains(line)) {
        missing.push(format!("it has no key of deployment '{}'", id.name));
    }
    if missing.is_empty() {
        return Vec::new();
    }
    let verb = match there.ours {
        None => Verb::Create,
        Some(_) => Verb::Update,
    };
    let reason = format!("Ironic powers nodes as it: {}", missing.join(", "));
    let work = host::Work::Access(Work::Stack {
        line: line.unwrap_or_default(),
    });
    vec![Action::new(
        Step::Host,
        verb,
        Kind::Host,
        NAME,
        &id.host,
        reason,
        work,
    )]
}

/// What stands in its way, and only an administrator can take away.
pub fn warnings(access: &Access, host: &str) -> Vec<String> {
    let there = &access.stack;
    let mut warnings = Vec::new();
    if let (Some(group), Some(false)) = (&there.group, there.ours) {
        warnings.push(format!(
            "the user '{STACK}' of '{host}', which irs did not make, may not use libvirt's socket: let it by `usermod -aG {group} {STACK}` there"
        ));
    }
    if let Some(option) = access.sshd.as_ref().and_then(|sshd| sshd.shuts_out(STACK)) {
        warnings.push(format!(
            "sshd of '{host}' does not let '{STACK}' log in to power nodes: add it to {option} in sshd's configuration there"
        ));
    }
    warnings
}

/// Takes the keys of one environment away, or of all; the user goes with the last one when irs made it.
pub fn remove(there: &Stack, of: Option<Uuid>, host: &str) -> Option<Action> {
    let (own, left) = match of {
        Some(uuid) => (there.has(uuid), there.others(uuid).next().is_some()),
        None => (!there.keys.is_empty(), false),
    };
    // A killed run leaves a user without a key.
    if !own && (left || there.ours != Some(true)) {
        return None;
    }
    let (name, reason) = match (left, there.ours) {
        (true, _) => (
            "key of user stack",
            "it is the deployment's; others still use the user",
        ),
        (false, Some(true)) => (NAME, "irs made it, and no deployment uses it any more"),
        (false, _) => (
            "key of user stack",
            "it is the deployment's, and polkit's rule goes along; the user, which irs did not make, stays",
        ),
    };
    let work = host::Work::Access(Work::RemoveStack { of });
    Some(Action::new(
        Step::Host,
        Verb::Remove,
        Kind::Host,
        name,
        host,
        reason,
        work,
    ))
}

/// The marks by which the scripts know what irs made.
pub(super) const MARKS: [&str; 2] = [STACK, MADE];
