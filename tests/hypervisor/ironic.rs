//! What Ironic needs of a hypervisor, used as it would: from inside an undercloud, and by a node that boots from the network.

mod contact;

use crate::support::{Lab, Run, RunExt, difference};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const SMALL: &[&str] = &[
    "--virt-type",
    "qemu",
    // From disk or network, as each node's type has it.
    "--virtopts",
    "",
    "-e",
    "override.controller.memory=256",
    "-e",
    "override.controller.cpu=1",
    "-e",
    "override.undercloud.memory=512",
    "-e",
    "override.undercloud.cpu=1",
    "-e",
    "override.undercloud.disks.disk1.size=4G",
    "-e",
    "override.patcher.memory=256",
    "-e",
    "override.patcher.disks.disk1.size=4G",
];

fn run(lab: &Lab, flags: &[&str]) -> Run {
    lab.virsh(&[SMALL, flags].concat())
}

/// A run that must find nothing to do.
#[track_caller]
fn settled(lab: &Lab, flags: &[&str]) {
    let run = run(lab, &[flags, &["--format", "json"]].concat()).ok();
    assert!(run.list("changes").is_empty(), "{}", run.transcript());
}

/// A script on the hypervisor, of lines that must all succeed; gives back what it says.
fn script(lab: &Lab, text: &str) -> String {
    lab.enter(&["bash", "-euc", text]).ok().stdout
}

/// What sshd goes by.
fn limits(lab: &Lab) -> String {
    script(lab, "sshd -T | grep -E '^(maxsessions|maxstartups) ' | sort")
}

/// The node's entry for Ironic.
fn entry(lab: &Lab, workspace: &str, name: &str) -> Value {
    let path = lab.home().join(workspace).join("instackenv.json");
    let text = std::fs::read_to_string(path).expect("instackenv.json");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let nodes = file["nodes"].as_array().expect("nodes").iter();
    let mut nodes = nodes.filter(|node| node["name"] == name);
    nodes
        .next()
        .unwrap_or_else(|| panic!("no {name} in {text}"))
        .clone()
}

/// Ironic's way to the hypervisor: what an entry says, and nothing else.
struct Power {
    folder: tempfile::TempDir,
    login: String,
    known_hosts: String,
}

impl Power {
    fn of(lab: &Lab, entry: &Value) -> Power {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key");
        std::fs::write(&key, entry["pm_password"].as_str().expect("a key")).expect("the key");
        Command::new("chmod").arg("600").arg(&key).run().ok();
        let word = |key: &str| entry[key].as_str().expect("a text").to_owned();
        assert_eq!(word("pm_type"), "pxe_ssh");
        assert_eq!(word("pm_virt_type"), "virsh");
        Power {
            folder,
            login: format!("{}@{}", word("pm_user"), word("pm_addr")),
            known_hosts: format!("UserKnownHostsFile={}", lab.known_hosts()),
        }
    }

    fn ssh(&self, words: &[&str]) -> Run {
        let options = [
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ];
        Command::new("ssh")
            .args(options)
            .args(["-o", &self.known_hosts, "-i"])
            .arg(self.folder.path().join("key"))
            .args(words)
            .env_remove("SSH_AUTH_SOCK")
            .run()
    }

    fn virsh(&self, command: &str) -> Run {
        self.ssh(&[&self.login, &format!("virsh -q -c qemu:///system {command}")])
    }
}

/// A DHCP and TFTP server in the undercloud's place, on the network of provisioning.
fn serve_boot(lab: &Lab, folder: &Path) {
    std::fs::copy(lab.kernel(), folder.join("vmlinuz")).expect("the kernel");
    let text = "#!ipxe\nkernel vmlinuz console=ttyS0 irs.boot=network\nboot\n";
    std::fs::write(folder.join("boot.ipxe"), text).expect("the script");
    script(
        lab,
        &format!(
            "ip netns add pxe
            ip link add pxe-h type veth peer name eth0 netns pxe
            ip link set pxe-h master data up
            ip -n pxe address add 192.168.24.1/24 dev eth0
            ip -n pxe link set eth0 up
            ip netns exec pxe dnsmasq --conf-file=/dev/null --user=root --no-resolv --no-hosts --port=0 --interface=eth0 \
                --bind-interfaces --dhcp-range=192.168.24.100,192.168.24.150,1h --dhcp-boot=boot.ipxe --enable-tftp \
                --tftp-root='{}' --leasefile-ro --pid-file=/run/pxe.pid",
            folder.display()
        ),
    );
}

fn console(lab: &Lab, node: &str) -> PathBuf {
    lab.state().join(format!("lib/qemu/{node}-serial.log"))
}

fn wait_for(path: &Path, text: &str) -> String {
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        let said = std::fs::read(path).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        if said.contains(text) {
            return said;
        }
        assert!(Instant::now() < end, "no {text:?} on the console:\n{said}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn ironic_powers_nodes_that_boot_from_the_network() {
    let lab = Lab::up("ironic", &["--default-network", "--sshd", "MaxSessions 10"]).warm();
    let before = lab.snapshot_but_cache();
    let low = limits(&lab);
    assert!(low.starts_with("maxsessions 10\n"), "{low}");
    let listener = script(&lab, "cat /run/sshd.pid");

    // Without an undercloud Ironic is somewhere else, and comes to where we come to.
    let parked = [
        "--topology-nodes",
        "controller:1",
        "--start",
        "none",
        "--serial-files",
    ];
    let without = run(
        &lab,
        &[&parked[..], &["--stack-user", "no", "--dry-run"]].concat(),
    )
    .ok();
    assert!(!without.stdout.contains("user stack"), "{}", without.transcript());
    without.prints(&["limits of sshd: 10 sessions a connection become 100"]);
    run(&lab, &parked).ok();
    settled(&lab, &parked);
    assert!(limits(&lab).starts_with("maxsessions 100\n"));
    assert_eq!(
        script(&lab, "cat /run/sshd.pid"),
        listener,
        "it was not restarted"
    );
    let controller = entry(&lab, "default", "controller-0");
    assert_eq!(controller["pm_addr"], lab.address());
    assert_eq!(controller["memory"], "256");
    assert_eq!(controller["disk"], "64");
    assert_eq!(
        controller["capabilities"],
        "profile:control,boot_mode:bios,boot_option:local"
    );
    let nics = lab.domain("controller-0");
    assert_eq!(nics.networks()[0], "data");
    assert_eq!(
        controller["mac"],
        serde_json::json!([nics.all("mac", "address")[0]])
    );

    let boot = tempfile::tempdir().expect("a folder");
    serve_boot(&lab, boot.path());
    let power = Power::of(&lab, &controller);
    power.virsh("start controller-0").ok();
    let said = wait_for(&console(&lab, "controller-0"), "irs.boot=network");
    assert!(said.contains("Linux version "), "{said}");
    power.virsh("destroy controller-0").ok();
    assert_eq!(lab.state_of("controller-0"), "shut off");
    script(&lab, "kill $(cat /run/pxe.pid); ip netns delete pxe");
    // The key runs commands, and is no way to anywhere else.
    let beyond = power.ssh(&["-W", "127.0.0.1:22", &power.login]);
    assert_ne!(beyond.status, Some(0), "{}", beyond.transcript());

    // Another environment has a key of its own; an undercloud is given its own one's, and another node is not.
    let image = lab.image();
    let whole = [
        "--topology-nodes",
        "controller:1,undercloud:1",
        "--start",
        "os",
        "--serial-files",
        "--image-url",
        &image,
    ];
    run(&lab, &whole).ok();
    run(
        &lab,
        &[
            "--prefix",
            "b",
            "--topology-nodes",
            "controller:1,patcher:1",
            "--start",
            "none",
            "--image-url",
            &image,
        ],
    )
    .ok();
    let seed = |deployment: &str, node: &str| {
        let path = format!("lib/images/irs-{deployment}/{node}-seed.img");
        String::from_utf8_lossy(&std::fs::read(lab.state().join(path)).expect("the seed")).into_owned()
    };
    assert!(seed("default", "undercloud-0").contains("BEGIN RSA PRIVATE KEY"));
    assert!(!seed("b", "b-patcher-0").contains("BEGIN RSA PRIVATE KEY"));
    let theirs = entry(&lab, "b", "b-controller-0");
    assert_ne!(theirs["pm_password"], controller["pm_password"]);

    // The undercloud reaches the host by a network that both are on.
    let address = entry(&lab, "default", "controller-0")["pm_addr"].clone();
    assert_eq!(address, "172.16.0.1");
    let config = lab.home().join("default/ansible.ssh.config");
    let at = |user: &str, command: &str| {
        Command::new("ssh")
            .arg("-F")
            .arg(&config)
            .args(["-o", "BatchMode=yes", "-l", user, "undercloud-0", command])
            .env_remove("SSH_AUTH_SOCK")
            .run()
            .ok()
    };
    let inside = |user: &str, command: &str| {
        at(
            user,
            &format!("virsh -q -c qemu+ssh://stack@172.16.0.1/system {command}"),
        )
    };
    for user in ["cloud-user", "root"] {
        inside(user, "list --all").prints(&["controller-0", "undercloud-0"]);
    }
    // One that was made without the key is told it over SSH.
    let record = "/var/lib/libvirt/images/irs-default/record.json";
    script(
        &lab,
        &format!("sed -i '/\"handed\": {{/,/}}/d' {record}; ! grep handed {record}"),
    );
    at(
        "cloud-user",
        "sudo rm ~/.ssh/id_rsa /root/.ssh/id_rsa /etc/ssh/ssh_known_hosts",
    );
    run(&lab, &whole).ok().says(&[
        "undercloud-0 was made without the key",
        "undercloud-0 has the key of the user stack now",
    ]);
    inside("root", "list");
    inside("cloud-user", "start controller-0");
    assert_eq!(lab.state_of("controller-0"), "running");
    inside("cloud-user", "destroy controller-0");
    assert_eq!(lab.state_of("controller-0"), "shut off");
    settled(&lab, &whole);

    lab.virsh(&["--kill"]).ok();
    assert_eq!(
        Power::of(&lab, &controller).virsh("list").status,
        Some(255),
        "its key is gone"
    );
    let left = Power::of(&lab, &theirs).virsh("list --all").ok();
    left.prints(&["b-controller-0"]);
    lab.virsh(&["--prefix", "b", "--kill"]).ok();
    assert_eq!(limits(&lab), low);
    assert_eq!(script(&lab, "cat /run/sshd.pid"), listener);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

/// What was there before stays as it was: a user of that name with keys of others, and a configuration that includes nothing.
#[test]
#[ignore = "in the lab: tests/run lab"]
fn what_others_set_up_is_left_as_it_was() {
    let lab = Lab::up(
        "access",
        &["--default-network", "--sudoer", "--sshd", "MaxSessions 10"],
    )
    .warm();
    script(
        &lab,
        "useradd -m -p '*' stack
        install -d -m 700 -o stack -g stack /run/home/stack/.ssh
        printf 'ssh-ed25519 AAAA somebody@else' >/run/home/stack/.ssh/authorized_keys
        chown stack: /run/home/stack/.ssh/authorized_keys
        sed -i '/^Include /d' /etc/ssh/sshd_config
        kill -HUP $(cat /run/sshd.pid)",
    );
    let before = lab.snapshot_but_cache();
    let keys = "cat /run/home/stack/.ssh/authorized_keys";
    let blank = [
        "--host-user",
        "operator",
        "--topology-nodes",
        "controller:1",
        "--start",
        "none",
    ];
    run(&lab, &[&blank[..], &["--dry-run"]].concat())
        .ok()
        .prints(&["~ host user stack: Ironic powers nodes as it: polkit does not let it"]);
    run(&lab, &blank).ok();
    settled(&lab, &blank);
    assert!(limits(&lab).starts_with("maxsessions 100\n"));
    let power = Power::of(&lab, &entry(&lab, "default", "controller-0"));
    power.virsh("list --all").ok().prints(&["controller-0"]);
    assert!(script(&lab, keys).starts_with("ssh-ed25519 AAAA somebody@else\nrestrict ssh-rsa "));

    // What somebody takes away comes back.
    script(&lab, "rm /etc/polkit-1/rules.d/50-irs-stack.rules");
    let repaired = run(&lab, &[&blank[..], &["--format", "json"]].concat()).ok();
    assert_eq!(repaired.list("changes").len(), 1, "{}", repaired.transcript());

    // sshd's own faults are not irs's: it goes on with what it has.
    script(&lab, "echo 'NoSuchOption yes' >>/etc/ssh/sshd_config");
    settled(&lab, &blank);
    script(&lab, "sed -i '/^NoSuchOption/d' /etc/ssh/sshd_config");

    lab.virsh(&["--host-user", "operator", "--kill"]).ok();
    assert_eq!(script(&lab, keys), "ssh-ed25519 AAAA somebody@else\n");
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
    contact::first(&lab);
}
