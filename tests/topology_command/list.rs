//! `irs topology list`.

use super::terminal::irs_in;
use super::{OWN_NETWORK, OWN_NODE, folder, stdout};
use serde_json::Value;
use std::path::Path;

#[test]
fn the_list_says_what_files_are_for() {
    let text = stdout("topology list");
    let line = |name: &str| {
        text.lines()
            .find(|line| line.split(' ').next() == Some(name))
            .unwrap()
            .to_owned()
    };
    insta::assert_snapshot!(line("NODE"), @"NODE TYPE         CPUS  MEMORY  DISKS               FROM      PURPOSE");
    insta::assert_snapshot!(line("ceph"), @"ceph              2     6 GiB   46 GiB, 5 x 47 GiB  built-in  A Ceph storage node: one system disk and five for data; provisioned by Ironic.");
    insta::assert_snapshot!(line("3_nets_ipv4"), @"3_nets_ipv4                        3: 1 isolated, 2 nat            built-in  The same three networks as 3_nets, without IPv6.");
    let all: Value = serde_json::from_str(&stdout("topology list --format json")).unwrap();
    for (kind, of) in [("nodes", "nodes"), ("networks", "network")] {
        let files = Path::new("topology").join(of).read_dir().unwrap().count();
        let entries = all[kind].as_array().unwrap();
        assert_eq!(entries.len(), files);
        for entry in entries {
            assert!(entry["purpose"].as_str().unwrap().ends_with('.'), "{entry}");
        }
    }
    let controller = all["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["name"] == "controller")
        .unwrap();
    assert_eq!(controller["memory_mib"], 32768);
    assert_eq!(controller["source"], "built-in:nodes/controller.yml");
}

#[test]
fn the_list_has_files_of_ones_own_and_points_at_broken_ones() {
    let folder = folder(&[
        ("own/nodes/controller.yml", OWN_NODE),
        ("own/nodes/bad.yml", "cpus: 1\n"),
        ("own/network/lan.yaml", OWN_NETWORK),
    ]);
    let text = irs_in(folder.path(), "topology list --topology-dir own -e lan=7");
    let own: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("own/") || line.contains("exit"))
        .collect();
    insta::assert_snapshot!(own.join("\n"), @r#"
    bad               broken                              own/nodes/bad.yml
    controller        1       1 GiB   2 x 10 GiB          own/nodes/controller.yml  My own controller.
    lan                                2: 1 nat, 1 isolated            own/network/lan.yaml  A wire and a way out.
    warning: 'own/nodes/bad.yml' is broken: see 'irs topology check own/nodes/bad.yml'
    ── exit 0
    "#);
}
