//! What each node costs: libvirt calls per node do not grow with the number of nodes, and many addresses at once are one
//! change of a network.

use crate::support::{Lab, Run};
use std::collections::BTreeMap;

/// A small and a larger environment.
const SIZES: [u32; 2] = [4, 24];

/// What a node may cost in each phase, in libvirt calls: a node is a domain with a disk.
const LIMITS: &[(&str, u32)] = &[
    // What is new is not there to be asked.
    ("plan", 0),
    // Pool, volume; definition, autostart; and reading both back.
    ("create", 6),
    // Its definition, and its disk's size.
    ("no-op", 2),
    ("status", 2),
    // Reading both; pool, its state, volume, deletion; domain, its state, removal.
    ("cleanup", 9),
];

/// The calls since the last time, by the number of their procedure.
fn calls(lab: &Lab) -> BTreeMap<u32, u32> {
    let said = lab.calls();
    let one = |line: &str| {
        let (count, procedure) = line.split_once(' ').expect("two numbers");
        (
            procedure.parse().expect("a number"),
            count.parse().expect("a number"),
        )
    };
    said.lines().map(one).collect()
}

fn make(lab: &Lab, nodes: &str, more: &[&str]) -> Run {
    let flags = [
        "--topology-nodes",
        nodes,
        "--virt-type",
        "qemu",
        "--host-memory-overcommit",
        "yes",
        "--format",
        "json",
        "-e",
        "override.ironic.disks.disk1.size=16M",
        "-e",
        "override.diskless.memory=64",
        "-e",
        "override.diskless.cpu=1",
    ];
    lab.virsh(&[&flags[..], more].concat()).ok()
}

/// The calls of each phase in the life of so many nodes.
fn life(lab: &Lab, nodes: u32) -> Vec<BTreeMap<u32, u32>> {
    let nodes = format!("ironic:{nodes}");
    let parked = |more: &[&str]| make(lab, &nodes, &[&["--start", "os"], more].concat());
    calls(lab);
    let phases: [&dyn Fn() -> Run; 5] = [
        &|| parked(&["--dry-run"]),
        &|| parked(&[]),
        &|| parked(&[]),
        &|| lab.on_host(&["status"]).ok(),
        &|| lab.virsh(&["--kill", "--yes"]).ok(),
    ];
    let counted = phases.map(|phase| {
        phase();
        calls(lab)
    });
    counted.into()
}

fn total(calls: &BTreeMap<u32, u32>) -> u32 {
    calls.values().sum()
}

/// The addresses that a network reserves, in its definition and as it runs.
fn reserved(lab: &Lab) -> [usize; 2] {
    [
        &["net-dumpxml", "management"][..],
        &["net-dumpxml", "--inactive", "management"],
    ]
    .map(|args| lab.ask(args).matches("<host ").count())
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_node_costs_the_same_among_few_and_among_many() {
    let lab = Lab::up("scale", &[]);
    calls(&lab);
    let [few, many] = SIZES.map(|nodes| life(&lab, nodes));
    for ((phase, limit), (few, many)) in LIMITS.iter().zip(few.iter().zip(&many)) {
        let grown = total(many) - total(few);
        let allowed = limit * (SIZES[1] - SIZES[0]);
        assert!(
            total(few) > 5 && grown <= allowed,
            "{phase}: {grown} calls for {} nodes more, {limit} each are allowed\n{SIZES:?}: {few:?}\n{many:?}",
            SIZES[1] - SIZES[0]
        );
    }

    // Nodes that come and go while nothing is plugged in: one change of the network, however many they are.
    let one_net = ["--topology-network", "1_net"];
    let parked = |nodes: &str| make(&lab, nodes, &[&one_net[..], &["--start", "os"]].concat());
    let bridge = || {
        lab.enter(&["cat", "/sys/class/net/management/ifindex"])
            .ok()
            .stdout
    };
    parked("diskless:1");
    let first = bridge();
    let said = format!("{:?}", parked("diskless:21").list("changes"));
    assert!(
        said.contains("20 reservations are missing, of diskless-1, diskless-2 and 18 more: it starts again"),
        "{said}"
    );
    assert_eq!(reserved(&lab), [21, 21]);
    let second = bridge();
    assert_ne!(first, second);
    let gone: Vec<String> = (1..21).map(|index| format!("diskless-{index}")).collect();
    lab.virsh(&["--remove-nodes", &gone.join(",")]).ok();
    assert_eq!(reserved(&lab), [1, 1]);
    let third = bridge();
    assert_ne!(second, third);

    // A network in use goes on under its nodes.
    make(&lab, "diskless:1", &one_net);
    let run = make(&lab, "diskless:11", &[&one_net[..], &["--start", "os"]].concat());
    let said = format!("{:?}", run.list("changes"));
    assert!(
        said.contains(
            "10 reservations are missing, of diskless-1, diskless-2 and 8 more, one by one as it is in use"
        ),
        "{said}"
    );
    assert_eq!(reserved(&lab), [11, 11]);
    assert_eq!(bridge(), third, "it was not started again");
    assert_eq!(lab.state_of("diskless-0"), "running");
    assert_eq!(
        make(&lab, "diskless:11", &[&one_net[..], &["--start", "os"]].concat())
            .list("changes")
            .len(),
        0
    );
}
