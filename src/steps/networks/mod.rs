//! Step 2: the networks.

pub mod apply;
pub mod bulk;
pub mod change;
pub mod diff;
pub mod edit;
pub mod pending;
pub mod portgroup;
pub mod read;
pub mod remnant;
pub mod reserve;
pub mod revive;
pub mod servers;
pub mod shape;
pub mod stale;
pub mod unchangeable;

use crate::deployment::Network;
use crate::steps::host::facts::{Bridge, LooseNic};
use bulk::Bulk;
use edit::{Definition, Edit, Entry};
use std::collections::BTreeMap;

/// What irs makes of a bridge beyond libvirt's words. The kernel forgets it with the bridge: each run looks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tune {
    /// The device.
    pub bridge: String,
    /// That it is a wire, and whether it learns no addresses.
    pub hub: Option<bool>,
    /// Whether it asks which multicast groups its ports want: without any answer it would stop forwarding them.
    pub querier: bool,
}

impl Tune {
    /// What a network's bridge is to be; none for most.
    pub fn of(network: &Network) -> Option<Tune> {
        let hub = network.wire.as_ref().map(|wire| wire.hub);
        (hub.is_some() || network.querier).then(|| Tune {
            bridge: network.bridge.clone(),
            hub,
            querier: network.querier,
        })
    }

    /// How long a wire remembers an address, in hundredths of a second: a hub not at all, else Linux's default.
    pub fn ageing_time(hub: bool) -> u64 {
        if hub { 0 } else { 30000 }
    }

    /// A wire carries the frames that bridges keep to themselves, LLDP's among them, but for the three kinds that Linux
    /// never passes on (with spanning tree off it passes on the first of these, too).
    pub const GROUP_FORWARD_MASK: u64 = 0xfff8;

    /// What the bridge is not, in words; none when it is all of it.
    pub fn lacks(&self, bridges: &BTreeMap<String, Bridge>) -> Option<String> {
        let Some(bridge) = bridges.get(&self.bridge) else {
            return Some(format!("its bridge '{}' is not there", self.bridge));
        };
        let wire = (bridge.ageing_time, bridge.group_forward_mask);
        if self
            .hub
            .is_some_and(|hub| wire != (Tune::ageing_time(hub), Tune::GROUP_FORWARD_MASK))
        {
            return Some(format!(
                "its bridge '{}' is no wire: it learns, or keeps frames",
                self.bridge
            ));
        }
        (self.querier && !bridge.querier)
            .then(|| format!("its bridge '{}' asks for no multicast groups", self.bridge))
    }
}

/// What can happen to a network.
#[derive(Clone, Debug)]
pub enum Work {
    /// Define it, with all reservations, and start it.
    Create {
        /// The network.
        network: Box<Network>,
        /// NICs that run, and lost their place when it stopped.
        plug: Vec<LooseNic>,
    },
    /// Start it.
    Start {
        /// The network.
        network: String,
        /// Whether it counts as started, and its bridge is gone.
        again: bool,
        /// What its bridge is made to be, beyond libvirt's words.
        tune: Option<Tune>,
        /// Its bridge.
        bridge: String,
        /// NICs that run, and lost their place when it stopped.
        plug: Vec<LooseNic>,
    },
    /// Make a bridge what libvirt has no words for.
    Tune(Tune),
    /// Start its DHCP and DNS server again.
    Revive(String),
    /// Let it start with the host.
    Autostart(String),
    /// Add and remove entries, one after the other.
    Edit {
        /// The network.
        network: String,
        /// The changes.
        edits: Vec<Edit>,
    },
    /// Change many reservations at once.
    Reserve {
        /// The network.
        network: String,
        /// How.
        bulk: Bulk,
    },
    /// Change the port groups, one after the other.
    Portgroups {
        /// The network.
        network: String,
        /// In their order.
        changes: Vec<portgroup::Change>,
    },
    /// Change its definition; it counts when the network starts the next time.
    Define {
        /// The network.
        network: String,
        /// The new parts.
        definition: Definition,
    },
    /// Give its definition the shape back that somebody changed, and start it again where it runs by that.
    Reshape {
        /// The network.
        network: Box<Network>,
        /// Whether it starts again.
        restart: bool,
    },
    /// Plug running NICs into its bridge.
    Plug {
        /// The bridge.
        bridge: String,
        /// The NICs.
        nics: Vec<LooseNic>,
    },
    /// Stop and undefine it.
    Remove(String),
}

impl Work {
    /// Whether it starts the network.
    pub fn is_start(&self) -> bool {
        matches!(self, Work::Start { .. })
    }

    /// Whether it changes the definition.
    pub fn defines(&self) -> bool {
        matches!(self, Work::Define { .. } | Work::Reshape { .. })
    }

    /// Whether it is about addresses of nodes.
    pub fn is_reservation(&self) -> bool {
        let of_node = |edit: &Edit| matches!(edit.entry, Entry::Host(_));
        match self {
            Work::Reserve { .. } => true,
            Work::Edit { edits, .. } => edits.iter().any(of_node),
            _ => false,
        }
    }
}
