//! irs
pub mod error;
pub mod seed;
