//! Whether memory and disk are enough for the nodes that are asked for.

use super::{Found, Requirement};
use crate::deployment::Deployment;
use crate::steps::host::check::{Needs, size};
use crate::steps::host::facts;

/// What a node with an OS is commonly given, in bytes; thin disks take less at first.
const NODE_DISK: u64 = 40 << 30;

/// Rows for memory and disk; without nodes, what there is.
pub fn requirements(found: &Found, deployment: Option<&Deployment>, folder: &str) -> Vec<Requirement> {
    let nodes = deployment.map_or(&[][..], |deployment| &deployment.nodes);
    // How large the base images are is known to a run only.
    let needs = Needs::of(nodes.iter(), 0);
    let mut rows = Vec::new();
    let memory = found.lines("memory").find_map(facts::mem_available);
    if let Some(available) = memory {
        let row = Requirement::met(
            "memory",
            format!("{} available", size(available)),
            size(needs.memory),
        );
        rows.push(match () {
            () if nodes.is_empty() => Requirement {
                needed: "what the nodes need: name them with --topology-nodes".into(),
                ..row
            },
            () if needs.memory > available => row.user_does(
                "make the nodes smaller with -e override.TYPE.memory=MIB, or let them share with --host-memory-overcommit yes",
            ),
            () if needs.memory > available / 10 * 8 => row.advised("more than 80% of it will be used"),
            () => row,
        });
    }
    if let Some(free) = facts::disk_available(found.word("disk")) {
        let common = NODE_DISK * needs.with_os;
        let needed = format!(
            "{} at once, {} when the disks are full",
            size(needs.at_once()),
            size(needs.full)
        );
        let row = Requirement::met(
            format!("disk at {folder}"),
            format!("{} free", size(free)),
            needed,
        );
        rows.push(match () {
            () if nodes.is_empty() => Requirement {
                needed: "40 GiB a node with an OS".into(),
                ..row
            },
            () if needs.at_once() > free => {
                row.user_does("free some space there, or choose another folder with --disk-pool")
            }
            // Disks are thin: they fit until they are written to.
            () if needs.full > free || common > free => row.advised(format!(
                "disks are thin, and these may grow beyond what is free; 40 GiB a node with an OS, {} in all, is safe",
                size(common.max(needs.full))
            )),
            () => row,
        });
    }
    rows
}
