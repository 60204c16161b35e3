//! The flags of `irs forward`.

use super::environment::EnvironmentFlags;
use clap::Args;

/// Flags of `irs forward`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Each port of this machine leads to that port of the node, as seen from the node itself (its localhost), over ssh, \
until Ctrl-C. Without LOCAL a free port is taken, and told.\n\n  irs forward undercloud-0:8080\n  irs forward 8443:undercloud-0:443 controller-0:3306"
)]
pub struct Forward {
    /// What to forward: NODE:PORT, LOCAL:NODE:PORT, or ADDRESS:LOCAL:NODE:PORT, an IPv6 address in brackets.
    #[arg(value_name = "NODE:PORT", required = true)]
    pub forwards: Vec<String>,
    /// The port of this machine, when there is one NODE:PORT.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub local_port: Option<u16>,
    /// The address of this machine to listen on. Others than loopback are open to whoever reaches this machine.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: std::net::IpAddr,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
