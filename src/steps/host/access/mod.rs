//! Who may come to the host, and how often: the user that Ironic powers nodes as, the user's own key, sshd's limits.

pub mod apply;
pub mod contact;
pub mod facts;
pub mod limits;
pub mod stack;

use crate::ssh::own_key::NewKey;

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
    /// Authorise the user's key, which came by a password; make it first when there is none.
    Authorize {
        /// The login user.
        user: String,
        /// As it is to stand in the file of authorized keys.
        line: String,
        /// The key, when it is to be made on this machine.
        new: Option<Box<NewKey>>,
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
