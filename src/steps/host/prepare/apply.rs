//! Doing what a requirement lacks.

use super::Work;
use crate::remote::Host;
use anyhow::Result;

/// Does one change.
///
/// # Errors
/// The command's, with its status and the end of its stderr.
pub fn apply(work: &Work, host: &Host) -> Result<()> {
    match work {
        Work::Run(cmd) => host.check(cmd).map(|_| ()),
    }
}
