//! The flags of `irs inventory`.

use super::environment::EnvironmentFlags;
use super::format::{self, Form};
use super::host::ConnectFlags;
use clap::Args;

/// Flags of `irs inventory`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Without --host-address it is read from the workspace, without asking any hypervisor. With it, all files of the workspace \
are first written anew from what the hypervisor says, where nothing is changed: so a lost workspace comes back.\n\n\
A dynamic inventory for Ansible is a file that is executable and has two lines:\n\n  #!/bin/sh\n  exec irs inventory --workspace NAME \"$@\""
)]
pub struct Inventory {
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
    /// Print hosts, groups and variables as Ansible asks a dynamic inventory for them. Files that are there are not written
    /// anew, even where $IRS_HOST_ADDRESS names a hypervisor.
    #[arg(long, conflicts_with = "host")]
    pub list: bool,
    /// Print one host's variables as Ansible asks for them.
    #[arg(long, value_name = "NODE")]
    pub host: Option<String>,
    /// How the inventory is printed on stdout.
    #[arg(long, value_name = "FORMAT", value_parser = format::parser(format::INVENTORY), default_value = "ini")]
    pub format: Form,
}
