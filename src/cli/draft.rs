//! The flags of `irs virsh` that say what there shall be, for commands that only look at it.

use super::virsh::{ImageFlags, NodeFlags, TopologyFlags};
use clap::Args;
use std::path::PathBuf;

/// The flags of `irs virsh` that say what there shall be.
#[derive(Clone, Debug, Args)]
pub struct DraftFlags {
    /// Images and pools.
    #[command(flatten)]
    pub image: ImageFlags,
    /// Nodes and networks.
    #[command(flatten)]
    pub topology: TopologyFlags,
    /// How the nodes are made.
    #[command(flatten)]
    pub node: NodeFlags,
    /// Read flags from this file, as 'irs virsh' does; those that mean nothing here are passed over. The command line
    /// wins over it, and it wins over the environment.
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub from_file: Vec<PathBuf>,
}
