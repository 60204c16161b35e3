//! No core dump of irs: it has passwords in its memory.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Sees to it that a crash leaves no memory on a disk, and that no other process of the user reads it meanwhile; programs
/// that irs starts, or becomes, are as they were.
pub fn none() {
    // Where the kernel does not know it there is nothing else to be done.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
