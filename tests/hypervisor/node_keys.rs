//! Every key of node files and the flags beside them on real libvirt: what is made, that a second run finds nothing to
//! do, what changes, what is refused, and that nothing is left. Nodes without an operating system, and one with an
//! image that takes no customisation, so that no guest has to boot.

mod disks;
mod firmware;
mod images;
mod kinds;
mod options;

use std::path::Path;

use crate::support::{Lab, Run, RunExt, difference};

const NETWORK: &str = "
networks:
  net1: {name: management, forward: nat, ip_address: 172.16.0.1, netmask: 255.255.255.0, dhcp: {range: {start: 172.16.0.2, end: 172.16.0.100}}}
nodes:
  default: {interfaces: [{network: management}], external_network: {network: management}}
";
const RUN: &[&str] = &["--virt-type", "qemu", "--topology-network", "plain"];

/// A folder of topology files, whose nodes may name this folder and an address of files.
struct Files<'a> {
    folder: &'a Path,
    url: String,
}

impl Files<'_> {
    fn write(&self, name: &str, text: &str) {
        let folder = self.folder.display().to_string();
        let text = text.replace("FOLDER", &folder).replace("URL", &self.url);
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        std::fs::write(path, text).expect("the file");
    }

    fn run(&self, lab: &Lab, nodes: &str, flags: &[&str]) -> Run {
        let folder = self.folder.display().to_string();
        let what = ["--topology-dir", &folder, "--topology-nodes", nodes];
        lab.virsh(&[RUN, &what[..], flags].concat())
    }

    /// A run that must find nothing to do.
    #[track_caller]
    fn settled(&self, lab: &Lab, nodes: &str, flags: &[&str]) {
        let run = self
            .run(lab, nodes, &[flags, &["--format", "json"]].concat())
            .ok();
        assert!(run.list("changes").is_empty(), "{}", run.transcript());
    }

    fn refused(&self, lab: &Lab, nodes: &str, flags: &[&str], status: i32, says: &[&str]) {
        let before = still(lab);
        self.run(lab, nodes, flags)
            .exits(status)
            .says(says)
            .says(&["hint: "]);
        assert_eq!(difference(&before, &still(lab)), "", "{flags:?}");
    }
}

/// What is on the hypervisor, but for what guests and libvirt do on their own.
fn still(lab: &Lab) -> String {
    let own = |line: &&str| {
        !line.starts_with("lease ") && !line.starts_with("process ") && !line.contains("/dnsmasq/")
    };
    lab.snapshot().lines().filter(own).collect::<Vec<_>>().join("\n")
}

fn info(lab: &Lab, path: &str) -> serde_json::Value {
    lab.enter(&["qemu-img", "info", "-U", "--output=json", path])
        .ok()
        .json()
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn every_key_of_a_node_is_applied() {
    let lab = Lab::up("node-keys", &["--default-network"]).warm();
    // The lab shares /tmp: what is here is there too.
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("switch.qcow2").display().to_string();
    std::process::Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", &image, "32M"])
        .run()
        .ok();
    let files = Files {
        folder: folder.path(),
        url: lab.serve(folder.path()),
    };
    files.write("network/plain.yml", NETWORK);
    let cached = |line: &&str| line.contains("/irs-base-") || line.contains("/irs-url-");
    let left = || {
        let snapshot = lab.snapshot();
        let lines = snapshot.lines().filter(|line| !cached(line));
        lines.collect::<Vec<_>>().join("\n")
    };
    let before = left();
    firmware::what_is_missing(&lab, &files);
    kinds::files_of_one_name(&lab, &files);
    disks::disks_and_cpus(&lab, &files);
    options::options_and_screens(&lab, &files);
    firmware::firmware_and_tpm(&lab, &files);
    images::room_and_folders(&lab, &files);
    images::images_and_paths(&lab, &files);
    assert_eq!(difference(&before, &left()), "");
}

/// A run that was killed between a disk outside of the pool and its domain leaves a file that is still owned.
#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_killed_run_owns_its_files() {
    let lab = Lab::up("node-killed", &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files {
        folder: folder.path(),
        url: String::new(),
    };
    files.write("network/plain.yml", NETWORK);
    files.write("nodes/many.yml", disks::MANY);
    let made = folder.path().join("made/many-0-disk5.qcow2");
    let here = folder.path().display().to_string();
    let kill = |point: &str| {
        let mut irs = lab.virsh_command(RUN);
        irs.args(["--topology-dir", &here, "--topology-nodes", "many:1"])
            .env("IRS_KILL_AT", point);
        assert_eq!(irs.run().status, None, "it was not killed");
    };
    kill("volume:5");
    assert!(made.exists());
    assert!(lab.domains().is_empty());
    files.run(&lab, "many:1", &["--start", "none"]).ok();
    lab.virsh(&["--kill"]).ok();
    assert!(!made.exists());
    kill("volume:5");
    lab.virsh(&["--cleanup", "--yes"]).ok();
    assert!(!made.exists(), "{:?}", lab.snapshot());
}
