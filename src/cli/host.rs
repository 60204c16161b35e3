//! The flags that say which hypervisor, and how it is reached.

use clap::Args;
use std::path::PathBuf;

/// Which hypervisor, and how it is reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Hypervisor")]
pub struct ConnectFlags {
    /// The hypervisor: a name, an address or a Host of your ssh config; 'local' is this machine.
    /// Default: the workspace's host, else 'local'.
    #[arg(long, value_name = "HOST", value_delimiter = ',', env = "IRS_HOST_ADDRESS")]
    pub host_address: Vec<String>,
    /// The user there: root, or a sudoer without password. Default: what ssh config says, else root.
    #[arg(long, value_name = "USER", env = "IRS_HOST_USER")]
    pub host_user: Option<String>,
    /// Private key for the hypervisor. Default: the agent and ssh config.
    #[arg(long, value_name = "PATH", env = "IRS_HOST_KEY")]
    pub host_key: Option<PathBuf>,
    /// Known hosts for the hypervisor's own key, in place of your ~/.ssh/known_hosts.
    #[arg(long, value_name = "FILE", env = "IRS_KNOWN_HOSTS")]
    pub known_hosts: Option<PathBuf>,
}
