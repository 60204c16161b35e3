//! What is done on nodes once they run, after all steps: shown with the plan, and done when the nodes answer.

use super::{Change, Kind, Verb};

/// One thing that a node is told over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// The node.
    pub node: String,
    /// What of it changes: `/etc/hosts`.
    pub file: &'static str,
    /// Its hypervisor, as the user typed it.
    pub host: String,
    /// Why.
    pub reason: String,
}

/// The step that it is shown under.
pub(super) const STEP: &str = "nodes";
/// The same for people.
pub(super) const TITLE: &str = "tell the nodes";

impl Later {
    /// It as it stands in `--format json`.
    pub fn change(&self) -> Change {
        Change {
            step: STEP,
            action: Verb::Update,
            kind: Kind::File,
            name: self.name(),
            host: self.host.clone(),
            reason: self.reason.clone(),
        }
    }

    /// The file, with the node that it is on.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.node, self.file)
    }
}
