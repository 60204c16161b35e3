//! Step 2: the networks.

pub mod apply;
pub mod diff;
pub mod read;

use crate::deployment::{Network, Reservation};

/// What can happen to a network.
#[derive(Clone, Debug)]
pub enum Work {
    /// Define it, with all reservations, and start it.
    Create(Box<Network>),
    /// Start it.
    Start(String),
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
