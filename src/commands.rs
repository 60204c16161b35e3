//! One file per subcommand.

pub mod ansible;
pub mod cleanup;
pub mod completion;
pub mod connection;
pub mod console;
pub mod doctor;
pub mod forward;
mod hand_over;
pub mod hypervisor;
pub mod image;
pub mod inventory;
pub mod list;
pub mod live;
pub mod man;
mod nowhere;
pub mod power;
pub mod ssh;
pub mod ssh_config;
pub mod status;
pub mod topology;
pub mod virsh;
pub mod vnc;
pub mod workspace;
