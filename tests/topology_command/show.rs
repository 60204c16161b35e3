//! `irs topology show`.

use super::terminal::{self, irs_in};
use super::{OWN_NETWORK, OWN_NODE, folder, stdout};

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
