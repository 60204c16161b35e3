//! irs
pub mod error;
pub mod keys;
pub mod lease;
pub mod outputs;
pub mod remote;
pub mod seed;
pub mod ssh;
pub mod topology;
pub mod ui;
pub mod units;
pub mod workspace;
pub mod yaml;
