//! The flags of `irs workspace`, with infrared's names.

use super::format::{self, Form};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Flags of `irs workspace`.
#[derive(Clone, Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "A workspace is a folder with the inventory, the ssh config and the keys of one environment. The active one is meant by every \
command that is told neither --workspace nor --prefix; $IRS_WORKSPACE makes another one the active one of a shell. The hypervisor \
is never touched by these commands."
)]
pub struct Workspace {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of `irs workspace`.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make an empty workspace; 'checkout' makes it the active one.
    Create(Name),
    /// Make a workspace the active one.
    Checkout(Checkout),
    /// List the workspaces, with their environments.
    List(List),
    /// Delete workspaces with all that is in them; their environments stay on their hypervisors.
    Delete(Delete),
    /// Remove all files from a workspace, and keep it; its environment stays on its hypervisor.
    Cleanup(Existing),
    /// Print the path of a workspace's inventory.
    Inventory(OptionalName),
    /// List the nodes of a workspace with their addresses and groups.
    NodeList(NodeList),
    /// List the groups of a workspace's inventory with their nodes.
    GroupList(GroupList),
    /// Pack a workspace into an archive that another machine can import.
    Export(Export),
    /// Make a workspace from an archive, and make it the active one.
    Import(Import),
}

/// A workspace that must be there.
#[derive(Clone, Debug, Args)]
pub struct Existing {
    /// The workspace.
    #[arg(value_name = "WORKSPACE")]
    pub name: String,
}

/// A workspace to be made.
#[derive(Clone, Debug, Args)]
pub struct Name {
    /// The workspace.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// A workspace that may be named.
#[derive(Clone, Debug, Args)]
pub struct OptionalName {
    /// The workspace. Default: the active one.
    #[arg(value_name = "WORKSPACE")]
    pub name: Option<String>,
}

/// Flags of `irs workspace checkout`.
#[derive(Clone, Debug, Args)]
pub struct Checkout {
    /// The workspace.
    #[arg(value_name = "WORKSPACE")]
    pub name: String,
    /// Make it when it is not there.
    #[arg(short, long)]
    pub create: bool,
}

/// Flags of `irs workspace list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Print the name of the active one only.
    #[arg(long)]
    pub active: bool,
}

/// Flags of `irs workspace delete`.
#[derive(Clone, Debug, Args)]
pub struct Delete {
    /// The workspaces.
    #[arg(value_name = "WORKSPACE", required = true)]
    pub names: Vec<String>,
}

/// Flags of `irs workspace node-list`.
#[derive(Clone, Debug, Args)]
pub struct NodeList {
    /// The workspace. Default: the active one.
    #[arg(short, long, value_name = "WORKSPACE")]
    pub name: Option<String>,
    /// Only those of this group.
    #[arg(short, long, value_name = "GROUP")]
    pub group: Option<String>,
    /// How the list is printed: 'fancy' is infrared's word for human.
    #[arg(short, long, value_name = "FORMAT", value_parser = format::parser(format::COMMON), default_value = "human", env = "IRS_FORMAT")]
    pub format: Form,
}

/// Flags of `irs workspace group-list`.
#[derive(Clone, Debug, Args)]
pub struct GroupList {
    /// The workspace. Default: the active one.
    #[arg(short, long, value_name = "WORKSPACE")]
    pub name: Option<String>,
}

/// Flags of `irs workspace export`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The archive holds the private key of the nodes, and what powers them for Ironic; with --copy-keys also the private keys for the \
hypervisors. Only its owner may read it: keep it as you keep a key."
)]
pub struct Export {
    /// The workspace. Default: the active one.
    #[arg(short, long, value_name = "WORKSPACE")]
    pub name: Option<String>,
    /// The archive, or a folder for it; '.tgz' is added to a name without an ending, and '.tar' leaves it uncompressed.
    /// Default: NAME.tgz.
    #[arg(
        short,
        long,
        value_name = "FILE",
        visible_alias = "dest",
        visible_short_alias = 'd'
    )]
    pub filename: Option<PathBuf>,
    /// Pack the private keys for the hypervisors, too; without them the other machine must have its own.
    #[arg(short = 'K', long, alias = "copykeys")]
    pub copy_keys: bool,
}

/// Flags of `irs workspace import`.
#[derive(Clone, Debug, Args)]
pub struct Import {
    /// The archive that 'irs workspace export' made.
    #[arg(value_name = "FILE")]
    pub filename: PathBuf,
    /// The workspace to make. Default: the archive's name without its ending.
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,
    /// Put it in the place of a workspace that is there.
    #[arg(long)]
    pub replace: bool,
}
