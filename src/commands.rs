//! One file per subcommand.

pub mod ansible;
pub mod cleanup;
pub mod completion;
pub mod connection;
pub mod console;
pub mod doctor;
pub mod forward;
mod hand_over;
pub mod hypervisor;
pub mod image;
pub mod inventory;
pub mod list;
pub mod live;
pub mod man;
mod nowhere;
pub mod power;
pub mod ssh;
pub mod ssh_config;
pub mod status;
pub mod topology;
pub mod virsh;
pub mod vnc;
pub mod workspace;

use crate::ssh::passphrase;
use crate::{apply, interrupt};
use anyhow::Result;

/// A command that only looks: a signal ends it at once, as one that is stopped, and gives the terminal back.
///
/// # Errors
/// Its own; an interruption.
pub async fn stoppable<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        result = work => result,
        () = interrupt::arrived() => Err(apply::stopped()),
        error = interrupt::listen(|| (), || ()) => Err(error.map_or_else(Into::into, |()| apply::stopped())),
    }
}

/// Ends what goes on until a signal comes, and gives the terminal back: somebody may be asked for a passphrase just now.
fn leave() {
    passphrase::restore();
    std::process::exit(0)
}
