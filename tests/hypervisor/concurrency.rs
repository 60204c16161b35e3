//! Many runs at once on one hypervisor, on environments of their own and on the same one.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::interrupted::{image, sent};
use crate::support::{Definition, Lab, Run, RunExt, SIZES, blank_image, difference};

/// As many logins at once as a stock sshd takes: it drops some of those that come on top of ten.
const STOCK: &[&str] = &["--default-network", "--sshd", "MaxStartups 10:30:100"];

fn started(mut command: Command) -> Child {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("irs starts")
}

/// A run that has come as far as saying `text` on its stderr.
fn says_at_last(mut run: Child, text: &str) -> Child {
    let said = run.stderr.take().expect("its stderr");
    // Without a buffer, as the rest is read from the same pipe.
    let mut said = BufReader::with_capacity(1, said);
    let mut lines = Vec::new();
    let mut is_it = |line: std::io::Result<String>| {
        lines.extend(line);
        lines.last().is_some_and(|line| line.contains(text))
    };
    let found = said.by_ref().lines().any(&mut is_it);
    assert!(found, "no '{text}' in: {}", lines.join("\n"));
    run.stderr = Some(said.into_inner());
    run
}

/// What a started run said, and how it ended.
fn ended(child: Child) -> Run {
    let command = format!("irs, process {}", child.id());
    let output = child.wait_with_output().expect("its end");
    Run {
        command,
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        time: Duration::ZERO,
    }
}

fn signal(name: &str, child: &Child) {
    Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .run()
        .ok();
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn ten_environments_are_made_at_once_and_removed_at_once() {
    let lab = Lab::up("ten", STOCK).warm();
    let folder = tempfile::tempdir().expect("a folder");
    image(folder.path(), "ten.qcow2", 2);
    let packed = Command::new("xz")
        .arg("-0")
        .arg(folder.path().join("ten.qcow2"))
        .run();
    packed.ok();
    let url = lab.serve(folder.path()) + "/ten.qcow2.xz";
    let import = format!("override.compute.disks.disk1.import_url={url}");
    let before = lab.snapshot();
    let prefixes: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    let make = |prefix: &str, more: &[&str]| {
        let nodes = [
            "--prefix",
            prefix,
            "--topology-network",
            "1_net",
            "--topology-nodes",
            "compute:1",
            "-e",
            &import,
        ];
        lab.virsh_command(&[&nodes, SIZES, more].concat())
    };
    let runs: Vec<Child> = prefixes.iter().map(|prefix| started(make(prefix, &[]))).collect();
    for run in runs {
        ended(run).ok();
    }
    let mut subnets = BTreeSet::new();
    for prefix in &prefixes {
        assert_eq!(lab.state_of(&format!("{prefix}-compute-0")), "running");
        let network = Definition::of(lab.ask(&["net-dumpxml", &format!("{prefix}-management")]));
        subnets.extend(network.all("ip", "address"));
    }
    assert_eq!(subnets.len(), prefixes.len(), "{subnets:?}");
    // Whoever comes first fetches the image that all of them need.
    assert_eq!(sent(&lab, "ten"), ["0"]);
    let again = make("p7", &["--format", "json"]).run().ok();
    assert_eq!(again.list("changes"), [] as [serde_json::Value; 0]);

    let remove = |(n, prefix): (usize, &String)| match n % 2 {
        0 => started(lab.virsh_command(&["--kill", "--workspace", prefix])),
        _ => started(lab.virsh_command(&["--cleanup", "--prefix", prefix])),
    };
    let runs: Vec<Child> = prefixes.iter().enumerate().map(remove).collect();
    for run in runs {
        ended(run).ok();
    }
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn of_two_runs_on_one_environment_one_works() {
    let lab = Lab::up("same", STOCK).warm();
    let before = lab.snapshot();
    let image = blank_image();
    let image = image.path().display().to_string();
    let run = |args: &[&str]| {
        let common = [
            "--prefix",
            "a",
            "--topology-network",
            "1_net",
            "--image-url",
            &image,
        ];
        lab.virsh_command(&[&common, SIZES, args].concat())
    };
    let nodes = ["--topology-nodes", "freeipa:1,compute:1"];
    // Its blank image never answers: it holds its lease while it waits for that.
    let waits_for_its_node = || {
        says_at_last(
            started(run(&[&nodes[..], &["--timeout", "300"]].concat())),
            "no DHCP request",
        )
    };
    let first = waits_for_its_node();

    let holder = "deployment 'a' on '";
    let busy = ["is being changed by", "since 20", "s ago)", "--wait"];
    for args in [
        &nodes[..],
        &["--extend", "--topology-nodes", "compute:1"],
        &["--kill"],
    ] {
        run(args).run().exits(5).says(&[holder]).says(&busy);
    }
    // Everything is not removed under it, either.
    lab.virsh(&["--cleanup", "--yes"])
        .exits(5)
        .says(&[holder])
        .says(&busy);

    let waits = "waiting: deployment 'a'";
    let impatient = says_at_last(started(run(&["--kill", "--wait"])), waits);
    signal("INT", &impatient);
    ended(impatient).exits(130).says(&["interrupted"]);

    // A killed client's lease is free at once, and what it did need not be done again.
    let patient = run(&[&nodes[..], &["--wait", "--timeout", "1", "--format", "json"]].concat());
    let patient = says_at_last(started(patient), waits);
    signal("KILL", &first);
    assert_eq!(ended(first).status, None);
    let patient = ended(patient).says(&["no DHCP request"]);
    assert!(!patient.stderr.contains("step "), "{}", patient.transcript());

    // A client that sleeps loses its lease, and changes nothing when it wakes.
    let sleeper = waits_for_its_node();
    signal("STOP", &sleeper);
    run(&["--kill", "--wait"])
        .run()
        .ok()
        .says(&["waiting: deployment 'a'"]);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
    signal("CONT", &sleeper);
    ended(sleeper).exits(1).says(&[
        "'a' on '",
        "was removed by another run while",
        "run the same command again",
    ]);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");

    // Two extends at once come to both.
    run(&["--topology-nodes", "compute:1"]).run().ok();
    let extend = || started(run(&["--extend", "--topology-nodes", "compute:1", "--wait"]));
    let both = [extend(), extend()];
    both.into_iter().for_each(|one| drop(ended(one).ok()));
    assert_eq!(lab.domains(), ["a-compute-0", "a-compute-1", "a-compute-2"]);
    // Of an extend and a removal at once either comes first, and the removal has the last word.
    let extend = extend();
    let kill = started(run(&["--kill", "--wait"]));
    ended(extend);
    ended(kill).ok();
    run(&["--kill"]).run().ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");

    // Nor is everything removed under a run that has made nothing yet; a lock that nobody holds is in nobody's way.
    let begin =
        "mkdir -m 700 /run/irs; cd /run/irs; echo 'bob@pc, since 2026-01-01T00:00:00Z' >deployment-b.lock
        setsid flock deployment-b.lock sleep 60 >/dev/null 2>&1 & until pgrep -P $! -x sleep; do sleep 0.05; done";
    let begun = lab.enter(&["sh", "-c", begin]).ok().stdout;
    let cleanup = || lab.virsh(&["--cleanup", "--yes"]);
    cleanup()
        .exits(5)
        .says(&["deployment 'b' on", "by bob@pc since 2026-01-01"]);
    lab.enter(&["kill", begun.trim()]).ok();
    cleanup().ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
