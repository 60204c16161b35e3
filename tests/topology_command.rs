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
    cannot read 'nowhere.yml': No such file or directory
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

const PICTURED: &str = "--topology-nodes undercloud:1,controller:3,compute:2";

#[test]
fn the_picture_in_the_documents_is_what_irs_draws() {
    let picture = std::fs::read_to_string("docs/3_nets.svg").unwrap();
    assert!(
        picture == stdout(&format!("topology graph {PICTURED} --format svg")),
        "docs/3_nets.svg is out of date: 'just graph' draws it anew"
    );
    let document = roxmltree::Document::parse(&picture).unwrap();
    let texts: Vec<&str> = document.descendants().filter_map(|n| n.text()).collect();
    for text in ["management", "172.16.0.1/24", "controller-2", "172.16.0.5"] {
        assert!(texts.contains(&text), "{text}");
    }
}

#[test]
fn graphs_for_other_programs() {
    insta::assert_snapshot!(stdout("topology graph --topology-nodes controller:2 --topology-network 3_nets_ipv4 --prefix a"), @r##"
    graph "deployment a on local" {
      graph [ranksep=0.4, nodesep=0.15, newrank=true, splines=line];
      node [fontname="monospace", fontsize=10];
      edge [fontname="monospace", fontsize=9];
      r0 [shape=plaintext, label="a-data\nisolated\n192.168.24.254/24"];
      p0_0 [group=g0_0, shape=point, color="#2f7fd3"];
      p1_0 [group=g1_0, shape=point, color="#2f7fd3"];
      { rank=same; r0 -- p0_0 -- p1_0 [color="#2f7fd3", penwidth=4]; }
      r1 [shape=plaintext, label="a-management\nnat\n172.16.10.1/24"];
      p0_1 [group=g0_1, shape=point, color="#d07c1f"];
      p1_1 [group=g1_1, shape=point, color="#d07c1f"];
      { rank=same; r1 -- p0_1 -- p1_1 [color="#d07c1f", penwidth=4]; }
      r2 [shape=plaintext, label="a-external\nnat\n10.0.10.1/24"];
      p0_2 [group=g0_2, shape=point, color="#2a9a58"];
      p1_2 [group=g1_2, shape=point, color="#2a9a58"];
      { rank=same; r2 -- p0_2 -- p1_2 [color="#2a9a58", penwidth=4]; }
      n0 [shape=box, style="rounded,filled", fillcolor="#f3f5f7", label="a-controller-0\n8 CPUs, 32 GiB\n64 GiB, blank"];
      n1 [shape=box, style="rounded,filled", fillcolor="#f3f5f7", label="a-controller-1\n8 CPUs, 32 GiB\n64 GiB, blank"];
      a0_0 [group=g0_0, shape=point, width=0.01, color="#2f7fd3"];
      p0_0 -- a0_0 -- n0 [color="#2f7fd3"];
      a0_1 [group=g0_1, shape=plaintext, label="172.16.10.2", color="#d07c1f"];
      p0_1 -- a0_1 -- n0 [color="#d07c1f"];
      a0_2 [group=g0_2, shape=plaintext, label="10.0.10.2", color="#2a9a58"];
      p0_2 -- a0_2 -- n0 [color="#2a9a58"];
      a1_0 [group=g1_0, shape=point, width=0.01, color="#2f7fd3"];
      p1_0 -- a1_0 -- n1 [color="#2f7fd3"];
      a1_1 [group=g1_1, shape=plaintext, label="172.16.10.3", color="#d07c1f"];
      p1_1 -- a1_1 -- n1 [color="#d07c1f"];
      a1_2 [group=g1_2, shape=plaintext, label="10.0.10.3", color="#2a9a58"];
      p1_2 -- a1_2 -- n1 [color="#2a9a58"];
      { rank=same; a0_0 -- a0_1 -- a0_2 -- a1_0 -- a1_1 -- a1_2 [style=invis]; }
      { rank=same; n0 -- n1 [style=invis]; }
      r0 -- r1 -- r2 -- a0_0 -- n0 [style=invis];
    }
    "##);
    insta::assert_snapshot!(stdout("topology graph --topology-nodes controller:2 --prefix a --format mermaid"), @r#"
    ---
    title: "deployment a on local"
    ---
    flowchart TB
      r0[["a-data<br/>isolated<br/>192.168.24.254/24"]]
      r1[["a-management<br/>nat<br/>172.16.10.1/24"]]
      r2[["a-external<br/>nat<br/>10.0.10.1/24<br/>2620:52:10:13b8::fe/64"]]
      n0["a-controller-0<br/>8 CPUs, 32 GiB<br/>64 GiB, blank"]
      n1["a-controller-1<br/>8 CPUs, 32 GiB<br/>64 GiB, blank"]
      r0 --- n0
      r1 ---|"172.16.10.2"| n0
      r2 ---|"10.0.10.2<br/>2620:52:10:13b8::fe:1"| n0
      r0 --- n1
      r1 ---|"172.16.10.3"| n1
      r2 ---|"10.0.10.3<br/>2620:52:10:13b8::fe:2"| n1
    "#);
    insta::assert_snapshot!(irs("topology graph --format json --topology-nodes controller:1"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "see '--help'",
        "message": "invalid value 'json' for '--format <FORMAT>' [possible values: dot, mermaid, svg]"
      }
    }
    ── stderr
    error: invalid value 'json' for '--format <FORMAT>'
      [possible values: dot, mermaid, svg]

    For more information, try '--help'.
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("--format json topology graph --topology-nodes controller:1"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "use --format dot, mermaid or svg; 'irs topology render' has JSON",
        "message": "a graph cannot be JSON"
      }
    }
    ── stderr
    error: a graph cannot be JSON
    hint: use --format dot, mermaid or svg; 'irs topology render' has JSON
    ── exit 2
    "#);
}

/// What is said, without what comments say of the keys.
fn said(shown: &str) -> String {
    let unsaid = |line: &&str| line.trim_start().starts_with('#') && line.contains("  # ");
    let lines = shown
        .lines()
        .filter(|line| !unsaid(line))
        .map(|line| line.split("  # ").next().unwrap().trim_end());
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

#[test]
fn a_file_is_shown_as_irs_reads_it() {
    let folder = folder(&[
        ("own/nodes/controller.yml", OWN_NODE),
        ("own/nodes/lan.yml", OWN_NODE),
        ("own/nodes/bad.yml", "memory: 5\n"),
        ("own/network/lan.yml", OWN_NETWORK),
        (
            "loose.yml",
            "cpu: 1\nmemory: 512\ndeploy_os: no\nflavor: '<&\": #'\n",
        ),
    ]);
    let shown = |line: &str| irs_in(folder.path(), &format!("topology show {line} --topology-dir own"));
    let controller =
        shown("controller -e override.controller.disks.disk2.size=20G -e override.controller.swap=512");
    assert!(
        controller
            .contains("\nswap: 512                         # swap file (MiB, 0 to 1048576; default 0)\n"),
        "{controller}"
    );
    assert!(
        controller.contains(
            "\n# guest_agent: yes                # the guest agent's channel (boolean; default yes)\n"
        ),
        "{controller}"
    );
    insta::assert_snapshot!(said(&controller), @r#"
    ── stdout
    # My own controller.
    # The node type 'controller', own/nodes/controller.yml.
    cpu: 1
    memory: 1024
    disks:
      disk1:
        size: 10G
      disk2:
        size: 20G
    swap: 512
    ── exit 0
    "#);
    insta::assert_snapshot!(said(&shown("lan --kind network -e lan=9 --net_subnet 3 -e override.networks.net2.domain=lan.test")), @r#"
    ── stdout
    # A wire and a way out.
    # The network file 'lan', own/network/lan.yml.
    networks:
      net1:
        name: lan
        forward: nat
        ip_address: "10.3.9.1"
        netmask: 24
      net2:
        name: wire
        domain: lan.test
    nodes:
      default:
        interfaces:
          - network: wire
          - network: lan
        external_network: lan
    ── exit 0
    "#);
    insta::assert_snapshot!(shown("lan"), @r#"
    ── stderr
    error: 'lan' is a node type and a network file
    hint: say which one: --kind node, or --kind network
    ── exit 2
    "#);
    insta::assert_snapshot!(shown("contoller"), @r#"
    ── stderr
    error: no node type and no network file is called 'contoller'
    hint: did you mean 'controller'?
    ── exit 2
    "#);
    insta::assert_snapshot!(shown("bad"), @r#"
    ── stderr
    error: 3 problems in the input
    own/nodes/bad.yml:1:1: node 'bad' has no 'cpu'
      hint: add the key 'cpu'
    own/nodes/bad.yml:1:1: node 'bad' gets an operating system and has no disk
      hint: add disks: {disk1: {size: 40G}}, or deploy_os: no
    own/nodes/bad.yml:1:9: 'memory' of node 'bad' cannot be 5
      hint: memory is a number of MiB without a unit, from 64: 8192 for 8 GiB
    ── exit 2
    "#);
    insta::assert_snapshot!(shown("lan --kind network --format json -e lan=9"), @r#"
    ── stdout
    {
      "kind": "network",
      "name": "lan",
      "purpose": "A wire and a way out.",
      "source": "own/network/lan.yml",
      "file": {
        "networks": {
          "net1": {
            "name": "lan",
            "forward": "nat",
            "ip_address": "10.0.9.1",
            "netmask": 24
          },
          "net2": {
            "name": "wire"
          }
        },
        "nodes": {
          "default": {
            "interfaces": [
              {
                "network": "wire"
              },
              {
                "network": "lan"
              }
            ],
            "external_network": "lan"
          }
        }
      }
    }
    ── exit 0
    "#);
    insta::assert_snapshot!(said(&shown("loose.yml")), @r#"
    ── stdout
    # The node type 'loose', loose.yml.
    cpu: 1
    memory: 512
    deploy_os: no
    flavor: "<&\": #"
    ── stderr
    note: loose.yml:4:1: the key 'flavor' is not used
    ── exit 0
    "#);
}

#[test]
fn what_is_shown_is_a_file_of_its_own() {
    let folder = folder(&[("own/nodes/.keep", ""), ("own/network/.keep", "")]);
    for (kind, name) in [("nodes", "controller"), ("nodes", "heat"), ("network", "3_nets")] {
        let text = stdout(&format!("topology show {name} --prefix lab"));
        std::fs::write(folder.path().join(format!("own/{kind}/{name}.yml")), text).unwrap();
    }
    let flags = "topology render --topology-nodes controller:1,heat:1 --prefix lab --format json";
    let own = terminal::output(folder.path(), &format!("{flags} --topology-dir own"));
    assert_eq!(String::from_utf8(own.stdout).unwrap(), stdout(flags));
}

#[test]
fn the_help_names_what_can_be_done() {
    insta::assert_snapshot!(irs("topology -h"), @r#"
    ── stdout
    Look at topologies: list, show, check, render and draw them; needs no hypervisor

    Usage: irs topology [OPTIONS] <COMMAND>

    Commands:
      list    Show which node types and network files there are, what they are for and where they come
              from
      show    Show a file as irs reads it: rendered, overridden, with comments on all of its keys
      check   Say everything that is wrong with topology files, with place and hint
      schema  Print the JSON Schema of a kind of topology files, for editors
      render  Resolve nodes and networks as 'irs virsh' would, down to libvirt's XML
      graph   Draw networks as rails and the nodes that hang from them, with their addresses
      help    Print this message or the help of the given subcommand(s)

    Options:
          --format <FORMAT>  How results are printed on stdout; progress and errors go to stderr [env:
                             IRS_FORMAT=] [default: human] [possible values: human, json]
      -v, --verbose...       Tell more: -v what is done, -vv every remote command [env: IRS_VERBOSE=]
      -h, --help             Print help (see more with '--help')
      -V, --version          Print version
    ── exit 0
    "#);
    assert!(irs("topology").contains("exit 2"));
    let schema: Value = serde_json::from_str(&stdout("topology schema node --format json")).unwrap();
    assert_eq!(schema["properties"]["memory"]["anyOf"][0]["minimum"], 64);
    let network = irs::topology::schema::render(irs::topology::files::Kind::Network);
    assert!(stdout("topology schema network") == network);
}
