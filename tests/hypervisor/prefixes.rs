//! Environments side by side on one hypervisor, with things of others between them; nodes that come and go.

use crate::support::{Definition, Lab, RunExt, SIZES, blank_image, but_leases, difference, words};

const LONG: &str = "abcdefghij-klmnopqrs-tuvwxyz-9";
/// Names with another environment's prefix at their beginning: a name says nothing of who made a thing.
const FOREIGN: &str = "a-compute-7";

/// A domain with a disk, and a network, that irs knows nothing of.
fn add_foreign(lab: &Lab) {
    let disk = "/var/lib/libvirt/images/foreign.img";
    lab.enter(&["sh", "-c", &format!("head -c 1M /dev/urandom >{disk}")])
        .ok();
    let folder = tempfile::tempdir().expect("a folder");
    let define = |command: &str, xml: String| {
        let path = folder.path().join("it.xml");
        std::fs::write(&path, xml).expect("a file");
        lab.ask(&[command, &path.display().to_string()]);
    };
    define(
        "net-define",
        format!(
            "<network><name>{FOREIGN}</name><bridge name='foreign0'/><ip address='10.99.0.1' prefix='24'/></network>"
        ),
    );
    lab.ask(&["net-start", FOREIGN]);
    define(
        "define",
        format!(
            "<domain type='qemu'><name>{FOREIGN}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>\
             <disk type='file'><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>\
             <interface type='network'><source network='{FOREIGN}'/></interface></devices></domain>"
        ),
    );
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn environments_side_by_side_and_strangers_leave_each_other_alone() {
    let lab = Lab::up("prefixes", &["--default-network", "--default-pool"]).warm();
    add_foreign(&lab);
    let before = lab.snapshot();
    let make = |prefix: &str, more: &[&str]| {
        let nodes = ["--prefix", prefix, "--topology-nodes", "compute:1"];
        lab.virsh(&[&nodes[..], SIZES, more].concat()).ok()
    };
    make("a", &["--start", "none"]);
    make("b", &[]);
    make(LONG, &["--topology-network", "1_net"]);

    let long = format!("{LONG}-compute-0");
    assert_eq!(
        lab.domains(),
        words(&format!("a-compute-0 {FOREIGN} b-compute-0 {long}"))
    );
    assert_eq!(lab.state_of("b-compute-0"), "running");
    assert_eq!(lab.state_of(&long), "running");
    let subnet = |network: &str| Definition::of(lab.ask(&["net-dumpxml", network])).all("ip", "address");
    let own: Vec<_> = ["a", "b"].map(|p| subnet(&format!("{p}-management"))).into();
    assert_eq!(own, [["172.16.10.1"], ["172.16.20.1"]]);
    assert_ne!(subnet("a-data"), subnet("b-data"));
    assert_ne!(subnet("a-external"), subnet("b-external"));
    assert_eq!(
        lab.domain("b-compute-0").networks(),
        ["b-data", "b-management", "b-external"]
    );
    assert_eq!(lab.domain(&long).networks(), [format!("{LONG}-management")]);

    let list = lab.on_host(&["list", "--format", "json"]).ok().json();
    let names = |list: &serde_json::Value, of: &str| -> Vec<String> {
        let named = list["deployments"].as_array().expect("a list").iter();
        named
            .map(|one| one[of].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(names(&list, "deployment"), ["a", LONG, "b"]);
    assert!(
        names(&list, "created_by").iter().all(|who| who.contains('@')),
        "{list}"
    );
    assert_eq!(list["deployments"][2]["nodes"][0]["state"], "running");
    let others =
        serde_json::json!({ "domains": [FOREIGN], "networks": [FOREIGN, "default"], "pools": ["default"] });
    assert_eq!(list["others"], others);
    lab.on_host(&["list"]).ok().prints(&[
        "ENVIRONMENT",
        "0 of 1 running",
        "1 running",
        "172.16.20.0/24",
        &format!("domains that irs did not make: {FOREIGN}"),
    ]);

    let status = |more: &[&str]| lab.on_host(&[&["status", "--prefix", LONG], more].concat());
    let seen = status(&["--format", "json"]).ok().json();
    assert_eq!(seen["nodes"][0]["name"], long);
    assert_eq!(seen["nodes"][0]["state"], "running");
    assert!(seen["nodes"][0]["uptime"].is_u64(), "{seen}");
    assert_eq!(seen["networks"][0]["name"], format!("{LONG}-management"));
    assert_eq!(seen["networks"][0]["active"], true);
    assert_eq!(seen["drift"], serde_json::json!([]));
    lab.ask(&["autostart", "--disable", &long]);
    lab.ask(&["net-autostart", "--disable", &format!("{LONG}-management")]);
    status(&[]).ok().prints(&[
        "not as irs made it:",
        &format!("~ network {LONG}-management: it does not start with the host"),
        &format!("~ domain {long}: it does not start with the host"),
    ]);
    make(LONG, &["--topology-network", "1_net"]);
    assert_eq!(
        status(&["--format", "json"]).ok().json()["drift"],
        serde_json::json!([])
    );
    lab.on_host(&["status", "--prefix", "c"]).exits(2).says(&[
        "there is no environment 'c'",
        "there are: a, ",
        LONG,
    ]);

    // Without a terminal and without --yes nothing is swept away.
    let all = but_leases(&lab.snapshot());
    lab.virsh(&["--cleanup"])
        .exits(2)
        .says(&["--yes", FOREIGN, "b-compute-0"]);
    assert_eq!(difference(&all, &but_leases(&lab.snapshot())), "");

    // What goes with `a` is named after it, and nothing else changes; `b` runs on as the same process.
    let live = |domain: &str| lab.ask(&["dumpxml", domain]);
    let running = (live("b-compute-0"), live(&long), live(FOREIGN));
    lab.virsh(&["--cleanup", "--prefix", "a"]).ok();
    let rest = lab.snapshot();
    for line in difference(&all, &but_leases(&rest)).lines() {
        let of_a = ["a-compute-0", "a-data", "a-management", "a-external", "irs-a"];
        let named = of_a.iter().any(|name| line.contains(name)) && !line.contains(FOREIGN);
        assert!(
            line.starts_with("- ") && (named || line == "- process dnsmasq"),
            "{line}"
        );
    }
    assert_eq!((live("b-compute-0"), live(&long), live(FOREIGN)), running);
    assert!(!lab.home().join("a").exists() && lab.home().join("b").exists());

    // From another laptop.
    let other = tempfile::tempdir().expect("a folder");
    let elsewhere = |args: &[&str]| lab.virsh_command(args).env("IRS_HOME", other.path()).run();
    elsewhere(&["--kill", "--prefix", "b"]).ok();
    // Somebody took its folder away: libvirt stops the pool the moment that it looks.
    let folder = format!("/var/lib/libvirt/images/irs-{LONG}");
    lab.enter(&["rm", "-r", &folder]).ok();
    elsewhere(&["--kill", "--prefix", LONG]).ok();
    assert_eq!(difference(&before, &lab.snapshot()), "");

    // Everything, foreign things too; their disk stays.
    make("a", &[]);
    lab.ask(&["start", FOREIGN]);
    let disk = ["sha256sum", "/var/lib/libvirt/images/foreign.img"];
    let content = lab.enter(&disk).ok().stdout;
    lab.virsh(&["--cleanup", "--yes"]).ok();
    assert_eq!(lab.domains(), [] as [&str; 0]);
    assert_eq!(lab.networks(), ["default"]);
    assert_eq!(lab.ask(&["pool-list", "--all", "--name"]).trim(), "default");
    assert_eq!(lab.enter(&disk).ok().stdout, content);
    for line in difference(&before, &lab.snapshot()).lines() {
        let gone = line.contains(FOREIGN) || line == "- link foreign0" || line == "- process dnsmasq";
        assert!(line.starts_with("- ") && gone, "{line}");
    }
}

/// Checks that these nodes are there, and nothing of any other: domains, inventory, reservations, volumes.
fn check_nodes(lab: &Lab, nodes: &[&str]) {
    assert_eq!(lab.domains(), nodes);
    let computes: Vec<_> = nodes.iter().filter(|n| n.starts_with("compute")).collect();
    let groups = lab.inventory("default");
    assert_eq!(groups["compute"].iter().collect::<Vec<_>>(), computes);
    let listed = groups.get("freeipa").cloned().unwrap_or_default();
    assert_eq!(
        listed.iter().any(|n| n == "freeipa-0"),
        nodes.contains(&"freeipa-0")
    );
    let known = std::fs::read_to_string(lab.home().join("default/known_hosts")).expect("known_hosts");
    let config =
        std::fs::read_to_string(lab.home().join("default/ansible.ssh.config")).expect("the ssh config");
    for text in [known, config] {
        assert_eq!(text.contains("freeipa-0"), nodes.contains(&"freeipa-0"), "{text}");
    }
    // The external network has IPv6 too.
    for (network, families) in [("management", 1), ("external", 2)] {
        for state in [
            &["net-dumpxml", network][..],
            &["net-dumpxml", "--inactive", network],
        ] {
            let xml = Definition::of(lab.ask(state));
            let mut reserved = xml.all("host", "name");
            reserved.sort();
            reserved.dedup();
            assert_eq!(reserved, nodes, "{}", xml.xml);
            let mut addresses = xml.all("host", "ip");
            addresses.sort();
            addresses.dedup();
            assert_eq!(addresses.len(), families * nodes.len(), "{}", xml.xml);
        }
    }
    let mut volumes: Vec<_> = nodes.iter().map(|node| format!("{node}-disk1.qcow2")).collect();
    if nodes.contains(&"freeipa-0") {
        volumes.push("freeipa-0-seed.img".to_owned());
    }
    volumes.extend(["blueprint.json", "record.json"].map(str::to_owned));
    volumes.sort();
    let folder = lab
        .enter(&["ls", "/var/lib/libvirt/images/irs-default"])
        .ok()
        .stdout;
    assert_eq!(words(&folder), volumes);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn nodes_are_added_taken_away_and_the_gap_is_filled() {
    let lab = Lab::up("nodes", &["--default-network"]).warm();
    let before = lab.snapshot();
    let image = blank_image();
    let image = image.path().display().to_string();
    let run = |args: &[&str]| {
        let common = ["--start", "none", "--image-url", &image, "--format", "json"];
        lab.virsh(&[&common[..], SIZES, args].concat())
    };
    let make = |nodes: &str, more: &[&str]| run(&[&["--topology-nodes", nodes], more].concat()).ok();
    make("compute:1", &[]);
    check_nodes(&lab, &["compute-0"]);
    let uuid = |node: &str| lab.ask(&["domuuid", node]);
    let first = uuid("compute-0");

    make("compute:2", &["--topology-extend"]);
    check_nodes(&lab, &["compute-0", "compute-1", "compute-2"]);
    assert_eq!(uuid("compute-0"), first);

    run(&["--remove-nodes", "compute-9"])
        .exits(2)
        .says(&["'compute-9'", "compute-0"]);
    let stays = (uuid("compute-1"), uuid("compute-2"), lab.domain("compute-2").xml);
    run(&["--remove-nodes", "compute-0"]).ok();
    check_nodes(&lab, &["compute-1", "compute-2"]);

    make("compute:1,freeipa:1", &["--extend"]);
    check_nodes(&lab, &["compute-0", "compute-1", "compute-2", "freeipa-0"]);
    assert_eq!(
        (uuid("compute-1"), uuid("compute-2"), lab.domain("compute-2").xml),
        stays
    );

    // Asking for fewer removes nothing, and asking for what is there changes nothing.
    for nodes in ["compute:1", "compute:3,freeipa:1"] {
        assert_eq!(make(nodes, &[]).list("changes"), [] as [serde_json::Value; 0]);
    }
    run(&["--remove-nodes", "freeipa-0,compute-1"]).ok();
    check_nodes(&lab, &["compute-0", "compute-2"]);
    make("compute:3", &[]);
    check_nodes(&lab, &["compute-0", "compute-1", "compute-2"]);

    // A domain that cannot be removed is reported, keeps what it needs, and keeps nothing else.
    let definition = "/etc/libvirt/qemu/compute-1.xml";
    lab.enter(&["mount", "--bind", definition, definition]).ok();
    run(&["--kill"]).exits(1).says(&["removing domain 'compute-1'"]);
    assert_eq!(lab.domains(), ["compute-1"]);
    assert_eq!(lab.networks(), ["data", "default", "external", "management"]);
    let folder = lab.enter(&["ls", "/var/lib/libvirt/images/irs-default"]);
    assert_eq!(
        words(&folder.ok().stdout),
        ["blueprint.json", "compute-1-disk1.qcow2", "record.json"]
    );
    lab.enter(&["umount", definition]).ok();
    run(&["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
