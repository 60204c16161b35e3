//! `known_hosts`: the keys that the hypervisors and nodes must show.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{View, is_literal};

/// The text of the file. The first name of a line is the one that the ssh configuration looks up
/// (`HostKeyAlias`), the others serve those who come another way.
pub(super) fn render(view: &View) -> String {
    let mut text = String::new();
    for (index, host) in view.hosts.iter().enumerate().filter(|(_, host)| !host.local) {
        let address = match host.port {
            22 => host.address.clone(),
            port => format!("[{}]:{port}", host.address),
        };
        let keys: BTreeSet<_> = host.host_keys.iter().map(|key| bare(key)).collect();
        for key in keys {
            let names = match is_literal(&host.address) {
                true => format!("{},{address}", view.alias(index)),
                false => view.alias(index),
            };
            let _ = writeln!(text, "{names} {key}");
        }
    }
    for (node, ip) in view.reachable() {
        let Some(key) = &node.host_public_key else {
            continue;
        };
        let address = ip.to_string();
        let names = match view.is_unique(&address) {
            true => format!("{},{address}", node.name),
            false => node.name.clone(),
        };
        let _ = writeln!(text, "{names} {}", bare(key));
    }
    text
}

fn bare(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}
