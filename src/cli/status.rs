//! The flags of `irs status`.

use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs status`.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Name of the environment. Default: the workspace's.
    #[arg(long, value_name = "NAME", env = "IRS_PREFIX", help_heading = "Environment")]
    pub prefix: Option<String>,
    /// The workspace whose environment is meant. Default: the environment's name.
    #[arg(
        long,
        value_name = "NAME",
        env = "IRS_WORKSPACE",
        help_heading = "Environment"
    )]
    pub workspace: Option<String>,
    /// Show it again every two seconds, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
}
