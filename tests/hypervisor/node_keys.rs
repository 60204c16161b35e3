//! Every key of node files and the flags beside them on real libvirt: what is made, that a second run finds nothing to
//! do, what changes, what is refused, and that nothing is left. Nodes without an operating system, and one with an
//! image that takes no customisation, so that no guest has to boot.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Lab, Run, RunExt, difference};

const NETWORK: &str = "
networks:
  net1: {name: management, forward: nat, ip_address: 172.16.0.1, netmask: 255.255.255.0, dhcp: {range: {start: 172.16.0.2, end: 172.16.0.100}}}
nodes:
  default: {interfaces: [{network: management}], external_network: {network: management}}
";
const MANY: &str = "
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
const SAFE: &str = "
cpu: 1
memory: 128
deploy_os: no
secure_boot: yes
tpm: yes
disks: {disk1: {size: 10M}}
";
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

/// Disks of every bus and preallocation, CPUs, machine type: made, read back, changed.
fn disks_and_cpus(lab: &Lab, files: &Files<'_>) {
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
        "from 64 MiB and 2 CPUs to 96 MiB and 3 CPUs",
        "to 'q35'",
        "cache from 'none' to 'writethrough'",
        "bus from 'sata' to 'virtio'",
        "it has no guest agent's channel, after the next restart",
        "groups",
    ]);
    assert!(!run.stderr.contains("disk4"), "{}", run.transcript());
    files.settled(lab, "many:1", &[]);
    // It runs with what was changed, and the disks grew while it ran.
    lab.ask(&["destroy", "many-0"]);
    files.run(lab, "many:1", &[]).ok();
    assert_eq!(lab.state_of("many-0"), "running");
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

/// What `--virtopts` and the screens' flags add, and take away again.
fn options_and_screens(lab: &Lab, files: &Files<'_>) {
    let options = [
        "--virtopts",
        "--memballoon none --watchdog i6300esb,action=poweroff --rng builtin <devices><sound model='ich9'/></devices><memtune><hard_limit unit='G'>4</hard_limit></memtune><features><hyperv><relaxed state='on'/></hyperv></features>",
    ];
    files.run(lab, "many:1", &options).ok();
    files.settled(lab, "many:1", &options);
    let domain = lab.domain("many-0");
    assert_eq!(domain.all("memballoon", "model"), ["none"]);
    // libvirt gives every q35 an itco besides.
    assert!(domain.all("watchdog", "action").contains(&"poweroff".to_owned()));
    assert_eq!(domain.all("sound", "model"), ["ich9"]);
    assert_eq!(domain.all("relaxed", "state"), ["on"]);
    assert_eq!(domain.text("hard_limit"), "4194304");
    assert_eq!(domain.all("rng", "model").len(), 1);
    files.run(lab, "many:1", &[]).ok();
    files.settled(lab, "many:1", &[]);
    let domain = lab.domain("many-0");
    assert_eq!(domain.all("memballoon", "model"), ["virtio"]);
    for gone in ["<sound", "action='poweroff'", "<memtune", "<hyperv"] {
        assert!(!domain.xml.contains(gone), "{gone} is left");
    }
    files.refused(
        lab,
        "many:1",
        &["--virtopts", "--memballon none"],
        2,
        &["did you mean '--memballoon'?"],
    );
    files.refused(
        lab,
        "many:1",
        &["--virtopts", "<devices><sound</devices>"],
        2,
        &["at line 1, column"],
    );

    let folder = files.folder.display().to_string();
    let screens = |password: &str| {
        let mut irs = lab.virsh_command(RUN);
        irs.args([
            "--topology-dir",
            &folder,
            "--topology-nodes",
            "many:1",
            "--vnc-external",
            "-vv",
            "--output",
        ])
        .arg(files.folder.join("told.yml"))
        .env("IRS_VNC_PASSWORD", password);
        irs
    };
    let dry = screens("sesame1").arg("--dry-run").run().ok();
    let run = screens("sesame1").run().ok();
    let again = screens("sesame2")
        .run()
        .ok()
        .says(&["the VNC password, after the next restart"]);
    for run in [&dry, &run, &again] {
        assert!(!run.stdout.contains("sesame") && !run.stderr.contains("sesame"));
    }
    let told = std::fs::read_to_string(files.folder.join("told.yml")).expect("what was told");
    assert!(!told.contains("sesame"), "{told}");
    let graphics = lab.domain("many-0");
    assert_eq!(graphics.all("graphics", "listen"), ["0.0.0.0"]);
    assert_eq!(graphics.all("graphics", "passwd"), ["sesame2"]);
    let mode = lab
        .enter(&["stat", "-c", "%a", "/etc/libvirt/qemu/many-0.xml"])
        .ok()
        .stdout;
    assert_eq!(mode.trim(), "600");
    assert!(!lab.ask(&["dumpxml", "--inactive", "many-0"]).contains("sesame"));
    files.refused(
        lab,
        "many:1",
        &["--vnc-external"],
        2,
        &["--vnc-password is missing"],
    );
    files.refused(
        lab,
        "many:1",
        &["--vnc-password", "123456789"],
        2,
        &["is longer than 8 characters"],
    );
}

/// UEFI with secure boot and a TPM start, and their state goes with the node.
fn firmware_and_tpm(lab: &Lab, files: &Files<'_>) {
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

/// An image of the node's own, copies and overlays, an existing file, and a node that nobody can log in to.
fn images_and_paths(lab: &Lab, files: &Files<'_>) {
    files.write("nodes/switch.yml", SWITCH);
    let there = files.folder.join("there.raw");
    std::fs::write(&there, vec![0; 1 << 20]).expect("a disk");
    let run = files.run(lab, "switch:1", &["--format", "json"]).ok();
    let ready = |node: &serde_json::Value| node["name"] == "switch-0" && node["ready"] == true;
    assert!(run.list("nodes").iter().any(ready), "{}", run.transcript());
    files.settled(lab, "switch:1", &[]);
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
    disks_and_cpus(&lab, &files);
    options_and_screens(&lab, &files);
    firmware_and_tpm(&lab, &files);
    images_and_paths(&lab, &files);
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
    files.write("nodes/many.yml", MANY);
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
