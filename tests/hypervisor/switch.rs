//! Networks on Open vSwitch, and wires between nodes: traffic through them, drift, nodes that come and go.

use crate::support::{Lab, Run, difference};

const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab_switch/network.yml");
const ARP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab_switch/arp.py");
const SIZES: &[&str] = &[
    "--virt-type",
    "qemu",
    "-e",
    "override.compute={memory: 64, cpu: 1, disks: {disk1: {size: 1G}}}",
    "-e",
    "override.ovsvswitch={memory: 64, cpu: 1, deploy_os: no, disks: {disk1: {size: 1G}}}",
];

/// A run on the network of these tests, or on another file.
fn make(lab: &Lab, nodes: &str, more: &[&str]) -> Run {
    let network = if more.contains(&"--topology-network") {
        &[][..]
    } else {
        &["--topology-network", NETWORK]
    };
    let what = ["--topology-nodes", nodes, "--format", "json"];
    lab.virsh(&[&what, network, SIZES, more].concat())
}

/// What a second run would change.
#[track_caller]
fn left(lab: &Lab, nodes: &str) -> Vec<String> {
    let planned = make(lab, nodes, &["--dry-run"]).ok().list("planned");
    planned.iter().map(|change| change.to_string()).collect()
}

fn sh(lab: &Lab, script: &str) -> String {
    lab.enter(&["sh", "-ec", script]).ok().stdout
}

/// Whether somebody answers for an address, seen from a device in a network namespace of the hypervisor.
fn answers(lab: &Lab, namespace: &str, vlan: u16, target: &str) -> bool {
    let vlan = vlan.to_string();
    let run = lab.enter(&[
        "ip", "netns", "exec", namespace, "python3", ARP, "eth0", &vlan, target,
    ]);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    run.status == Some(0)
}

/// A network namespace with one device, whose other end is `p-NAME`. In the user-space datapath the host's own stack sees
/// the frames of a port, too: it must not answer for its other addresses there.
fn namespace(lab: &Lab, name: &str) {
    sh(
        lab,
        &format!(
            "ip netns add {name}; ip link add p-{name} type veth peer name eth0 netns {name}
             echo 1 >/proc/sys/net/ipv4/conf/p-{name}/arp_ignore
             ip link set p-{name} up; ip netns exec {name} ip link set eth0 up"
        ),
    );
}

/// A guest's NIC on a network: the host's device.
fn tap(lab: &Lab, domain: &str, network: &str) -> Vec<String> {
    let list = lab.ask(&["domiflist", domain]);
    let rows = list
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(2) == Some(&network))
        .map(|row| row[0].to_owned())
        .collect()
}

fn port(lab: &Lab, tap: &str) -> String {
    let columns = [
        "ovs-vsctl",
        "--bare",
        "--columns=tag,trunks,vlan_mode",
        "list",
        "port",
        tap,
    ];
    lab.enter(&columns)
        .ok()
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn vlans_and_wires_are_kept_apart_and_repaired_and_go() {
    let lab = Lab::up("switch-test", &["--default-network", "--openvswitch"]).warm();
    sh(
        &lab,
        "ovs-vsctl add-br stranger -- set bridge stranger datapath_type=netdev",
    );
    let before = lab.snapshot_but_cache();
    let nodes = "compute:2,ovsvswitch:1";

    // A NIC with addresses is not taken, and nothing else is made then.
    sh(
        &lab,
        "ip link add lan0 type veth peer name lan1; ip address add 192.0.2.1/24 dev lan0",
    );
    let nic = ["-e", "override.networks.net1.nic=lan0"];
    let refused = make(&lab, nodes, &nic).exits(2);
    assert!(
        refused.stdout.contains("has the address 192.0.2.1/24"),
        "{}",
        refused.stdout
    );
    sh(&lab, "ip address delete 192.0.2.1/24 dev lan0");

    make(&lab, nodes, &nic).ok();
    assert_eq!(
        make(&lab, nodes, &[&nic[..], &["--dry-run"]].concat())
            .ok()
            .list("planned")
            .len(),
        0
    );
    let ports = sh(&lab, "ovs-vsctl list-ports data");
    assert!(ports.lines().any(|port| port == "lan0"), "{ports}");

    // The guests' ports: libvirt plugged them in by their port groups.
    let [ctl, ten] = &tap(&lab, "compute-0", "data")[..] else {
        panic!("two NICs")
    };
    assert_eq!(port(&lab, ctl), "5 5 10 native-untagged");
    assert_eq!(port(&lab, ten), "10");
    assert_eq!(
        lab.domain("compute-0").all("model", "type")[..2],
        ["virtio", "e1000"]
    );

    // A bridge that nobody made, for NICs that are plugged straight into it.
    assert_eq!(tap(&lab, "ovsvswitch-0", "inter").len(), 2);
    assert!(lab.networks().contains(&"inter".to_owned()));

    vlans(&lab);
    wires(&lab);
    drift(&lab, nodes, &nic);

    // Nodes come and go, and their wires with them.
    make(&lab, "compute:1", &[&nic[..], &["--topology-extend"]].concat()).ok();
    assert_eq!(tap(&lab, "ovsvswitch-0", "comp2ovsv0").len(), 1);
    lab.virsh(&["--remove-nodes", "compute-0"]).ok();
    assert!(!lab.networks().contains(&"comp0ovsv0".to_owned()));
    let kept = ["data", "comp1ovsv0", "comp2ovsv0"];
    assert_eq!(lab.domain("ovsvswitch-0").networks(), kept);

    // While Open vSwitch is silent nothing goes: its bridge would be left for good.
    sh(&lab, "mv /run/openvswitch/db.sock /run/openvswitch/away");
    let silent = lab.virsh(&["--kill"]).exits(4);
    assert!(silent.stderr.contains("does not answer"), "{}", silent.stderr);
    sh(&lab, "mv /run/openvswitch/away /run/openvswitch/db.sock");
    lab.virsh(&["--kill"]).ok();
    sh(
        &lab,
        "ip link delete lan0; for n in a b t c d e; do ip netns delete $n; done",
    );
    let after = lab.snapshot_but_cache();
    assert_eq!(difference(&before, &after), "");
}

/// VLAN 10 and VLAN 20 do not see one another, a trunk sees its VLANs, the native one without a tag.
fn vlans(lab: &Lab) {
    for (name, options) in [
        ("a", "tag=10"),
        ("b", "tag=20"),
        ("t", "tag=5 trunks=5,10 vlan_mode=native-untagged"),
    ] {
        namespace(lab, name);
        sh(lab, &format!("ovs-vsctl add-port data p-{name} {options}"));
    }
    assert!(
        answers(lab, "a", 0, "10.77.0.254"),
        "VLAN 10 reaches the host's port in it"
    );
    assert!(!answers(lab, "b", 0, "10.77.0.254"), "VLAN 20 does not");
    assert!(
        answers(lab, "t", 0, "192.168.24.253"),
        "the native VLAN goes untagged"
    );
    assert!(answers(lab, "t", 10, "10.77.0.254"), "the trunk carries VLAN 10");
    assert!(!answers(lab, "t", 20, "10.77.0.254"), "and no other one");
    sh(lab, "for n in a b t; do ovs-vsctl del-port data p-$n; done");
}

/// Each wire joins two NICs and is a network of its own that forgets addresses at once.
fn wires(lab: &Lab) {
    for node in ["0", "1"] {
        let wire = format!("comp{node}ovsv0");
        let mut ends = [
            tap(lab, &format!("compute-{node}"), &wire),
            tap(lab, "ovsvswitch-0", &wire),
        ]
        .concat();
        ends.sort();
        let ports = sh(lab, &format!("ls -1 /sys/class/net/{wire}/brif"));
        let mut ports: Vec<_> = ports.lines().map(str::to_owned).collect();
        ports.sort();
        assert_eq!(ports, ends);
        assert_eq!(
            sh(lab, &format!("cat /sys/class/net/{wire}/bridge/ageing_time")),
            "0\n"
        );
    }
    for (name, wire) in [("c", "comp0ovsv0"), ("d", "comp0ovsv0"), ("e", "comp1ovsv0")] {
        namespace(lab, name);
        sh(lab, &format!("ip link set p-{name} master {wire}"));
    }
    sh(
        lab,
        "ip netns exec d ip address add 192.0.2.2/24 dev eth0; ip netns exec e ip address add 192.0.2.3/24 dev eth0",
    );
    assert!(answers(lab, "c", 0, "192.0.2.2"), "one wire");
    assert!(!answers(lab, "c", 0, "192.0.2.3"), "another wire");
    sh(lab, "for n in c d e; do ip link set p-$n nomaster; done");
}

/// What others change is found, named and repaired, down to the tags of running guests.
fn drift(lab: &Lab, nodes: &str, nic: &[&str]) {
    let taps = tap(lab, "compute-1", "data");
    sh(
        lab,
        &format!(
            "ovs-vsctl del-port data ten -- set port {} tag=20; ip address delete 192.168.24.253/24 dev ctl5
             ip link set comp0ovsv0 type bridge ageing_time 30000",
            taps[1]
        ),
    );
    let found = left(lab, nodes).join("\n");
    for reason in [
        "it has lost 192.168.24.253/24",
        "no port for 10.77.0.254/24",
        "in VLAN 20, wanted VLAN 10",
        "comp0ovsv0",
    ] {
        assert!(found.contains(reason), "no {reason:?} in\n{found}");
    }
    make(lab, nodes, nic).ok();
    assert_eq!(port(lab, &taps[1]), "10");

    // The bridge itself, under running guests; a port group that the topology changes.
    sh(lab, "ovs-vsctl del-br data");
    let folder = tempfile::tempdir().expect("a folder");
    let changed = folder.path().join("network.yml");
    let text = std::fs::read_to_string(NETWORK).expect("the file");
    std::fs::write(&changed, text.replace("id: 10\n", "id: 11\n")).expect("a file");
    let other = ["--topology-network", changed.to_str().expect("a path")];
    make(lab, nodes, &[&other, nic].concat()).ok();
    assert_eq!(port(lab, &taps[0]), "5 5 11 native-untagged");
    assert_eq!(
        make(lab, nodes, &[&other, nic, &["--dry-run"]].concat())
            .ok()
            .list("planned")
            .len(),
        0
    );
    make(lab, nodes, nic).ok();
    assert_eq!(port(lab, &taps[0]), "5 5 10 native-untagged");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_hypervisor_without_open_vswitch_is_told_before_anything_is_touched() {
    let lab = Lab::up("switch-none", &["--default-network"]).warm();
    let before = lab.snapshot();
    let silent = make(&lab, "compute:1", &[]).exits(4);
    assert!(silent.stdout.contains("does not answer"), "{}", silent.stdout);
    sh(&lab, "mount --bind /dev/null /usr/bin/ovs-vsctl");
    let lacking = make(&lab, "compute:1", &[]).exits(4);
    assert!(
        lacking.stdout.contains("install Open vSwitch"),
        "{}",
        lacking.stdout
    );
    assert_eq!(difference(&before, &lab.snapshot()), "");
}
