//! One file per subcommand.

pub mod connection;
pub mod list;
pub mod status;
pub mod topology;
pub mod virsh;
