//! The XML of every built-in file is what libvirt takes: by its schemas, and by its own parser in the test driver.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use irs::topology::files::{Kind, names_of};
use serde_json::Value;
use virt::connect::Connect;

const SCHEMAS: &str = "/usr/share/libvirt/schemas";
const THREE: &str = "undercloud:1,controller:3,compute:2";

/// The node types that a network file has NICs for and that are built in.
fn named_in(network: &str) -> Vec<String> {
    let path = Path::new("topology/network").join(network).with_extension("yml");
    let text = std::fs::read_to_string(path).unwrap();
    let nodes = text.split("\nnodes:\n").nth(1).unwrap_or_default();
    let known = names_of(Kind::Nodes, &[]);
    nodes
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| known.iter().any(|k| k == name))
        .map(str::to_owned)
        .collect()
}

/// Flags of every environment that is looked at.
fn requests() -> Vec<String> {
    let mut requests = Vec::new();
    for node in names_of(Kind::Nodes, &[]) {
        requests.push(format!("--topology-nodes {node}:1 --topology-network 3_nets"));
    }
    for network in names_of(Kind::Network, &[]) {
        requests.push(format!("--topology-nodes {THREE} --topology-network {network}"));
        // One at a time: some pools have an address for one node only.
        for node in named_in(&network) {
            requests.push(format!(
                "--topology-nodes {node}:1 --topology-network {network} --prefix lab1"
            ));
        }
    }
    for flags in [
        "--disk-bus scsi --serial-files --virt-type qemu",
        "--bootmode uefi --virt-type kvm",
        "--net_subnet 77 --data_subnet 78 --prefix a-name-of-some-length",
    ] {
        requests.push(format!(
            "--topology-nodes {THREE} --topology-network 3_nets {flags}"
        ));
    }
    requests
}

/// What `irs topology render` makes of it.
fn rendered(flags: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_irs"))
        .args(["topology", "render", "--format", "json"])
        .args(shlex::split(flags).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{flags}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All of it, side by side.
fn all() -> Vec<(String, Value)> {
    let (requests, next) = (requests(), AtomicUsize::new(0));
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(flags) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let value = rendered(flags);
                    found.lock().unwrap().push((flags.clone(), value));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn xmls<'a>(value: &'a Value, kind: &str) -> impl Iterator<Item = &'a str> {
    value[kind]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["xml"].as_str().unwrap())
}

/// Holds the files against a schema of libvirt's, many with one run of xmllint.
fn validate(schema: &str, files: &[PathBuf]) {
    let output = Command::new("xmllint")
        .args(["--noout", "--relaxng", &format!("{SCHEMAS}/{schema}.rng")])
        .args(files)
        .output()
        .expect("xmllint is there: tests/lab/install");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        said.lines().filter(|l| l.ends_with(" validates")).count(),
        files.len()
    );
}

/// Defines networks and domains in a host of the test driver, which begins empty and ends with the connection.
fn define(folder: &Path, flags: &str, value: &Value) {
    let host = folder.join("host.xml");
    std::fs::write(&host, "<node/>").unwrap();
    let connection = Connect::open(Some(&format!("test://{}", host.display()))).unwrap();
    for xml in xmls(value, "networks") {
        let defined = connection.define_network_xml(xml);
        assert!(defined.is_ok(), "{flags}: {:?}\n{xml}", defined.err());
    }
    for xml in xmls(value, "nodes") {
        let defined = connection.define_domain_xml(xml);
        assert!(defined.is_ok(), "{flags}: {:?}\n{xml}", defined.err());
    }
}

#[test]
fn libvirt_takes_the_xml_of_every_built_in_file() {
    irs::libvirt::quiet();
    let folder = tempfile::tempdir().unwrap();
    let (mut networks, mut nodes) = (Vec::new(), Vec::new());
    for (flags, value) in all() {
        for (kind, files) in [("networks", &mut networks), ("nodes", &mut nodes)] {
            for xml in xmls(&value, kind) {
                let path = folder.path().join(format!("{kind}{}.xml", files.len()));
                std::fs::write(&path, xml).unwrap();
                files.push(path);
            }
        }
        define(folder.path(), &flags, &value);
    }
    validate("network", &networks);
    validate("domain", &nodes);
    // The tool that users have does no more than that.
    for (file, schema) in [(&networks[0], "network"), (&nodes[0], "domain")] {
        let status = Command::new("virt-xml-validate")
            .arg(file)
            .arg(schema)
            .output()
            .unwrap();
        assert!(
            status.status.success(),
            "{}",
            String::from_utf8_lossy(&status.stderr)
        );
    }
}
