//! `--collect-ansible-facts` with a real Ansible: it asks over SSH, changes nothing, and leaves a file for each host.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::support::{Lab, RunExt, ansible};

/// A fact that the node gives itself.
const HOSTILE: &str = "/etc/ansible/facts.d/hostile.fact";

/// `command` is the run that has nothing left to do, and says it in JSON; undercloud-0 answers.
pub fn check(lab: &Lab, command: &[&str]) {
    let command = [command, &["--collect-ansible-facts"]].concat();
    let nowhere = tempfile::tempdir().expect("a folder");
    lab.virsh_command(&command)
        .env("PATH", nowhere.path())
        .run()
        .exits(2)
        .says(&["needs 'ansible-playbook'", "hint: install Ansible"]);

    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", ansible().display());
    let run = || {
        let run = lab.virsh_command(&command).env("PATH", &path).run().ok();
        assert!(run.list("changes").is_empty(), "{}", run.transcript());
    };
    let facts = lab.home().join("default/facts");
    // What a node says of itself is text, whoever is root there.
    let touched = lab.home().join("touched");
    let template = format!("{{{{ lookup('pipe', 'touch {}') }}}}", touched.display());
    let fact = serde_json::json!({ "said": template, &template: "said" });
    let put = format!("sudo sh -c 'mkdir -p /etc/ansible/facts.d && cat >{HOSTILE}'");
    let mut ssh = lab.irs_command(&["ssh", "undercloud-0", &put]);
    let mut ssh = ssh.stdin(Stdio::piped()).spawn().expect("irs");
    write!(ssh.stdin.take().expect("a pipe"), "{fact}").expect("a fact");
    assert!(ssh.wait().expect("an end").success());
    run();
    let old = facts.join("gone-0.json");
    std::fs::write(&old, "{}").expect("a file of another day");
    run();
    assert!(!old.exists(), "a host that is no more has no facts");

    let of = |host: &str| -> serde_json::Value {
        let file = facts.join(format!("{host}.json"));
        let mode = std::fs::metadata(&file).expect("the file").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{host}");
        let text = std::fs::read(file).expect("its text");
        serde_json::from_slice(&text).expect("JSON")
    };
    let node = of("undercloud-0");
    assert_eq!(node["ansible_local"]["hostile"], fact);
    assert!(!touched.exists(), "a node's words were run here");
    lab.irs(&["ssh", "undercloud-0", &format!("sudo rm {HOSTILE}")])
        .ok();
    assert_eq!(node["ansible_hostname"], "undercloud-0");
    assert_eq!(node["ansible_distribution"], "Debian");
    assert_eq!(node["ansible_virtualization_role"], "guest");
    let addresses = node["ansible_all_ipv4_addresses"].as_array().expect("a list");
    assert!(
        addresses.iter().any(|address| address == "172.16.0.2"),
        "{addresses:?}"
    );
    assert_eq!(of("hypervisor")["ansible_system"], "Linux");
    let count = std::fs::read_dir(&facts).expect("the folder").count();
    assert_eq!(count, 2, "nodes that nobody logs in to are not asked");
}
