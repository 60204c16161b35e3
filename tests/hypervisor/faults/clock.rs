//! Clocks that are years off, here or there.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{TWO, nothing_to_do, on, virsh};
use crate::support::{Lab, Run, RunExt, SIZES, blank_image, difference};

/// `irs` with its clock moved; durations are as they are.
fn with_clock(lab: &Lab, clock: &str, args: &[&str]) -> Run {
    let plain = lab.virsh_command(&[SIZES, args].concat());
    let mut moved = Command::new("faketime");
    moved
        .args(["-f", clock])
        .arg(plain.get_program())
        .args(plain.get_args());
    for (key, value) in plain.get_envs() {
        match value {
            Some(value) => moved.env(key, value),
            None => moved.env_remove(key),
        };
    }
    moved.env("DONT_FAKE_MONOTONIC", "1").run()
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_clock_that_is_years_off() {
    let lab = Lab::up("faults-clock", &["--default-network"]).warm();
    let before = lab.snapshot();
    for clock in ["+10y", "-10y"] {
        with_clock(&lab, clock, TWO).ok();
        nothing_to_do(&lab, TWO);
        let listed = lab.on_host(&["list"]).ok();
        assert!(listed.stdout.contains("default"), "{}", listed.transcript());
        lab.on_host(&["status"]).ok();
        let more = ["--topology-nodes", "compute:3"];
        virsh(&lab, &more).ok();
        with_clock(&lab, clock, &more).ok().prints(&["nothing to change"]);
        with_clock(&lab, clock, &["--kill"]).ok();
        assert_eq!(difference(&before, &lab.snapshot_but_cache()), "", "{clock}");
    }

    // The hypervisor's: how long a lock is held is told by one clock, whichever it is.
    on(
        &lab,
        "cp /usr/bin/date /run/real-date; printf '#!/bin/sh\\nexec faketime -f -20y /run/real-date \"$@\"\\n' >/run/date
         chmod 755 /run/date; mount --bind /run/date /usr/bin/date",
    );
    let image = blank_image();
    let image = image.path().display().to_string();
    let mut waiting = lab
        .virsh_command(&[SIZES, &["--topology-nodes", "freeipa:1", "--image-url", &image]].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("irs starts");
    let end = Instant::now() + Duration::from_secs(60);
    while !lab.domains().contains(&"freeipa-0".to_owned()) {
        assert!(Instant::now() < end, "the node is made");
        std::thread::sleep(Duration::from_millis(200));
    }
    virsh(&lab, TWO)
        .exits(5)
        .says(&["deployment 'default'", "is being changed by", " since 200"]);
    waiting.kill().expect("a child");
    waiting.wait().expect("a child");
    virsh(&lab, &["--kill", "yes", "--wait"]).ok();
    on(&lab, "umount /usr/bin/date");
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
