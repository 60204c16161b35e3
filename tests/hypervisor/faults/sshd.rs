//! Hypervisors that make it hard: a user who is not root, and an sshd that forbids what it can.

use std::process::Command;

use crate::support::{Lab, RunExt, blank_image, difference};

const SIZES: &[&str] = &[
    "--format",
    "json",
    "--virt-type",
    "qemu",
    "-e",
    "override.compute.memory=64",
    "-e",
    "override.compute.cpu=1",
    "-e",
    "override.freeipa.memory=512",
    "-e",
    "override.freeipa.cpu=1",
    "--host-ssh-limits",
    "no",
];

/// Makes a running node without an OS and a parked one with its base image and seed, twice, and takes them away.
fn make_and_kill(lab: &Lab, login: &[&str]) {
    let before = lab.snapshot();
    let image = blank_image();
    let image = image.path().display().to_string();
    let run = |args: &[&str]| {
        lab.virsh(&[login, SIZES, &["--image-url", &image], args].concat())
            .ok()
    };
    let running = ["--topology-nodes", "compute:1"];
    let parked = ["--topology-nodes", "compute:1,freeipa:1", "--start", "none"];
    run(&running);
    run(&parked);
    assert_eq!(lab.domains(), ["compute-0", "freeipa-0"]);
    assert_eq!(lab.state_of("compute-0"), "running");
    let seed = "/var/lib/libvirt/images/irs-default/freeipa-0-seed.img";
    lab.enter(&["grep", "-qa", "local-hostname", seed]).ok();
    assert_eq!(run(&parked).list("changes"), [] as [serde_json::Value; 0]);
    run(&["--remove-nodes", "freeipa-0"]);
    run(&["--kill"]);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_sudoer_who_is_not_root() {
    let lab = Lab::up("sudoer-ssh", &["--default-network", "--sudoer"]).warm();
    make_and_kill(&lab, &["--host-user", "operator"]);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_sudoer_where_sshd_allows_one_session_and_no_forwarding() {
    let sshd = [
        "MaxSessions 1",
        "AllowStreamLocalForwarding no",
        "AllowTcpForwarding no",
    ];
    let options: Vec<&str> = sshd.iter().flat_map(|line| ["--sshd", line]).collect();
    let lab = Lab::up(
        "strict",
        &[&["--default-network", "--sudoer"], &options[..]].concat(),
    )
    .warm();
    make_and_kill(&lab, &["--host-user", "operator"]);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn one_session_a_connection_is_enough() {
    let lab = Lab::up("sessions", &["--default-network", "--sshd", "MaxSessions 1"]).warm();
    make_and_kill(&lab, &[]);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_node_is_reached_where_sshd_forbids_forwarding() {
    let sshd = [
        "--sshd",
        "AllowStreamLocalForwarding no",
        "--sshd",
        "AllowTcpForwarding no",
    ];
    let lab = Lab::up("closed", &[&["--default-network"], &sshd[..]].concat()).warm();
    // What is said before the node says anything, and with no end of a line.
    let talk = "printf 'echo welcome; printf \"no newline\"\\n' >/run/root/.bashrc";
    lab.enter(&["sh", "-c", talk]).ok();
    let image = lab.image();
    let command = [SIZES, &["--topology-nodes", "freeipa:1", "--image-url", &image]].concat();
    lab.virsh(&command).ok();

    let config = lab.home().join("default/ansible.ssh.config");
    let login = Command::new("ssh")
        .arg("-F")
        .arg(&config)
        .args(["-o", "BatchMode=yes", "freeipa-0", "hostname"])
        .env_remove("SSH_AUTH_SOCK")
        .run()
        .ok();
    assert_eq!(login.stdout, "freeipa-0\n");
    assert_eq!(
        lab.virsh(&command).ok().list("changes"),
        [] as [serde_json::Value; 0]
    );
}
