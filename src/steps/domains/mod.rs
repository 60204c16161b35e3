//! Step 5: the domains.

pub mod apply;
pub mod change;
pub mod compare;
pub mod diff;
pub mod extras;
pub mod leavings;
mod nics;
pub mod overlaid;
pub mod pending;
pub mod read;
mod running;
pub mod state;
pub mod template;
pub mod vlans;
pub mod when;
mod words;

use crate::addresses::Mac;
use crate::deployment::{Nic, Node};

/// What can happen to a domain's definition.
#[derive(Clone, Debug)]
pub enum Work {
    /// Define it, and let it start with the host.
    Define(Box<Node>),
    /// Let it start with the host.
    Autostart(String),
    /// Bring the definition to the node, and what libvirt can of it to the machine that runs.
    Change(Box<Node>),
    /// Give it another NIC.
    Plug {
        /// The domain.
        name: String,
        /// The NIC.
        nic: Box<Nic>,
    },
    /// Change the definition of a NIC.
    Replug {
        /// The domain.
        name: String,
        /// The NIC as it is to be.
        nic: Box<Nic>,
    },
    /// Give a NIC back the address that it was made with; it counts after the next restart.
    Readdress {
        /// The domain.
        name: String,
        /// The address that it has now.
        from: Mac,
        /// The one that it is to have.
        to: Mac,
    },
    /// Move a running NIC into other VLANs.
    Vlans {
        /// The domain.
        name: String,
        /// The NIC.
        nic: Box<Nic>,
        /// The bridge.
        bridge: String,
        /// Its port on Open vSwitch; none when it has lost it.
        port: Option<String>,
        /// What it is to let through.
        vlans: vlans::Vlans,
    },
    /// Take a NIC away.
    Unplug {
        /// The domain.
        name: String,
        /// The NIC.
        mac: Mac,
    },
    /// Stop it at once and undefine it with its nvram, snapshots' metadata and saved state.
    Remove {
        /// The domain.
        name: String,
        /// Files of the host that go with it, each with the older ones that virtlogd rotated away.
        files: Vec<String>,
        /// Whether some of them are there already; a node that is stopped leaves some in any case.
        left: bool,
    },
}
