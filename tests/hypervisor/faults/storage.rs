//! Disks of the hypervisor that are full, take no writes, or are somebody else's just now.

use super::{TWO, nothing_to_do, on, virsh};
use crate::support::{Lab, SIZES, difference};

const IMAGES: &str = "/var/lib/libvirt/images";
/// Writes until nothing more goes.
const FILL: &str =
    "cat /dev/zero >/var/lib/libvirt/images/filler 2>/dev/null; sync -f /var/lib/libvirt/images; true";

/// Fills the file system of the images as soon as a run has written its record: it is nearly full before, and the next
/// thing that the run writes finds no room.
pub fn fill_when_begun(lab: &Lab) {
    on(
        lab,
        &format!(
            "cd {IMAGES} && free=$(df --output=avail -B1 . | tail -n 1) && head -c $((free - (12 << 20))) /dev/zero >ballast
             (until [ -e irs-default/record.json ]; do :; done; cat /dev/zero >filler) </dev/null >/dev/null 2>&1 &"
        ),
    );
}

/// Makes room again.
pub fn free_some(lab: &Lab) {
    on(lab, &format!("cd {IMAGES} && rm -f filler ballast"));
}

/// A hypervisor whose images are on a small file system of their own, ext4 on a loop device.
fn small(name: &str, size: &str) -> Lab {
    let lab = Lab::up(name, &["--default-network"]).warm();
    let image = lab.state().join("small.img").display().to_string();
    on(
        &lab,
        &format!(
            "truncate -s {size} {image} && mkfs.ext4 -q -m 0 {image} && mount -o loop {image} {IMAGES} && chmod 711 {IMAGES}"
        ),
    );
    lab
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_disk_that_is_full_before_or_gets_full_in_the_middle() {
    let lab = small("faults-full", "64M");
    let before = lab.snapshot();

    on(&lab, FILL);
    let filled = lab.snapshot();
    let lacks = format!("error: '{}' lacks disk: ", lab.address());
    let told = [
        &lacks[..],
        "are free in '/var/lib/libvirt/images'",
        "hint: free some space there, or choose another folder with --disk-pool",
    ];
    virsh(&lab, TWO).exits(4).says(&told);
    assert_eq!(difference(&filled, &lab.snapshot()), "");

    free_some(&lab);
    let parked = [SIZES, TWO, &["--start", "none"]].concat();
    fill_when_begun(&lab);
    let run = lab.virsh(&parked);
    let full = format!(
        "error: the file system '{IMAGES}' on '{}' is full: ",
        lab.address()
    );
    run.exits(4).says(&[
        &full,
        "hint: free some space there; the same command goes on from here",
    ]);
    free_some(&lab);
    lab.virsh(&parked).ok();
    lab.virsh(&parked).ok().prints(&["nothing to change"]);
    on(
        &lab,
        "qemu-img check -q /var/lib/libvirt/images/irs-default/compute-0-disk1.qcow2",
    );

    // What writes the record.
    on(&lab, FILL);
    virsh(&lab, &["--kill"]).ok();
    free_some(&lab);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_file_system_that_is_read_only_and_a_disk_that_somebody_holds() {
    let lab = small("faults-read-only", "64M");
    let before = lab.snapshot();
    let mount = |how: &str| on(&lab, &format!("mount -o remount,{how} {IMAGES}"));
    let hint = "hint: the kernel makes a file system read-only that has errors";

    mount("ro");
    let lacks = format!(
        "error: '{}' lacks a disk that takes writes: the file system of '{IMAGES}' is read-only",
        lab.address()
    );
    virsh(&lab, TWO).exits(4).says(&[&lacks, hint]);
    assert_eq!(difference(&before, &lab.snapshot()), "");

    mount("rw");
    let parked = [TWO, &["--start", "none"]].concat();
    virsh(&lab, &parked).ok();
    mount("ro");
    nothing_to_do(&lab, &parked);
    let read_only = format!(
        "error: the file system '{IMAGES}' on '{}' is read-only",
        lab.address()
    );
    virsh(&lab, &["--kill"]).exits(4).says(&[&read_only, hint]);
    mount("rw");
    virsh(&lab, &["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");

    virsh(&lab, &parked).ok();
    let disk = format!("{IMAGES}/irs-default/compute-0-disk1.qcow2");
    on(
        &lab,
        &format!("qemu-io -c 'sleep 60000' {disk} >/dev/null 2>&1 & echo $! >/run/holder; sleep 0.5"),
    );
    let held = format!("caused by: its disk '{disk}' is in use by 'qemu-io' (process ");
    virsh(&lab, TWO).exits(1).says(&[
        "error: starting domain 'compute-0'",
        &held,
        "hint: end that process there, or wait for it, then run the same command again",
    ]);
    assert_eq!(lab.state_of("compute-1"), "running");
    on(&lab, "kill $(cat /run/holder); sleep 0.2");
    virsh(&lab, TWO).ok();
    assert_eq!(lab.state_of("compute-0"), "running");
    virsh(&lab, &["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
