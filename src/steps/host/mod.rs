//! Step 1: the hypervisor itself: what it has, what it lacks, the pools and the deployment's record.

pub mod apply;
pub mod bridges;
pub mod capabilities;
pub mod check;
pub mod diff;
pub mod facts;
pub mod openvswitch;
pub mod pools;
pub mod record;
pub mod virtualization;

use uuid::Uuid;

/// What can happen to the host.
#[derive(Clone, Debug)]
pub enum Work {
    /// Write the deployment's record into its folder, made when missing.
    Record {
        /// The folder.
        folder: String,
        /// What it is to say.
        record: Box<record::Record>,
    },
    /// Define and start a directory pool.
    Pool {
        /// libvirt's name.
        name: String,
        /// Its UUID: for a deployment's pool, the deployment's.
        uuid: Uuid,
        /// The folder, made when missing.
        folder: String,
    },
    /// Something on Open vSwitch.
    OpenVswitch(openvswitch::Work),
    /// Start a pool.
    StartPool(String),
    /// Let a pool start with the host.
    AutostartPool(String),
    /// Stop and undefine a pool; its files stay.
    RemovePool(String),
    /// Stop and undefine a pool of base images, unless a deployment is there again; its files stay.
    RemoveBasePool {
        /// libvirt's name.
        name: String,
        /// The host's UUID, by which deployments' pools are told.
        host: Uuid,
    },
    /// Change a bridge.
    Bridge(bridges::Work),
    /// Remove a deployment's folder with the record and whatever files a killed run left in it.
    RemoveFolder(String),
}

/// The name of the record in a deployment's folder.
pub const RECORD: &str = "record.json";

/// The path of the record in a deployment's folder.
pub fn record_path(folder: &str) -> String {
    format!("{folder}/{RECORD}")
}
