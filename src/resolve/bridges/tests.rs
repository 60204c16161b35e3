//! Which bridges are found, on links as `ip` told them.

use crate::actual::Actual;
use crate::cli::{Cli, Command};
use crate::commands::virsh::spec;
use crate::deployment::{Deployment, Identity, Slot};
use crate::resolve::part::Part;
use crate::resolve::{self, Wanted};
use crate::steps::host::bridges::links::tests::sample;
use crate::topology::{self, Request, Variables, selection};
use crate::yaml::Problems;
use clap::Parser;
use uuid::Uuid;

const ANY_NODE: &str =
    "nodes:\n  default:\n    interfaces: [{network: br1}]\n    external_network: {network: br1}\n";

/// What the defaults of the command line ask for.
fn wanted() -> Wanted {
    let cli = Cli::try_parse_from(["irs", "virsh", "--topology-nodes", "compute:1"]).unwrap();
    let Command::Virsh(args) = cli.command else {
        panic!("not virsh")
    };
    let mut problems = Problems::default();
    let spec = spec::check(&args.image, &args.topology, &args.node, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    spec.wanted
}

/// What a network file gives on a host with the NIC `lan0` and somebody's bridge `br0` over `eth5`.
fn resolved(file: &str) -> Result<Deployment, Problems> {
    resolved_with(file, |_| {})
}

fn resolved_with(file: &str, change: impl Fn(&mut Wanted)) -> Result<Deployment, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.yml");
    std::fs::write(&path, file).unwrap();
    let request = Request {
        nodes: selection::parse("compute:1").unwrap(),
        network: path.display().to_string(),
        ..Request::default()
    };
    let variables = Variables {
        net: "0".into(),
        data_net: "24".into(),
        ..Variables::default()
    };
    let topology = topology::load(&request, &variables)?;
    let id = Identity {
        name: "a".into(),
        prefix: Some("a".into()),
        uuid: Uuid::from_u128(1),
        host: "hv1".into(),
    };
    let mut actual = Actual::default();
    actual.facts.links = sample();
    let slot = Slot {
        net: "0".into(),
        data_net: "24".into(),
    };
    let mut wanted = wanted();
    change(&mut wanted);
    let part = Part::alone(&wanted, &topology, &id, &actual);
    resolve::deployment(&wanted, &topology, slot, &id, &actual, &part)
}

fn refused(networks: &str) -> String {
    let problems = resolved(&format!("networks:\n{networks}{ANY_NODE}"))
        .unwrap_err()
        .to_string();
    problems
        .split_once("net.yml:")
        .map_or(problems.clone(), |(_, rest)| rest.to_owned())
}

#[test]
fn a_network_without_a_nic_is_over_the_main_one() {
    let found = resolved(&format!(
        "networks:\n  net1: {{name: br1, forward: bridge, ip_address: 198.51.100.1, netmask: 24}}\n{ANY_NODE}"
    ))
    .unwrap();
    let [bridge] = &found.bridges[..] else {
        panic!("{:?}", found.bridges)
    };
    assert_eq!((bridge.name.as_str(), bridge.nic.as_str()), ("a-br1", "lan0"));
    assert_eq!(bridge.addresses, ["198.51.100.1/24".parse().unwrap()]);
    let network = &found.networks[0];
    assert_eq!((network.bridge.as_str(), network.ipv4.is_none()), ("a-br1", true));
    let nic = &found.nodes[0].nics[0];
    assert!(nic.lan && nic.bridge.is_none());
}

#[test]
fn somebody_elses_bridge_is_used_as_it_is() {
    let by_name =
        "networks:\n  net1: {name: br0, forward: bridge, nic: lan0, ip_address: 198.51.100.1, netmask: 24}\n";
    let by_nic = "networks:\n  net1: {name: br0x, forward: bridge, nic: eth5, ip_address: 198.51.100.1, netmask: 24}\n";
    for file in [by_name, by_nic] {
        let nodes = ANY_NODE.replace("br1", if file == by_name { "br0" } else { "br0x" });
        let found = resolved(&format!("{file}{nodes}")).unwrap();
        assert_eq!(
            (found.bridges.len(), found.networks[0].bridge.as_str()),
            (0, "br0")
        );
        assert!(
            found.notes[0].contains("as it is, without the address 198.51.100.1/24"),
            "{:?}",
            found.notes
        );
    }
}

#[test]
fn nics_that_cannot_be_taken_are_named() {
    insta::assert_snapshot!(refused("  net1: {name: br1, forward: bridge, nic: lan1}\n"), @r"
    2:3: network 'a-br1' is over the NIC 'lan1', which 'hv1' does not have
      hint: say another with -e override.networks.net1.nic=NIC; did you mean 'lan0'?
    ");
    insta::assert_snapshot!(refused("  net1: {name: br1, forward: bridge, nic: lo}\n"), @r"
    2:3: network 'a-br1' is over 'lo', which is no Ethernet device on 'hv1'
      hint: say another with -e override.networks.net1.nic=NIC; there are lan0
    ");
    insta::assert_snapshot!(refused("  net1: {name: br1, forward: bridge, nic: lan0}\n  net2: {name: br2, forward: bridge}\n"), @r"
    3:3: the networks 'a-br1' and 'a-br2' are both over the NIC 'lan0'
      hint: a NIC is in one bridge only: say another 'nic', or put the nodes' NICs on one of the two networks
    ");
}

#[test]
fn a_nic_is_plugged_into_a_bridge_that_exists() {
    let file = |bridge: &str| {
        format!(
            "networks:\n  net1: {{name: br1, forward: bridge}}\nnodes:\n  default:\n    interfaces:\n      - {{network: br1}}\n      \
             - {{network: br1, bridged: yes}}\n      - {{network: {bridge}, bridged: yes}}\n    external_network: {{network: br1}}\n"
        )
    };
    let found = resolved(&file("br0")).unwrap();
    let bridges: Vec<_> = found.nodes[0]
        .nics
        .iter()
        .map(|nic| nic.bridge.as_deref())
        .collect();
    assert_eq!(bridges, [None, Some("a-br1"), Some("br0")]);
    let problems = resolved(&file("br9")).unwrap_err().to_string();
    let text = problems.split_once("net.yml:").unwrap().1;
    insta::assert_snapshot!(text, @r"
    8:19: a NIC of node 'compute' is plugged into the bridge 'br9', which 'hv1' does not have
      hint: did you mean 'br0'?
    ");
}

#[test]
fn the_mtu_of_an_open_vswitch_bridges_nic_is_left_with_a_word() {
    let file = "networks:\n  net1: {name: br1, forward: bridge, virtualport_type: openvswitch, nic: lan0}\n";
    let found = resolved_with(&format!("{file}{ANY_NODE}"), |wanted| {
        wanted.host_mtu = Some(9000)
    })
    .unwrap();
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("the MTU of its NIC 'lan0' stays as it is, not 9000")),
        "{:?}",
        found.notes
    );
}
