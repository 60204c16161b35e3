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
                topology
                    .notes
                    .iter()
                    .all(|note| note.contains("is not used") || note.contains("no switch")),
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

/// The shapes of infrared's files, in files of our own.
#[test]
fn files_of_infrareds_shapes_load() {
    let folder = Path::new("tests/topologies/infrared");
    for net in ["0", "10"] {
        for network in names(folder, files::Kind::Network) {
            let topology = loaded(folder, "compute:2,controller:1", &network, net);
            let topology = topology.unwrap_or_else(|problems| panic!("{network}: {problems}"));
            assert_eq!(topology.node_types[0].disks.len(), 2);
            let notes = topology.notes.join("\n");
            assert!(
                notes.contains("compute.yml:8:1: the key 'flavor' is not used"),
                "{notes}"
            );
            let unused = "switched.yml:34:1: the key 'l3appliance_config' is not used";
            assert_eq!(notes.contains(unused), network == "switched", "{notes}");
        }
        let topology = loaded(folder, "switch:1", "switched", net).unwrap_or_else(|p| panic!("{p}"));
        let disk = &topology.node_types[0].disks[0];
        let import = format!("{:?}", disk.import.as_ref().unwrap().source);
        assert!(
            import.contains("\"https://mirror.example/switch.img\""),
            "{import}"
        );
    }
}
