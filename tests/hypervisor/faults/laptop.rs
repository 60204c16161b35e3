//! The machine that irs runs on: a home that is full or takes no writes, keys and known_hosts that are not as they should be.

use std::process::{Command, Stdio};

use super::{TWO, nothing_to_do, virsh};
use crate::support::{Lab, Run, RunExt, SIZES, difference};

/// `irs virsh` with a small file system of its own at `IRS_HOME`, which `prepare` is done to before.
fn on_small_home(lab: &Lab, prepare: &str, args: &[&str]) -> Run {
    let plain = lab.virsh_command(&[SIZES, args].concat());
    let script = format!(
        "mount -t tmpfs -o size=64k home \"$IRS_HOME\" && cd \"$IRS_HOME\" && {prepare}; cd / && exec \"$@\""
    );
    Command::new("unshare")
        .args(["--mount", "bash", "-c", &script, "bash"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .run()
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_home_that_is_full_or_read_only_and_keys_that_are_open() {
    let lab = Lab::up("faults-laptop", &["--default-network"]).warm();
    let before = lab.snapshot();
    let parked = [TWO, &["--start", "none"]].concat();

    // Before anything is made.
    let workspace = lab.home().join("default").display().to_string();
    on_small_home(&lab, "mount -o remount,ro home", &parked)
        .exits(1)
        .says(&[
            &format!("error: cannot make the workspace '{workspace}'"),
            "caused by: Read-only file system",
            "hint: set IRS_HOME to a folder that you may write to",
        ]);
    let full = "hint: free some space on this machine, or set IRS_HOME to another folder";
    on_small_home(&lab, "mkdir -m 700 default && cat /dev/zero >filler", &parked)
        .exits(1)
        .says(&[
            &format!("error: cannot write '{workspace}/deployment.json'"),
            "caused by: No space left on device",
            full,
        ]);
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");

    // Too small for all of its files: what is made is made, and the next run writes what this one could not.
    on_small_home(&lab, "head -c 48k /dev/zero >filler", &parked)
        .exits(1)
        .says(&[
            &format!("error: cannot write '{workspace}/"),
            "caused by: No space left on device",
            full,
        ]);
    assert_eq!(lab.domains(), ["compute-0", "compute-1"]);
    nothing_to_do(&lab, &parked);
    assert!(lab.home().join("default/hosts-prov").exists());

    // A removal needs no room.
    let removal = "mkdir -m 700 default && cat /dev/zero >filler";
    on_small_home(&lab, removal, &["--kill", "--yes"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");

    // A key that ssh will not take later, and hosts that cannot be looked up.
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key").display().to_string();
    std::fs::copy(lab.key(), &key).expect("a key");
    let look = |args: &[&str]| virsh(&lab, &[args, TWO, &["--dry-run"]].concat());
    Command::new("chmod").args(["0640", &key]).run().ok();
    look(&["--host-key", &key]).ok().says(&[
        &format!("the key file '{key}' is open to others (mode 0640): ssh and Ansible will not take it"),
        "close it by `chmod 600`",
    ]);
    Command::new("chmod").args(["0600", &key]).run().ok();
    let closed = look(&["--host-key", &key]).ok();
    assert!(
        !closed.stderr.contains("open to others"),
        "{}",
        closed.transcript()
    );
    let hosts = folder.path().display().to_string();
    look(&["--known-hosts", &hosts]).exits(3).says(&[
        &format!("'{hosts}' cannot be read: Is a directory"),
        "error: ",
        "hint: ",
    ]);
}
