//! Changes that keep data, of nodes that run: at once where libvirt can, else after a restart, which `--restart` makes.

use std::path::Path;
use std::process::Command;

use crate::main_road::ssh;
use crate::support::{Definition, Lab, Run, RunExt, difference};

const NETWORK: &str = "
networks:
  net1: {name: management, forward: nat, ip_address: 172.16.0.1, netmask: 255.255.255.0, dhcp: {range: {start: 172.16.0.2, end: 172.16.0.100}}}
  net2: {name: data, forward: nat, ip_address: 172.17.0.1, netmask: 255.255.255.0, dhcp: {range: {start: 172.17.0.2, end: 172.17.0.100}}}
  net3: {name: other, forward: nat, ip_address: 172.18.0.1, netmask: 255.255.255.0, dhcp: {range: {start: 172.18.0.2, end: 172.18.0.100}}}
nodes:
  default: {interfaces: [{network: management}], external_network: {network: management}}
";
const NOTHING: [serde_json::Value; 0] = [];

/// A node without an operating system, and the folder of the files that it is made from.
struct Blank<'a> {
    lab: &'a Lab,
    folder: &'a Path,
}

impl Blank<'_> {
    /// Writes what it is to be: the last of its networks is the one that it is reached through.
    fn is(&self, (cpu, memory): (u32, u32), networks: &[&str], password: &str) {
        let interfaces: Vec<String> = networks.iter().map(|n| format!("{{network: {n}}}")).collect();
        let text = format!(
            "cpu: {cpu}\nmemory: {memory}\ndeploy_os: no\ndisks: {{disk1: {{size: 4M}}}}\ninterfaces: [{}]\nexternal_network: {{network: {}}}\n",
            interfaces.join(", "),
            networks.last().expect("a network")
        );
        for (name, text) in [
            ("network/plain.yml", NETWORK),
            ("nodes/blank.yml", &text),
            ("password", password),
        ] {
            let path = self.folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
            std::fs::write(path, text).expect("the file");
        }
    }

    fn command(&self, flags: &[&str]) -> Command {
        let folder = self.folder.display().to_string();
        let password = self.folder.join("password").display().to_string();
        let what = ["--topology-nodes", "blank:1", "--topology-network", "plain"];
        let from = ["--topology-dir", &folder, "--vnc-password-file", &password];
        let how = ["--virt-type", "qemu", "--format", "json"];
        self.lab.virsh_command(&[&what[..], &from, &how, flags].concat())
    }

    /// A dry run, a run that does just that, and one that finds nothing to do; gives back the second one.
    #[track_caller]
    fn converges(&self, flags: &[&str]) -> Run {
        let dry = self.command(&[flags, &["--dry-run"]].concat()).run().ok();
        let run = self.command(flags).run().ok();
        assert_eq!(run.list("changes"), dry.list("planned"), "{}", run.transcript());
        let again = self.command(flags).run().ok();
        assert_eq!(again.list("changes"), NOTHING, "{}", again.transcript());
        assert_eq!(pending(&again), pending(&run));
        run
    }

    fn live(&self) -> Definition {
        Definition::of(self.lab.ask(&["dumpxml", "--security-info", "blank-0"]))
    }

    /// Gives the network that it has all the time a DNS domain.
    fn in_domain(&self) {
        let named = NETWORK.replace("{name: management,", "{name: management, domain: lab.example,");
        std::fs::write(self.folder.join("network/plain.yml"), named).expect("the network file");
    }

    fn reserved(&self, network: &str) -> Vec<String> {
        Definition::of(self.lab.ask(&["net-dumpxml", network])).all("host", "ip")
    }
}

/// What the next restart of the only node shows, as a run or `irs status` says it.
#[track_caller]
fn pending(run: &Run) -> Vec<String> {
    let node = run.list("nodes").first().expect("a node").clone();
    let list = node["pending"].as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

#[track_caller]
fn reasons(run: &Run) -> String {
    let changes = run.list("changes");
    let text = |change: &serde_json::Value| format!("{} {}", change["action"], change["reason"]);
    changes.iter().map(text).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn of_a_node_that_obeys_nobody() {
    let lab = Lab::up("changes", &["--default-network"]).warm();
    let before = lab.snapshot();
    let folder = tempfile::tempdir().expect("a folder");
    let blank = Blank {
        lab: &lab,
        folder: folder.path(),
    };
    blank.is((1, 64), &["management", "data"], "first");
    blank.command(&[]).run().ok();
    let machine = lab.ask(&["domid", "blank-0"]);

    // What libvirt can is done at once; what it cannot is told by every run until there was a restart.
    blank.is((2, 96), &["management", "other"], "second");
    blank.in_domain();
    let run = blank.converges(&[]);
    let of_network = "DNS domain from none to lab.example";
    assert_eq!(
        run.list("networks")[0]["pending"],
        serde_json::json!([of_network])
    );
    let lacks = ["memory from 64 MiB to 96 MiB", "CPUs from 1 to 2"];
    assert_eq!(pending(&run), lacks);
    for reason in [
        "the VNC password, at once; memory from 64 MiB to 96 MiB; CPUs from 1 to 2, after the next restart",
        "moves from 'data' to 'other', at once",
    ] {
        assert!(reasons(&run).contains(reason), "{}", reasons(&run));
    }
    assert_eq!(blank.live().networks(), ["management", "other"]);
    assert_eq!(blank.live().all("graphics", "passwd"), ["second"]);
    assert_eq!(
        (blank.reserved("data"), blank.reserved("other")),
        (vec![], vec!["172.18.0.2".to_owned()])
    );
    assert_eq!(run.list("nodes")[0]["ip"], "172.18.0.2");
    assert_eq!(lab.ask(&["domid", "blank-0"]), machine, "it was restarted");
    let status = lab.on_host(&["status", "--format", "json"]).ok();
    assert_eq!(pending(&status), lacks);
    let of_status = |status: &Run| {
        let networks = status.list("networks");
        let mut named = networks.iter().filter(|one| one["name"] == "management");
        named.next().expect("the network")["pending"].clone()
    };
    assert_eq!(of_status(&status), serde_json::json!([of_network]));

    // Killed between the stop and the start: the next run starts it, whether it is to restart anything or not.
    let restart = ["--restart", "--restart-timeout", "1"];
    let mut killed = blank.command(&restart);
    killed.env("IRS_KILL_AT", "restart-off").run();
    assert_eq!(lab.state_of("blank-0"), "shut off");
    let run = blank.command(&["--wait"]).run().ok();
    assert_eq!(pending(&run), [""; 0]);
    assert_eq!(lab.state_of("blank-0"), "running");
    assert_eq!(
        (blank.live().text("memory"), blank.live().text("vcpu")),
        ("98304".into(), "2".into())
    );

    // A NIC that it does not let go of, and sizes that only a restart makes smaller.
    blank.is((1, 64), &["management"], "second");
    blank.in_domain();
    let run = blank
        .converges(&restart)
        .says(&["blank-0 was not down within 1s, and was switched off"]);
    assert!(
        reasons(&run).contains("\"restart\" \"restart for memory from 96 MiB to 64 MiB"),
        "{}",
        reasons(&run)
    );
    assert_eq!(pending(&run), [""; 0]);
    assert_eq!(blank.live().networks(), ["management"]);
    assert_eq!(
        (blank.live().text("memory"), blank.live().text("vcpu")),
        ("65536".into(), "1".into())
    );
    assert_eq!(blank.reserved("other"), [""; 0]);

    // What somebody took away by hand comes back; a NIC that somebody plugged in stays.
    lab.ask(&["setmem", "blank-0", "32M", "--config"]);
    lab.ask(&[
        "attach-interface",
        "blank-0",
        "network",
        "data",
        "--config",
        "--live",
    ]);
    let plug = ["attach-interface", "blank-0", "network", "management"];
    lab.ask(&[&plug[..], &["--config"]].concat());
    let run = blank.converges(&[]);
    assert_eq!(pending(&run), [""; 0]);
    assert!(
        reasons(&run).contains("memory from 32 MiB to 64 MiB"),
        "{}",
        reasons(&run)
    );
    assert_eq!(lab.domain("blank-0").text("currentMemory"), "65536");
    assert_eq!(blank.live().networks(), ["management", "data"]);

    // That NIC's definition alone took a place on the bus: one that comes and goes is elsewhere as it runs.
    blank.is((1, 64), &["management", "other"], "second");
    blank.converges(&[]);
    blank.is((1, 64), &["management"], "second");
    let run = blank.converges(&[]);
    assert!(!run.stderr.contains("after a restart:"), "{}", run.transcript());

    lab.virsh(&["--cleanup", "--yes"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

/// Several changes of a running guest with one restart: it is shut down cleanly by its agent, and shows all of them.
/// `command` makes it; `config` is the ssh configuration that leads to it.
pub fn of_a_guest(lab: &Lab, command: &[&str], config: &Path) {
    let ask = |script: &str| ssh(config, "undercloud-0", script).ok().stdout;
    let boot = ask("cat /proc/sys/kernel/random/boot_id; echo kept >kept");
    let changes = [
        "override.undercloud.memory=640",
        "override.undercloud.cpu=2",
        "override.undercloud.disks.disk1.size=101G",
        r#"{"override": {"undercloud": {"interfaces": [{"network": "data"}, {"network": "management"}, {"network": "management"}]}}}"#,
    ];
    let changes = changes.iter().flat_map(|change| ["-e", change]);
    let restart = [command, &changes.collect::<Vec<_>>(), &["--restart"]].concat();
    let dry = lab.virsh(&[&restart[..], &["--dry-run"]].concat()).ok();
    let run = lab.virsh(&restart).ok();
    assert_eq!(run.list("changes"), dry.list("planned"), "{}", run.transcript());
    let run = run.says(&[
        "undercloud-0: was shut down and started again",
        "undercloud-0: ready at",
    ]);
    let says = "cat /proc/sys/kernel/random/boot_id kept; nproc; cat /sys/block/vda/size; \
                echo $(cat /sys/class/net/*/address); ip -br -4 address | grep -c '172[.]16[.]'; \
                sudo -n dmesg | grep -c 'recovery complete'; awk '/MemTotal/ { print int($2 / 1024 / 64) }' /proc/meminfo";
    let said = ask(says);
    let said: Vec<&str> = said.lines().collect();
    let [id, kept, cpus, sectors, nics, addressed, recoveries, memory] = said[..] else {
        panic!("{said:?}")
    };
    assert_ne!(id, boot.trim(), "{}", run.transcript());
    assert_eq!((kept, cpus, recoveries), ("kept", "2", "0"));
    assert_eq!(sectors, (101u64 << 21).to_string());
    // It is there, and the guest's own to set up: only the NIC that the node is reached through asks for an address.
    for mac in lab.domain("undercloud-0").all("mac", "address") {
        assert!(
            nics.split(' ').any(|nic| nic == mac),
            "{mac} is not one of {nics}"
        );
    }
    assert_eq!(addressed, "1");
    // The kernel keeps some for itself: 512 MiB are 7 times 64 at most.
    assert!(memory.parse::<u32>().expect("a number") >= 8, "{memory}");
    let again = lab.virsh(&restart).ok();
    assert_eq!(again.list("changes"), NOTHING, "{}", again.transcript());
}
