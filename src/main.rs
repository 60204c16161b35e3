//! The `irs` program: parse, run, print the error, exit.
fn main() {}
