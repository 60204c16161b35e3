//! What follows from the number of a seed.

use std::process::Command;
use std::time::Duration;

use crate::support::{Lab, SIZES};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    Create,
    Extend,
    Change,
    RemoveNodes,
    Kill,
    Cleanup,
    Upload,
    Wait,
    Pull,
    Prune,
}

/// How many of them the short form does, once each.
const FIRST: usize = 8;
const DEEDS: [Deed; 10] = [
    Deed::Create,
    Deed::Extend,
    Deed::Change,
    Deed::RemoveNodes,
    Deed::Kill,
    Deed::Cleanup,
    Deed::Upload,
    Deed::Wait,
    Deed::Pull,
    Deed::Prune,
];

/// What an image is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Plain,
    /// Unpacked on the hypervisor.
    Packed,
    /// Converted there.
    Foreign,
}

/// Numbers that follow from a seed (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, less than 1.
    pub fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What follows from a seed.
pub struct Case {
    pub deed: Deed,
    /// When it is killed, as a part of the time that it takes.
    pub moment: f64,
    pub sudoer: bool,
    pub network: &'static str,
    /// Whether its nodes run.
    pub running: bool,
    pub noise: u64,
    pub shape: Shape,
}

impl Case {
    /// Of consecutive seeds each does something else.
    pub fn of(seed: u64) -> Case {
        let mut numbers = Numbers(seed);
        let seed = usize::try_from(seed).expect("a small seed");
        Case {
            deed: DEEDS[if seed < FIRST { seed } else { seed % DEEDS.len() }],
            moment: numbers.part(),
            sudoer: numbers.next().is_multiple_of(4),
            network: if numbers.next().is_multiple_of(2) {
                "1_net"
            } else {
                "3_nets"
            },
            running: numbers.next().is_multiple_of(2),
            noise: numbers.next(),
            shape: [Shape::Plain, Shape::Packed, Shape::Foreign][(numbers.next() % 3) as usize],
        }
    }

    /// How long it takes, more or less, where there is no time to find out.
    pub fn guess(&self) -> Duration {
        Duration::from_secs(match self.deed {
            Deed::Wait => 7,
            _ => 2,
        })
    }

    pub fn runs(&self) -> bool {
        match self.deed {
            Deed::Wait => true,
            Deed::Upload | Deed::Pull | Deed::Prune => false,
            _ => self.running,
        }
    }

    /// Whether it is `irs image` that is killed, not `irs virsh`.
    pub fn is_cache(&self) -> bool {
        matches!(self.deed, Deed::Pull | Deed::Prune)
    }

    pub fn is_large(&self) -> bool {
        self.is_cache() || self.deed == Deed::Upload
    }

    /// A run of its command.
    pub fn command(&self, lab: &Lab, args: &[&str]) -> Command {
        if !self.is_cache() {
            return lab.virsh_command(&[&self.flags()[..], args].concat());
        }
        let mut command = lab.cache_command(args);
        command.args(["--format", "json"]);
        if self.sudoer {
            command.args(["--host-user", "operator"]);
        }
        command
    }

    /// The flags of every run of `irs virsh`.
    pub fn flags(&self) -> Vec<&'static str> {
        let mut flags = SIZES.to_vec();
        flags.extend(["--format", "json", "--wait", "--topology-network", self.network]);
        flags.extend(["--start", if self.runs() { "all" } else { "none" }]);
        if self.sudoer {
            flags.extend(["--host-user", "operator"]);
        }
        flags
    }

    /// What is there before, and what is killed.
    pub fn commands(&self) -> (Option<Vec<&'static str>>, Vec<&'static str>) {
        let two = vec!["--topology-nodes", "compute:2"];
        match self.deed {
            Deed::Create => (None, two),
            Deed::Extend => (
                Some(two),
                vec!["--topology-extend", "yes", "--topology-nodes", "compute:2"],
            ),
            Deed::Change => {
                let memory = "override.compute.memory=96";
                (Some(two.clone()), [&two[..], &["-e", memory]].concat())
            }
            Deed::RemoveNodes => (Some(two), vec!["--remove-nodes", "compute-1"]),
            Deed::Kill => (Some(two), vec!["--kill", "yes"]),
            Deed::Cleanup => (Some(two), vec!["--cleanup", "yes", "--yes"]),
            Deed::Upload | Deed::Wait => (None, vec!["--topology-nodes", "freeipa:1"]),
            Deed::Pull => (None, vec!["pull"]),
            Deed::Prune => (Some(vec!["pull"]), vec!["prune", "--yes"]),
        }
    }
}
