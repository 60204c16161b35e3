//! The loader, on the built-in files and on overrides. Files of users are in `tests/topologies`.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use irs::topology::{Request, Topology, Variables, files, load, overrides, selection};
use irs::yaml::Problems;

fn folder(name: &str) -> PathBuf {
    Path::new("tests/topologies").join(name)
}

fn variables(net: &str, data_net: &str) -> Variables {
    Variables {
        net: net.to_owned(),
        data_net: data_net.to_owned(),
        ..Variables::default()
    }
}

fn request(nodes: &str, network: &str) -> Request {
    Request {
        image_mirror_url: Some("https://mirror.example".to_owned()),
        nodes: selection::parse(nodes).unwrap(),
        network: network.to_owned(),
        ..Request::default()
    }
}

fn loaded(request: &Request) -> Topology {
    load(request, &variables("0", "24")).unwrap_or_else(|problems| panic!("{problems}"))
}

fn shown(result: Result<Topology, Problems>) -> String {
    result.expect_err("nothing is wrong").to_string()
}

#[test]
fn every_built_in_file_resolves() {
    for network in files::names_of(files::Kind::Network, &[]) {
        loaded(&request("undercloud:1,controller:3,compute:2", &network));
        for net in ["10", "250"] {
            let request = request("undercloud:1", &network);
            load(&request, &variables(net, "34")).unwrap_or_else(|problems| panic!("{network}: {problems}"));
        }
    }
    for node in files::names_of(files::Kind::Nodes, &[]) {
        let topology = loaded(&request(&format!("{node}:1"), "3_nets"));
        assert_eq!(topology.notes, Vec::<String>::new());
        if !["undercloud", "controller", "compute"].contains(&node.as_str()) {
            loaded(&request(
                &format!("undercloud:1,controller:3,compute:2,{node}:1"),
                "3_nets",
            ));
        }
    }
}

#[test]
fn built_in_files_say_what_they_are_for() {
    for kind in ["nodes", "network"] {
        for entry in Path::new("topology").join(kind).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with("# ") && text.lines().next().unwrap().ends_with('.'),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn the_default_environment_is_infrareds() {
    let topology = loaded(&request("undercloud:1,controller:3,compute:2", "3_nets"));
    let mut text = String::new();
    for n in &topology.networks {
        let v6 = n
            .ipv6
            .as_ref()
            .map(|v| format!("{}/{} {:?}", v.address, v.prefix_len, v.dhcp));
        let _ = writeln!(
            text,
            "{} {:?} {:?}/{} {:?} {:?} {:?}",
            n.name, n.forward, n.ip_address, n.prefix_len, n.dhcp, n.floating_ip, v6
        );
    }
    for t in &topology.node_types {
        let disks: Vec<String> = t
            .disks
            .iter()
            .map(|d| {
                format!(
                    "{}:{}",
                    d.dev.as_deref().unwrap_or("-"),
                    irs::units::format_size(d.size_bytes)
                )
            })
            .collect();
        let nics: Vec<&str> = t.interfaces.iter().map(|i| i.network.as_str()).collect();
        let _ = writeln!(
            text,
            "{} x{} {} cpu {} MiB os={} {disks:?} {nics:?} via {:?} {:?}",
            t.name, t.count, t.cpu, t.memory_mib, t.deploy_os, t.external_network, t.groups
        );
    }
    insta::assert_snapshot!("default", text);
}

#[test]
fn overrides_reach_nodes_and_networks() {
    let mut wanted = request("undercloud:1,controller:1", "3_nets");
    wanted.overrides = overrides::parse(&[
        "override.controller.memory=2048",
        "override.controller.disks.disk1.size=10G",
        "override.networks.net2.ip_address=172.16.{{ net }}.254",
        "override.networks.net4={name: extra, forward: nat}",
        "override.nodes.default.external_network.network=external",
    ])
    .unwrap();
    let topology = loaded(&wanted);
    assert_eq!(topology.node_types[1].memory_mib, 2048);
    assert_eq!(topology.node_types[1].disks[0].size_bytes, 10 << 30);
    assert_eq!(
        topology.node_types[1].external_network.as_deref(),
        Some("external")
    );
    assert_eq!(
        topology
            .network("management")
            .unwrap()
            .ip_address
            .unwrap()
            .to_string(),
        "172.16.0.254"
    );
    assert!(topology.network("extra").is_some());
}

#[test]
fn an_override_may_add_an_entry_of_nodes() {
    let mut wanted = request("undercloud:1,controller:1", "3_nets");
    wanted.overrides = overrides::parse(&[
        "override.nodes.controller={interfaces: [{network: data}, {network: external}]}",
        "override.nodes.compute.external_network=data",
        "colour=red",
    ])
    .unwrap();
    let topology = loaded(&wanted);
    assert_eq!(topology.node_types[1].interfaces.len(), 2);
    assert_eq!(
        topology.notes,
        ["variables that no file mentions are not used: colour"]
    );
}

#[test]
fn overrides_that_match_nothing_are_errors() {
    let mut wanted = request("undercloud:1,controller:1", "3_nets");
    wanted.overrides = overrides::parse(&[
        "override.contoller.memory=2048",
        "override.controller.memeory=30720",
        "override.controller.cpu=many",
        "override.networks.net7.ip_address=10.0.0.3",
        "override.networks.management.ip_address=10.0.0.3",
        "net=5",
    ])
    .unwrap();
    insta::assert_snapshot!(
        "overrides",
        load(&wanted, &variables("0", "24")).unwrap_err().to_string()
    );
}

#[test]
fn what_is_not_there_is_explained() {
    let mut text = String::new();
    for (nodes, network) in [
        ("contoller:1,zebra:1,undercloud:1", "3_nests"),
        ("ceph:1", "tests/topologies/missing.yml"),
        ("undercloud:1", "../../etc"),
    ] {
        let _ = writeln!(
            text,
            "# {nodes} {network}\n{}\n",
            shown(load(&request(nodes, network), &variables("0", "24")))
        );
    }
    let mut wanted = request("undercloud:1", "3_nets");
    wanted.dirs = vec!["tests".into()];
    let _ = writeln!(text, "# folder\n{}", shown(load(&wanted, &variables("0", "24"))));
    insta::assert_snapshot!("missing", text);
}

#[test]
fn folders_come_first_and_documented_names_work() {
    let mut wanted = request("controller:1", "3_net_ipv4");
    assert_eq!(loaded(&wanted).networks.len(), 3);
    wanted.network = "3_net_1_bridge".to_owned();
    assert_eq!(loaded(&wanted).networks.len(), 4);
    wanted.network = "topology/network/3_nets.yml".to_owned();
    wanted.dirs = vec![folder("invalid"), folder("valid")];
    wanted.nodes = vec![("undercloud".to_owned(), 1), ("own".to_owned(), 2)];
    let topology = loaded(&wanted);
    assert_eq!(topology.node_types[1].memory_mib, 1024);
    assert_eq!(topology.networks.len(), 3);
}
