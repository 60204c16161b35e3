//! YAML with positions: a tree whose every value knows its file, line and column, and the
//! problems found in it, collected instead of stopping at the first.

mod build;
mod fields;
mod problems;
mod source;
mod tree;
mod typed;

pub use build::parse;
pub use fields::Fields;
pub use problems::{Place, Problem, Problems, nearest, shown};
pub use source::{MAX_BYTES, Source};
pub use tree::{Key, Tree, Value};
