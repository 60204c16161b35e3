//! irs
pub mod error;
pub mod keys;
pub mod outputs;
pub mod seed;
pub mod topology;
pub mod ui;
pub mod units;
pub mod workspace;
pub mod yaml;
