//! Handing over to another program: it takes this process's place, so that its exit status, signals and terminal are its own.

use crate::error::{Exit, Fault, FaultContext};
use anyhow::Result;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Puts `command` in this process's place.
///
/// # Errors
/// When it is not installed, or cannot be started.
pub fn to(command: &mut Command, hint: &str) -> Result<Infallible> {
    let program = command.get_program().to_string_lossy().into_owned();
    tracing::info!("handing over to {command:?}");
    let error = command.exec();
    match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("'{program}' is not installed on this machine");
            Err(Fault::new(Exit::Failed, message).hint(hint).into())
        }
        _ => Err(error).fault(|| Fault::new(Exit::Failed, format!("cannot start '{program}'"))),
    }
}
