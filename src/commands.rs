//! One file per subcommand.

pub mod topology;
pub mod virsh;
