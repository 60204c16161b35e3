//! What Ansible makes of an inventory whose values somebody chose with care.

use crate::support::ansible;
use irs::outputs::{HostView, NodeView, View, inventory, write};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Each would be another value, another variable, another host, or a command of this machine.
const NASTY: &[&str] = &[
    "{{ lookup('pipe', 'touch PWNED') }}",
    "{% set x = lookup('pipe', 'touch PWNED') %}",
    "{% endraw %}{{ lookup('pipe', 'touch PWNED') }}{% raw %}",
    "{{ '{%' }} endraw %}{{ lookup('pipe', 'touch PWNED') }}",
    "{# a comment",
    "a b ansible_connection=local",
    "a # comment",
    "\"a\" 'b'",
    "a\\",
    "\\\"",
    "'",
    "1e3",
    "0x10",
    "True",
    "None",
    "[1, 2]",
    "{'a': 1}",
    "(1,)",
    "a=b",
    "!unsafe x",
    "!vault |",
    "$(touch PWNED)",
    "`touch PWNED`",
    "é😀",
    "a\nb ansible_connection=local",
    "a]\n[all:vars]\nansible_connection=local\n",
    "",
];

fn view(workspace: &Path, users: &[String]) -> View {
    let node = |(index, user): (usize, &String)| NodeView {
        name: format!("a-{index}"),
        node_type: "a".into(),
        index: index.try_into().expect("few"),
        host: 0,
        groups: vec!["openstack_nodes".into()],
        has_os: true,
        address: Some(format!("172.16.0.{}", index + 2).parse().expect("an address")),
        direct: false,
        user: "cloud-user".into(),
        ansible_connection: "ssh".into(),
        // A value that no ssh configuration has to hold.
        python: Some(user.clone()),
        host_public_key: None,
        blank: None,
    };
    View {
        deployment: "a".into(),
        workspace: workspace.to_owned(),
        hosts: vec![HostView {
            name: "hv".into(),
            address: "192.168.77.2".into(),
            port: 22,
            user: "root".into(),
            key: None,
            host_keys: vec![],
            local: false,
            tcp_forwarding: true,
            proxy_command: None,
            proxy_jump: None,
            power: None,
        }],
        nodes: users.iter().enumerate().map(node).collect(),
    }
}

#[test]
#[ignore = "needs ansible"]
fn ansible_reads_the_values_or_they_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let pwned = dir.path().join("pwned");
    let texts = NASTY
        .iter()
        .map(|text| text.replace("PWNED", pwned.to_str().expect("UTF-8")));
    let good: Vec<String> = texts
        .filter(|text| write(&view(dir.path(), std::slice::from_ref(text))).is_ok())
        .collect();
    assert!(good.len() > 18, "too much is refused: {good:?}");
    let view = view(dir.path(), &good);
    write(&view).expect("each of them can be written");
    // The same from each form.
    let forms = [
        ("form.ini", inventory::ini(&view).expect("INI")),
        ("form.yml", inventory::yaml(&view).expect("YAML")),
        ("form.sh", script(&inventory::all(&view).expect("JSON"))),
    ];
    for (name, text) in &forms {
        std::fs::write(dir.path().join(name), text).expect("written");
        let mode = if name.ends_with(".sh") { 0o755 } else { 0o644 };
        std::fs::set_permissions(dir.path().join(name), Permissions::from_mode(mode)).expect("a mode");
    }
    let read = |file: &str| {
        let out = Command::new(ansible().join("ansible-inventory"))
            .args(["-i", dir.path().join(file).to_str().expect("UTF-8"), "--list"])
            .output()
            .expect("ansible-inventory");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let all: serde_json::Value = serde_json::from_slice(&out.stdout).expect(&said);
        all
    };
    let (ini, yaml, dynamic) = (read("form.ini"), read("form.yml"), read("form.sh"));
    assert_eq!(
        ini["_meta"]["hostvars"]["a-0"]["ansible_port"],
        serde_json::Value::Null
    );
    assert_eq!(ini["_meta"]["hostvars"]["hypervisor"]["ansible_port"], 22);
    assert_eq!(
        ini["openstack_nodes"]["hosts"].as_array().map(Vec::len),
        Some(good.len())
    );
    assert_eq!(yaml, ini);
    assert_eq!(dynamic, ini);
    check("hosts-prov", &view, &good, dir.path());
    check("form.sh", &view, &good, dir.path());
    assert!(!pwned.exists(), "a template was run");
}

/// An inventory program that prints this.
fn script(all: &serde_json::Value) -> String {
    format!("#!/bin/sh\ncat <<'END'\n{all}\nEND\n")
}

/// What Ansible itself says that a variable is comes to what it was made from.
fn check(file: &str, view: &View, good: &[String], dir: &Path) {
    let shown = |name: &str| {
        let out = Command::new(ansible().join("ansible"))
            .args([
                "-i",
                dir.join(file).to_str().expect("UTF-8"),
                "a-*",
                "-m",
                "debug",
                "-o",
                "-a",
            ])
            // With a sign before it: debug would read the text once more.
            .arg(format!(r#"{{"msg": "={{{{ {name} | to_json }}}}"}}"#))
            .env("ANSIBLE_LOCALHOST_WARNING", "False")
            .output()
            .expect("ansible");
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let text = shown("ansible_python_interpreter");
    let value = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .expect(&text);
        let (_, json) = line.split_once("=> ").expect(line);
        let said: serde_json::Value = serde_json::from_str(json).expect(json);
        let json = said["msg"].as_str().expect(json).trim_start_matches('=');
        serde_json::from_str::<serde_json::Value>(json).expect(json)
    };
    for (node, text) in view.nodes.iter().zip(good) {
        assert_eq!(value(&node.name), text.as_str(), "{file}: {text:?}");
    }
}
