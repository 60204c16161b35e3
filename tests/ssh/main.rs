//! The SSH transport against a real sshd, started by each test on a free port of this machine.

#![allow(clippy::unwrap_used, reason = "a test's own helpers may panic")]

mod accounts;
mod certificates;
mod commands;
mod host_keys;
mod jobs;
mod leases;
mod libvirt;
mod logins;
mod nodes;
mod outputs;
mod passwords;
mod sshd;
mod sudo;
mod uploads;
mod ways;
