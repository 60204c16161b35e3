//! One file per subcommand.

pub mod connection;
pub mod hypervisor;
pub mod list;
pub mod status;
pub mod topology;
pub mod virsh;
