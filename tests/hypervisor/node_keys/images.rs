//! Images of a node's own, disks outside of the pool.

use super::{Files, info};
use crate::support::Lab;

const SWITCH: &str = "
cpu: 1
memory: 64
supports_libguestfs: no
image: {ssh_user: admin, ansible_connection: network_cli}
groups: [vswitches]
import_url: URL/switch.qcow2
disks:
  disk1: {size: 64M, bus: ide, preallocation: full}
  disk2: {size: 48M, import_url: URL/switch.qcow2}
  disk3: {size: 48M, path: FOLDER/there.raw}
";
const BULKY: &str = "
cpu: 1
memory: 64
deploy_os: no
disks: {disk1: {size: 16M, preallocation: full, path: FOLDER/small/new}}
";

/// An image of the node's own, copies and overlays, an existing file, and a node that nobody can log in to.
pub fn images_and_paths(lab: &Lab, files: &Files<'_>) {
    files.write("nodes/switch.yml", SWITCH);
    let there = files.folder.join("there.raw");
    std::fs::write(&there, vec![0; 1 << 20]).expect("a disk");
    let run = files.run(lab, "switch:1", &["--format", "json"]).ok();
    let ready = |node: &serde_json::Value| node["name"] == "switch-0" && node["ready"] == true;
    assert!(run.list("nodes").iter().any(ready), "{}", run.transcript());
    files.settled(lab, "switch:1", &[]);
    let summary = files.run(lab, "switch:1", &[]).ok().stdout;
    assert!(
        summary.contains("inventory: ") && !summary.contains("log in: "),
        "{summary}"
    );
    let disk = |n: u32| {
        info(
            lab,
            &format!("/var/lib/libvirt/images/irs-default/switch-0-disk{n}.qcow2"),
        )
    };
    let (copy, overlay) = (disk(1), disk(2));
    assert!(copy["backing-filename"].is_null(), "{copy}");
    assert_eq!(copy["virtual-size"], 64 << 20);
    assert!(copy["actual-size"].as_u64() >= Some(64 << 20), "{copy}");
    assert!(
        overlay["backing-filename"]
            .as_str()
            .is_some_and(|base| base.contains("/irs-base-")),
        "{overlay}"
    );
    assert_eq!(overlay["virtual-size"], 48 << 20);
    let disks = lab.domain("switch-0").disks();
    assert_eq!(
        disks.len(),
        3,
        "a node that takes no customisation has no seed: {disks:?}"
    );
    assert_eq!(disks[0].0, "hda");
    assert_eq!(disks[2].1, there.display().to_string());
    let line = &lab.inventory("default")["vswitches"];
    assert_eq!(line, &["switch-0"]);
    let hosts = std::fs::read_to_string(lab.home().join("default/hosts-prov")).expect("the inventory");
    assert!(
        hosts.contains("ansible_connection=network_cli ansible_user=admin"),
        "{hosts}"
    );

    let untold = "customize: none\nswap: 16\ncloud_init: {packages: [tcpdump]}";
    files.write(
        "nodes/untold.yml",
        &SWITCH.replace("supports_libguestfs: no", untold),
    );
    files.run(lab, "untold:1", &["--dry-run"]).ok().says(&[
        "node 'untold-0' takes no customisation: its 'cloud_init' is not used",
        "told nothing of 'swap': untold-0",
    ]);

    files.refused(
        lab,
        "switch:2",
        &[],
        2,
        &["would be a disk of 'switch-0' and of 'switch-1'"],
    );
    let foreign = files.folder.join("made/many-2-disk5.qcow2");
    std::fs::write(&foreign, "mine").expect("a file");
    files.refused(lab, "many:3", &[], 2, &["is there, and irs did not make it"]);
    let ide = ["-e", "override.switch.machine_type=q35"];
    files.refused(
        lab,
        "switch:1",
        &ide,
        2,
        &["'bus: ide', which the machine type 'q35' has not"],
    );
    lab.virsh(&["--remove-nodes", "many-1"]).ok();
    assert!(!files.folder.join("made/many-1-disk5.qcow2").exists());
    lab.virsh(&["--kill"]).ok();
    assert!(
        there.exists() && foreign.exists(),
        "files of others are left alone"
    );
    assert!(!files.folder.join("made/many-0-disk5.qcow2").exists());
}

/// Disks outside of the pool need room where they are; folders that irs makes for them go with them.
pub fn room_and_folders(lab: &Lab, files: &Files<'_>) {
    files.write("nodes/bulky.yml", BULKY);
    let small = files.folder.join("small");
    std::fs::create_dir(&small).expect("a folder");
    let small = small.display().to_string();
    lab.enter(&["mount", "-t", "tmpfs", "-o", "size=20M,mode=755", "none", &small])
        .ok();
    let says = ["preallocated disks need 32.00 MiB", "another 'path'"];
    files.refused(lab, "bulky:2", &[], 4, &says);
    files.run(lab, "bulky:1", &[]).ok();
    files.settled(lab, "bulky:1", &[]);
    let made = format!("{small}/new/bulky-0-disk1.qcow2");
    assert!(info(lab, &made)["actual-size"].as_u64() >= Some(16 << 20));
    lab.virsh(&["--remove-nodes", "bulky-0"]).ok();
    assert_eq!(lab.enter(&["ls", "-A", &small]).ok().stdout, "");
    lab.enter(&["umount", &small]).ok();
}
