//! One file per subcommand.

pub mod connection;
pub mod list;
pub mod topology;
pub mod virsh;
