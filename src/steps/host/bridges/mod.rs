//! The bridges of the hypervisor that `forward: bridge` networks use, and the NICs under them.
//!
//! A bridge that irs makes takes a NIC over, with its addresses and routes. It carries a mark (its alias in the kernel, and a
//! comment in the files that make it lasting): what irs did not mark is used as it is and never changed. Every change
//! is made by a process on the hypervisor that takes it back unless this client comes back over a new connection.

pub mod apply;
pub mod diff;
pub mod lan;
mod lasting;
pub mod links;
pub mod mark;
pub mod program;
pub mod read;

pub use mark::Mark;

use ipnet::IpNet;

/// A bridge that irs makes and keeps for a deployment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostBridge {
    /// The device.
    pub name: String,
    /// The NIC that it takes over.
    pub nic: String,
    /// Addresses of its own besides those of the NIC.
    pub addresses: Vec<IpNet>,
    /// MTU of the NIC, in bytes; as it is when absent, and so without a word of the run.
    #[serde(skip)]
    pub mtu: Option<u32>,
    /// The libvirt network that uses it.
    pub network: String,
    /// The deployment that has it made; when that goes, it is another's.
    #[serde(skip)]
    pub deployment: String,
    /// Whether it was there before: then what its NIC is like now says nothing of what that was like without it.
    #[serde(skip)]
    pub again: bool,
    /// Whether it may end with the next boot: each run must say so.
    #[serde(skip)]
    pub runtime_only: bool,
}

/// What can happen to a bridge.
#[derive(Clone, Debug)]
pub enum Work {
    /// Make it, or bring it back to what it should be.
    TakeOver(Box<HostBridge>),
    /// Give the NIC back and remove it.
    Release(Mark),
    /// Let no frame of a bridge pass through the host's IP firewall.
    Unfilter,
    /// Let frames of bridges pass through the host's IP firewall again, as before irs's first bridge.
    Refilter,
}
