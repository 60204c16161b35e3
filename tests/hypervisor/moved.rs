//! Workspaces that are lost, and that move to another machine.

use crate::main_road::ssh;
use crate::support::{Lab, RunExt, ansible, difference, files};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A workspace that is gone comes back from the hypervisor, where nothing changes; one that is moved by an archive works under
/// another home, and as Ansible's dynamic inventory.
pub fn of_a_lost_laptop(lab: &Lab, other: &Path) {
    let mine = |home: &Path, args: &[&str]| {
        let mut irs = lab.irs_command(args);
        irs.env("IRS_HOME", home).env("HOME", home).run().ok()
    };
    // The guest writes to its disk meanwhile.
    let there = || -> String {
        let all = lab.snapshot();
        let lines = all.lines().filter(|line| !line.contains("/undercloud-0-disk1"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let before = (files(other), there());
    std::fs::remove_dir_all(other.join("default")).expect("lost");
    let mut rebuilt = lab.on_host_command(&["inventory"]);
    rebuilt.env("IRS_HOME", other).run().ok().says(&["is as on '"]);
    let content = |all: BTreeMap<String, (u32, i128, Vec<u8>)>| -> Vec<(String, u32, Vec<u8>)> {
        let one = |(name, (mode, _, bytes))| (name, mode, bytes);
        all.into_iter().map(one).collect()
    };
    assert_eq!(content(files(other)), content(before.0));
    assert_eq!(difference(&before.1, &there()), "");

    let there = tempfile::tempdir().expect("a folder");
    let archive = there.path().join("moved.tgz").display().to_string();
    let home = there.path().join("home");
    std::fs::create_dir(&home).expect("a home");
    mine(
        lab.home(),
        &["workspace", "export", "-K", "-n", "default", "-f", &archive],
    );
    mine(&home, &["workspace", "import", &archive]);
    assert!(home.join("moved/hypervisor-0.key").exists());
    ssh(&home.join("moved/ansible.ssh.config"), "undercloud-0", "true").ok();
    let program = there.path().join("inventory");
    let irs = env!("CARGO_BIN_EXE_irs");
    std::fs::write(&program, format!("#!/bin/sh\nexec {irs} inventory \"$@\"\n")).expect("written");
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("a mode");
    let ping = Command::new(ansible().join("ansible"))
        .arg("-i")
        .arg(&program)
        .args(["undercloud", "-m", "ping"])
        .env("IRS_HOME", &home)
        .env("HOME", &home)
        .env_remove("SSH_AUTH_SOCK")
        .run()
        .ok();
    assert!(ping.stdout.contains("pong"), "{}", ping.transcript());
    // The archive brought the hypervisor's host key and the key for it: nothing is said, and it is reached.
    let status = mine(&home, &["status", "--format", "json"]).json();
    assert_eq!(status["workspace_name"], "moved");
    assert_eq!(status["active_workspace"], "moved");
}
