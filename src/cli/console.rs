//! The flags of `irs console`.

use super::environment::EnvironmentFlags;
use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs console`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Ctrl-] leaves the console. One at a time has it; --force takes it over. What comes on standard input is typed, \
and a Ctrl-] in it (\\035) leaves; without a terminal the end of the input does not, so that '</dev/null' listens on."
)]
pub struct Console {
    /// The node, with or without the prefix.
    #[arg(value_name = "NODE")]
    pub node: String,
    /// Take the console over from whoever has it.
    #[arg(long)]
    pub force: bool,
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
