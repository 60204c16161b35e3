//! infrared's own topology files: all of a checkout's when `INFRARED_CHECKOUT` names one, and files of their shapes.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use irs::topology::{Request, Topology, Variables, files, load, selection};
use irs::yaml::Problems;

const VARIABLE: &str = "INFRARED_CHECKOUT";

fn loaded(folder: &Path, nodes: &str, network: &str, net: &str) -> Result<Topology, Problems> {
    let request = Request {
        nodes: selection::parse(nodes).unwrap(),
        network: network.to_owned(),
        dirs: vec![folder.to_owned()],
        image_mirror_url: Some("https://mirror.example".to_owned()),
        ..Request::default()
    };
    let variables = Variables {
        net: net.to_owned(),
        data_net: if net == "0" { "24" } else { "34" }.to_owned(),
        ..Variables::default()
    };
    load(&request, &variables)
}

/// The names in `folder/kind`, infrared's own files alone.
fn names(folder: &Path, kind: files::Kind) -> Vec<String> {
    let mut names: Vec<String> = folder
        .join(kind.folder())
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn is_bgp(name: &str) -> bool {
    name.contains("bgp") || ["leaf", "spine"].contains(&name)
}

/// Loads, or is refused for being a BGP topology and for nothing else.
fn check(name: &str, result: Result<Topology, Problems>) {
    match result {
        Ok(topology) => {
            assert!(!is_bgp(name), "{name} is loaded");
            assert!(
                topology.notes.iter().all(|note| note.contains("is not used")),
                "{name}: {:?}",
                topology.notes
            );
        }
        Err(problems) => {
            assert!(is_bgp(name), "{name}: {problems}");
            assert_eq!(problems.len(), 1, "{name}: {problems}");
            assert!(
                problems
                    .to_string()
                    .contains("BGP topologies are not supported yet")
            );
        }
    }
}

#[test]
fn every_file_of_a_checkout_loads() {
    let Some(checkout) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        eprintln!("{VARIABLE} names no checkout of infrared: nothing is looked at");
        return;
    };
    let folder = checkout.join("plugins/virsh/defaults/topology");
    let networks = names(&folder, files::Kind::Network);
    let nodes = names(&folder, files::Kind::Nodes);
    assert!(networks.len() > 20 && nodes.len() > 40, "{networks:?} {nodes:?}");
    for net in ["0", "10"] {
        for network in &networks {
            check(network, loaded(&folder, "undercloud:1", network, net));
        }
        for node in &nodes {
            check(node, loaded(&folder, &format!("{node}:2"), "3_nets", net));
        }
        check(
            "roles",
            loaded(&folder, "undercloud:1,controller:3,compute:2", "3_nets", net),
        );
    }
}

#[test]
fn bgp_topologies_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["nodes", "network"] {
        std::fs::create_dir(folder.path().join(kind)).unwrap();
    }
    let rack = "name: rack\ncpu: 1\nmemory: 2048\ninterfaces:\n  basic:\n    - [a, b]\nips:\n  basic: [5]\nintrospection_nets:\n  basic: [a]\n";
    std::fs::write(folder.path().join("nodes/rack.yml"), rack).unwrap();
    let fabric = "networks:\n  up:\n    net: 10.0.0.0\n    hypervisor: 10.0.0.1\n  r-s1:\ncidrs:\n  - cidr: 10.0.0.0/8\n";
    std::fs::write(folder.path().join("network/fabric.yml"), fabric).unwrap();
    let said = |nodes, network| {
        loaded(folder.path(), nodes, network, "0")
            .unwrap_err()
            .to_string()
    };
    let ending = "belongs to a BGP topology: BGP topologies are not supported yet";
    let rack = said("rack:2", "3_nets");
    assert!(
        rack.contains(&format!("rack.yml:5:3: the node type 'rack' {ending}")),
        "{rack}"
    );
    let fabric = said("undercloud:1", "fabric");
    assert!(
        fabric.contains(&format!("fabric.yml:2:3: the network file 'fabric' {ending}")),
        "{fabric}"
    );
    let both = said("leaf:2", "bgp_networks");
    assert!(
        both.contains(&format!("--topology-nodes: the node type 'leaf' {ending}")),
        "{both}"
    );
    assert!(
        both.contains(&format!(
            "--topology-network: the topology network 'bgp_networks' {ending}"
        )),
        "{both}"
    );
}
