//! Disks, CPUs and machine types.

use super::{Files, info};
use crate::support::Lab;

pub const MANY: &str = "
cpu: {sockets: 1, cores: 2}
cpumodel: 'Nehalem,+aes,-svm'
memory: 64
deploy_os: no
guest_agent: no
machine_type: pc
os: {variant: centos-stream9}
disks:
  disk1: {size: 24M, bus: scsi, cache: none, preallocation: full}
  disk2: {size: 2M, bus: sata, preallocation: 'off'}
  disk3: {size: 4M, bus: ide, preallocation: falloc, dev: /dev/vda}
  disk4: {size: 8M, cache: writeback}
  disk5: {size: 9M, path: FOLDER/made}
";
const CHANGED: &str = "
cpu: 3
cpumodel: {name: Nehalem, features: [vmx]}
memory: 96
deploy_os: no
machine_type: q35
os: {variant: rhel7.0}
groups: [painters]
disks:
  disk1: {size: 40M, bus: scsi, cache: writethrough, preallocation: full}
  disk2: {size: 2M, bus: virtio, dev: vdf, preallocation: 'off'}
  disk3: {size: 4M, preallocation: falloc, dev: /dev/vda}
  disk4: {size: 8M, cache: writeback}
  disk5: {size: 12M, path: FOLDER/made}
";

/// Disks of every bus and preallocation, CPUs, machine type: made, read back, changed.
pub fn disks_and_cpus(lab: &Lab, files: &Files<'_>) {
    files.write("nodes/many.yml", MANY);
    files.run(lab, "many:1", &[]).ok();
    files.settled(lab, "many:1", &[]);
    let domain = lab.domain("many-0");
    let devices: Vec<String> = domain.disks().into_iter().map(|(dev, _)| dev).collect();
    assert_eq!(devices, ["sda", "sdb", "hda", "vdb", "vdc"]);
    assert_eq!(&domain.all("target", "bus")[..3], ["scsi", "sata", "ide"]);
    assert_eq!(
        domain.all("driver", "cache"),
        ["none", "unsafe", "unsafe", "writeback", "unsafe"]
    );
    assert!(
        domain
            .all("controller", "model")
            .contains(&"virtio-scsi".to_owned())
    );
    assert_eq!(
        (domain.text("vcpu"), domain.text("model")),
        ("2".into(), "Nehalem".into())
    );
    assert_eq!(domain.all("topology", "cores"), ["2"]);
    assert_eq!(domain.all("feature", "policy"), ["force", "disable"]);
    assert_eq!(domain.all("os", "id"), ["http://centos.org/centos-stream/9"]);
    assert!(!domain.xml.contains("guest_agent"));
    let pool = "/var/lib/libvirt/images/irs-default";
    let taken = |disk: &str| info(lab, disk)["actual-size"].as_u64().unwrap_or_default() >> 20;
    assert!(
        taken(&format!("{pool}/many-0-disk1.qcow2")) >= 24,
        "it is not preallocated"
    );
    assert!(
        taken(&format!("{pool}/many-0-disk3.qcow2")) >= 4,
        "it is not preallocated"
    );
    assert_eq!(taken(&format!("{pool}/many-0-disk2.qcow2")), 0);

    files.write("nodes/many.yml", CHANGED);
    let run = files.run(lab, "many:1", &[]).ok();
    let run = run.says(&[
        "memory from 64 MiB to 96 MiB; CPUs from 2 to 3",
        "to 'q35'",
        "cache from 'none' to 'writethrough'",
        "bus from 'sata' to 'virtio'",
        "it has no guest agent's channel, after the next restart",
        "groups",
    ]);
    assert!(!run.stderr.contains("disk4"), "{}", run.transcript());
    files.settled(lab, "many:1", &[]);
    // It runs with what was changed, and the disks grew while it ran.
    let restart = ["--restart", "--restart-timeout", "0"];
    files
        .run(lab, "many:1", &restart)
        .ok()
        .says(&["many-0: was switched off and started again"]);
    assert_eq!(lab.state_of("many-0"), "running");
    // What it ran without is there now, whatever libvirt made of it.
    files.settled(lab, "many:1", &restart);
    let made = files.folder.join("made/many-0-disk5.qcow2").display().to_string();
    assert_eq!(info(lab, &made)["virtual-size"], 12 << 20);
    assert_eq!(
        info(lab, &format!("{pool}/many-0-disk1.qcow2"))["virtual-size"],
        40 << 20
    );

    let smaller = ["-e", "override.many.disks.disk1.size=30M"];
    files.refused(
        lab,
        "many:1",
        &smaller,
        2,
        &["has 40 MiB, the topology says 30 MiB", "does not shrink"],
    );
    let wrong = [
        "-e",
        "override.many.cpumodel=Nehalm",
        "-e",
        "override.many.machine_type=q53",
    ];
    let says = [
        "CPU model 'Nehalm' is not known",
        "did you mean 'Nehalem'?",
        "machine type 'q53' is not known",
    ];
    files.refused(lab, "many:1", &wrong, 2, &says);
    files.refused(
        lab,
        "many:1",
        &["--bootmode", "uefi"],
        2,
        &["was made with bios, and uefi is asked for"],
    );
    // An extend says nothing of the nodes that are there, and new ones are like the file.
    files
        .run(
            lab,
            "many:1",
            &["--topology-extend", "--bootmode", "uefi", "--serial-files"],
        )
        .ok();
    assert_eq!(lab.domain("many-1").all("os", "firmware"), ["efi"]);
}
