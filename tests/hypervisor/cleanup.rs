//! Teardown: whatever became of a node, nothing of it is left; what others made stays.

use crate::support::{Lab, RunExt, SIZES, difference};

/// Where a person puts files of his own; the snapshots do not look there.
const FAR: &str = "/var/lib/libvirt/far";

fn shell(lab: &Lab, script: &str) -> String {
    lab.enter(&["bash", "-euc", script]).ok().stdout
}

/// Runs irs until it kills itself at that point.
fn killed(mut irs: std::process::Command, point: &str) {
    let ended = irs.env("IRS_KILL_AT", point).output().expect("irs starts");
    assert_eq!(
        ended.status.code(),
        None,
        "it did not get to '{point}': {ended:?}"
    );
}

/// Logs, nvram and TPMs that libvirt keeps of nodes of irs's.
fn logs(lab: &Lab) -> String {
    shell(
        lab,
        "find /var/log /var/lib/libvirt/qemu -name '*compute-*'; find /var/lib/libvirt/swtpm -mindepth 1 -maxdepth 1",
    )
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn whatever_became_of_the_nodes_nothing_of_them_is_left() {
    let lab = Lab::up("cleanup", &["--default-network"]).warm();
    shell(&lab, &format!("mkdir {FAR}"));
    let before = lab.snapshot();
    let run = |args: &[&str]| lab.virsh_command(&[&["--topology-network", "1_net"], SIZES, args].concat());
    let far = [
        "-e",
        "override.compute.disks.disk2.path=/var/lib/libvirt/mine/disks",
        "-e",
        "override.compute.disks.disk2.size=1G",
    ];
    let odd = [
        "-e",
        "override.compute.tpm=yes",
        "--bootmode",
        "uefi",
        "--serial-files",
    ];
    let make = |count: u32| {
        let nodes = format!("compute:{count}");
        run(&[&["--topology-nodes", &nodes][..], &far, &odd].concat())
            .run()
            .ok();
    };
    make(8);
    // Each node another way of keeping something: overlays, over overlays, a snapshot with memory, an overlay that nobody
    // remembers, a checkpoint without a definition, a job that goes on, a state that was saved, an emulator that died.
    let spoil = format!(
        r#"
        v() {{ virsh -q -c qemu:///system "$@" >&2; }}
        v snapshot-create-as compute-0 s1 --disk-only
        v snapshot-create-as compute-0 s2 --disk-only --diskspec vda,file={FAR}/0a --diskspec vdb,file={FAR}/0b
        v snapshot-create-as compute-1 m1 --memspec {FAR}/1m --diskspec vda,snapshot=external --diskspec vdb,snapshot=external
        v managedsave compute-1
        v snapshot-create-as compute-2 n1 --disk-only --no-metadata --diskspec vda,file={FAR}/2a --diskspec vdb,file={FAR}/2b
        v destroy compute-2
        v checkpoint-create-as compute-3 c1
        v undefine compute-3 --keep-nvram --checkpoints-metadata
        v snapshot-create-as compute-4 j1 --disk-only
        v blockcommit compute-4 vda --active
        v suspend compute-4
        kill -KILL $(cat /run/libvirt/qemu/compute-5.pid)
        for gone in compute-6 compute-7; do
          v destroy $gone
          v undefine $gone --keep-nvram --keep-tpm
        done
        "#
    );
    shell(&lab, &spoil);
    let larger = ["--topology-nodes", "compute:8", "--dry-run"];
    run(&[
        &far[..2],
        &["-e", "override.compute.disks.disk2.size=2G"],
        &odd,
        &larger,
    ]
    .concat())
    .run()
    .exits(2)
    .says(&[
        "disk vdb of 'compute-0'",
        &format!("cannot grow under the snapshot that it writes to '{FAR}/0b'"),
        "virsh blockcommit compute-0 vdb --active --pivot",
    ]);
    // A person's own: a disk of a node's, with what a snapshot laid over it, and files in irs's folder.
    let theirs = format!(
        "virsh() {{ command virsh -q -c qemu:///system \"$@\" >&2; }}
        qemu-img create -q -f qcow2 {FAR}/data.qcow2 8M
        virsh attach-disk compute-4 {FAR}/data.qcow2 vdz --subdriver qcow2 --persistent
        virsh snapshot-create-as compute-4 d1 --disk-only --diskspec vda,snapshot=no --diskspec vdb,snapshot=no
        cd /var/lib/libvirt/images/irs-default; echo hello >notes.txt; mkdir folder"
    );
    shell(&lab, &theirs);
    lab.on_host(&["status"])
        .ok()
        .prints(&["shut off (saved)", "paused", "it is shut off"]);
    // Of nodes that somebody undefined everything is there but the definition.
    let of_node = |n: u32| {
        let kept = logs(&lab);
        let name = |line: &&str| line.contains(&format!("compute-{n}"));
        kept.lines().filter(name).map(str::to_owned).collect::<Vec<_>>()
    };
    for gone in [6, 7] {
        assert_eq!(of_node(gone).len(), 4, "{}", logs(&lab));
    }
    let tpms = || shell(&lab, "ls /var/lib/libvirt/swtpm").lines().count();
    assert_eq!(tpms(), 8);

    let some = || run(&["--remove-nodes", "compute-0,compute-4,compute-6"]);
    // Killed when the nodes are gone, which alone led to what snapshots laid elsewhere.
    killed(some(), "remove-domain:2");
    let left = shell(
        &lab,
        &format!("ls {FAR}; virsh -q -c qemu:///system list --all --name"),
    );
    assert!(left.contains("0a") && !left.contains("compute-0"), "{left}");
    some().arg("--wait").run().ok();
    assert_eq!((of_node(6), of_node(7).len(), tpms()), (Vec::new(), 4, 5));
    let left = shell(
        &lab,
        &format!("ls {FAR} /var/lib/libvirt/images/irs-default /var/lib/libvirt/mine/disks"),
    );
    assert!(
        !left.contains("compute-0") && !left.contains("compute-4") && !left.contains("0a"),
        "{left}"
    );
    assert!(
        left.contains("data.qcow2") && left.contains("data.d1") && left.contains("notes.txt"),
        "{left}"
    );
    // One that libvirt cannot remove is told, and the others go all the same.
    let bound = "/etc/libvirt/qemu/compute-1.xml";
    shell(&lab, &format!("mount --bind {bound} {bound}"));
    run(&["--kill"]).run().exits(1).says(&[
        "removing domain 'compute-1' on",
        "cannot remove config",
        " are left: domain compute-1, volume compute-1-disk1.",
    ]);
    assert_eq!(lab.ask(&["list", "--all", "--name"]).trim(), "compute-1");
    shell(&lab, &format!("umount {bound}"));
    let kill = run(&["--kill"]).run().ok();
    let kill = kill.says(&[
        "irs-default/notes.txt' is not irs's: it stays",
        "irs-default/folder' is not",
    ]);
    assert!(!kill.stderr.contains("record.json'"), "{}", kill.transcript());
    assert_eq!(shell(&lab, &format!("cd {FAR}; ls")), "data.d1\ndata.qcow2\n");
    assert_eq!(
        shell(&lab, "cd /var/lib/libvirt/images/irs-default; ls"),
        "folder\nnotes.txt\n"
    );
    assert_eq!(logs(&lab), "");
    // Of an environment that is gone nothing is found again.
    let again = run(&["--kill", "--format", "json"]).run().ok();
    assert_eq!(again.list("changes"), [] as [serde_json::Value; 0]);
    shell(
        &lab,
        "rm -r /var/lib/libvirt/images/irs-default; test ! -e /var/lib/libvirt/mine",
    );
    assert_eq!(difference(&before, &lab.snapshot()), "");
}

/// A domain that irs did not make, with these disks as XML.
fn define(lab: &Lab, name: &str, disks: &str) {
    let xml = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>{disks}</devices></domain>"
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), xml).expect("written");
    lab.ask(&["define", &file.path().display().to_string()]);
}

fn disk(dev: &str, format: &str, source: &str, more: &str) -> String {
    format!(
        "<disk type='file'><driver name='qemu' type='{format}'/><source file='{FAR}/{source}'/><target dev='{dev}' bus='virtio'/>{more}</disk>"
    )
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn the_disks_of_others_go_only_when_that_is_said() {
    let lab = Lab::up("storage", &["--default-network"]).warm();
    lab.virsh(
        &[
            &["--topology-nodes", "compute:1", "--topology-network", "1_net"],
            SIZES,
        ]
        .concat(),
    )
    .ok();
    let node = "/var/lib/libvirt/images/irs-default/compute-0-disk1.qcow2";
    let make = format!(
        "mkdir {FAR}; cd {FAR}; image() {{ qemu-img create -q -f \"$@\"; }}
        image qcow2 template 8M; image qcow2 -F qcow2 -b {FAR}/template vm; image raw shared 1M; image raw iso 1M; image raw bystander 1M
        image qcow2 volume 4M; image raw target 1M; ln -s target link; image qcow2 -F qcow2 -b {node} clone
        virsh -q -c qemu:///system pool-define-as far dir --target {FAR}; virsh -q -c qemu:///system pool-start far"
    );
    shell(&lab, &make);
    let volume = "<disk type='volume'><driver name='qemu' type='qcow2'/><source pool='far' volume='volume'/><target dev='vdd' bus='virtio'/></disk>";
    let cd = format!(
        "<disk type='file' device='cdrom'><source file='{FAR}/iso'/><target dev='sda' bus='sata'/><readonly/></disk>"
    );
    let disks = [
        disk("vda", "qcow2", "vm", ""),
        disk("vdb", "raw", "shared", "<shareable/>"),
        disk("vdc", "raw", "link", ""),
        volume.to_owned(),
        cd,
    ];
    define(&lab, "vm", &disks.concat());
    let nic = "<interface type='network'><source network='management'/></interface>";
    define(&lab, "clone", &(disk("vda", "qcow2", "clone", "") + nic));
    lab.ask(&["start", "vm"]);
    let snapshot = ["snapshot-create-as", "vm", "e1", "--disk-only"];
    let only_first = ["vdb", "vdc", "vdd"].map(|dev| format!("{dev},snapshot=no"));
    let only_first: Vec<&str> = only_first
        .iter()
        .flat_map(|spec| ["--diskspec", spec.as_str()])
        .collect();
    lab.ask(&[&snapshot[..], &only_first].concat());

    // A disk that somebody's domain lies over stays, and the next run finds it.
    let used = format!(
        "'{node}' on '{}' stays: domain 'clone', which stays, uses it",
        lab.address()
    );
    // So is a domain that loses its network; that is gone at the second time.
    let cut_off = "domain 'clone', which stays, has a NIC on 'management': it is cut off";
    lab.virsh(&["--kill", "--dry-run"]).ok().says(&[&used]);
    for is_there in [true, false] {
        let run = lab
            .virsh(&["--kill"])
            .exits(1)
            .says(&[&used, "run the same command again"]);
        assert_eq!(run.stderr.contains(cut_off), is_there, "{}", run.transcript());
        shell(&lab, &format!("test -e {node}"));
    }

    let list = || shell(&lab, &format!("cd {FAR}; ls"));
    let all = list();
    lab.virsh(&["--cleanup", "--dry-run"])
        .ok()
        .says(&["--with-storage removes them, too", "far/vm.e1"]);
    let plan = lab
        .virsh(&["--cleanup", "--with-storage", "--dry-run", "--format", "json"])
        .ok();
    plan.list("planned")
        .iter()
        .for_each(|action| assert_eq!(action["action"], "remove"));
    let stay = [
        "shared' of domain 'vm' stays: it is shareable",
        "link' of domain 'vm' stays: it is no plain file",
        "iso' of domain 'vm' stays: it is a CD",
    ];
    lab.virsh(&["--cleanup", "--with-storage"])
        .exits(2)
        .says(&stay)
        .says(&["file /var/lib/libvirt/far/vm.e1: --with-storage"]);
    assert_eq!(list(), all);
    for alone in [
        &["--kill"][..],
        &["--cleanup", "--prefix", "a"],
        &["--topology-nodes", "compute:1"],
    ] {
        lab.virsh(&[alone, &["--with-storage"]].concat())
            .exits(2)
            .says(&["--with-storage goes with a --cleanup without --prefix"]);
    }
    // The domains, which alone lead to the disks, go first: a run after one that was killed between finds what that noted.
    let cleanup = ["--cleanup", "--with-storage", "--yes", "--format", "json"];
    killed(lab.virsh_command(&cleanup), "remove-domain:2");
    assert_eq!(lab.domains(), [] as [&str; 0]);
    let done = lab
        .virsh(&cleanup)
        .ok()
        .prints(&["--with-storage: an earlier cleanup removed the domain that had it"]);
    assert!(done.list("changes").len() < plan.list("planned").len());
    assert_eq!(list(), "bystander\niso\nlink\nshared\ntarget\ntemplate\n");
    assert_eq!(lab.domains(), [] as [&str; 0]);
    assert_eq!(lab.ask(&["pool-list", "--all", "--name"]).trim(), "far");
    assert_eq!(shell(&lab, "ls /var/lib/libvirt/images"), "");
}
