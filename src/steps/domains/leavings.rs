//! What libvirt leaves on the host of a domain that is gone: logs, and without a definition its nvram and its TPM's state.

use super::read::ActualDomain;
use crate::blueprint::Blueprint;
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use crate::steps::host::facts::Facts;
use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// The path of a node's serial log, when it has one.
pub fn serial_log(node: &str) -> String {
    format!("/var/lib/libvirt/qemu/{node}-serial.log")
}

/// Logs by which one can see that a domain ran: their names.
fn logs(name: &str) -> [String; 2] {
    [format!("{name}.log"), format!("{name}-swtpm.log")]
}

/// What goes with a domain. Of domains of others it stays.
pub fn of(domain: &ActualDomain) -> Vec<String> {
    let Some(mark) = &domain.mark else {
        return Vec::new();
    };
    let [log, tpm] = logs(&domain.name);
    let mut files = vec![format!("/var/log/libvirt/qemu/{log}")];
    files.extend(domain.tpm.map(|_| format!("/var/log/swtpm/libvirt/qemu/{tpm}")));
    files.extend(mark.serial_file.clone());
    files.extend(domain.nvram.clone());
    files
}

/// Whether something of that is there now. A node that never ran has left nothing: many of them go without a command each.
pub fn are_there(domain: &ActualDomain, facts: &Facts) -> bool {
    let mark = domain.mark.as_ref();
    let serial = mark.is_some_and(|mark| mark.serial_file.is_some());
    serial || domain.nvram.is_some() || logs(&domain.name).iter().any(|log| facts.has_log(log))
}

/// Removes what is left of nodes that somebody undefined: of those `names` (of all) in the blueprint that no domain has
/// the name of now. Only what libvirt itself calls so is taken.
///
/// # Errors
/// libvirt's, and the command's.
pub fn remove_lost(
    libvirt: &Libvirt,
    host: &Host,
    blueprint: &Blueprint,
    names: Option<&BTreeSet<String>>,
) -> Result<()> {
    let (mut there, mut uuids) = (BTreeSet::new(), BTreeSet::new());
    for domain in libvirt.all_domains()? {
        there.insert(domain.name().context("a domain's name")?);
        uuids.insert(domain.uuid().context("a domain's UUID")?);
    }
    let lost = blueprint.nodes.iter().filter(|node| {
        let wanted = names.is_none_or(|names| names.contains(&node.name));
        wanted && !there.contains(&node.name) && is_file_name(&node.name)
    });
    let lines: String = lost
        .map(|node| match uuids.contains(&node.uuid) {
            true => format!("{}\n", node.name),
            false => format!("{} {}\n", node.name, node.uuid),
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let remove = Cmd::script(include_str!("leavings.sh"), &[]).stdin(lines);
    host.text(&remove)
        .context("removing what is left of nodes that were undefined")?;
    Ok(())
}

/// A file is the host's, whatever was written into it.
fn is_file_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_no_other_folder() {
        for bad in ["", ".", "..", "../x", "a/b", "-a", "a b", "é"] {
            assert!(!is_file_name(bad), "{bad}");
        }
        assert!(is_file_name("a-x.1_2-0"));
    }
}
