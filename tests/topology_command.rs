//! `irs topology`, as a terminal shows it: nothing of it needs a hypervisor.

#![allow(clippy::unwrap_used)]

#[path = "support/terminal.rs"]
#[allow(dead_code)]
mod terminal;

use serde_json::Value;
use std::path::Path;
use terminal::{irs, irs_in};

/// Writes files below a new folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const OWN_NODE: &str =
    "# My own controller.\n{cpu: 1, memory: 1024, disks: {disk1: {size: 10G}, disk2: {size: 10G}}}\n";
const OWN_NETWORK: &str = "# yaml-language-server: $schema=network.schema.json\n# A wire and a way out.
networks:
  net1: {name: lan, forward: nat, ip_address: '10.{{ net }}.{{ lan }}.1', netmask: 24}
  net2: {name: wire}
nodes:
  default: {interfaces: [{network: wire}, {network: lan}], external_network: lan}
";

/// What `irs` prints on stdout; it must succeed.
fn stdout(line: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let output = terminal::output(home.path(), line);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`irs {line}`: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn rendered(line: &str) -> Value {
    serde_json::from_str(&stdout(&format!("topology render {line} --format json"))).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn json_has_exactly_the_documented_keys() {
    let all =
        rendered("--topology-nodes undercloud:1,controller:3,compute:2 --prefix lab --host-address hv1");
    assert_eq!(keys(&all), ["deployment", "networks", "nodes"]);
    assert_eq!(all["deployment"], "lab");
    let networks = all["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 3);
    for network in networks {
        assert_eq!(keys(network), ["bridge", "key", "name", "xml"]);
    }
    assert_eq!(networks[1]["key"], "net2");
    assert_eq!(networks[1]["name"], "lab-management");
    let nodes = all["nodes"].as_array().unwrap();
    let names: Vec<&str> = nodes.iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "lab-undercloud-0",
            "lab-controller-0",
            "lab-controller-1",
            "lab-controller-2",
            "lab-compute-0",
            "lab-compute-1"
        ]
    );
    for node in nodes {
        assert_eq!(
            keys(node),
            [
                "cpus",
                "deploy_os",
                "disks",
                "groups",
                "host",
                "index",
                "interfaces",
                "memory_mib",
                "name",
                "type",
                "xml"
            ]
        );
        assert_eq!(keys(&node["disks"][0]), ["bus", "name", "size_bytes"]);
        assert_eq!(
            keys(&node["interfaces"][0]),
            ["ip", "mac", "model", "network", "portgroup"]
        );
    }
    let controller = &nodes[3];
    assert_eq!(controller["type"], "controller");
    assert_eq!(controller["index"], 2);
    assert_eq!(controller["host"], "hv1");
    assert_eq!(controller["deploy_os"], false);
    assert_eq!(
        controller["disks"][0],
        serde_json::json!({"name": "disk1", "size_bytes": 64_u64 << 30, "bus": "virtio"})
    );
    assert_eq!(controller["interfaces"][0]["ip"], Value::Null);
    assert_eq!(controller["interfaces"][1]["ip"], "172.16.10.5");
}

#[test]
fn the_three_forms_say_the_same() {
    let flags = "--topology-nodes controller:2 -e override.controller.memory=4096 --disk-bus scsi";
    let json = rendered(flags);
    let yaml: Value = serde_yaml::from_str(&stdout(&format!("topology render {flags}"))).unwrap();
    assert_eq!(yaml, json);
    let xml = stdout(&format!("topology render {flags} --format xml"));
    let document = roxmltree::Document::parse(&xml).unwrap();
    let inside: Vec<&str> = document
        .root_element()
        .children()
        .filter(|n| n.is_element())
        .map(|n| n.tag_name().name())
        .collect();
    assert_eq!(inside, ["network", "network", "network", "domain", "domain"]);
    // The same run gives the same XML again.
    assert_eq!(json, rendered(flags));
}

#[test]
fn networks_can_stand_alone() {
    assert_eq!(
        rendered("--topology-network 1_net")["nodes"],
        serde_json::json!([])
    );
}

#[test]
fn a_line_for_virsh_is_checked_as_virsh_does() {
    insta::assert_snapshot!(irs("topology render --topology-nodes contoller:1 --prefix 'a b' --disk-pool x --host-address ''"), @r#"
    ── stderr
    error: 4 problems in the input
    --prefix 'a b' cannot be used: ' ' is not allowed: use letters, digits and hyphens
      hint: e.g. --prefix lab1
    --disk-pool 'x' cannot be used
      hint: it takes an absolute path of letters, digits and . _ - +, e.g. /var/lib/libvirt/images
    --host-address is empty
      hint: name the hypervisor, e.g. --host-address hv1
    --topology-nodes: the node type 'contoller' is not known
      hint: did you mean 'controller'?
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("topology render --format json --topology-nodes controller:x"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "write type:count, as in controller:3",
        "message": "--topology-nodes: 'x' in 'controller:x' is not a number of nodes"
      }
    }
    ── stderr
    error: --topology-nodes: 'x' in 'controller:x' is not a number of nodes
    hint: write type:count, as in controller:3
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("topology render --format dot"), @r#"
    ── stderr
    error: invalid value 'dot' for '--format <FORMAT>'
      [possible values: yaml, json, xml]

    For more information, try '--help'.
    ── exit 2
    "#);
}

#[test]
fn the_list_says_what_files_are_for() {
    let text = stdout("topology list");
    let line = |name: &str| {
        text.lines()
            .find(|line| line.split(' ').next() == Some(name))
            .unwrap()
            .to_owned()
    };
    insta::assert_snapshot!(line("NODE"), @r#"
    NODE TYPE         CPUS  MEMORY  DISKS               FROM      PURPOSE
    "#);
    insta::assert_snapshot!(line("ceph"), @r#"
    ceph              2     6 GiB   46 GiB, 5 x 47 GiB  built-in  A Ceph storage node: one system disk and five for data; provisioned by Ironic.
    "#);
    insta::assert_snapshot!(line("3_nets_ipv4"), @r#"
    3_nets_ipv4                        3: 1 isolated, 2 nat            built-in  The same three networks as 3_nets, without IPv6.
    "#);
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

#[test]
fn files_are_checked() {
    let folder = folder(&[
        ("own/nodes/good.yml", OWN_NODE),
        (
            "own/nodes/stray.yml",
            "cpu: 1\nmemory: 512\ndeploy_os: no\ninterfaces: [{network: wires}]\n",
        ),
        ("own/nodes/no name.yml", OWN_NODE),
        ("own/network/lan.yml", OWN_NETWORK),
        ("own/.git/x.yml", "not looked at"),
        (
            "loose.yml",
            "# By its keys.\nmemory: 1000\ncpu: '<&\"'\ndisks: {disk1: {size: 1G, bus: usb}}\n",
        ),
        ("network.yml", "networks: {net1: {name: a}}\n"),
        ("hosts.yml", "all: {}\n"),
        ("empty/readme.txt", ""),
    ]);
    let shown = |line: &str| irs_in(folder.path(), &format!("topology check {line}"));
    insta::assert_snapshot!(shown("own loose.yml network.yml hosts.yml empty nowhere.yml -e lan=7"), @r#"
    ── stdout
    own/network/lan.yml: networks lan, wire are fine
    own/nodes/good.yml: node type 'good' is fine
    network.yml: network a is fine
    ── stderr
    error: 7 problems in the input
    'empty' has no topology files in it
      hint: they end in .yml or .yaml
    cannot read 'nowhere.yml': No such file or directory (os error 2)
      hint: check the path and who may read it
    own/nodes/no name.yml:2:1: 'no name' is not a good name for a node type
      hint: use letters, digits, '_', '.' and '-', beginning with a letter or digit, at most 60 characters
    loose.yml:3:6: 'cpu' of node 'loose' must be a whole number, not '<&"'
      hint: write a number without a unit, e.g. 4
    loose.yml:4:32: 'bus' of disk 'disk1' of node 'loose' cannot be 'usb'
      hint: it is one of virtio, scsi, sata, ide
    hosts.yml:1:1: this is neither a node file nor a network file
      hint: a node file has cpu: and memory:, a network file has networks:
    own/nodes/stray.yml:4:24: the network 'wires' is not known
      hint: known are data, management, external
    ── exit 2
    "#);
    insta::assert_snapshot!(shown("own/nodes/good.yml network.yml own/nodes/good.yml"), @r#"
    ── stdout
    own/nodes/good.yml: node type 'good' is fine
    network.yml: network a is fine
    ── exit 0
    "#);
    insta::assert_snapshot!(shown("own/nodes/good.yml network.yml --format json"), @r#"
    ── stdout
    {
      "files": [
        {
          "kind": "node",
          "name": "good",
          "path": "own/nodes/good.yml"
        },
        {
          "kind": "network",
          "name": "network",
          "path": "network.yml"
        }
      ]
    }
    ── exit 0
    "#);
    insta::assert_snapshot!(shown("own/network own/nodes/good.yml --format json"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "give it with -e lan=…",
        "message": "own/network/lan.yml:4:64: the variable 'lan' is not defined"
      }
    }
    ── stderr
    error: own/network/lan.yml:4:64: the variable 'lan' is not defined
    hint: give it with -e lan=…
    ── exit 2
    "#);
    insta::assert_snapshot!(shown("own/nodes/good.yml --topology-network network.yml"), @r#"
    ── stderr
    error: network.yml:1:1: the nodes 'good' have no interfaces
    hint: add 'interfaces' to 'nodes: good' or 'nodes: default' of network.yml
    ── exit 2
    "#);
    insta::assert_snapshot!(shown(""), @r#"
    ── stderr
    error: the following required arguments were not provided:
      <FILE>...

    Usage: irs topology check <FILE>...

    For more information, try '--help'.
    ── exit 2
    "#);
}

#[test]
fn the_built_in_files_are_fine_where_they_can_be_made() {
    let repository = std::env::current_dir().unwrap();
    let output = irs_in(
        &repository,
        "topology check topology/nodes/controller.yml topology/network/5_nets.yml",
    );
    insta::assert_snapshot!(output, @r#"
    ── stdout
    topology/nodes/controller.yml: node type 'controller' is fine
    topology/network/5_nets.yml: networks ctlplane, management, external, tenant, storage are fine
    ── exit 0
    "#);
}
