//! Where nodes go, and what each hypervisor's model has of the whole.

use super::*;
use crate::actual::Actual;
use crate::cli::{Cli, Command};
use crate::commands::virsh::spec;
use crate::deployment::{Deployment, Identity, Slot};
use crate::fleet::{Share, shares};
use crate::resolve::part::{Others, Part};
use crate::resolve::{self, Wanted, counts};
use crate::topology::{self, Request, Variables, overrides, selection};
use clap::Parser;
use uuid::Uuid;

const NETWORK: &str = "
networks:
  net1:
    name: inner
    forward: nat
    ip_address: 10.0.0.1
    netmask: 255.255.255.0
    dhcp: {range: {start: 10.0.0.2, end: 10.0.0.101}}
  net2: {name: switch, forward: bridge, virtualport_type: openvswitch, ipv4_address: 192.0.2.1/24}
nodes:
  default: {interfaces: [{network: inner}, {network: switch}], external_network: {network: inner}}
  wired: {interfaces: [{network: inner}, {network: to-compute, bridged: yes, connect_to: compute}], external_network: {network: inner}}
";

fn load(nodes: &str, more: &[&str]) -> Topology {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("net.yml");
    std::fs::write(&network, NETWORK).unwrap();
    std::fs::create_dir(folder.path().join("nodes")).unwrap();
    let wired = "cpu: 1\nmemory: 64\ndeploy_os: no\ndisks: {}\n";
    std::fs::write(folder.path().join("nodes/wired.yml"), wired).unwrap();
    let request = Request {
        nodes: selection::parse(nodes).unwrap(),
        network: network.display().to_string(),
        dirs: vec![folder.path().to_owned()],
        overrides: overrides::parse(more).unwrap(),
        ..Request::default()
    };
    topology::load(&request, &Variables::default()).unwrap()
}

fn wanted() -> Wanted {
    let cli = Cli::try_parse_from(["irs", "virsh", "--topology-nodes", "compute:1"]).unwrap();
    let Command::Virsh(args) = cli.command else {
        panic!("not virsh")
    };
    spec::check(&args.image, &args.topology, &args.node, &mut Problems::default()).wanted
}

fn seats(list: &[(&str, u32)]) -> Vec<Seat> {
    let seat = |(file, index): &(&str, u32)| Seat {
        file: (*file).to_owned(),
        index: *index,
        node_type: (*file).to_owned(),
    };
    list.iter().map(seat).collect()
}

/// Seats the nodes on `a` and `b`, which have these already and so much memory in MiB.
fn seated(
    topology: &Topology,
    there: [&[(&str, u32)]; 2],
    memory: [Option<u64>; 2],
    dealt: &[usize],
    placement: Placement,
) -> Result<(Seating, Counts), Problems> {
    let present: Vec<Seat> = there.iter().flat_map(|list| seats(list)).collect();
    let all = counts::targets(&wanted(), topology, &present, None);
    let hosts: Vec<Host<'_>> = ["a", "b"]
        .into_iter()
        .zip(there)
        .zip(memory)
        .map(|((name, there), memory)| Host {
            name,
            present: seats(there),
            memory: memory.map(|mib| mib * MIB),
        })
        .collect();
    seat(topology, &all, &hosts, dealt, placement).map(|seating| (seating, all))
}

fn shown(seating: &Seating, file: &str) -> Vec<Vec<u32>> {
    seating.of.iter().map(|counts| counts.indexes(file)).collect()
}

const ROOM: [Option<u64>; 2] = [Some(100_000), Some(100_000)];

#[test]
fn new_nodes_are_dealt_by_their_numbers_and_others_stay() {
    let topology = load("compute:5", &[]);
    let of = |there, dealt: &[usize]| {
        let (seating, _) = seated(&topology, there, ROOM, dealt, Placement::RoundRobin).unwrap();
        shown(&seating, "compute")
    };
    assert_eq!(of([&[], &[]], &[0, 1]), [vec![0, 2, 4], vec![1, 3]]);
    assert_eq!(of([&[], &[]], &[1, 0]), [vec![1, 3], vec![0, 2, 4]]);
    assert_eq!(
        of([&[("compute", 1)], &[("compute", 0)]], &[0, 1]),
        [vec![1, 2, 4], vec![0, 3]]
    );
    assert_eq!(of([&[("compute", 1)], &[]], &[1]), [vec![1], vec![0, 2, 3, 4]]);
}

#[test]
fn memory_deals_to_whoever_has_most_left() {
    let topology = load("compute:3", &["override.compute.memory=1000"]);
    let of = |memory| {
        let (seating, _) = seated(&topology, [&[], &[]], memory, &[0, 1], Placement::Memory).unwrap();
        shown(&seating, "compute")
    };
    assert_eq!(of([Some(5000), Some(5000)]), [vec![0, 2], vec![1]]);
    assert_eq!(of([Some(5000), Some(9000)]), [vec![], vec![0, 1, 2]]);
    // Of one that cannot be asked nobody knows.
    assert_eq!(of([Some(5000), None]), [vec![0, 1, 2], vec![]]);
}

#[test]
fn a_host_of_a_node_file_wins_and_must_be_there() {
    let topology = load("compute:2,controller:1", &["override.compute.host=b"]);
    let there: [&[(&str, u32)]; 2] = [&[("compute", 0)], &[]];
    let (seating, _) = seated(&topology, there, ROOM, &[0, 1], Placement::RoundRobin).unwrap();
    assert_eq!(shown(&seating, "compute"), [vec![0], vec![1]]);
    assert_eq!(
        seating.notes,
        ["note: compute-0 lives on 'a' and stays there, though 'host' says 'b'"]
    );
    let lost = left_out("b", &seating.of[1], &[], &topology);
    assert_eq!(
        lost.as_deref(),
        Some("not made, since they are to be on 'b': compute-1")
    );
    let topology = load("compute:1", &["override.compute.host=hv3"]);
    let refused = seated(&topology, [&[], &[]], ROOM, &[0, 1], Placement::RoundRobin).unwrap_err();
    insta::assert_snapshot!(refused, @r"
    1 problem in the input
    -e override.compute.host: the nodes 'compute' are to be on 'hv3', which is none of the hypervisors
      hint: name it with --host-address, too; there are a, b
    ");
}

#[test]
fn wires_and_doubles_between_hypervisors_are_refused() {
    let topology = load("wired:1,compute:2", &[]);
    let refused = seated(&topology, [&[], &[]], ROOM, &[0, 1], Placement::RoundRobin).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains(
            "'wired-0' on 'a' is wired to 'compute-1' on 'b': a wire joins nodes of one hypervisor"
        ),
        "{refused}"
    );
    assert!(
        refused.contains("-e override.wired.host=b -e override.compute.host=b"),
        "{refused}"
    );
    let together = load(
        "wired:1,compute:2",
        &["override.wired.host=b", "override.compute.host=b"],
    );
    let (seating, _) = seated(&together, [&[], &[]], ROOM, &[0, 1], Placement::RoundRobin).unwrap();
    assert_eq!(shown(&seating, "compute"), [vec![], vec![0, 1]]);
    let twice: [&[(&str, u32)]; 2] = [&[("compute", 0)], &[("compute", 0)]];
    let refused = seated(
        &load("compute:1", &[]),
        twice,
        ROOM,
        &[0, 1],
        Placement::RoundRobin,
    )
    .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("node 'compute-0' is on 'a' and on 'b'"),
        "{refused}"
    );
}

/// The models of both hypervisors.
fn models(topology: &Topology) -> Vec<Deployment> {
    let (seating, all) = seated(topology, [&[], &[]], ROOM, &[0, 1], Placement::RoundRobin).unwrap();
    let shares: Vec<Share> = shares(&[None, None]);
    let mut models: Vec<Deployment> = Vec::new();
    for (at, name) in ["a", "b"].into_iter().enumerate() {
        let id = Identity {
            name: "default".into(),
            prefix: None,
            uuid: Uuid::from_u128(at as u128),
            host: name.into(),
        };
        let mut others = Others::default();
        models.iter().for_each(|model| others.note_planned(model));
        others.note_fixed(topology, &seating.of[1 - at], &id);
        let part = Part {
            counts: seating.of[at].clone(),
            all: all.clone(),
            share: shares[at],
            others,
        };
        let slot = Slot {
            net: "0".into(),
            data_net: "24".into(),
        };
        let model = resolve::deployment(&wanted(), topology, slot, &id, &Actual::default(), &part);
        models.push(model.unwrap());
    }
    models
}

#[test]
fn each_model_has_its_part_of_the_addresses() {
    // The second address is one that the first hypervisor would give out by itself.
    let topology = load(
        "compute:4",
        &["override.compute.ips=[[10.0.0.60], [10.0.0.2], [10.0.0.61], [10.0.0.3]]"],
    );
    let fixed = models(&topology);
    let ips = |model: &Deployment| -> Vec<String> {
        let nodes = model.nodes.iter();
        nodes
            .map(|node| format!("{} {}", node.name, node.address().unwrap()))
            .collect()
    };
    assert_eq!(ips(&fixed[0]), ["compute-0 10.0.0.60", "compute-2 10.0.0.61"]);
    assert_eq!(ips(&fixed[1]), ["compute-1 10.0.0.2", "compute-3 10.0.0.3"]);

    let topology = load(
        "compute:3,controller:2",
        &["override.compute.ips=[[10.0.0.60], [10.0.0.2], [10.0.0.61]]"],
    );
    let models = models(&topology);
    assert_eq!(
        ips(&models[0]),
        [
            "compute-0 10.0.0.60",
            "compute-2 10.0.0.61",
            "controller-0 10.0.0.3"
        ]
    );
    assert_eq!(ips(&models[1]), ["compute-1 10.0.0.2", "controller-1 10.0.0.52"]);
    let range = |model: &Deployment| model.networks[0].ipv4.as_ref().unwrap().dhcp.unwrap();
    assert_eq!(range(&models[0]), ([10, 0, 0, 2].into(), [10, 0, 0, 51].into()));
    assert_eq!(range(&models[1]), ([10, 0, 0, 52].into(), [10, 0, 0, 101].into()));
    let own = |model: &Deployment| {
        model.networks[1].switch.as_ref().unwrap().ports[0]
            .addresses
            .len()
    };
    assert_eq!([own(&models[0]), own(&models[1])], [1, 0]);
    let macs: std::collections::BTreeSet<_> = models
        .iter()
        .flat_map(|model| &model.nodes)
        .flat_map(|node| &node.nics)
        .map(|nic| nic.mac)
        .collect();
    assert_eq!(macs.len(), 10);
}
