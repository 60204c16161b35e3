//! A server with nothing but sshd on it becomes a hypervisor, by real packages, and runs a node with an OS.

use crate::support::{Lab, SIZES};

/// No KVM carries guests here, and libguestfs brings half a distribution.
const LEAN: &[&str] = &["--host-libguestfs", "no"];

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_bare_server_becomes_a_hypervisor_and_runs_a_node() {
    let lab = Lab::up("bare", &["--bare"]);
    let installed = || lab.enter(&["dpkg-query", "-W", "-f", "${Package}\n"]).ok().stdout;
    let before = installed();

    lab.hypervisor(&["check"]).exits(4).prints(&[
        "missing  package libvirt-daemon-system",
        "* apt-get install libvirt-daemon-system",
        "missing  package guestfs-tools",
        "missing  service libvirtd",
        "missing  access to /dev/kvm",
        "missing  IP forwarding",
        "missing  pool of base images",
    ]);
    let json = lab
        .hypervisor(&[&["check", "--format", "json"], LEAN].concat())
        .exits(4);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("one object");
    let rows = json["hosts"][0]["requirements"].as_array().expect("rows");
    let row = |what: &str| rows.iter().find(|row| row["what"] == what);
    let curl = row("package curl").expect("a row");
    assert_eq!(
        (&curl["state"], &curl["by_irs"], &curl["fix"]),
        (&"missing".into(), &true.into(), &"apt-get install curl".into())
    );
    assert!(row("package guestfs-tools").is_none());
    // What the nodes need is held against what there is.
    let much = [
        "--topology-nodes",
        "compute:1",
        "-e",
        "override.compute.memory=1000000",
    ];
    lab.hypervisor(&[&["check"], &much[..]].concat())
        .exits(4)
        .prints(&["missing  memory"]);

    let image = lab.image();
    let node = ["--topology-nodes", "freeipa:1", "--image-url", &image];
    let node = [SIZES, &node, LEAN, &["-e", "override.freeipa.memory=512"]].concat();
    lab.virsh(&[&node[..], &["--dry-run"]].concat())
        .ok()
        .prints(&[
            "set up the host\n  + package libvirt-daemon-system: it is not installed",
            "  + service libvirtd: there is no systemd: its init script starts it",
        ])
        .says(&["what comes after that is planned once libvirt runs on"]);
    lab.hypervisor(&[&["prepare", "--dry-run"], LEAN].concat())
        .ok()
        .prints(&["  + package qemu-utils: ", "  + pool images: "]);
    assert_eq!(installed(), before, "a dry run installs nothing");

    lab.virsh(&node).ok().prints(&["freeipa-0", "running", "ready"]);
    lab.virsh(&node).ok().prints(&["nothing to change"]);
    let kvm = lab.enter(&["stat", "-c", "%a %G", "/dev/kvm"]);
    // The machine of the tests may have none.
    assert!(
        kvm.status != Some(0) || kvm.stdout == "600 root\n",
        "{}",
        kvm.stdout
    );

    // The device of this machine has the rights of that one: QEMU gets it, where the CPU carries guests or not.
    if !kvm.stdout.is_empty() && lab.enter(&["grep", "-qwE", "vmx|svm", "/proc/cpuinfo"]).status != Some(0) {
        lab.hypervisor(&[&["prepare"], LEAN].concat())
            .exits(4)
            .prints(&["1 change", "enable VT-x or AMD-V in the firmware"]);
        assert_eq!(
            lab.enter(&["stat", "-c", "%a %G", "/dev/kvm"]).stdout,
            "660 kvm\n"
        );
    }

    // All of it is there, but what the machine below does not give.
    let validate = ["--host-validate", "no"];
    lab.hypervisor(&[&["prepare"], LEAN, &validate].concat())
        .ok()
        .prints(&["nothing to change"]);
    lab.hypervisor(&[&["check"], LEAN, &validate].concat()).ok();

    // A daemon that does not run is started by its script; there is no systemd here.
    lab.enter(&["/etc/init.d/libvirtd", "stop"]).ok();
    lab.virsh(&[&node[..], &["--dry-run"]].concat())
        .ok()
        .prints(&["~ service libvirtd: it does not run; there is no systemd"]);
    lab.virsh(&node).ok().prints(&["1 change"]);
    lab.virsh(&["--kill"]).ok();
}
