//! A node of an image without cloud-init: looked into, changed by libguestfs once, told who it is by its seed.

use crate::main_road::ssh;
use crate::support::{Lab, RunExt};
use std::process::Command;

const NODE: &[&str] = &[
    "--virt-type",
    "qemu",
    "-e",
    "override.freeipa.memory=512",
    "-e",
    "override.freeipa.cpu=1",
    "-e",
    "override.freeipa.swap=16",
    "--topology-nodes",
    "freeipa:1",
    "--topology-timezone",
    "Europe/Berlin",
];
const IMAGES: &str = "/var/lib/libvirt/images";

/// The guest image as it would be without cloud-init.
fn bare_image(lab: &Lab) -> String {
    let image = lab.home().join("bare.qcow2");
    let image = image.display().to_string();
    std::fs::copy(lab.image(), &image).expect("a copy");
    Command::new("guestfish")
        .env("LIBGUESTFS_BACKEND", "direct")
        .env("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg")
        .args(["--rw", "--format=qcow2", "-a", &image])
        .args(["-i", "rm-f", "/usr/bin/cloud-init"])
        .args([":", "glob", "rm-f", "/usr/lib/systemd/system/cloud-*"])
        .run()
        .ok();
    image
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn an_image_without_cloud_init() {
    let lab = Lab::up("customize", &[]);
    let image = bare_image(&lab);
    let virsh = |more: &[&str]| {
        let all = [NODE, &["--image-url", &image], more].concat();
        lab.virsh_command(&all).env_remove("IRS_CUSTOMIZE").run()
    };
    let plan = virsh(&["--dry-run"]).ok();
    plan.prints(&[
        "customise the images",
        "whether it has cloud-init is looked at, once",
    ]);
    virsh(&[])
        .ok()
        .says(&["libguestfs works on it", "freeipa-0: ready at"]);
    let workspace = lab.home().join("default");
    let inside = ssh(
        &workspace.join("ansible.ssh.config"),
        "freeipa-0",
        "hostname; sudo -n id -un; date +%Z; ls /etc/ssh/ssh_host_*; df -m --output=size / | tail -n 1; cat /proc/swaps; \
         cat /var/lib/irs/first-boot/errors; ls /run/cloud-init; ip -br address",
    );
    let said = inside.stdout.clone();
    for text in [
        "freeipa-0\nroot\nCE",
        "/etc/ssh/ssh_host_ed25519_key\n/etc/ssh/ssh_host_ed25519_key.pub\n",
        "/swap.img",
        "eth0 ",
        "eth2 ",
    ] {
        assert!(said.contains(text), "{text:?}: {}", inside.transcript());
    }
    let size = said.lines().find_map(|line| line.trim().parse::<u64>().ok());
    assert!(size.is_some_and(|mib| mib > 30_000), "the disk of 40 GiB: {said}");
    assert!(!said.contains("failed"), "{said}");

    // What was found out and made is there for all others, and an existing node stays as it is.
    virsh(&[]).ok().prints(&["nothing to change"]);
    virsh(&["--customize", "none"])
        .ok()
        .prints(&["nothing to change"]);
    let other = |more: &[&str]| virsh(&[&["--prefix", "other", "--dry-run"], more].concat()).ok();
    let same = other(&[]).stdout;
    assert!(!same.contains("customise") && same.contains("seed.img"), "{same}");
    let user = other(&["--topology-username", "somebody"]);
    user.prints(&["customise the images", "it has no cloud-init"]);
    let untouched = other(&["--customize", "none"]).stdout;
    assert!(!untouched.contains("seed.img"), "{untouched}");
    let left = lab.enter(&["find", IMAGES, "-name", "*.part*"]).ok().stdout;
    assert_eq!(left, "", "what is half-made");
    let bases = lab
        .enter(&["find", IMAGES, "-maxdepth", "1", "-name", "irs-base-*.qcow2"])
        .ok();
    assert_eq!(bases.stdout.lines().count(), 2, "{}", bases.stdout);
}
