//! The flags of `irs vnc`.

use super::environment::EnvironmentFlags;
use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs vnc`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The address is on this machine's loopback until Ctrl-C, and works with every VNC viewer. A password that the \
screen asks for is what --vnc-password-file or IRS_VNC_PASSWORD said when the node was made; irs does not show it."
)]
pub struct Vnc {
    /// The node, with or without the prefix.
    #[arg(value_name = "NODE")]
    pub node: String,
    /// The port of this machine. Default: one that is free.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub local_port: Option<u16>,
    /// Start that program with the address, and end when it ends, e.g. remote-viewer or vncviewer.
    #[arg(long, value_name = "PROGRAM")]
    pub viewer: Option<String>,
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
