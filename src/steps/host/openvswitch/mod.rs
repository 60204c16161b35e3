//! Bridges of Open vSwitch and the host's own ports on them. libvirt plugs guests into such a bridge, and makes none.
//!
//! What irs makes carries the deployment's UUID in Open vSwitch's `external_ids`.

pub mod apply;
pub mod diff;
pub mod read;

/// What can happen on Open vSwitch.
#[derive(Clone, Debug)]
pub enum Work {
    /// Make a bridge.
    Bridge {
        /// The device.
        bridge: String,
        /// Whether packets go through user space, for want of the kernel's module.
        user_space: bool,
    },
    /// Make a port of the host, or make it as it should be.
    Port(Port),
    /// Make a physical NIC a port.
    Nic {
        /// The bridge.
        bridge: String,
        /// The NIC.
        nic: String,
        /// Whether it was down before, and is to be down again.
        was_down: bool,
    },
    /// Take a port of the host away.
    RemovePort {
        /// The bridge.
        bridge: String,
        /// The device.
        device: String,
    },
    /// Take a bridge away; its physical NICs become as they were.
    RemoveBridge {
        /// The device.
        bridge: String,
        /// Those of its physical NICs that were down before.
        down: Vec<String>,
    },
}

/// A port of the host as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The bridge.
    pub bridge: String,
    /// The device: the bridge's own name for the bridge's own port.
    pub device: String,
    /// Its VLAN.
    pub vlan: Option<u16>,
    /// The host's addresses, with their lengths.
    pub addresses: Vec<String>,
    /// Addresses that irs gave it and that it should have no longer.
    pub stale: Vec<String>,
    /// Bytes.
    pub mtu: Option<u32>,
}
