//! The flags of `irs hypervisor`.

use super::boolean::Boolean;
use super::draft::DraftFlags;
use super::environment::WorkspaceFlag;
use super::host::ConnectFlags;
use clap::{Args, Subcommand};

/// Flags of `irs hypervisor`.
#[derive(Clone, Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Hypervisor {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of `irs hypervisor`.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show what a hypervisor must have, what of it is there, and what brings the rest; changes nothing.
    Check(Box<Check>),
    /// Make a server a hypervisor: install and start what is missing, step 1 of 'irs virsh' by itself.
    Prepare(Prepare),
}

/// Flags of `irs hypervisor check`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "With --topology-nodes, and all else that 'irs virsh' would be told, memory and disk are held against what these nodes \
need.\n\nExit codes: 0 nothing is missing, 2 usage or input, 3 hypervisor unreachable or refused, 4 something is missing."
)]
pub struct Check {
    /// Which hypervisors.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Whose, when none is named.
    #[command(flatten)]
    pub workspace: WorkspaceFlag,
    /// What of it is looked at.
    #[command(flatten)]
    pub ground: GroundFlags,
    /// What there shall be.
    #[command(flatten)]
    pub draft: DraftFlags,
}

/// Flags of `irs hypervisor prepare`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Only what is missing is changed; a second time there is nothing to do.\n\nExit codes: 0 nothing is missing any more, 1 failed, \
2 usage or input, 3 hypervisor unreachable or refused, 4 something is missing that irs cannot bring, 5 another run is preparing it, \
130 interrupted."
)]
pub struct Prepare {
    /// Which hypervisors.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Whose, when none is named.
    #[command(flatten)]
    pub workspace: WorkspaceFlag,
    /// What of it is made.
    #[command(flatten)]
    pub ground: GroundFlags,
    /// Folder of all images on the hypervisor. Default: /var/lib/libvirt/images.
    #[arg(long, value_name = "DIR", env = "IRS_DISK_POOL", help_heading = "Images")]
    pub disk_pool: Option<String>,
    /// Name of the pool of base images in that folder, unless a pool owns it already.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "images",
        env = "IRS_POOL_NAME",
        help_heading = "Images"
    )]
    pub pool_name: String,
    /// Say what would be done, with reasons, and touch nothing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "no", default_missing_value = "yes", value_parser = Boolean, env = "IRS_DRY_RUN", hide_possible_values = true, help_heading = "Run")]
    pub dry_run: bool,
}

/// What of step 1 is wanted.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Hypervisor")]
pub struct GroundFlags {
    /// Check that the hypervisor can virtualize, and load and set what it lacks for that; no leaves virtualization, modules
    /// and CPU alone.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "yes", default_missing_value = "yes", value_parser = Boolean, env = "IRS_HOST_VALIDATE", hide_possible_values = true)]
    pub host_validate: bool,
    /// Install libguestfs, too, where the hypervisor is prepared.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "yes", default_missing_value = "yes", value_parser = Boolean, env = "IRS_HOST_LIBGUESTFS", hide_possible_values = true)]
    pub host_libguestfs: bool,
}
