//! The `irs` program: parse, run, print the error, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    irs::run()
}
