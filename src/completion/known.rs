//! What the workspaces of this machine know from their last run: hypervisors, prefixes, nodes.

use super::Said;
use crate::workspace::{self, INVENTORY, Record, Workspace, choice};
use std::collections::BTreeSet;
use std::io::Read;

/// How many bytes of an inventory are looked at.
const INVENTORY_MAX: u64 = 4 << 20;

/// The workspaces with what their last run noted.
pub(super) fn workspaces() -> Vec<(String, Option<Record>)> {
    let folders = workspace::base().ok().and_then(|base| base.read_dir().ok());
    let names = folders
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir());
    let mut all: Vec<_> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| {
            let record = Workspace::named(&name).ok()?.record().ok().flatten();
            Some((name, record))
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

pub(super) fn records() -> impl Iterator<Item = Record> {
    workspaces().into_iter().filter_map(|(_, record)| record)
}

pub(super) fn hosts(record: &Record) -> Vec<String> {
    record.hosts.iter().map(|host| host.address.clone()).collect()
}

/// The nodes of the environment that is meant: the hosts of its inventory, which every run writes.
pub(super) fn nodes(said: &Said) -> Vec<String> {
    let Ok(choice) = choice::choose(said.prefix.as_deref(), said.workspace.as_deref()) else {
        return Vec::new();
    };
    let mut text = String::new();
    let read = std::fs::File::open(choice.workspace.path().join(INVENTORY))
        .and_then(|file| file.take(INVENTORY_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => hosts_of(&text),
        Err(_) => Vec::new(),
    }
}

/// The nodes without the prefix, for who has begun such a name; each with its full one.
pub(super) fn short_nodes(said: &Said) -> Vec<(String, String)> {
    let choice = choice::choose(said.prefix.as_deref(), said.workspace.as_deref());
    let Some(prefix) = choice.ok().and_then(|choice| choice.prefix()) else {
        return Vec::new();
    };
    let others = nodes(said).into_iter().filter(|name| !said.taken.contains(name));
    let short = |name: String| {
        let short = name.strip_prefix(&prefix)?.strip_prefix('-')?.to_owned();
        Some((short, name))
    };
    others.filter_map(short).collect()
}

/// The hosts of an inventory of irs's that are nodes: those with variables, but for hypervisors and this machine.
fn hosts_of(inventory: &str) -> Vec<String> {
    let group = |name: &str| -> BTreeSet<&str> {
        let heading = format!("[{name}]");
        let lines = inventory.lines().skip_while(|line| *line != heading).skip(1);
        lines.take_while(|line| !line.is_empty()).collect()
    };
    let others: BTreeSet<&str> = group("local").union(&group("hypervisor")).copied().collect();
    let lines = inventory.lines().take_while(|line| !line.starts_with('['));
    let names = lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(' ').next());
    names
        .filter(|name| !name.is_empty() && !others.contains(name))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_those_of_the_inventory() {
        let inventory = "# Written by irs\nlocalhost ansible_connection=local\nhypervisor-0 ansible_host=a\n\
            lab-compute-0 ansible_host=b\n\n[compute]\nlab-compute-0\n\n[hypervisor]\nhypervisor-0\n\n[local]\nlocalhost\n";
        assert_eq!(hosts_of(inventory), ["lab-compute-0"]);
    }
}
