//! The flags of `irs power`.

use super::environment::EnvironmentFlags;
use super::host::ConnectFlags;
use super::number::number;
use clap::{Args, ValueEnum};

/// Flags of `irs power`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "NODES are names (with or without the prefix), types, patterns with * and ?, or 'all':\n\n  irs power off compute-0 controller\n  irs power cycle 'compute-*' --wait\n  irs power on all\n\n\
The next 'irs virsh' starts what is off again, unless --start says otherwise."
)]
pub struct Power {
    /// What to do.
    #[arg(value_enum, value_name = "on|off|cycle|reset", hide_possible_values = true, help = DEEDS)]
    pub deed: Deed,
    /// Which nodes: names, types, patterns with * and ?, or 'all'.
    #[arg(value_name = "NODES", required = true, value_delimiter = ',')]
    pub nodes: Vec<String>,
    /// With off and cycle: switch off at once, without a shutdown.
    #[arg(long)]
    pub force: bool,
    /// How long a node may take to shut down before it is switched off, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = number::<u64>(0..=86400))]
    pub restart_timeout: u64,
    /// Wait: for another run that changes this environment, and until the nodes that were started answer on ssh.
    #[arg(long)]
    pub wait: bool,
    /// How long --wait gives a node to answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = number::<u64>(1..=86400), env = "IRS_TIMEOUT")]
    pub timeout: u64,
    /// Which hypervisor.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Which environment.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}

const DEEDS: &str = "on: start; off: shut down by guest agent or power button (ACPI), switched off after --restart-timeout; \
cycle: off and on; reset: the reset button, without a shutdown";

/// What happens to the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deed {
    /// Start them.
    On,
    /// Shut them down.
    Off,
    /// Shut them down and start them.
    Cycle,
    /// Press their reset button.
    Reset,
}

impl Deed {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Deed::On => "on",
            Deed::Off => "off",
            Deed::Cycle => "cycle",
            Deed::Reset => "reset",
        }
    }
}
