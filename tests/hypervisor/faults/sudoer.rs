//! A hypervisor's user who is not root, on the hypervisor itself and over SSH: no right to libvirt but by sudo.

use crate::support::{BOOT_DISK, Lab, Run};

const NODE: &[&str] = &[
    "--virtopts",
    BOOT_DISK,
    "--topology-nodes",
    "controller:1",
    "--virt-type",
    "qemu",
    "-e",
    "override.controller.memory=128",
    "-e",
    "override.controller.cpu=1",
];

/// Runs a command on the hypervisor as `operator`.
fn operator(lab: &Lab, command: &[&str]) -> Run {
    let login = [
        "setpriv",
        "--reuid=operator",
        "--regid=operator",
        "--clear-groups",
    ];
    let env = [
        "env",
        "-u",
        "XDG_RUNTIME_DIR",
        "HOME=/run/operator",
        "USER=operator",
    ];
    lab.enter(&[&login[..], &env, command].concat())
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_sudoer_makes_and_removes_nodes_on_the_spot_and_over_ssh() {
    let lab = Lab::up("sudoer", &["--sudoer"]);
    // Where this test's program lies may be closed to others.
    let irs = "/run/operator/irs";
    lab.enter(&["install", "-m", "755", env!("CARGO_BIN_EXE_irs"), irs])
        .ok();
    operator(&lab, &["virsh", "-c", "qemu:///system", "list"])
        .exits(1)
        .says(&["polkit"]);

    // In a folder where everybody may write: what is one's own there is told from what others laid out.
    lab.enter(&["install", "-d", "-m", "1777", "/run/operator/open"])
        .ok();
    let home = "IRS_HOME=/run/operator/open/home";
    let local = ["env", home, irs, "virsh", "--host-address", "local"];
    operator(&lab, &[&local[..], NODE].concat()).ok();
    assert_eq!(lab.domains(), ["controller-0"]);
    let ssh = ["--host-user", "operator"];
    let again = lab.virsh(&[&ssh[..], NODE].concat()).ok();
    assert!(again.stdout.contains("nothing to change"), "{}", again.stdout);
    operator(&lab, &[&local[..], &["--kill", "yes", "--yes"]].concat()).ok();
    assert!(lab.domains().is_empty());
    let left = lab.enter(&["pgrep", "-a", "virt-ssh-helper"]);
    assert_eq!((left.status, &left.stdout[..]), (Some(1), ""));
}
