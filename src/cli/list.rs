//! The flags of `irs list`.

use super::environment::WorkspaceFlag;
use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Whose, when none is named.
    #[command(flatten)]
    pub workspace: WorkspaceFlag,
}
