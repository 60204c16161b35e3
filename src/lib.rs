//! irs
pub mod error;
pub mod keys;
pub mod outputs;
pub mod seed;
pub mod ui;
pub mod workspace;
