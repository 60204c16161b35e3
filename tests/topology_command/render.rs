//! `irs topology render`.

use super::stdout;
use super::terminal::irs;
use serde_json::Value;

fn rendered(line: &str) -> Value {
    serde_json::from_str(&stdout(&format!("topology render {line} --format json"))).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn disks_that_name_no_device_keep_the_order_of_the_file() {
    let node = "cpu: 1\nmemory: 64\ndeploy_os: no\ndisks: {a: {size: 1G}, b: {size: 1G, bus: sata}, c: {size: 1G, dev: vda}, d: {size: 1G}}\n";
    let folder = super::folder(&[("nodes/mixed.yml", node)]);
    let devices = |flags: &str| {
        let path = folder.path().display();
        let all = rendered(&format!("--topology-dir {path} --topology-nodes mixed:1 {flags}"));
        let xml = all["nodes"][0]["xml"].as_str().unwrap().to_owned();
        let targets = xml.split("<target dev=\"").skip(1);
        let devices: Vec<String> = targets
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect();
        devices
    };
    assert_eq!(devices(""), ["vdb", "sda", "vda", "vdc"]);
    assert_eq!(devices("--disk-bus scsi"), ["sda", "sdb", "sdc", "sdd"]);
}

#[test]
fn files_of_one_name_share_the_numbers() {
    let all =
        rendered("--topology-nodes undercloud:1,compute_dvr:1,compute:2,tripleo:1 --topology-network 3_nets");
    let nodes: Vec<(&str, &Value, usize)> = all["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let groups = node["groups"].as_array().unwrap();
            (node["name"].as_str().unwrap(), &node["memory_mib"], groups.len())
        })
        .collect();
    assert_eq!(
        nodes,
        [
            ("undercloud-0", &Value::from(24576), 2),
            ("compute-0", &Value::from(6144), 4),
            ("compute-1", &Value::from(8192), 3),
            ("compute-2", &Value::from(8192), 3),
            ("undercloud-1", &Value::from(16384), 2),
        ]
    );
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
        "message": "--topology-nodes: 'x' in 'controller:x' is not a number of nodes",
        "problems": [
          {
            "column": null,
            "file": "--topology-nodes",
            "hint": "write type:count, as in controller:3",
            "line": null,
            "message": "'x' in 'controller:x' is not a number of nodes"
          }
        ]
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
fn empty_variables_of_the_environment_say_nothing() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_irs"))
        .args(["topology", "render"])
        .env_clear()
        .envs([("IRS_PREFIX", ""), ("IRS_TOPOLOGY_NODES", ""), ("IRS_FORMAT", "")])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        stdout("topology render")
    );
}

#[test]
fn a_range_that_is_too_small_is_one_fault() {
    insta::assert_snapshot!(irs("topology render --topology-nodes undercloud:200"), @r"
    ── stderr
    error: network 'management' has no free address for 101 nodes, 'undercloud-99' to 'undercloud-199': 172.16.0.2 to 172.16.0.100 are taken
    hint: widen the network's dhcp range in its topology file
    ── exit 2
    ");
}
