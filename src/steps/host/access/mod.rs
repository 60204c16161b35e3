//! Who may come to the host, and how often: the user that Ironic powers nodes as, the user's own key, sshd's limits.

pub mod apply;
pub mod facts;
pub mod limits;
pub mod stack;

/// What can happen to it.
#[derive(Clone, Debug)]
pub enum Work {
    /// Make the user of Ironic, let it manage libvirt, authorise the key of this line for it.
    Stack {
        /// As it stands in the file of authorized keys.
        line: String,
    },
    /// Take the keys of an environment, or of all, from that user, and the user when irs made it and no key is left.
    RemoveStack {
        /// The environment's UUID.
        of: Option<uuid::Uuid>,
    },
    /// Let sshd take more sessions and logins at once.
    RaiseLimits,
    /// Give sshd the limits back that it had, unless an environment is there again.
    RestoreLimits {
        /// The host's UUID, by which deployments' pools are told.
        host: uuid::Uuid,
    },
}

/// The user that Ironic powers nodes as.
pub const STACK: &str = "stack";

/// The comment of a user that irs made.
pub const MADE: &str = "made by irs for Ironic";

/// A script with functions of ours before it; its first line says what it is for.
fn with(functions: &[&str], script: &str) -> String {
    let (about, rest) = script.split_once('\n').unwrap_or((script, ""));
    [&[about, "\n"], functions, &[rest]].concat().concat()
}
