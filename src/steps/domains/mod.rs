//! Step 5: the domains.

pub mod apply;
pub mod diff;
pub mod read;
pub mod template;

use crate::deployment::Node;

/// What can happen to a domain's definition.
#[derive(Clone, Debug)]
pub enum Work {
    /// Define it, and let it start with the host.
    Define(Box<Node>),
    /// Let it start with the host.
    Autostart(String),
    /// Give the definition another size; it counts after the next restart.
    Resize {
        /// The domain.
        name: String,
        /// MiB.
        memory_mib: u64,
        /// Virtual CPUs.
        cpu: u32,
    },
    /// Stop it at once and undefine it with its nvram, snapshots' metadata and saved state.
    Remove {
        /// The domain.
        name: String,
        /// The log of its serial console, which goes with it.
        serial_file: Option<String>,
    },
}
