//! The flags of `irs doctor`.

use super::environment::EnvironmentFlags;
use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs doctor`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A warning says what may be missed later, a failure what keeps irs from working. The hypervisor itself is looked at by \
'irs hypervisor check'.\n\nExit codes: 0 nothing fails, 1 something of this machine fails, 2 usage or input, 3 a hypervisor cannot be \
reached or refuses."
)]
pub struct Doctor {
    /// Which hypervisors are to be reached.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Whose hypervisors, when none is named.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
