//! One file per subcommand.

pub mod virsh;
