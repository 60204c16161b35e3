//! irs
pub mod error;
pub mod keys;
pub mod seed;
pub mod workspace;
