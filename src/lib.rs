//! irs
pub mod error;
