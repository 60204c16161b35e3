//! The flags of `irs ssh-config`.

use super::environment::EnvironmentFlags;
use clap::Args;
use std::path::PathBuf;

/// Flags of `irs ssh-config`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Without a flag the environment's configuration is printed, for 'ssh -F'.")]
pub struct SshConfig {
    /// Let plain ssh, scp, rsync and all that use them know the nodes: an Include at the top of ~/.ssh/config. Of several
    /// environments the latest one has the names that they share.
    #[arg(long, conflicts_with = "uninstall")]
    pub install: bool,
    /// Take that back, for this environment; the Include goes with the last one.
    #[arg(long)]
    pub uninstall: bool,
    /// The user's configuration. Default: ~/.ssh/config.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
