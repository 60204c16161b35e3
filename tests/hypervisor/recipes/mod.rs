//! The CI recipes of docs/ci, run as their runners would, and `irs cleanup`, which takes what dead jobs left.

mod runner;

use crate::support::{Lab, SIZES};
use runner::Runner;
use std::path::PathBuf;

/// The environments on the hypervisor.
fn there(lab: &Lab) -> Vec<String> {
    let all = lab.on_host(&["list", "--format", "json"]).ok().json();
    let all = all["deployments"].as_array().expect("deployments").iter();
    all.map(|one| one["deployment"].as_str().expect("a name").to_owned())
        .collect()
}

/// Has the record of an environment say that it was made three days earlier.
fn age(lab: &Lab, deployment: &str) {
    let file = format!("/var/lib/libvirt/images/irs-{deployment}/record.json");
    let script = r#"old=$(sed -n 's/.*"created_at": \([0-9]*\).*/\1/p' "$1"); sed -i "s/$old/$((old - 259200))/" "$1""#;
    lab.enter(&["bash", "-euc", script, "bash", &file]).ok();
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn recipes_make_use_and_take_down_and_the_reaper_takes_what_is_left() {
    let lab = Lab::up("pack-recipes", &["--default-network"]).warm();
    let before = lab.snapshot();
    let all = [
        "ansible.ssh.config",
        "deployment.json",
        "hosts-prov",
        "known_hosts",
        "status.txt",
    ];

    let good = Runner::new(&lab, true);
    let ended = good.github("lab", "1001", None);
    assert!(ended.good && ended.said.contains("ok=2"), "{}", ended.said);
    assert_eq!(lab.snapshot(), before, "{}", ended.said);
    assert!(
        all.iter()
            .all(|name| good.artifacts().iter().any(|is| is == name)),
        "{:?}",
        good.artifacts()
    );
    assert_eq!(good.keys(), Vec::<PathBuf>::new());
    let bad = Runner::new(&lab, false);
    let ended = bad.github("lab", "1002", None);
    assert!(!ended.good && ended.said.contains("failed=1"), "{}", ended.said);
    assert_eq!(lab.snapshot(), before, "{}", ended.said);
    let bad = Runner::new(&lab, false);
    let ended = bad.gitlab("lab", "2001");
    assert!(!ended.good && ended.said.contains("failed=1"), "{}", ended.said);
    assert_eq!(lab.snapshot(), before, "{}", ended.said);
    assert!(
        all.iter().all(|name| bad.artifacts().iter().any(|is| is == name)),
        "{:?}",
        bad.artifacts()
    );
    assert_eq!(bad.keys(), Vec::<PathBuf>::new());

    // Two runners that die, and somebody's own environment of the same age.
    let dead = Runner::new(&lab, true);
    for run_id in ["1003", "1004"] {
        let ended = dead.github("lab", run_id, Some("Create"));
        assert!(ended.good, "{}", ended.said);
    }
    let mine = [
        &["--topology-nodes", "compute:1", "--topology-network", "1_net"],
        SIZES,
    ]
    .concat();
    lab.virsh(&[&mine[..], &["--prefix", "mine"]].concat()).ok();
    let left = there(&lab);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(
        left[..2]
            .iter()
            .all(|name| name.starts_with("ci-some-org-a-repository-")),
        "{left:?}"
    );
    age(&lab, &left[0]);
    age(&lab, "mine");
    let ended = dead.github("reaper", "1005", None);
    assert!(ended.good, "{}", ended.said);
    assert_eq!(there(&lab), left[1..], "{}", ended.said);
    age(&lab, &left[1]);
    let ended = dead.gitlab("reaper", "2002");
    assert!(ended.good, "{}", ended.said);
    assert_eq!(there(&lab), ["mine"], "{}", ended.said);
    lab.virsh(&["--kill", "--prefix", "mine"]).ok();
    assert_eq!(lab.snapshot(), before);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn cleanup_takes_the_old_that_nobody_uses_and_goes_on_after_a_failure() {
    let lab = Lab::up("pack-cleanup", &["--default-network"]).warm();
    let before = lab.snapshot();
    let old = |args: &[&str]| lab.on_host(&[&["cleanup", "--older-than", "24h"], args].concat());
    let shell = |script: &str| lab.enter(&["bash", "-euc", script]).ok().stdout;
    old(&["--yes"]).ok().prints(&["no environments of irs"]);
    let make = |args: &[&str]| {
        let flags = [
            "--topology-nodes",
            "compute:1",
            "--topology-network",
            "1_net",
            "--workspace",
        ];
        lab.virsh(&[&flags[..], args, SIZES].concat()).ok();
    };
    make(&["default"]);
    for prefix in ["busy", "extended", "lost", "used", "young"] {
        make(&[prefix, "--prefix", prefix]);
    }
    for name in ["default", "busy", "extended", "lost", "used"] {
        let folder = if name == "default" { "default" } else { name };
        age(&lab, folder);
    }
    make(&["extended", "--prefix", "extended", "--topology-extend"]);
    shell("rm /var/lib/libvirt/images/irs-lost/record.json");
    // A machine of somebody else's on a disk of ours, which its removal cannot take.
    shell(
        "disk=$(virsh -c qemu:///system domblklist --details used-compute-0 | awk '$2 == \"disk\" { print $4; exit }')
        echo \"<domain type='qemu'><name>theirs</name><memory>65536</memory><os><type>hvm</type></os><devices>
        <disk type='file'><driver name='qemu' type='qcow2'/><source file='$disk'/><target dev='vda'/></disk></devices></domain>\" >/run/theirs.xml
        virsh -q -c qemu:///system define /run/theirs.xml; rm /run/theirs.xml",
    );
    // Another run holds it.
    let hold = "mkdir -p -m 0700 /run/irs; exec 9>/run/irs/deployment-busy.lock; flock 9
        echo 'bob@pc, since noon' >&9; echo $$ >/run/holder; exec sleep 600";
    let mut holder = lab
        .enter_command(&["bash", "-euc", hold])
        .spawn()
        .expect("a holder");
    while lab.enter(&["test", "-s", "/run/holder"]).status != Some(0) {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }

    let asked = old(&[]).exits(2);
    asked.says(&["default, used would be removed, and there is no terminal to ask on"]);
    let dry = old(&["--dry-run", "--format", "json"]).ok().json();
    let became = |said: &serde_json::Value| -> Vec<String> {
        let all = said["environments"].as_array().expect("environments").iter();
        all.map(|one| {
            let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", word("deployment"), word("became"), word("reason"))
        })
        .collect()
    };
    let said = became(&dry);
    assert_eq!(
        said[0], "busy kept it is being changed by bob@pc, since noon",
        "{said:?}"
    );
    assert_eq!(
        said[1..],
        [
            "default old ",
            "extended young ",
            "lost kept its record is lost, and with it its age",
            "used old ",
            "young young ",
        ]
    );
    assert_eq!(there(&lab).len(), 6);
    let some = old(&["--prefix", "ex*,y*", "--yes"]).ok();
    assert!(
        some.stdout.contains("extended") && !some.stdout.contains("used"),
        "{}",
        some.transcript()
    );

    let all = old(&["--yes", "--format", "json"]).exits(1);
    let all = all.says(&[
        "'used' could not be removed",
        "domain 'theirs', which stays, uses it",
    ]);
    let said = became(&all.json());
    assert_eq!(said[1], "default removed ", "{said:?}");
    assert!(said[4].starts_with("used failed "), "{said:?}");
    assert_eq!(there(&lab), ["busy", "extended", "lost", "used", "young"]);
    // Its files on this machine went along, and nobody else's.
    let kept = |name: &str| lab.home().join(name).join("hosts-prov").exists();
    assert!(!kept("default") && kept("busy") && kept("lost") && kept("young"));

    shell("kill $(cat /run/holder); rm -r /run/holder /run/irs; virsh -q -c qemu:///system undefine theirs");
    let _ = holder.wait();
    lab.on_host(&["cleanup", "--older-than", "0s", "--yes"]).ok();
    assert_eq!(there(&lab), ["lost"]);
    lab.virsh(&["--kill", "--prefix", "lost"]).ok();
    assert_eq!(lab.snapshot(), before);
}
