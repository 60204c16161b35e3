//! The flags of `irs status`.

use super::environment::EnvironmentFlags;
use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs status`.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
    /// Show it again every two seconds, until Ctrl-C, also while the hypervisor is away; as JSON an object each time.
    #[arg(long)]
    pub watch: bool,
}
