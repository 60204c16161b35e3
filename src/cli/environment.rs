//! The flags that say which environment is meant.

use clap::Args;

/// Which environment is meant; [`crate::workspace::choice`] finds its workspace.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Environment")]
pub struct EnvironmentFlags {
    /// Name of the environment. Default: the workspace's.
    #[arg(long, value_name = "NAME", env = "IRS_PREFIX")]
    pub prefix: Option<String>,
    /// The workspace whose environment is meant. Default: that of --prefix, else the active one ('irs workspace checkout'),
    /// else 'default'.
    #[arg(long, value_name = "NAME", env = "IRS_WORKSPACE")]
    pub workspace: Option<String>,
}

/// Whose hypervisor is meant when none is named.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Environment")]
pub struct WorkspaceFlag {
    /// The workspace whose hypervisor is meant when none is named. Default: the active one ('irs workspace checkout'), else
    /// 'default'.
    #[arg(long, value_name = "NAME", env = "IRS_WORKSPACE")]
    pub workspace: Option<String>,
}
