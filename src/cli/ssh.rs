//! The flags of `irs ssh` and `irs scp`.

use super::environment::EnvironmentFlags;
use clap::Args;
use std::ffi::OsString;

/// Flags of `irs ssh`.
#[derive(Clone, Debug, Args)]
#[command(
    override_usage = "irs ssh [OPTIONS] [SSH OPTIONS] [USER@]NODE [COMMAND]...",
    after_help = "Options of one letter (-t, -A, -L 8080:localhost:80, -v, …) are ssh's own and reach it as they are, before \
NODE or right after it. The command's words reach the node as ssh passes them: with spaces between, for its shell. The \
exit status is ssh's, which is the command's.\n\n  irs ssh undercloud-0\n  irs ssh root@compute-0 -- systemctl --failed\n  irs ssh --prefix lab1 -L 8080:localhost:80 undercloud-0\n  irs ssh --host virsh list"
)]
pub struct Ssh {
    /// Log in to the hypervisor. With several of them NODE says which one: its name, or that of a node there.
    #[arg(long)]
    pub host: bool,
    /// Options of ssh, the node (with or without the prefix), and what to run there.
    #[arg(value_name = "NODE", hide = true)]
    pub words: Vec<OsString>,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}

/// Flags of `irs scp`.
#[derive(Clone, Debug, Args)]
#[command(
    override_usage = "irs scp [OPTIONS] [SCP OPTIONS] SOURCE... TARGET",
    after_help = "A SOURCE or TARGET is a file of this machine, or [USER@]NODE:PATH. Options of one letter (-r, -p, -3, …) are \
scp's own and stand before the first SOURCE.\n\n  irs scp -r undercloud-0:/var/log .\n  irs scp site.yml hosts.yml root@undercloud-0:"
)]
pub struct Scp {
    /// Options of scp, what to copy, and where to.
    #[arg(value_name = "NODE", hide = true)]
    pub words: Vec<OsString>,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
