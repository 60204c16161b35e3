//! One file per subcommand.

pub mod completion;
pub mod connection;
pub mod hypervisor;
pub mod list;
pub mod man;
pub mod status;
pub mod topology;
pub mod virsh;
