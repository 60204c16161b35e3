//! Whatever somebody changes, stops or takes away: `irs status` and a dry run name it alike, the next run repairs just that or
//! says the way out, and what others added stays.

use crate::support::{Definition, Lab, SIZES, difference};
use serde_json::Value;

const NODES: &[&str] = &["--format", "json", "--topology-nodes", "compute:2"];
const FOLDER: &str = "/var/lib/libvirt/images/irs-default";

/// What `irs status` calls drift.
fn drift(lab: &Lab) -> Vec<Value> {
    let status = lab.on_host(&["status", "--format", "json"]).ok().json();
    status["drift"].as_array().expect("a list").clone()
}

/// A run that does what its dry run says, in that order and for these reasons.
#[track_caller]
fn as_planned(lab: &Lab, args: &[&str]) -> Vec<Value> {
    let args = [SIZES, args].concat();
    let planned = lab
        .virsh(&[&args[..], &["--dry-run"]].concat())
        .ok()
        .list("planned");
    let done = lab.virsh(&args).ok().list("changes");
    assert_eq!(done, planned);
    done
}

/// Checks that status names these (resource, a part of what is wrong with it), that a run repairs just that, and that then there is
/// nothing left to do.
#[track_caller]
fn repaired(lab: &Lab, wrong: &[(&str, &str)]) {
    let pair = |change: &Value, key: &str| (change["name"].to_string(), change[key].to_string());
    let found = drift(lab);
    for (name, part) in wrong {
        let named = |drift: &&Value| drift["name"] == *name && drift["what"].to_string().contains(part);
        assert!(
            found.iter().any(|drift| named(&drift)),
            "{name}: {part}\n{found:#?}"
        );
    }
    assert_eq!(found.len(), wrong.len(), "{found:#?}");
    let mut seen: Vec<_> = found.iter().map(|drift| pair(drift, "what")).collect();
    let done = as_planned(lab, NODES);
    let mut repaired: Vec<_> = done.iter().map(|change| pair(change, "reason")).collect();
    seen.sort();
    repaired.sort();
    assert_eq!(repaired, seen);
    assert_eq!(drift(lab), [] as [Value; 0]);
    let again = lab.virsh(&[NODES, SIZES].concat()).ok();
    assert_eq!(again.list("changes"), [] as [Value; 0]);
}

/// UUIDs and NICs of the nodes, and the addresses that the networks reserve.
fn identity(lab: &Lab) -> Vec<String> {
    let mut all = Vec::new();
    let known = lab
        .enter(&["cat", &format!("{FOLDER}/blueprint.json")])
        .ok()
        .stdout;
    for node in ["compute-0", "compute-1"] {
        let domain = lab.domain(node);
        let (macs, networks) = (domain.all("mac", "address"), domain.networks());
        let nics = macs.into_iter().zip(networks);
        let mut own: Vec<_> = nics.filter(|(mac, _)| known.contains(mac)).collect();
        own.sort();
        all.push(format!("{node} {} {own:?}", domain.text("uuid")));
    }
    for network in ["management", "external"] {
        let hosts = lab.ask(&["net-dumpxml", network]);
        let mut hosts: Vec<String> = hosts
            .lines()
            .filter(|line| line.contains("<host ") && line.contains("compute-"))
            .map(|line| line.trim().to_owned())
            .collect();
        hosts.sort();
        all.extend(hosts);
    }
    all
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn what_somebody_changes_is_named_and_repaired_and_what_others_added_stays() {
    let lab = Lab::up("drift", &["--default-network"]).warm();
    let before = lab.snapshot();
    let ask = |command: &str| lab.ask(&command.split(' ').collect::<Vec<_>>());
    let shell = |script: &str| lab.enter(&["sh", "-c", script]).ok().stdout;
    as_planned(&lab, NODES);
    assert_eq!(drift(&lab), [] as [Value; 0]);
    let made = identity(&lab);

    // Without its blueprint an environment is not said to be as irs made it, and the next run writes the same one.
    shell(&format!("mv {FOLDER}/blueprint.json /tmp/irs-drift-blueprint"));
    let found = drift(&lab);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["name"], "blueprint.json");
    as_planned(&lab, NODES);
    assert_eq!(drift(&lab), [] as [Value; 0]);
    let same = format!("cmp {FOLDER}/blueprint.json /tmp/irs-drift-blueprint && rm /tmp/irs-drift-blueprint");
    shell(&same);

    // What others add is no drift, and outlives every repair below.
    ask("attach-interface compute-1 network default --config --model virtio");
    ask("attach-interface compute-1 network data --config --model virtio");
    lab.ask(&["desc", "compute-1", "--config", "words of theirs"]);
    lab.ask(&[
        "net-update",
        "external",
        "add",
        "dns-host",
        "<host ip='10.0.0.200'><hostname>theirs</hostname></host>",
        "--config",
        "--live",
    ]);
    shell(
        "virsh net-dumpxml --inactive external | sed \"s,</network>,<portgroup name='theirs'/></network>,\" >/tmp/irs-drift-net.xml
         virsh net-define /tmp/irs-drift-net.xml",
    );
    shell("echo \"<input type='tablet' bus='usb'/>\" >/tmp/irs-drift-usb.xml");
    ask("attach-device compute-1 /tmp/irs-drift-usb.xml --config");
    shell("echo \"<watchdog model='i6300esb' action='reset'/>\" >/tmp/irs-drift-dog.xml");
    ask("attach-device compute-1 /tmp/irs-drift-dog.xml --config");
    shell("rm /tmp/irs-drift-dog.xml");
    assert_eq!(drift(&lab), [] as [Value; 0]);
    // Nor does irs wait for a restart to bring it.
    let status = lab.on_host(&["status", "--format", "json"]).ok();
    for node in status.list("nodes") {
        assert_eq!(node["pending"], serde_json::json!([]), "{node}");
    }

    let external = lab.domain("compute-1").all("mac", "address")[2].clone();
    let host = format!("<host mac='{external}' ip='10.0.0.3'/>");
    ask("undefine compute-0");
    ask("net-undefine management");
    ask("net-destroy data");
    lab.ask(&[
        "net-update",
        "external",
        "delete",
        "ip-dhcp-host",
        &host,
        "--config",
        "--live",
    ]);
    ask("pool-destroy irs-default");
    ask("pool-undefine irs-default");
    ask("pool-autostart --disable images");
    ask("autostart --disable compute-1");
    ask("setvcpus compute-1 2 --maximum --config");
    ask("detach-disk compute-1 vda --config");
    let second = lab.domain("compute-1").all("mac", "address")[1].clone();
    ask(&format!(
        "detach-interface compute-1 network --mac {second} --config"
    ));
    repaired(
        &lab,
        &[
            ("irs-default", "there is none"),
            ("management", "it has no definition"),
            ("data", "it is not started"),
            ("external", "compute-1 has no reservation of 10.0.0.3"),
            ("compute-0", "it has no definition"),
            ("images", "it does not start with the host"),
            ("compute-1", "it does not start with the host"),
            ("compute-1", "it has no disk vda"),
            ("compute-1", "in its definition"),
        ],
    );
    assert_eq!(identity(&lab), made);
    let runs = Definition::of(lab.ask(&["dumpxml", "compute-1"]));
    let macs = runs.all("mac", "address");
    assert_eq!(macs.iter().filter(|mac| **mac == second).count(), 1, "{macs:?}");

    // What cannot change under nodes comes back, too: in the definition, and in what runs by it.
    shell(
        "virsh net-dumpxml --inactive data | sed \"s,<bridge ,<forward mode='route'/><bridge ,\" >/tmp/irs-drift-net.xml
         virsh net-define /tmp/irs-drift-net.xml && virsh net-destroy data && virsh net-start data
         virsh net-dumpxml --inactive external | sed 's,10[.]0[.]0[.],10.9.0.,g' >/tmp/irs-drift-net.xml
         virsh net-define /tmp/irs-drift-net.xml && rm /tmp/irs-drift-net.xml
         virsh dumpxml --inactive compute-1 | sed \"s,dev='vda' bus='virtio',dev='sda' bus='sata',; /<disk /,/<.disk>/{/<address /d}; s,<graphics ,<graphics passwd='theirs' ,\" >/tmp/irs-drift.xml
         virsh define /tmp/irs-drift.xml && rm /tmp/irs-drift.xml",
    );
    repaired(
        &lab,
        &[
            (
                "data",
                "another forward mode: route, wanted none: it starts again",
            ),
            ("data", "the NICs of compute-0, compute-1 are not plugged into it"),
            ("external", "another IPv4 subnet: 10.9.0.1/24, wanted 10.0.0.1/24"),
            (
                "compute-1",
                "disk vda: bus from 'sata' to 'virtio', device from 'sda' to 'vda'; its screen has a password",
            ),
        ],
    );
    assert_eq!(identity(&lab), made);
    let ports = shell("ls /sys/class/net/data/brif");
    assert_eq!(ports.lines().count(), 2, "{ports}");

    // Gone for good, but for the disks.
    ask("destroy compute-0");
    ask("undefine compute-0");
    ask("net-destroy external");
    ask("net-undefine external");
    shell("ip link delete management");
    ask("metadata compute-1 urn:irs:libvirt --remove --config");
    ask("net-metadata data urn:irs:libvirt --remove --config");
    shell(&format!(
        "virsh dumpxml --inactive compute-1 | sed \"s/mac address='{external}'/mac address='52:54:00:00:00:99'/\" >/tmp/irs-drift.xml
         virsh define /tmp/irs-drift.xml && rm /tmp/irs-drift.xml /tmp/irs-drift-usb.xml"
    ));
    repaired(
        &lab,
        &[
            ("external", "it does not exist"),
            ("management", "its bridge 'management' is gone"),
            ("data", "irs's mark on it is gone"),
            ("compute-0", "it is not defined"),
            ("compute-0", "it does not run"),
            ("compute-1", "irs's mark on it is gone"),
            ("compute-1", "has the address 52:54:00:00:00:99"),
        ],
    );
    assert_eq!(identity(&lab), made);
    let stays = lab.domain("compute-1");
    assert_eq!(stays.text("description"), "words of theirs");
    assert!(stays.xml.contains("<input type='tablet'"), "{}", stays.xml);
    let networks = stays.networks();
    assert_eq!(
        networks.iter().filter(|name| *name == "default").count(),
        1,
        "{networks:?}"
    );
    assert_eq!(
        networks.iter().filter(|name| *name == "data").count(),
        2,
        "{networks:?}"
    );

    // Under another name it is still that node.
    ask("destroy compute-0");
    ask("domrename compute-0 other");
    let way_out = "virsh domrename other compute-0";
    let refused = lab.virsh(&[NODES, SIZES].concat()).exits(2);
    refused.says(&["domain 'other' on", "is 'compute-0' under another name", way_out]);
    let told = |drift: &Value| drift["next"] == "refuse" && drift["hint"].to_string().contains(way_out);
    let found = drift(&lab);
    assert!(found.iter().any(told), "{found:#?}");
    ask("domrename other compute-0");
    repaired(&lab, &[("compute-0", "it is shut off")]);

    // A running node still has its lost disk: nobody takes it from it.
    let (disk, aside) = (
        format!("{FOLDER}/compute-1-disk1.qcow2"),
        "/var/lib/libvirt/images/aside",
    );
    shell(&format!("mv {disk} {aside}"));
    let lost = drift(&lab);
    assert_eq!((lost.len(), &lost[0]["next"]), (1, &"refuse".into()), "{lost:#?}");
    assert!(
        lost[0]["hint"].to_string().contains("--remove-nodes compute-1"),
        "{lost:#?}"
    );
    let refused = lab.virsh(&[NODES, SIZES].concat()).exits(2);
    refused.says(&["is gone while the node runs", "copy its data off first"]);
    // Nor is another file in its place taken for it, or what is left of it.
    for (make, what) in [
        ("head -c 131072", "is cut off at 131072 bytes"),
        ("tail -c 1", "is no qcow2 image any more"),
    ] {
        shell(&format!("{make} {aside} >{disk}"));
        let damaged = drift(&lab);
        assert_eq!(
            (damaged.len(), &damaged[0]["next"]),
            (1, &"refuse".into()),
            "{damaged:#?}"
        );
        let refused = lab.virsh(&[NODES, SIZES].concat()).exits(2);
        refused.says(&["disk vda of 'compute-1' on", what, "put back what it was"]);
    }
    shell(&format!("mv {aside} {disk}"));
    assert_eq!(drift(&lab), [] as [Value; 0]);

    as_planned(
        &lab,
        &[
            "--format",
            "json",
            "--topology-nodes",
            "compute:1",
            "--topology-extend",
        ],
    );
    as_planned(
        &lab,
        &["--format", "json", "--remove-nodes", "compute-2,compute-0"],
    );
    assert_eq!(drift(&lab), [] as [Value; 0]);
    as_planned(&lab, &["--format", "json", "--kill"]);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
