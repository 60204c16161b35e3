//! The flags that say which hypervisor, and how it is reached.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Which hypervisor, and how it is reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Hypervisor")]
pub struct ConnectFlags {
    /// The hypervisor: a name, an address or a Host of your ssh config; 'local' is this machine. Several of them, with
    /// commas between, carry one environment together. Default: the workspace's, else 'local'.
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', env = "IRS_HOST_ADDRESS")]
    pub host_address: Vec<String>,
    /// The user there: root, or a sudoer. Default: what ssh config says, else root.
    /// Passwords, where one is needed: typed, or $IRS_HOST_PASSWORD and $IRS_HOST_SUDO_PASSWORD.
    #[arg(long, value_name = "USER", env = "IRS_HOST_USER")]
    pub host_user: Option<String>,
    /// Private key for the hypervisor. Default: the agent and ssh config.
    #[arg(long, value_name = "PATH", env = "IRS_HOST_KEY")]
    pub host_key: Option<PathBuf>,
    /// Known hosts for the hypervisor's own key, in place of your ~/.ssh/known_hosts.
    #[arg(long, value_name = "FILE", env = "IRS_KNOWN_HOSTS")]
    pub known_hosts: Option<PathBuf>,
    /// An unknown host key of the hypervisor: refuse it (yes), or accept and remember it (accept-new); a changed one is
    /// always refused. Default: what ssh config says, else yes.
    #[arg(
        long,
        value_name = "MODE",
        env = "IRS_STRICT_HOST_KEY_CHECKING",
        hide_possible_values = true
    )]
    pub strict_host_key_checking: Option<HostKeyChecking>,
}

/// What to do about a host key that is not known, in ssh's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HostKeyChecking {
    /// Refuse it.
    #[value(alias = "ask")]
    Yes,
    /// Accept and remember it.
    AcceptNew,
}
