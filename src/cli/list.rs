//! The flags of `irs list`.

use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
}
