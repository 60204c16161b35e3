//! The flags of `irs topology`.

use super::format::{self, Form};
use super::virsh::{ImageFlags, NodeFlags, TopologyFlags};
use clap::{Args, Subcommand};

/// Flags of `irs topology`.
#[derive(Clone, Debug, Args)]
pub struct Topology {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with topologies, all of it without a hypervisor.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Resolve nodes and networks as 'irs virsh' would, down to libvirt's XML.
    Render(Box<Render>),
}

/// Flags of `irs topology render`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Nothing is asked of the hypervisor: subnets are the first ones, addresses the lowest, UUIDs and MACs are derived from \
an empty host UUID, and the SSH keys of a real run are left out. The files' mistakes end with exit code 2."
)]
pub struct Render {
    /// How the result is printed on stdout.
    #[arg(long, value_name = "FORMAT", value_parser = format::parser(format::RENDER), default_value = "yaml")]
    pub format: Form,
    /// What there shall be.
    #[command(flatten)]
    pub draft: DraftFlags,
}

/// The flags of `irs virsh` that say what there shall be.
#[derive(Clone, Debug, Args)]
pub struct DraftFlags {
    /// The hypervisor's name, which is only written down here. Default: 'local'.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        env = "IRS_HOST_ADDRESS",
        help_heading = "Hypervisor"
    )]
    pub host_address: Vec<String>,
    /// Images and pools.
    #[command(flatten)]
    pub image: ImageFlags,
    /// Nodes and networks.
    #[command(flatten)]
    pub topology: TopologyFlags,
    /// How the nodes are made.
    #[command(flatten)]
    pub node: NodeFlags,
}
