//! UEFI and TPMs.

use super::Files;
use crate::support::Lab;
use std::time::{Duration, Instant};

const SAFE: &str = "
cpu: 1
memory: 128
deploy_os: no
secure_boot: yes
tpm: yes
disks: {disk1: {size: 10M}}
";

/// UEFI with secure boot and a TPM start, and their state goes with the node.
pub fn firmware_and_tpm(lab: &Lab, files: &Files<'_>) {
    files.write("nodes/safe.yml", SAFE);
    files.run(lab, "safe:1", &[]).ok();
    files.settled(lab, "safe:1", &[]);
    let domain = lab.domain("safe-0");
    assert_eq!(domain.all("smm", "state"), ["on"]);
    assert_eq!(domain.all("loader", "secure"), ["yes"]);
    assert_eq!(domain.all("tpm", "model"), ["tpm-crb"]);
    let nvram = domain.text("nvram");
    let tpm = format!("/var/lib/libvirt/swtpm/{}", domain.text("uuid"));
    for path in [&nvram, &tpm] {
        lab.enter(&["test", "-e", path]).ok();
    }
    lab.enter(&["pgrep", "-x", "swtpm"]).ok();
    // OVMF speaks on the serial console, and goes to the network as nodes without an OS do; without SMM it is quick.
    let until = Instant::now() + Duration::from_secs(120);
    let log = || {
        lab.enter(&["cat", "/var/lib/libvirt/qemu/many-1-serial.log"])
            .stdout
    };
    while !log().contains("BdsDxe") && !log().contains("PXE") {
        assert!(Instant::now() < until, "OVMF says nothing: {:?}", log());
        std::thread::sleep(Duration::from_millis(500));
    }
    let plain = [
        "-e",
        "override.safe.secure_boot=no",
        "-e",
        "override.safe.bootmode=uefi",
    ];
    files.refused(
        lab,
        "safe:1",
        &plain,
        2,
        &["was made with uefi with secure boot, and uefi is asked for"],
    );
    let without = ["-e", "override.safe.tpm=no"];
    files.refused(
        lab,
        "safe:1",
        &without,
        2,
        &["has a TPM, and no TPM is asked for"],
    );
    lab.virsh(&["--remove-nodes", "safe-0"]).ok();
    for path in [&nvram, &tpm] {
        lab.enter(&["test", "-e", path]).exits(1);
    }
    lab.enter(&["pgrep", "-x", "swtpm"]).exits(1);
}

/// A hypervisor without the programs and files that they need says so before anything is made.
pub fn what_is_missing(lab: &Lab, files: &Files<'_>) {
    let shell = |script: &str| lab.enter(&["sh", "-ec", script]).ok();
    files.write("nodes/safe.yml", SAFE);
    let firmware = "/usr/share/qemu/firmware";
    shell(&format!("mount -t tmpfs none {firmware}"));
    let says = ["has no UEFI firmware for the nodes 'safe'", "ovmf"];
    files.refused(lab, "safe:1", &[], 4, &says);
    shell(&format!("umount {firmware}"));
    // Nobody can run what is not executable.
    files.write("no-program", "");
    let file = files.folder.join("no-program");
    shell(&format!("mount --bind {} /usr/bin/swtpm", file.display()));
    let says = [
        "lacks the programs swtpm for the TPM of the nodes 'safe'",
        "swtpm-tools",
    ];
    files.refused(lab, "safe:1", &[], 4, &says);
    shell("umount /usr/bin/swtpm");
}
