//! One environment on two hypervisors, with a guest on each that reach each other.

use crate::support::{Lab, Run, RunExt, ansible, blank_image, difference};
use std::path::PathBuf;
use std::process::Command;

/// A network that each hypervisor has for itself, and two that join them: a bridge and Open vSwitch over a NIC each.
const NETWORK: &str = "
networks:
  net1:
    name: management
    forward: nat
    ip_address: 172.16.{{ net }}.1
    netmask: 255.255.255.0
    dhcp: {range: {start: 172.16.{{ net }}.2, end: 172.16.{{ net }}.100}}
  net2: {name: lan, forward: bridge, nic: lan0}
  net3: {name: switch, forward: bridge, virtualport_type: openvswitch, nic: lan1, ipv4_address: 192.0.2.200/24}
nodes:
  default:
    interfaces: [{network: management}, {network: lan}, {network: switch}]
    external_network: {network: management}
";
const SIZES: &[&str] = &[
    "--virt-type",
    "qemu",
    "--bridge-runtime-only",
    "-e",
    "override.freeipa.memory=192",
    "-e",
    "override.freeipa.cpu=1",
    "-e",
    "override.compute={memory: 64, cpu: 1, disks: {disk1: {size: 1G}}}",
];
/// The guests have no ping of their own.
const PING: &str = r#"
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(60)
s.sendto(struct.pack("!BBHHH", 8, 0, 0xf7fe, 1, 0), (sys.argv[1], 0))
while s.recvfrom(999)[1][0] != sys.argv[1]:
    pass
print("answered")
"#;
const LAB: &[&str] = &[
    "--default-network",
    "--openvswitch",
    "--nic",
    "lan0",
    "--nic",
    "lan1",
];

struct Fleet {
    labs: [Lab; 2],
    folder: tempfile::TempDir,
}

impl Fleet {
    /// Two hypervisors with common LANs, that one key opens.
    fn up() -> Fleet {
        let labs = std::thread::scope(|scope| {
            let up = ["fleet-a", "fleet-b"].map(|name| scope.spawn(move || Lab::up(name, LAB).warm()));
            up.map(|lab| lab.join().expect("a lab"))
        });
        let folder = tempfile::tempdir().expect("a folder");
        let read = |path: &str| std::fs::read_to_string(path).expect(path);
        let known: String = labs.iter().map(|lab| read(lab.known_hosts())).collect();
        std::fs::write(folder.path().join("known"), known).expect("known hosts");
        std::fs::write(folder.path().join("net.yml"), NETWORK).expect("a network file");
        let public = read(&format!("{}.pub", labs[0].key()));
        let authorized = labs[1].state().join("etc/ssh/authorized_keys");
        let there = read(&authorized.display().to_string());
        std::fs::write(&authorized, there + &public).expect("authorized keys");
        let join = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/join");
        for nic in ["lan0", "lan1"] {
            Command::new(join).args(["fleet-a", "fleet-b", nic]).run().ok();
        }
        for lab in &labs {
            // Open vSwitch takes no NIC that has addresses.
            lab.enter(&["ip", "address", "flush", "dev", "lan1"]).ok();
        }
        Fleet { labs, folder }
    }

    fn both(&self) -> String {
        format!("{},{}", self.labs[0].address(), self.labs[1].address())
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn command(&self, command: &str, hosts: &str, args: &[&str]) -> Command {
        let (known, key) = (self.path("known"), self.labs[0].key());
        let hosts = if hosts.is_empty() {
            vec![]
        } else {
            vec!["--host-address", hosts]
        };
        let login = ["--host-key", key, "--known-hosts", &known];
        self.labs[0].irs_command(&[&[command], &hosts[..], &login, args].concat())
    }

    /// `irs virsh` for these nodes, with the environment's hypervisors when none is named.
    fn make(&self, hosts: &str, nodes: &str, more: &[&str]) -> Run {
        let network = self.path("net.yml");
        let what = [
            "--topology-nodes",
            nodes,
            "--topology-network",
            &network,
            "--format",
            "json",
        ];
        self.command("virsh", hosts, &[&what, SIZES, more].concat()).run()
    }

    fn snapshots(&self) -> [String; 2] {
        [
            self.labs[0].snapshot_but_cache(),
            self.labs[1].snapshot_but_cache(),
        ]
    }

    fn domains(&self) -> [Vec<String>; 2] {
        [self.labs[0].domains(), self.labs[1].domains()]
    }

    fn workspace(&self) -> PathBuf {
        self.labs[0].home().join("default")
    }

    /// Runs a command on a node, by the ssh config that was written.
    fn ssh(&self, node: &str, command: &str) -> Run {
        let config = self.workspace().join("ansible.ssh.config");
        let mut ssh = Command::new("ssh");
        let ssh = ssh.arg("-F").arg(config).args([node, command]);
        ssh.env_remove("SSH_AUTH_SOCK").run()
    }

    /// Makes sure that a node answers another one's ping.
    fn reaches(&self, node: &str, address: &str) {
        let run = self.ssh(node, &format!("sudo python3 -c '{PING}' {address}"));
        assert_eq!(run.stdout, "answered\n", "{}", run.transcript());
    }
}

/// A snapshot without the disks that running guests write to.
fn but_disks(snapshot: &str) -> String {
    let lines = snapshot
        .lines()
        .filter(|line| !line.contains("/freeipa-") || !line.contains(".qcow2 "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn an_environment_on_two_hypervisors_is_made_joined_extended_and_goes() {
    let fleet = Fleet::up();
    let [one, other] = &fleet.labs;
    let (a, b) = (one.address(), other.address());
    let image = one.image();
    let before = fleet.snapshots();

    // One of them is not there: nothing is made on the other.
    let sshd = |script: &str| other.enter(&["sh", "-c", script]).ok();
    sshd("kill $(cat /run/sshd.pid)");
    let down = fleet
        .make(&fleet.both(), "freeipa:2", &["--image-url", &image])
        .exits(3);
    assert!(
        down.stdout.contains(&format!(
            "'{b}' fails, and so nothing was changed on any hypervisor"
        )),
        "{}",
        down.stdout
    );
    assert_eq!(difference(&before[0], &one.snapshot_but_cache()), "");
    sshd("/usr/sbin/sshd");
    let twice = fleet.make(&format!("{a},root@{a}"), "freeipa:2", &[]).exits(2);
    assert!(twice.stdout.contains("are one machine"), "{}", twice.stdout);

    // A guest on each, reached by one inventory.
    let guests = ["--image-url", &image];
    let dry = fleet
        .make(
            &fleet.both(),
            "freeipa:2",
            &[&guests[..], &["--dry-run"]].concat(),
        )
        .ok();
    let made = fleet.make(&fleet.both(), "freeipa:2", &guests).ok();
    assert_eq!(made.list("changes"), dry.list("planned"));
    assert_eq!(fleet.domains(), [["freeipa-0"], ["freeipa-1"]]);
    let nodes = made.list("nodes");
    let of = |index: usize, key: &str| nodes[index][key].as_str().expect(key).to_owned();
    assert_eq!([of(0, "host"), of(1, "host")], [a, b]);
    assert_eq!([of(0, "ip"), of(1, "ip")], ["172.16.0.2", "172.16.0.51"]);
    let range = |lab: &Lab| lab.ask(&["net-dumpxml", "management"]);
    assert!(range(one).contains("<range start='172.16.0.2' end='172.16.0.50'/>"));
    assert!(range(other).contains("<range start='172.16.0.51' end='172.16.0.100'/>"));
    let owner = |lab: &Lab| {
        lab.enter(&["ip", "-4", "-o", "address", "show", "switch"])
            .ok()
            .stdout
    };
    assert!(owner(one).contains("192.0.2.200/24") && owner(other).is_empty());
    let hostnames = Command::new(ansible().join("ansible"))
        .args(["-i", "hosts-prov", "freeipa", "-m", "raw", "-a", "hostname"])
        .current_dir(fleet.workspace())
        .env_remove("SSH_AUTH_SOCK")
        .run()
        .ok();
    for node in ["freeipa-0", "freeipa-1"] {
        assert!(
            hostnames.stdout.contains(&format!("\n{node}")),
            "{}",
            hostnames.transcript()
        );
    }

    // They reach each other over the networks that span both hypervisors, and over the others they do not.
    for (number, lab) in fleet.labs.iter().enumerate() {
        let node = format!("freeipa-{number}");
        for (net, mac) in lab.domain(&node).all("mac", "address").iter().enumerate().skip(1) {
            let give = format!(
                "dev=$(ip -o link | grep -i {mac} | cut -d: -f2) && sudo ip address add 203.0.{net}.{}/24 dev $dev && sudo ip link set $dev up",
                number + 1
            );
            fleet.ssh(&node, &give).ok();
        }
    }
    for net in [1, 2] {
        fleet.reaches("freeipa-0", &format!("203.0.{net}.2"));
        fleet.reaches("freeipa-1", &format!("203.0.{net}.1"));
    }
    let banner = "timeout 60 bash -c 'read -r line </dev/tcp/203.0.1.2/22; echo $line'";
    let banner = fleet.ssh("freeipa-0", banner).ok();
    assert!(banner.stdout.starts_with("SSH-2.0"), "{}", banner.transcript());

    // The same again, with and without their names, changes nothing; a part of them is not the environment.
    for hosts in ["", &fleet.both()] {
        let again = fleet.make(hosts, "freeipa:2", &guests).ok();
        assert_eq!(again.list("changes"), [] as [serde_json::Value; 0]);
    }
    let elsewhere = tempfile::tempdir().expect("a folder");
    let part = ["--topology-nodes", "freeipa:2", "--format", "json"];
    let stranger = fleet
        .command("virsh", a, &part)
        .env("IRS_HOME", elsewhere.path())
        .run()
        .exits(2);
    assert!(
        stranger.stdout.contains(&format!("lives on '{b}', too")),
        "{}",
        stranger.stdout
    );

    // More of them: dealt, told by name, or where memory is.
    let blank = blank_image();
    let more = [
        "--image-url",
        &blank.path().display().to_string(),
        "--topology-extend",
        "--start",
        "none",
    ];
    fleet.make("", "compute:3", &more).ok();
    assert_eq!(
        fleet.domains(),
        [
            vec!["compute-0", "compute-2", "freeipa-0"],
            vec!["compute-1", "freeipa-1"]
        ]
    );
    let host = format!("override.compute.host={b}");
    fleet
        .make(a, "compute:1", &[&more[..], &["-e", &host]].concat())
        .ok();
    assert_eq!(fleet.domains()[1], ["compute-1", "compute-3", "freeipa-1"]);
    let wrong = fleet
        .make("", "compute:5", &["-e", "override.compute.host=nowhere"])
        .exits(2);
    assert!(
        wrong.stdout.contains("none of the hypervisors"),
        "{}",
        wrong.stdout
    );
    fleet
        .command("virsh", "", &["--remove-nodes", "compute-3,compute-0"])
        .run()
        .ok();
    assert_eq!(
        fleet.domains(),
        [vec!["compute-2", "freeipa-0"], vec!["compute-1", "freeipa-1"]]
    );
    let status = fleet
        .command("status", "", &["--format", "json"])
        .run()
        .ok()
        .json();
    let hosts = |view: &serde_json::Value| -> Vec<String> {
        let nodes = view["nodes"].as_array().expect("nodes");
        nodes
            .iter()
            .map(|node| {
                format!(
                    "{} {}",
                    node["name"].as_str().unwrap_or(""),
                    node["host"].as_str().unwrap_or("")
                )
            })
            .collect()
    };
    let all = [
        format!("compute-1 {b}"),
        format!("compute-2 {a}"),
        format!("freeipa-0 {a}"),
        format!("freeipa-1 {b}"),
    ];
    assert_eq!(hosts(&status), all);
    assert_eq!(status["drift"], serde_json::json!([]));

    // One of them goes down: all stays, or the other goes on, and no node of the one is made there.
    sshd("kill $(cat /run/sshd.pid)");
    let there = but_disks(&one.snapshot_but_cache());
    fleet.make("", "compute:4", &more[..2]).exits(3);
    fleet.command("virsh", "", &["--kill"]).run().exits(3);
    assert_eq!(difference(&there, &but_disks(&one.snapshot_but_cache())), "");
    let going = fleet
        .make(
            "",
            "compute:4",
            &[&more[..2], &["--start", "none", "--keep-going"]].concat(),
        )
        .exits(3);
    assert_eq!(going.json()["left_out"][0]["host"], b);
    assert_eq!(one.domains(), ["compute-0", "compute-2", "freeipa-0"]);
    let status = fleet
        .command("status", "", &["--format", "json"])
        .run()
        .exits(3)
        .json();
    assert!(hosts(&status).contains(&all[0]), "{status}");
    let list = fleet.command("list", "", &[]).run().exits(3);
    assert!(
        list.stdout.contains(&format!("on '{a}':")) && list.stderr.contains(&format!("no answer from '{b}'"))
    );
    sshd("/usr/sbin/sshd");

    fleet
        .make("", "compute:4", &[&more[..2], &["--start", "none"]].concat())
        .ok();
    assert_eq!(fleet.domains()[1], ["compute-1", "compute-3", "freeipa-1"]);
    fleet.command("virsh", "", &["--kill"]).run().ok();
    let after = fleet.snapshots();
    assert_eq!(
        [
            difference(&before[0], &after[0]),
            difference(&before[1], &after[1])
        ],
        ["", ""]
    );
    assert!(!fleet.workspace().exists());
}
