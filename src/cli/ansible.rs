//! The flags of `irs ansible`.

use super::environment::EnvironmentFlags;
use clap::Args;
use std::ffi::OsString;

/// Flags of `irs ansible`.
#[derive(Clone, Debug, Args)]
#[command(
    override_usage = "irs ansible [OPTIONS] [--] [ARGUMENTS OF ansible-playbook]...",
    after_help = "The exit status is ansible's.\n\n  irs ansible -- site.yml --limit compute\n  irs ansible --ad-hoc -- all -m ping"
)]
pub struct Ansible {
    /// Run 'ansible', for one module, in place of 'ansible-playbook'.
    #[arg(long)]
    pub ad_hoc: bool,
    /// Arguments of ansible-playbook, from its first one on.
    #[arg(
        value_name = "ARGUMENTS",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true
    )]
    pub words: Vec<OsString>,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
