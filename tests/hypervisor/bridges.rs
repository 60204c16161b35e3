//! Bridges of the hypervisor over its NICs: taken over, shared, mended and given back, under our own connection too.

use crate::support::{Lab, RunExt, difference};

const SIZES: &[&str] = &[
    "--virt-type",
    "qemu",
    "-e",
    "override.compute.memory=64",
    "-e",
    "override.compute.cpu=1",
    "--start",
    "none",
    "--format",
    "json",
];

/// A network file with one bridged network over a NIC.
pub fn topology(nic: &str, more: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new()
        .suffix(".yml")
        .tempfile()
        .expect("a file");
    let text = format!(
        "networks:\n  net1: {{name: br-lan, forward: bridge, nic: {nic}{more}}}\nnodes:\n  default:\n    interfaces:\n    \
         - {{network: br-lan}}\n    - {{network: br-lan, bridged: yes}}\n    external_network: {{network: br-lan}}\n"
    );
    std::fs::write(file.path(), text).expect("a file");
    file
}

struct Runs<'a> {
    lab: &'a Lab,
    network: String,
}

impl Runs<'_> {
    fn command(&self, args: &[&str]) -> std::process::Command {
        let nodes = [
            "--topology-nodes",
            "compute:1",
            "--topology-network",
            &self.network,
        ];
        self.lab.virsh_command(&[&nodes[..], SIZES, args].concat())
    }

    fn make(&self, args: &[&str]) -> crate::support::Run {
        self.command(args).run()
    }
}

/// The addresses and routes of a NIC, without what the kernel does by itself: whether an address is anybody else's.
pub fn state(lab: &Lab, nic: &str) -> String {
    let ask = |command: &[&str]| lab.enter(command).ok().stdout;
    let text = [
        ask(&["ip", "-details", "link", "show", "dev", nic]),
        ask(&["ip", "address", "show", "dev", nic]),
        ask(&["ip", "-4", "route", "show", "table", "all", "dev", nic]),
        ask(&["ip", "-6", "route", "show", "table", "all", "dev", nic]),
    ]
    .concat();
    let lines = text.lines().filter(|line| !line.contains(" table local "));
    lines.collect::<Vec<_>>().join("\n").replace(" tentative", "")
}

pub fn shell(lab: &Lab, script: &str) -> String {
    lab.enter(&["bash", "-ec", script]).ok().stdout
}

/// The NIC that was asked for first, and the beginning of its LAN's addresses.
pub fn lan(lab: &Lab) -> String {
    let octet = lab.address().split('.').nth(2).expect("an address").to_owned();
    format!("198.18.{octet}")
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_nic_is_taken_over_shared_mended_and_given_back() {
    let lab = Lab::up("bridges", &["--nic", "lan0", "--default-network"]).warm();
    let lan = lan(&lab);
    shell(
        &lab,
        &format!(
            "ip address add {lan}.22/24 dev lan0; ip address add 2001:db8:5::2/64 nodad dev lan0; ip link set lan0 mtu 1480
             ip route add 203.0.113.0/24 via {lan}.3 metric 7; ip -6 route add default via 2001:db8:5::1 metric 55
             ip route add default via {lan}.3 table 99 onlink dev lan0"
        ),
    );
    let (nic, before) = (state(&lab, "lan0"), lab.snapshot());
    let file = topology("lan0", ", ip_address: 192.0.2.9, netmask: 255.255.255.0");
    let runs = Runs {
        lab: &lab,
        network: file.path().display().to_string(),
    };

    // Nothing here brings it up at boot: that must be accepted, before anything is touched.
    runs.make(&[])
        .exits(2)
        .says(&["next boot", "--bridge-runtime-only"]);
    let planned = runs
        .make(&["--bridge-runtime-only", "--dry-run"])
        .ok()
        .list("planned");
    let bridge = planned
        .iter()
        .find(|change| change["name"] == "br-lan")
        .expect("the bridge");
    assert_eq!(
        (&bridge["kind"], &bridge["action"]),
        (&"host".into(), &"create".into())
    );
    let reason = bridge["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains(&format!("{lan}.2/24")) && !reason.contains("connection"),
        "{reason}"
    );
    assert_eq!(difference(&before, &lab.snapshot()), "");
    assert_eq!(state(&lab, "lan0"), nic);

    runs.make(&["--bridge-runtime-only"]).ok();
    let made = state(&lab, "br-lan");
    for text in [
        &format!("inet {lan}.2/24"),
        &format!("inet {lan}.22/24"),
        "inet 192.0.2.9/24",
        "inet6 2001:db8:5::2/64",
        "stp_state 0",
        &format!("203.0.113.0/24 via {lan}.3 metric 7"),
        &format!("default via {lan}.3 table 99 onlink"),
        "default via 2001:db8:5::1 metric 55",
    ] {
        assert!(made.contains(text), "{text}\n{made}");
    }
    assert!(!state(&lab, "lan0").contains("inet"), "{}", state(&lab, "lan0"));
    let filter = shell(&lab, "cat /proc/sys/net/bridge/bridge-nf-call-iptables");
    assert_eq!(filter.trim(), "0");
    let domain = lab.domain("compute-0");
    assert_eq!(domain.networks(), ["br-lan"]);
    assert_eq!(domain.all("source", "bridge"), ["br-lan"]);
    assert_eq!(runs.make(&[]).ok().list("changes"), [] as [serde_json::Value; 0]);

    // Whatever is plugged into the bridge is on the LAN, and the hypervisor is where it was.
    let plugged = format!(
        "ip link add plug type veth peer name wire; ip link set plug master br-lan up
         unshare --net sleep 60 >/dev/null 2>&1 & guest=$!; trap 'kill $guest' EXIT
         until [ $(readlink /proc/$guest/ns/net) != $(readlink /proc/$$/ns/net) ]; do sleep 0.05; done
         ip link set wire netns $guest
         inside() {{ nsenter --target $guest --net \"$@\"; }}
         inside ip address add {lan}.77/24 dev wire; inside ip link set wire up
         inside timeout 10 bash -c 'until exec 3<>/dev/tcp/{lan}.3/53; do sleep 0.2; done'"
    );
    shell(&lab, &plugged);
    lab.on_lan(
        "lan0",
        &[
            "bash",
            "-c",
            &format!("exec 3<>/dev/tcp/{lan}.22/22; head -n 1 <&3"),
        ],
    )
    .ok();

    // Another environment over the same NIC shares the bridge, and only the last one gives the NIC back.
    runs.make(&["--prefix", "b"]).ok();
    let network = crate::support::Definition::of(lab.ask(&["net-dumpxml", "b-br-lan"]));
    assert_eq!(network.all("bridge", "name"), ["br-lan"]);
    lab.virsh(&["--kill", "--prefix", "b"]).ok();
    assert_eq!(runs.make(&[]).ok().list("changes"), [] as [serde_json::Value; 0]);
    runs.make(&["--prefix", "b"]).ok();
    lab.virsh(&["--kill"]).ok();
    assert!(state(&lab, "br-lan").contains(&format!("inet {lan}.2/24")));

    // Pulled out of its bridge, and with a spanning tree.
    shell(
        &lab,
        "ip link set lan0 nomaster; ip link set br-lan type bridge stp_state 1",
    );
    let mended = runs
        .make(&["--prefix", "b", "--bridge-runtime-only"])
        .ok()
        .list("changes");
    let reasons: Vec<_> = mended
        .iter()
        .filter_map(|change| change["reason"].as_str())
        .collect();
    assert!(
        reasons.len() == 1
            && reasons[0].contains("'lan0' is not in it")
            && reasons[0].contains("spanning tree"),
        "{reasons:?}"
    );
    assert_eq!(
        runs.make(&["--prefix", "b"]).ok().list("changes"),
        [] as [serde_json::Value; 0]
    );

    lab.virsh(&["--kill", "--prefix", "b"]).ok();
    assert_eq!(state(&lab, "lan0"), nic);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
    assert_eq!(
        shell(&lab, "cat /proc/sys/net/bridge/bridge-nf-call-iptables").trim(),
        "1"
    );

    // An address that the NIC has already stays the NIC's, and one that the file names no longer goes.
    let own = topology("lan0", &format!(", ip_address: {lan}.2, netmask: 255.255.255.0"));
    let own = Runs {
        lab: &lab,
        network: own.path().display().to_string(),
    };
    own.make(&["--bridge-runtime-only"]).ok();
    runs.make(&["--bridge-runtime-only", "--host-mtu-size", "1400"])
        .ok();
    let both = state(&lab, "br-lan");
    assert!(
        both.contains("192.0.2.9") && both.contains(&format!("inet {lan}.2/24")) && both.contains("mtu 1400")
    );
    let changes = own
        .make(&["--bridge-runtime-only", "--host-mtu-size", "1400"])
        .ok()
        .list("changes");
    let reasons: Vec<_> = changes.iter().map(|change| &change["reason"]).collect();
    assert!(
        reasons.contains(&&"the topology has no longer 192.0.2.9/24".into()),
        "{reasons:?}"
    );
    assert_eq!(
        own.make(&["--host-mtu-size", "1400"]).ok().list("changes"),
        [] as [serde_json::Value; 0]
    );
    let left = state(&lab, "br-lan");
    assert!(
        !left.contains("192.0.2.9") && left.contains(&format!("inet {lan}.2/24")),
        "{left}"
    );
    lab.virsh(&["--kill"]).ok();
    assert_eq!(state(&lab, "lan0"), nic);

    // A bridge that exists is used as it is, and stays as it is.
    shell(
        &lab,
        "ip link add br-lan type bridge stp_state 1; ip link set br-lan up",
    );
    let theirs = state(&lab, "br-lan");
    runs.make(&[]).ok();
    assert_eq!(lab.domain("compute-0").networks(), ["br-lan"]);
    lab.virsh(&["--kill"]).ok();
    assert_eq!(state(&lab, "lan0"), nic);
    let port = |text: &str| text.replace("state DOWN", "").replace("state UNKNOWN", "");
    assert!(port(&state(&lab, "br-lan")).contains("stp_state 1") && theirs.contains("stp_state 1"));
}

/// Lets new connections over the bridge nowhere, as a firewall does that knows the NIC only.
const CUT: &str = "nft -f - <<'END'
table inet cut {
  chain input {
    type filter hook input priority 0; policy accept;
    iifname \"br-lan\" tcp dport 22 drop
  }
}
END";

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_change_that_cuts_our_own_connection_takes_itself_back() {
    let lab = Lab::up("takeover", &["--default-network"]).warm();
    shell(
        &lab,
        "ip route add default via $(ip -4 -br address show eth0 | sed 's/.* \\([0-9.]*\\)\\.2.24.*/\\1.1/') metric 42",
    );
    let nic = state(&lab, "eth0");
    // Without a `nic` it is the main one.
    let file = topology("''", "");
    let runs = Runs {
        lab: &lab,
        network: file.path().display().to_string(),
    };

    shell(&lab, CUT);
    let run = runs.make(&["--bridge-runtime-only"]).exits(3);
    let error = run.json()["error"].to_string();
    assert!(
        error.contains("was taken back") && error.contains("eth0"),
        "{error}"
    );
    assert_eq!(state(&lab, "eth0"), nic);
    assert!(
        !lab.enter(&["ip", "link", "show", "br-lan"])
            .stdout
            .contains("br-lan")
    );
    shell(&lab, "nft delete table inet cut");

    // Killed before it could confirm: the next run waits until that change is taken back, and makes its own.
    let killed = runs
        .command(&["--bridge-runtime-only"])
        .env("IRS_KILL_AT", "takeover")
        .run();
    assert_eq!(killed.status, None, "{}", killed.transcript());
    let run = runs.make(&["--bridge-runtime-only"]).ok();
    assert!(run.time.as_secs() >= 20, "{}", run.transcript());
    let bridge = state(&lab, "br-lan");
    assert!(
        bridge.contains(&format!("inet {}/24", lab.address())) && bridge.contains("metric 42"),
        "{bridge}"
    );
    assert_eq!(runs.make(&[]).ok().list("changes"), [] as [serde_json::Value; 0]);

    lab.virsh(&["--kill"]).ok();
    assert_eq!(state(&lab, "eth0"), nic);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_node_on_a_lan_is_reached_directly() {
    let lab = Lab::up("lan", &["--nic", "lan0", "--default-network"]).warm();
    let file = topology("lan0", "");
    let image = lab.image();
    let args = [
        "--topology-nodes",
        "freeipa:1",
        "--topology-network",
        &file.path().display().to_string(),
        "--image-url",
        &image,
        "--virt-type",
        "qemu",
        "-e",
        "override.freeipa.memory=320",
        "-e",
        "override.freeipa.cpu=1",
        "--bridge-runtime-only",
        "--format",
        "json",
    ];
    let dry = lab.virsh(&[&args[..], &["--dry-run"]].concat()).ok();
    let run = lab.virsh(&args).ok();
    // Its seed could not tell it the address that the LAN gives it.
    let told = dry.list("planned").pop().expect("an action");
    assert_eq!(told["name"], "freeipa-0:/etc/hosts");
    assert_eq!(run.list("changes"), dry.list("planned"));
    let node = &run.json()["nodes"][0];
    let ip = node["ip"].as_str().unwrap_or_default().to_owned();
    assert!(
        node["ready"] == true && ip.starts_with(&lan(&lab)),
        "{}",
        run.transcript()
    );

    // Another client finds the same, and its files are as good.
    let other = tempfile::tempdir().expect("a folder");
    let again = lab.virsh_command(&args).env("IRS_HOME", other.path()).run().ok();
    assert_eq!(again.list("changes"), [] as [serde_json::Value; 0]);
    for home in [lab.home(), other.path()] {
        let config = home.join("default/ansible.ssh.config");
        let text = std::fs::read_to_string(&config).expect("the ssh config");
        assert!(
            text.contains(&format!("HostName {ip}\n")) && !text.contains("Proxy"),
            "{text}"
        );
        let mut ssh = std::process::Command::new("ssh");
        let ran = ssh
            .arg("-F")
            .arg(&config)
            .args(["freeipa-0", "hostname"])
            .run()
            .ok();
        assert_eq!(ran.stdout.trim(), "freeipa-0");
        let hosts = std::fs::read_to_string(home.join("default/hosts-prov")).expect("the inventory");
        assert!(
            hosts.contains(&format!("freeipa-0 ansible_host={ip} ")),
            "{hosts}"
        );
    }
}
