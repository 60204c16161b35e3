//! The JSON Schemas of topology files are of the same opinion as irs.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use irs::topology::files::{self, Kind};
use irs::topology::single::Reader;
use irs::topology::{Request, Variables, commented, schema};
use serde_json::{Value, json};

/// What the schema of a kind has against documents, by name; those that are fine are not there.
fn faults(kind: Kind, documents: &BTreeMap<String, Value>) -> BTreeMap<String, Vec<String>> {
    let schema: Value = serde_json::from_str(&schema::render(kind)).unwrap();
    // Debian's own interpreter has the package (tests/lab/install).
    let mut python = Command::new("/usr/bin/python3")
        .arg("tests/support/validate.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({ "schema": schema, "documents": documents });
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(given.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "is python3-jsonschema installed? tests/lab/install"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A document as an editor reads it: YAML 1.2, where `yes` is text.
fn document(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn built_in_files_are_valid_as_templates_and_rendered() {
    let request = Request {
        image_mirror_url: Some("https://mirror.example".into()),
        ..Request::default()
    };
    let variables = Variables {
        net: "0".into(),
        data_net: "24".into(),
        ..Variables::default()
    };
    let reader = Reader::new(&request, &variables).unwrap();
    for kind in [Kind::Nodes, Kind::Network] {
        let mut documents = BTreeMap::new();
        for name in files::names_of(kind, &[]) {
            let file = reader
                .named(kind, &name)
                .unwrap_or_else(|problems| panic!("{problems}"));
            documents.insert(format!("{name} rendered"), document(&commented::render(&file)));
            let path = Path::new("topology")
                .join(kind.folder())
                .join(format!("{name}.yml"));
            let text = std::fs::read_to_string(path).unwrap();
            // Blocks on lines of their own are no YAML before they are rendered.
            if !text.contains("{%") {
                documents.insert(name, document(&text));
            }
        }
        assert!(documents.len() > files::names_of(kind, &[]).len());
        assert_eq!(faults(kind, &documents), BTreeMap::new());
    }
}

#[test]
fn what_irs_takes_is_valid() {
    let nodes = [
        (
            "quoted",
            "{cpu: '4', memory: '1024', swap: \"0\", deploy_os: 'no'}",
        ),
        (
            "booleans",
            "{cpu: 4, memory: 1024, deploy_os: No, guest_agent: ON, supports_libguestfs: true}",
        ),
        (
            "templates",
            "{cpu: '{{ cpus }}', memory: '{{ ram | int * 2 }}', deploy_os: '{{ os }}', disks: {disk1: {size: '{{ size }}G', bus: '{{ bus }}'}}}",
        ),
        (
            "nulls",
            "{cpu: 1, memory: 64, swap: ~, disks: ~, interfaces: ~, groups: ~, os: ~}",
        ),
        (
            "sizes",
            "{cpu: 1, memory: 64, disks: {a: {size: 40G}, b: {size: 1.5 TiB}, c: {size: 1073741824}, d: {size: '4096mb'}}}",
        ),
        (
            "infrared's",
            "{cpu: 1, memory: 64, prefix: x, flavor: m1.small, flavor_id: 3, external_network: management}",
        ),
    ];
    let networks = [
        (
            "small",
            "{networks: {net1: {name: lan, forward: nat, ip_address: '10.{{ net }}.0.1', netmask: 24}}}",
        ),
        (
            "mapping",
            "{networks: {net1: {name: 5, forward: {type: nat}, mtu: '9000'}}, nodes: {default: {interfaces: [{network: lan}], external_network: {network: lan}}}}",
        ),
        (
            "infrared's",
            "{networks: {net1: {}}, l3appliance_config: {a: [1]}}",
        ),
    ];
    let all = |list: &[(&str, &str)]| -> BTreeMap<String, Value> {
        list.iter()
            .map(|(name, text)| ((*name).to_owned(), document(text)))
            .collect()
    };
    assert_eq!(faults(Kind::Nodes, &all(&nodes)), BTreeMap::new());
    assert_eq!(faults(Kind::Network, &all(&networks)), BTreeMap::new());
}

#[test]
fn bad_files_are_rejected_where_they_are_bad() {
    let nodes = [
        ("$", "{cpu: 1}"),
        ("$", "{cpu: 1, memory: 512, cpus: 1}"),
        ("$", "[]"),
        ("$.cpu", "{cpu: 0, memory: 512}"),
        ("$.cpu", "{cpu: four, memory: 512}"),
        ("$.cpu", "{cpu: ~, memory: 512}"),
        ("$.memory", "{cpu: 1, memory: 8G}"),
        ("$.deploy_os", "{cpu: 1, memory: 512, deploy_os: maybe}"),
        ("$.groups", "{cpu: 1, memory: 512, groups: tester}"),
        ("$.groups", "{cpu: 1, memory: 512, groups: ['a b']}"),
        ("$.machine_type", "{cpu: 1, memory: 512, machine_type: '<&\"'}"),
        ("$.disks", "{cpu: 1, memory: 512, disks: {disk1: {size: 40X}}}"),
        ("$.disks", "{cpu: 1, memory: 512, disks: {disk1: {}}}"),
        (
            "$.disks",
            "{cpu: 1, memory: 512, disks: {disk1: {size: 1G, bus: usb}}}",
        ),
        (
            "$.interfaces",
            "{cpu: 1, memory: 512, interfaces: [{model: virtio}]}",
        ),
    ];
    let networks = [
        ("$", "{nodes: {}}"),
        ("$.networks", "{networks: {net1: {nme: lan}}}"),
        ("$.networks", "{networks: {net1: {forward: nta}}}"),
        ("$.networks", "{networks: {net1: {mtu: 70000}}}"),
        (
            "$.networks",
            "{networks: {net1: {dhcp: {range: {start: 10.0.0.2}}}}}",
        ),
        ("$.nodes", "{networks: {net1: {}}, nodes: {default: {nics: []}}}"),
    ];
    for (kind, list) in [(Kind::Nodes, &nodes[..]), (Kind::Network, &networks[..])] {
        let documents: BTreeMap<String, Value> = list
            .iter()
            .map(|(_, text)| ((*text).to_owned(), document(text)))
            .collect();
        let found = faults(kind, &documents);
        for (place, text) in list {
            let faults = found
                .get(*text)
                .unwrap_or_else(|| panic!("{text} is taken for good"));
            assert!(faults[0].starts_with(&format!("{place}: ")), "{text}: {faults:?}");
        }
    }
}
