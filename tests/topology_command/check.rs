//! `irs topology check`.

use super::terminal::irs_in;
use super::{OWN_NETWORK, OWN_NODE, folder};

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
          "path": "own/nodes/good.yml",
          "kind": "node",
          "name": "good"
        },
        {
          "path": "network.yml",
          "kind": "network",
          "name": "network"
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
        "message": "own/network/lan.yml:4:64: the variable 'lan' is not defined",
        "problems": [
          {
            "column": 64,
            "file": "own/network/lan.yml",
            "hint": "give it with -e lan=…",
            "line": 4,
            "message": "the variable 'lan' is not defined"
          }
        ]
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

#[test]
fn a_hostile_path_does_not_steer_the_terminal() {
    let folder = folder(&[("a\n\u{1b}[31m.yml", OWN_NETWORK)]);
    insta::assert_snapshot!(irs_in(folder.path(), "topology check . -e lan=7"), @r"
    ── stdout
    ./a??[31m.yml: networks lan, wire are fine
    ── exit 0
    ");
    let shown = irs_in(folder.path(), "topology show './a\n\u{1b}[31m.yml' -e lan=7");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert!(!shown.contains("\n[31m"), "{shown}");
}

#[test]
fn the_image_mirror_has_a_flag() {
    let node = "cpu: 1\nmemory: 512\ndisks: {disk1: {size: 1G, import_url: '{{ provision.image.mirror.url }}/x.qcow2'}}\n";
    let folder = folder(&[("nodes/x.yml", node)]);
    insta::assert_snapshot!(irs_in(folder.path(), "topology check nodes --image-mirror-url ftp://m"), @r"
    ── stderr
    error: --image-mirror-url 'ftp://m' is no http:// or https:// URL
    hint: e.g. --image-mirror-url https://mirror.example/images
    ── exit 2
    ");
    let shown = irs_in(
        folder.path(),
        "topology show ./nodes/x.yml --format json --image-mirror-url http://m",
    );
    assert!(shown.contains("\"import_url\": \"http://m/x.qcow2\""), "{shown}");
}
