//! Step 2: the networks.

pub mod apply;
pub mod diff;
pub mod read;

use crate::deployment::{Network, Reservation};

/// How a wire's bridge passes frames on: libvirt has no words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tune {
    /// The device.
    pub bridge: String,
    /// Whether it learns no addresses.
    pub hub: bool,
}

impl Tune {
    /// What a network's bridge is to be; none unless the network is a wire.
    pub fn of(network: &Network) -> Option<Tune> {
        network.wire.as_ref().map(|wire| Tune {
            bridge: network.bridge.clone(),
            hub: wire.hub,
        })
    }

    /// How long it remembers an address, in hundredths of a second: a hub not at all, else Linux's default.
    pub fn ageing_time(&self) -> u64 {
        if self.hub { 0 } else { 30000 }
    }

    /// A wire carries the frames that bridges keep to themselves, LLDP's among them, but for the three kinds that Linux
    /// never passes on (with spanning tree off it passes on the first of these, too).
    pub const GROUP_FORWARD_MASK: u64 = 0xfff8;
}

/// What can happen to a network.
#[derive(Clone, Debug)]
pub enum Work {
    /// Define it, with all reservations, and start it.
    Create(Box<Network>),
    /// Start it.
    Start {
        /// The network.
        network: String,
        /// What its bridge is made to be, when it is a wire.
        tune: Option<Tune>,
    },
    /// Make a wire's bridge what a wire is.
    Tune(Tune),
    /// Let it start with the host.
    Autostart(String),
    /// Give a NIC its address, in place of the stale entries that clash with it.
    Reserve {
        /// The network.
        network: String,
        /// Entries to remove first.
        stale: Vec<Reservation>,
        /// The entry to add.
        reservation: Reservation,
    },
    /// Take a reservation away.
    Release {
        /// The network.
        network: String,
        /// The entry to remove.
        reservation: Reservation,
    },
    /// Stop and undefine it.
    Remove(String),
}
