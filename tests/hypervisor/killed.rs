//! Killed outright at each named point, a run that is made again goes on from there, and leaves nothing behind in the end.

use std::process::Command;

use crate::support::{Lab, Run, RunExt, SIZES, blank_image, difference};

const JSON: &[&str] = &["--format", "json"];
const SIGKILL: i32 = 9;

/// Runs irs until it kills itself at a point, then again: the second run must succeed.
#[track_caller]
fn killed(lab: &Lab, point: &str, args: &[&str]) -> Run {
    use std::os::unix::process::ExitStatusExt;
    let command = || -> Command { lab.virsh_command(&[JSON, SIZES, args].concat()) };
    let output = command().env("IRS_KILL_AT", point).output().expect("irs starts");
    assert_eq!(
        output.status.signal(),
        Some(SIGKILL),
        "it did not get to '{point}': {}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The holder of the dead run's lease ends when its connection does, not when we do.
    for _ in 0..50 {
        if lab.enter(&["test", "-e", "/run/irs"]).status != Some(0) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    command().run().ok()
}

/// Checks that a run again changes nothing, and that each node has its whole seed.
fn check_whole(lab: &Lab, point: &str, args: &[&str], nodes: &[&str]) {
    let again = lab.virsh(&[JSON, SIZES, args].concat()).ok();
    assert_eq!(
        again.list("changes"),
        [] as [serde_json::Value; 0],
        "after '{point}'"
    );
    assert_eq!(lab.domains(), nodes, "after '{point}'");
    for node in nodes.iter().filter(|node| node.starts_with("freeipa")) {
        let seed = format!("/var/lib/libvirt/images/irs-default/{node}-seed.img");
        let has = ["CIDATA", "ssh_keys", "ssh_authorized_keys", "local-hostname"]
            .map(|text| format!("grep -qaFi {text} {seed}"))
            .join(" && ");
        let has = lab.enter(&["sh", "-c", &has]);
        assert_eq!(
            has.status,
            Some(0),
            "after '{point}' the seed of {node} is not whole"
        );
    }
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn while_it_makes_or_removes_a_deployment() {
    let lab = Lab::up("killed-create", &["--default-network"]).warm();
    let before = lab.snapshot();
    let image = blank_image();
    let image = image.path().display().to_string();
    let make = [
        "--topology-nodes",
        "freeipa:2,compute:1",
        "--start",
        "none",
        "--image-url",
        &image,
    ];
    let nodes = ["compute-0", "freeipa-0", "freeipa-1"];
    // `image` first: later the base image is in the cache.
    let creating = [
        "image",
        "record",
        "pool",
        "pool:2",
        "network",
        "network:3",
        "volume",
        "volume:3",
        "seed-half",
        "seed",
        "define",
        "define:3",
        "outputs",
    ];
    let removing = [
        "remove-domain",
        "remove-domain:3",
        "remove-volume",
        "remove-volume:5",
        "remove-network",
        "remove-network:3",
        "remove-pool",
        "remove-folder",
        "remove-pool:2",
    ];
    for (n, point) in creating.iter().enumerate() {
        let run = killed(&lab, point, &make);
        assert_eq!(run.nodes().len(), 3, "after '{point}': {}", run.transcript());
        check_whole(&lab, point, &make, &nodes);
        match removing.get(n) {
            Some(point) => killed(&lab, point, &["--kill"]),
            None => lab.virsh(&["--kill"]).ok(),
        };
        assert_eq!(
            difference(&before, &lab.snapshot_but_cache()),
            "",
            "{point}, {:?}",
            removing.get(n)
        );
        assert!(!lab.home().join("default").exists());
    }
    assert!(creating.len() >= removing.len());

    // What a killed first run left is this workspace's: it need not be named.
    let mut first = lab.virsh_command(&[JSON, SIZES, &make].concat());
    first.env("IRS_KILL_AT", "pool").output().expect("irs starts");
    lab.virsh(&["--kill", "--wait"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");

    // When its image is in the cache by its name, nothing of the download waits for somebody who comes back.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(&image, folder.path().join("blank.img")).expect("an image");
    let url = format!("{}/blank.img", lab.serve(folder.path()));
    let fetch = [&make[..5], &[&url]].concat();
    killed(&lab, "fetched", &fetch);
    assert_eq!(lab.enter(&["ls", "/run/irs"]).stdout, "");
    check_whole(&lab, "fetched", &fetch, &nodes);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn while_it_adds_nodes_or_takes_them_away() {
    let lab = Lab::up("killed-extend", &["--default-network"]).warm();
    let before = lab.snapshot();
    let image = blank_image();
    let image = image.path().display().to_string();
    let with = |args: &[&'static str]| -> Vec<String> {
        let all = [args, &["--start", "none", "--image-url"]].concat();
        let mut all: Vec<String> = all.iter().map(|arg| (*arg).to_owned()).collect();
        all.push(image.clone());
        all
    };
    let run = |args: &[String]| -> Vec<String> { args.to_vec() };
    let first = with(&["--topology-nodes", "compute:1,freeipa:1"]);
    let extend = run(&with(&[
        "--topology-extend",
        "--topology-nodes",
        "compute:2,freeipa:1",
    ]));
    let remove = ["--remove-nodes", "compute-1,compute-2,freeipa-1"];
    let full = with(&["--topology-nodes", "compute:3,freeipa:2"]);
    fn texts(args: &[String]) -> Vec<&str> {
        args.iter().map(String::as_str).collect()
    }
    let some = ["compute-0", "freeipa-0"];
    let all = ["compute-0", "compute-1", "compute-2", "freeipa-0", "freeipa-1"];
    lab.virsh(&[JSON, SIZES, &texts(&first)].concat()).ok();
    let adding = [
        "record",
        "reservation",
        "volume",
        "seed-half",
        "seed",
        "define",
        "define:3",
        "outputs",
    ];
    let taking = [
        "remove-domain",
        "remove-domain:3",
        "remove-volume",
        "remove-volume:4",
        "reservation",
        "reservation:2",
    ];
    for (n, point) in adding.iter().enumerate() {
        let added = killed(&lab, point, &texts(&extend));
        assert_eq!(
            added.nodes().len(),
            all.len(),
            "after '{point}': {}",
            added.transcript()
        );
        check_whole(&lab, point, &texts(&full), &all);
        let taken = match taking.get(n) {
            Some(point) => killed(&lab, point, &remove),
            None => lab.virsh(&[JSON, SIZES, &remove].concat()).ok(),
        };
        let names: Vec<_> = taken.nodes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, some, "after {:?}", taking.get(n));
        check_whole(&lab, taking.get(n).unwrap_or(&"no point"), &texts(&first), &some);
        let left = lab.ask(&["net-dumpxml", "management"]);
        assert_eq!(
            left.matches("<host ").count(),
            2,
            "after {:?}: {left}",
            taking.get(n)
        );
    }

    // Nodes without an OS need not boot: of these, some are started and some are not.
    for point in ["start", "start:2"] {
        let start = ["--topology-nodes", "compute:3"];
        killed(&lab, point, &start);
        for node in ["compute-0", "compute-1", "compute-2"] {
            assert_eq!(lab.state_of(node), "running", "after '{point}'");
        }
        lab.virsh(&["--remove-nodes", "compute-1,compute-2"]).ok();
        lab.ask(&["destroy", "compute-0"]);
    }
    lab.virsh(&["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
