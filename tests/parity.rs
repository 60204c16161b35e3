//! The built-in files against tables of what infrared's files of the same names come to.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use irs::topology::files::{Kind, names_of};
use irs::topology::{
    Bus, Cache, InterfaceSpec, NetworkSpec, NodeType, Portgroup, Preallocation, Request, Topology, Variables,
    load,
};
use irs::units::format_size;

/// `net` and `data_net` without a prefix, and others, which show where the files use them.
const SUBNETS: (&str, &str) = ("0", "24");
const OTHERS: (&str, &str) = ("21", "17");

fn loaded(nodes: &[&str], network: &str, (net, data_net): (&str, &str)) -> Topology {
    let request = Request {
        nodes: nodes.iter().map(|name| ((*name).to_owned(), 1)).collect(),
        network: network.to_owned(),
        image_mirror_url: Some("http://mirror.example".to_owned()),
        ..Request::default()
    };
    let variables = Variables {
        net: net.to_owned(),
        data_net: data_net.to_owned(),
        ..Variables::default()
    };
    load(&request, &variables).unwrap_or_else(|problems| panic!("{nodes:?} on {network}: {problems}"))
}

/// The lines of a table, without its comments.
fn lines(table: &str) -> Vec<String> {
    let known = |line: &&str| !line.is_empty() && !line.starts_with('#');
    table.lines().filter(known).map(str::to_owned).collect()
}

fn disks(node: &NodeType) -> String {
    let shown = node.disks.iter().map(|disk| {
        let mut text = format!(
            "{}:{}",
            disk.key.trim_start_matches("disk"),
            format_size(disk.size_bytes).replace(" GiB", "G")
        );
        assert_eq!(disk.cache, Cache::Unsafe);
        if disk.preallocation != Preallocation::Metadata {
            let _ = write!(text, " {}", disk.preallocation.as_str());
        }
        if let Some(bus) = disk.bus {
            assert_eq!(bus, Bus::Ide);
            let _ = write!(text, " {}", bus.as_str());
        }
        if disk.import.is_some() {
            text += " image";
        }
        text
    });
    match shown.collect::<Vec<_>>() {
        none if none.is_empty() => "none".to_owned(),
        some => some.join(", "),
    }
}

/// What a node type has that most have not.
fn extras(node: &NodeType, own_nics: bool) -> String {
    let mut extras = Vec::new();
    let mut add = |unusual: bool, text: String| extras.extend(unusual.then_some(text));
    add(node.name != node.file_name, format!("name {}", node.name));
    add(
        node.cpumodel.to_string() != "host-passthrough",
        format!("cpumodel {}", node.cpumodel),
    );
    let os = (node.os_type.as_str(), node.os_variant.as_str());
    add(os != ("linux", "rhel7.0"), format!("os {}/{}", os.0, os.1));
    add(!node.supports_libguestfs, "no libguestfs".to_owned());
    add(node.import.is_some(), "image of its own".to_owned());
    let (user, connection) = (&node.ssh_user, &node.ansible_connection);
    add(
        user.is_some(),
        format!("ssh_user {}", user.as_deref().unwrap_or_default()),
    );
    add(
        connection.is_some(),
        format!("ansible_connection {}", connection.as_deref().unwrap_or_default()),
    );
    add(own_nics, format!("nics {}", wiring(node).replace(" + ", "+")));
    extras.sort();
    match extras.is_empty() {
        true => "as usual".to_owned(),
        false => extras.join(", "),
    }
}

#[test]
fn node_types_are_those_of_the_table() {
    let table = lines(include_str!("parity/nodes.txt"));
    let known: BTreeSet<String> = table
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(known, names_of(Kind::Nodes, &[]).into_iter().collect());
    for line in table {
        let name = line.split(' ').next().unwrap();
        let node = &loaded(&[name], "3_nets", SUBNETS).node_types[0];
        // Where the others are reached through 'external', it still says its own.
        let own = wiring(&loaded(&[name], "split_nets", SUBNETS).node_types[0]);
        let own = own.starts_with("data + management + external via management");
        let shown = [
            name.to_owned(),
            node.cpu.to_string(),
            node.memory_mib.to_string(),
            disks(node),
            (if node.deploy_os { "os" } else { "blank" }).to_owned(),
            node.groups.join(" "),
            extras(node, own),
        ];
        assert_eq!(shown.join(" | "), line);
        assert!(node.guest_agent && node.swap_mib == 0 && node.machine_type.is_none());
    }
}

fn nic(interface: &InterfaceSpec) -> String {
    let mut text = interface.network.clone();
    if let Some(portgroup) = &interface.portgroup {
        let _ = write!(text, ":{portgroup}");
    }
    match &interface.connect_to {
        Some(_) => text += "@switch",
        None if interface.bridged => text += "@host",
        None => {}
    }
    if let Some(model) = &interface.model {
        let _ = write!(text, " {model}");
    }
    text
}

fn wiring(node: &NodeType) -> String {
    let nics: Vec<String> = node.interfaces.iter().map(nic).collect();
    let mut text = nics.join(" + ");
    if let Some(network) = &node.external_network {
        let _ = write!(text, " via {network}");
    }
    if let Some(network) = &node.provision_network {
        let _ = write!(text, " from {network}");
    }
    text
}

fn portgroup(group: &Portgroup) -> String {
    let vlans: Vec<String> = group
        .vlans
        .iter()
        .map(|vlan| format!("{}{}", vlan.id, if vlan.native { "n" } else { "" }))
        .collect();
    let default = if group.default { "*" } else { "" };
    match group.trunk {
        true => format!("{}:trunk[{}]{default}", group.name, vlans.join(",")),
        false => format!("{}:vlan{}{default}", group.name, vlans.join(",")),
    }
}

fn network(spec: &NetworkSpec) -> String {
    let mut parts = vec![format!(
        "  {}: {}",
        spec.name,
        spec.forward.mode().unwrap_or("isolated")
    )];
    parts.extend(spec.nic.as_ref().map(|nic| format!("nic {nic}")));
    parts.extend(spec.virtualport_type.clone());
    if !spec.portgroups.is_empty() {
        let groups: Vec<String> = spec.portgroups.iter().map(portgroup).collect();
        parts.push(format!("portgroups {}", groups.join(" ")));
    }
    parts.extend(spec.ip_address.map(|ip| format!("{ip}/{}", spec.prefix_len)));
    parts.extend(spec.dhcp.map(|r| format!("dhcp {} to {}", r.start, r.end)));
    parts.extend(
        spec.floating_ip
            .map(|r| format!("floating {} to {}", r.start, r.end)),
    );
    if let Some(six) = &spec.ipv6 {
        let dhcp = six.dhcp.map(|r| format!(" dhcp6 {} to {}", r.start, r.end));
        parts.push(format!(
            "{}/{}{}",
            six.address,
            six.prefix_len,
            dhcp.unwrap_or_default()
        ));
    }
    let host = spec
        .ipv6_address
        .as_ref()
        .map(|ip| ip.parse::<ipnet::IpNet>().unwrap());
    parts.extend(host.map(|ip| format!("host {ip}")));
    parts.join("; ")
}

/// The lines of a file of the table for these variables.
fn lines_of(block: &[String], (net, data_net): (&str, &str)) -> Vec<String> {
    let next = (net.parse::<u8>().unwrap() + 1).to_string();
    block
        .iter()
        .map(|line| {
            line.replace("DATA_NET", data_net)
                .replace("NET1", &next)
                .replace("NET", net)
        })
        .collect()
}

fn shown(file: &str, block: &[String], subnets: (&str, &str)) -> Vec<String> {
    let entries = block.iter().filter_map(|line| line.trim().split_once(" -> "));
    let mut shown = Vec::new();
    for (entry, _) in entries.clone() {
        let name = if entry == "default" { "database" } else { entry };
        // Wires need a switch at their other end.
        let switch = entries.clone().any(|(e, _)| e == "ovsvswitch") && entry != "ovsvswitch";
        let names = [&[name][..], if switch { &["ovsvswitch"] } else { &[] }].concat();
        let topology = loaded(&names, file, subnets);
        if shown.is_empty() {
            shown.extend(topology.networks.iter().map(network));
        }
        shown.push(format!("  {entry} -> {}", wiring(&topology.node_types[0])));
    }
    shown
}

#[test]
fn networks_are_those_of_the_table() {
    let table = lines(include_str!("parity/networks.txt"));
    let starts: Vec<usize> = (0..table.len()).filter(|i| !table[*i].starts_with(' ')).collect();
    let files: BTreeSet<String> = starts.iter().map(|i| table[*i].clone()).collect();
    assert_eq!(files, names_of(Kind::Network, &[]).into_iter().collect());
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(table.len());
        let (file, block) = (&table[*start], &table[start + 1..end]);
        assert_eq!(shown(file, block, SUBNETS), lines_of(block, SUBNETS), "{file}");
        // What the table has fixed may follow a prefix too: two environments then do not collide.
        let others = shown(file, block, OTHERS);
        for ((line, raw), other) in lines_of(block, OTHERS).iter().zip(block).zip(&others) {
            let four = |line: &str| line.split("; 2").next().unwrap_or_default().to_owned();
            assert!(
                !raw.contains("NET") || four(line) == four(other),
                "{file}: {other}"
            );
        }
    }
}
