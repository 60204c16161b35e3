//! The main job: three nodes on a hypervisor, from the command line to an answer, and back to a clean host.

use std::path::Path;
use std::process::Command;

use crate::first_boot::Told;
use crate::support::{Lab, Run, RunExt, ansible, difference, files};
use crate::{access, ansible_facts, changes, first_boot, moved, uefi};

/// Sizes for an emulated lab; controller and compute get different ones, to be told apart.
const SIZES: &[&str] = &[
    "--virt-type",
    "qemu",
    // From disk or network, as each node's type has it.
    "--virtopts",
    "",
    "-e",
    "override.undercloud.memory=512",
    "-e",
    "override.undercloud.cpu=1",
    "-e",
    "override.controller.memory=256",
    "-e",
    "override.controller.cpu=2",
    "-e",
    "override.compute.memory=192",
    "-e",
    "override.compute.cpu=1",
];
const NODES: &[&str] = &["--topology-nodes", "undercloud:1,controller:1,compute:1"];
const GIB: u64 = 1 << 30;

/// What a volume and its file say of themselves: size, then what no run may change.
fn volume(lab: &Lab, file: &str) -> (u64, String) {
    let info = lab.enter(&["qemu-img", "info", "-U", "--output=json", file]).ok();
    let size = info.json()["virtual-size"].as_u64().expect("a size");
    let stat = lab.enter(&["stat", "-c", "%i %s %Y %Z %a", file]).ok().stdout;
    (size, stat)
}

/// What libvirt has defined, and the files of the nodes that do not run.
fn defined(lab: &Lab, parked: &[&str]) -> String {
    let mut all = String::new();
    for name in lab.domains() {
        all += &lab.domain(&name).xml;
    }
    for name in lab.networks() {
        all += &lab.ask(&["net-dumpxml", "--inactive", &name]);
        all += &lab.ask(&["net-dumpxml", &name]);
    }
    for name in ["images", "irs-default"] {
        let pool = lab.ask(&["pool-dumpxml", "--inactive", name]);
        let own = pool.lines().filter(|l| {
            !["<allocation", "<available", "<capacity"]
                .iter()
                .any(|t| l.contains(t))
        });
        all.extend(own);
    }
    let folder = "/var/lib/libvirt/images/irs-default";
    for file in ["record.json", "undercloud-0-seed.img"].iter().chain(parked) {
        all += &lab
            .enter(&["stat", "-c", "%n %i %s %y %z %a %b", &format!("{folder}/{file}")])
            .ok()
            .stdout;
    }
    all
}

pub fn ssh(config: &Path, node: &str, command: &str) -> Run {
    Command::new("ssh")
        .arg("-F")
        .arg(config)
        .args(["-o", "BatchMode=yes", node, command])
        .env_remove("SSH_AUTH_SOCK")
        .run()
}

/// Domains as the topology says, by libvirt's own XML.
fn check_domains(lab: &Lab) {
    let expected = [
        ("undercloud-0", "1", "524288", 100, &["hd"][..]),
        ("controller-0", "2", "262144", 64, &["network", "hd"]),
        ("compute-0", "1", "196608", 65, &["network", "hd"]),
    ];
    for (name, cpu, memory, size, boot) in expected {
        let domain = lab.domain(name);
        assert_eq!(domain.text("vcpu"), cpu, "{}", domain.xml);
        assert_eq!(domain.text("memory"), memory, "{}", domain.xml);
        assert_eq!(domain.all("boot", "dev"), boot, "{}", domain.xml);
        assert_eq!(domain.networks(), ["data", "management", "external"]);
        let disks = domain.disks();
        let (device, file) = &disks[0];
        assert_eq!(device, "vda");
        let (virtual_size, _) = volume(lab, file);
        assert_eq!(virtual_size, size * GIB, "{file}");
        let owned = domain.all("node", "deployment");
        assert_eq!(owned, ["default"], "the mark of {name}");
        if name == "undercloud-0" {
            assert_eq!(disks.len(), 2, "a disk and a seed: {disks:?}");
        } else {
            assert_eq!(disks.len(), 1, "{disks:?}");
            let map = lab.enter(&["qemu-img", "map", "-U", "--output=json", file]).ok();
            let blank = map
                .json()
                .as_array()
                .expect("a list")
                .iter()
                .all(|part| part["zero"] == true || part["data"] == false);
            assert!(blank, "{file} is not blank: {}", map.stdout);
        }
    }
}

/// Modes 0600 for files and 0700 for the folder.
fn check_modes(workspace: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o7777;
    assert_eq!(mode(workspace), 0o700);
    for name in [
        "hosts-prov",
        "ansible.ssh.config",
        "known_hosts",
        "deployment.json",
        "id_ed25519",
    ] {
        assert_eq!(mode(&workspace.join(name)), 0o600, "{name}");
        let text = std::fs::read_to_string(workspace.join(name)).expect("text");
        assert!(
            !text.to_lowercase().contains("stricthostkeychecking no"),
            "{name}:\n{text}"
        );
        assert!(
            !text.to_lowercase().contains("stricthostkeychecking=no"),
            "{name}:\n{text}"
        );
    }
}

/// What only root and QEMU may read on the hypervisor: the record with its secret, seeds and disks.
fn check_privacy(lab: &Lab) {
    let folder = "/var/lib/libvirt/images/irs-default";
    let open = lab.enter(&["find", folder, "-type", "f", "-perm", "/077"]).ok();
    assert_eq!(open.stdout, "", "others may read these");
    let mode = lab.enter(&["stat", "-c", "%a", folder]).ok();
    assert_eq!(mode.stdout.trim(), "711");
    lab.enter(&["test", "-f", &format!("{folder}/record.json")]).ok();
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn three_nodes_are_made_answer_stay_and_go() {
    let lab = Lab::up("main", &["--default-network"]).warm();
    let image = lab.image();
    let told = Told::new();
    let flags = told.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let command = [&["--format", "json", "--image-url", &image], NODES, SIZES, &flags].concat();
    let parked = [&command[..], &["--start", "os"]].concat();
    // Ansible's facts ask LVM, which makes its folder once.
    lab.enter(&["mkdir", "-p", "/run/lock/lvm"]).ok();
    let before = lab.snapshot();

    let dry = lab.virsh(&[&parked[..], &["--dry-run"]].concat()).ok();
    assert_eq!(difference(&before, &lab.snapshot()), "");
    assert!(files(lab.home()).is_empty(), "a dry run touches nothing here");

    let run = lab.virsh(&parked).ok();
    assert_eq!(run.list("changes"), dry.list("planned"));
    let state = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    let (off, on) = ("shut off", "running");
    assert_eq!(
        run.nodes(),
        [
            state("compute-0", off),
            state("controller-0", off),
            state("undercloud-0", on)
        ]
    );
    assert_eq!(lab.domains(), ["compute-0", "controller-0", "undercloud-0"]);
    assert_eq!(lab.networks(), ["data", "default", "external", "management"]);
    check_domains(&lab);
    assert_eq!(lab.state_of("undercloud-0"), "running");
    assert_eq!(lab.state_of("controller-0"), "shut off");
    assert_eq!(lab.state_of("compute-0"), "shut off");

    let workspace = lab.home().join("default");
    check_modes(&workspace);
    check_privacy(&lab);
    let config = workspace.join("ansible.ssh.config");
    let hostname = ssh(
        &config,
        "undercloud-0",
        "hostname; id -un; sudo -n id -un; cloud-init status",
    )
    .ok();
    assert!(
        hostname
            .stdout
            .starts_with("undercloud-0\ncloud-user\nroot\nstatus: done"),
        "{}",
        hostname.transcript()
    );
    let guest = first_boot::is_as_told(&config);
    let ping = Command::new(ansible().join("ansible"))
        .args(["-i", "hosts-prov", "undercloud", "-m", "ping"])
        .current_dir(&workspace)
        .env_remove("SSH_AUTH_SOCK")
        .run()
        .ok();
    assert!(ping.stdout.contains("pong"), "{}", ping.transcript());
    let groups = lab.inventory("default");
    assert_eq!(groups["undercloud"], ["undercloud-0"]);
    assert_eq!(groups["overcloud_nodes"], ["compute-0", "controller-0"]);

    // Ready is what answers now, not what did once.
    let readiness = || {
        let status = lab.on_host(&["status", "--format", "json"]).ok().json();
        assert_eq!(status["drift"], serde_json::json!([]));
        let nodes = status["nodes"].as_array().expect("nodes").clone();
        let node = nodes
            .into_iter()
            .find(|node| node["name"] == "undercloud-0")
            .expect("it");
        (node["ready"].clone(), node["readiness"].clone())
    };
    assert_eq!(readiness(), (true.into(), "ready".into()));
    let link = |state: &str| {
        for mac in lab.domain("undercloud-0").all("mac", "address") {
            lab.ask(&["domif-setlink", "undercloud-0", &mac, state]);
        }
    };
    link("down");
    assert_eq!(readiness(), (false.into(), "no answer".into()));
    link("up");

    // The same again: nothing changes, there or here.
    let disks = ["controller-0-disk1.qcow2", "compute-0-disk1.qcow2"];
    let (there, here) = (defined(&lab, &disks), files(lab.home()));
    let again = lab.virsh(&parked).ok();
    assert_eq!(again.list("changes"), [] as [serde_json::Value; 0]);
    assert_eq!(defined(&lab, &disks), there);
    assert_eq!(files(lab.home()), here);

    // From another laptop with the same key: nothing changes, and the same outputs are written.
    let other = tempfile::tempdir().expect("a folder");
    let there_too = lab
        .virsh_command(&parked)
        .env("IRS_HOME", other.path())
        .run()
        .ok();
    assert_eq!(there_too.list("changes"), [] as [serde_json::Value; 0]);
    assert_eq!(defined(&lab, &disks), there);
    let placed = |folder: &Path| -> Vec<(String, u32, String)> {
        let path = folder.display().to_string();
        files(folder)
            .into_iter()
            .map(|(name, (mode, _, content))| {
                (
                    name,
                    mode,
                    String::from_utf8_lossy(&content).replace(&path, "HOME"),
                )
            })
            .collect()
    };
    assert_eq!(placed(other.path()), placed(lab.home()));
    ssh(
        &other.path().join("default/ansible.ssh.config"),
        "undercloud-0",
        "true",
    )
    .ok();
    ansible_facts::check(&lab, &parked);

    moved::of_a_lost_laptop(&lab, other.path());

    // Without `--start os` the parked ones run too.
    let started = lab.virsh(&command).ok();
    let verbs: Vec<_> = started
        .list("changes")
        .iter()
        .map(|c| c["name"].clone())
        .collect();
    assert!(
        verbs.contains(&"controller-0".into()) && verbs.contains(&"compute-0".into()),
        "{verbs:?}"
    );
    for name in lab.domains() {
        assert_eq!(lab.state_of(&name), "running", "{name}");
    }
    let unchanged = lab.virsh(&command).ok();
    assert_eq!(unchanged.list("changes"), [] as [serde_json::Value; 0]);
    changes::of_a_guest(&lab, &parked, &config);
    first_boot::is_as_it_was(&config, &guest);
    access::to_a_guest(&lab);

    // Those that stay are told who goes, as the dry run says.
    let remove = ["--remove-nodes", "compute-0", "--format", "json"];
    let dry = lab.virsh(&[&remove[..], &["--dry-run"]].concat()).ok();
    let run = lab.virsh(&remove).ok();
    assert_eq!(run.list("changes"), dry.list("planned"), "{}", run.transcript());
    let told = run.list("changes").pop().expect("a change");
    assert_eq!(told["name"], "undercloud-0:/etc/hosts");
    assert_eq!(told["reason"], "compute-0 goes");
    let known = ssh(&config, "undercloud-0", "cat /etc/hosts").ok().stdout;
    assert!(
        known.contains("controller-0") && !known.contains("compute-0"),
        "{known}"
    );
    access::it_goes_down_when_asked(&lab);

    lab.virsh(&["--cleanup", "--yes"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
    assert!(
        lab.snapshot().contains("/irs-base-"),
        "the cache of base images stays"
    );
    assert!(!workspace.exists(), "the outputs are gone");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn on_the_hypervisor_itself_the_command_line_needs_no_address() {
    let lab = Lab::up("local", &["--default-network", "--default-pool"]).warm();
    let image = lab.image();
    let before = lab.snapshot();
    let command = [
        &["virsh"],
        NODES,
        SIZES,
        uefi::FLAGS,
        &["--image-url", &image, "--format", "json"],
    ]
    .concat();
    let run = lab
        .irs_local(&command)
        .ok()
        .says(&["no --host-address", "this machine"]);
    let on = |name: &str| (name.to_owned(), "running".to_owned());
    assert_eq!(
        run.nodes(),
        [on("compute-0"), on("controller-0"), on("undercloud-0")]
    );
    check_domains(&lab);

    let config = lab
        .home()
        .join("default/ansible.ssh.config")
        .display()
        .to_string();
    let login = ["ssh", "-F", &config, "-o", "BatchMode=yes", "undercloud-0"];
    let hostname = [&login[..], &["hostname"]].concat();
    assert_eq!(lab.enter(&hostname).ok().stdout, "undercloud-0\n");
    uefi::check(&lab, &login);
    let again = lab.irs_local(&command).ok();
    assert_eq!(again.list("changes"), [] as [serde_json::Value; 0]);

    lab.irs_local(&["virsh", "--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
