//! The command line: clap types only, one struct per group of flags; their doc comments are the help.

pub mod ansible;
pub mod boolean;
pub mod cleanup;
pub mod completion;
pub mod console;
pub mod doctor;
pub mod draft;
pub mod environment;
pub mod format;
pub mod forward;
pub mod getting;
pub mod handed;
pub mod host;
pub mod hypervisor;
pub mod image;
pub mod inventory;
pub mod list;
mod number;
pub mod power;
pub mod ssh;
pub mod ssh_config;
pub mod status;
pub mod topology;
pub mod usage;
pub mod virsh;
pub mod vnc;
pub mod workspace;

use clap::{Args, Parser, Subcommand};
use format::Form;

/// Bring libvirt hypervisors to the state that a YAML topology describes, over SSH.
///
/// Does the job of 'infrared virsh': networks, images and virtual machines of a test environment are made on a
/// hypervisor, and an Ansible inventory and an ssh config are written with which every node answers.
#[derive(Debug, Parser)]
#[command(
    name = "irs",
    version,
    about,
    long_about,
    propagate_version = true,
    args_override_self = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub common: Common,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make, extend or remove an environment on a hypervisor.
    Virsh(Box<virsh::Virsh>),
    /// Show an environment as it is: host, networks with leases, nodes, and what is not as irs made it.
    Status(status::Status),
    /// List the environments on a hypervisor: who made them, when, and what irs does not own.
    List(list::List),
    /// Print an environment's Ansible inventory, in any of its forms; bring back a lost workspace.
    Inventory(Box<inventory::Inventory>),
    /// Make, choose, list, move and delete workspaces: where inventories, ssh configs and keys are kept.
    Workspace(workspace::Workspace),
    /// Log in to a node, or run a command there, by ssh.
    Ssh(ssh::Ssh),
    /// Copy files from and to nodes, by scp.
    Scp(ssh::Scp),
    /// Show a node's serial console, and type there.
    Console(console::Console),
    /// Make ports of nodes ports of this machine.
    Forward(forward::Forward),
    /// Make a node's screen (VNC) a port of this machine.
    Vnc(vnc::Vnc),
    /// Switch nodes on, off, off and on, or press their reset button.
    Power(power::Power),
    /// Run ansible-playbook with the environment's inventory.
    Ansible(ansible::Ansible),
    /// Print the environment's ssh configuration, or let plain ssh know its nodes.
    SshConfig(ssh_config::SshConfig),
    /// Remove the environments that nobody has changed for a time: what dead CI jobs left.
    Cleanup(cleanup::Cleanup),
    /// Check what a server must have to be a hypervisor, or make it one.
    Hypervisor(hypervisor::Hypervisor),
    /// Look after the base images on a hypervisor: list, bring, remove and verify them.
    Image(image::Image),
    /// Look at topologies: list, show, check, render and draw them; needs no hypervisor.
    Topology(topology::Topology),
    /// Check this machine: libraries, ssh, keys, workspaces, and the way to the hypervisors.
    Doctor(doctor::Doctor),
    /// Print the script by which a shell completes the words of irs: commands, flags, node types, nodes.
    Completion(completion::Completion),
    /// Print a manual page, or write them all into a folder.
    Man(completion::Man),
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// How results are printed on stdout; progress and errors go to stderr.
    #[arg(long, global = true, value_parser = format::parser(format::COMMON), default_value = "human", value_name = "FORMAT", env = "IRS_FORMAT")]
    pub format: Form,
    /// Tell more: -v what is done, -vv every remote command.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "IRS_VERBOSE")]
    pub verbose: u8,
    /// Tell less: only warnings, errors and the result. The log in the workspace has everything all the same.
    #[arg(short, long, global = true, action = clap::ArgAction::SetTrue, value_parser = boolean::Boolean, env = "IRS_QUIET")]
    pub quiet: bool,
}
