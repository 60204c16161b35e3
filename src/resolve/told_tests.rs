//! What nodes are told at their first boot: which NICs they set up, of whom they know, on which bus they read it.

use crate::actual::Actual;
use crate::cli::{Cli, Command};
use crate::commands::virsh::spec;
use crate::deployment::{Deployment, Identity, Slot};
use crate::resolve;
use crate::resolve::part::Part;
use crate::seed::hosts::Hosts;
use crate::steps::domains::template::{Setting, domain};
use crate::topology::disk::Bus;
use crate::topology::{self, Request, Variables, overrides, selection};
use crate::yaml::Problems;
use clap::Parser;
use std::collections::BTreeMap;
use uuid::Uuid;

const NETWORKS: &str = "
networks:
  net1: {name: mgmt, forward: nat, domain: lab.example, mtu: 1400, ip_address: 172.16.0.1, netmask: 255.255.255.0, dhcp: {range: {start: 172.16.0.2, end: 172.16.0.100}}}
  net2: {name: other, forward: nat, ip_address: 10.0.0.1, netmask: 255.255.255.0, dhcp: {range: {start: 10.0.0.2, end: 10.0.0.100}},
    ipv6: {ip_address: '2001:db8::1', prefix: 64, dhcp: {range: {start: '2001:db8::10', end: '2001:db8::20'}}}}
  net3: {name: fixed, forward: nat, domain: other.example, ip_address: 10.1.0.1, netmask: 255.255.255.0}
nodes:
  default: {interfaces: [{network: other}, {network: mgmt}, {network: fixed}], external_network: {network: mgmt}}
";

fn resolved(nodes: &str, over: &[&str]) -> Result<Deployment, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.yml");
    std::fs::write(&path, NETWORKS).unwrap();
    let request = Request {
        nodes: selection::parse(nodes).unwrap(),
        network: path.display().to_string(),
        overrides: overrides::parse(over).unwrap(),
        ..Request::default()
    };
    let topology = topology::load(&request, &Variables::default())?;
    let cli = Cli::try_parse_from(["irs", "virsh", "--topology-nodes", nodes]).unwrap();
    let Command::Virsh(args) = cli.command else {
        panic!("not virsh")
    };
    let mut problems = Problems::default();
    let wanted = spec::check(&args.image, &args.topology, &args.node, &mut problems).wanted;
    let id = Identity {
        name: "default".into(),
        prefix: None,
        uuid: Uuid::from_u128(1),
        host: "hv1".into(),
    };
    let (actual, slot) = (
        Actual::default(),
        Slot {
            net: "0".into(),
            data_net: "24".into(),
        },
    );
    let part = Part::alone(&wanted, &topology, &id, &actual);
    resolve::deployment(&wanted, &topology, slot, &id, &actual, &part)
}

#[test]
fn further_nics_are_left_alone_unless_addresses_are_said() {
    let told = |over: &[&str]| {
        let found = resolved("tester:1", over).unwrap();
        let nics = found.nodes[0].nics.clone();
        nics.iter()
            .map(|nic| {
                let told: Vec<String> = nic.told.iter().map(ToString::to_string).collect();
                format!(
                    "{} dhcp4={} [{}] via {:?} mtu {:?}",
                    nic.network,
                    nic.dhcp4,
                    told.join(" "),
                    nic.gateways,
                    nic.mtu
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(&[]),
        [
            "other dhcp4=false [] via [] mtu None",
            "mgmt dhcp4=true [] via [] mtu Some(1400)",
            "fixed dhcp4=false [] via [] mtu None",
        ]
    );
    // The network reserves it all the same, for whoever asks.
    let found = resolved("tester:1", &[]).unwrap();
    assert_eq!(found.nodes[0].nics[0].reserved.len(), 2);
    assert_eq!(
        told(&["override.tester.ips=[[172.16.0.9, 10.0.0.9, '2001:db8::19']]"]),
        [
            "other dhcp4=false [10.0.0.9/24 2001:db8::19/64] via [] mtu None",
            "mgmt dhcp4=true [] via [] mtu Some(1400)",
            "fixed dhcp4=false [] via [] mtu None",
        ]
    );
    // Where nobody gives addresses the seed says all of it.
    let over = [
        "override.tester.external_network=fixed",
        "override.tester.ips=[10.1.0.7]",
    ];
    let found = resolved("tester:1", &over).unwrap();
    let nic = &found.nodes[0].nics[2];
    assert_eq!(
        (nic.told[0].to_string(), nic.gateways[0].to_string()),
        ("10.1.0.7/24".into(), "10.1.0.1".into())
    );
    assert_eq!(nic.search.as_deref(), Some("other.example"));
}

#[test]
fn each_node_knows_the_others_where_it_reaches_them() {
    let over = [
        "override.controller.external_network=other",
        "override.controller.deploy_os=yes",
        "override.compute.deploy_os=no",
        "override.tester.ips=[[172.16.0.9, 10.0.0.9]]",
    ];
    let found = resolved("tester:1,controller:1,compute:1,undercloud:1", &over).unwrap();
    let lan = BTreeMap::new();
    let hosts = Hosts::new(&found.nodes, &found.networks, &lan);
    let block = |node: &str| hosts.block(node).unwrap();
    // On mgmt, where the first controller has no address.
    assert_eq!(
        block("undercloud-0"),
        "172.16.0.9 tester-0.lab.example tester-0\n10.0.0.2 controller-0\n2001:db8::11 controller-0\n\
         172.16.0.3 compute-0.lab.example compute-0\n172.16.0.4 undercloud-0.lab.example undercloud-0"
    );
    // Both are on 'other', and the tester is told an address there.
    assert!(
        block("controller-0").starts_with("10.0.0.9 tester-0.lab.example tester-0\n"),
        "{}",
        block("controller-0")
    );
    assert_eq!(hosts.block("compute-0"), None, "nobody tells it anything");
    assert_eq!(hosts.full_name("tester-0"), "tester-0.lab.example");
    assert_ne!(
        Hosts::digest(&block("controller-0")),
        Hosts::digest(&block("undercloud-0"))
    );
    // A node whose address nobody knows yet knows itself.
    let mut nodes = found.nodes.clone();
    nodes[3].nics[1].ips.clear();
    let hosts = Hosts::new(&nodes, &found.networks, &lan);
    assert!(
        hosts
            .block("undercloud-0")
            .unwrap()
            .ends_with("127.0.1.1 undercloud-0.lab.example undercloud-0")
    );
    let seen = [("undercloud-0".to_owned(), "192.0.2.7".parse().unwrap())];
    let hosts = Hosts::new(&nodes, &found.networks, &seen.into());
    assert!(
        hosts
            .block("controller-0")
            .unwrap()
            .ends_with("192.0.2.7 undercloud-0.lab.example undercloud-0")
    );
}

#[test]
fn the_seed_is_on_the_bus_of_the_first_disk() {
    let setting = Setting {
        virt_type: "qemu",
        folder: "/pool".into(),
        login_keys: Vec::new(),
    };
    for (disks, expected) in [
        ("{disk1: {size: 9G}}", "dev=\"vdb\" bus=\"virtio\""),
        ("{disk1: {size: 9G, bus: scsi}}", "dev=\"sdb\" bus=\"scsi\""),
        (
            "{disk1: {size: 9G, bus: sata}, disk2: {size: 9G}}",
            "dev=\"sdb\" bus=\"sata\"",
        ),
        ("{disk1: {size: 9G, bus: ide}}", "dev=\"hdb\" bus=\"ide\""),
        (
            "{disk1: {size: 9G, bus: ide}, b: {size: 9G, bus: ide}, c: {size: 9G, bus: ide}, d: {size: 9G, bus: ide}}",
            "dev=\"vda\" bus=\"virtio\"",
        ),
        ("{disk1: {size: 9G, dev: /dev/vdb}}", "dev=\"vda\" bus=\"virtio\""),
    ] {
        let over = format!("{{override: {{tester: {{disks: {disks}}}}}}}");
        let mut found = resolved("tester:1", &[&over]).unwrap();
        let node = found.nodes.remove(0);
        let xml = domain(&node, &found.id, &setting, None).unwrap();
        let (_, seed) = xml.split_once("tester-0-seed.img\"/>").unwrap();
        assert!(
            seed.trim_start().starts_with(&format!("<target {expected}/>")),
            "{disks}: {seed}"
        );
        // QEMU has no ATA disks that are read-only, and libvirt refuses them.
        let (own, _) = seed.split_once("</disk>").unwrap();
        let on_ata = expected.contains("sata") || expected.contains("ide");
        assert_eq!(own.contains("<readonly/>"), !on_ata, "{own}");
        // libvirt boots the lowest device of a bus, unless it is said.
        let lower = disks.contains("vdb");
        assert_eq!(xml.contains("<boot order=\"1\"/>"), lower, "{xml}");
        assert_eq!(
            xml.matches("type=\"scsi\"").count(),
            usize::from(disks.contains("scsi"))
        );
    }
}

#[test]
fn cloud_init_is_for_cloud_init() {
    let over = [
        "override.tester.cloud_init.packages=[tcpdump]",
        "override.tester.customize=libguestfs",
    ];
    let problems = resolved("tester:1", &over).unwrap_err().to_string();
    assert!(
        problems.contains("node 'tester-0' has 'cloud_init'")
            && problems.contains("-e override.tester.cloud_init.packages"),
        "{problems}"
    );
    let found = resolved("tester:1", &over[..1]).unwrap();
    let added = found.nodes[0].cloud_init.clone().unwrap();
    assert_eq!(added.text, r#"{"packages": [tcpdump]}"#);
    // It may have passwords in it.
    assert!(
        !serde_json::to_string(&found.nodes[0])
            .unwrap()
            .contains("tcpdump")
    );
    // A node file of before a choice of bus had its seed on virtio.
    let mut before: serde_json::Value = serde_json::to_value(&found.nodes[0]).unwrap();
    before.as_object_mut().unwrap().remove("seed_bus");
    let node: crate::deployment::Node = serde_json::from_value(before).unwrap();
    assert_eq!(node.seed_bus, Bus::Virtio);
}
