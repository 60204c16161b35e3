//! Whose the folders are: what another user laid out beforehand is neither read nor written, as its files name keys, ways and
//! programs.

use crate::error::{Exit, Fault};
use anyhow::Result;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses a workspace that another user could have made, or leads to, from a folder where everybody may write.
///
/// # Errors
/// `Failed`, with the folder that is another's.
pub(super) fn check(workspace: &Path) -> Result<()> {
    let mut trusted = vec![0, rustix::process::geteuid().as_raw()];
    // Who became root by sudo works with files of one's own.
    if trusted[1] == 0 {
        trusted.extend(
            std::env::var("SUDO_UID")
                .ok()
                .and_then(|id| id.parse::<u32>().ok()),
        );
    }
    // By the names that lead there, of which some may be links, and where they lead.
    let real = workspace.canonicalize().ok();
    for path in [Some(workspace), real.as_deref()].into_iter().flatten() {
        for folder in path.ancestors() {
            let Some(above) = folder.parent().and_then(|above| above.metadata().ok()) else {
                continue;
            };
            let Ok(found) = folder.symlink_metadata() else {
                continue;
            };
            if above.mode() & 0o002 != 0 && !trusted.contains(&found.uid()) {
                let message = format!(
                    "'{}' belongs to another user, in a folder where everybody may write",
                    folder.display()
                );
                return Err(Fault::new(Exit::Failed, message)
                    .hint("set IRS_HOME to a folder of your own: a workspace says which keys and programs are used")
                    .into());
            }
        }
    }
    Ok(())
}
