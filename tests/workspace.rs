//! Workspaces as a user sees them: made, chosen, listed, moved, deleted. No hypervisor is there.

#![allow(clippy::unwrap_used)]

#[path = "support/terminal.rs"]
#[allow(dead_code)]
mod terminal;

use irs::keys;
use irs::outputs::{self, HostView, NodeView, View};
use irs::workspace::{KEY, PUBLIC_KEY, Record, RecordHost, Workspace, archive};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use terminal::{irs_in, output};

const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDHHBKgIrUha4m56f3HXemBFawtzxZlIATNJYec3XHLa";

fn view(folder: &Path, key: Option<&Path>) -> View {
    let node = |name: &str, address: Option<&str>| NodeView {
        name: format!("lab-{name}-0"),
        node_type: name.into(),
        index: 0,
        host: 0,
        groups: vec![name.into(), "openstack_nodes".into()],
        has_os: address.is_some(),
        address: address.map(|address| address.parse().unwrap()),
        direct: false,
        user: "cloud-user".into(),
        ansible_connection: "ssh".into(),
        python: None,
        host_public_key: address.map(|_| HOST_KEY.into()),
        blank: None,
    };
    View {
        deployment: "lab".into(),
        workspace: folder.to_owned(),
        hosts: vec![HostView {
            name: "hv1".into(),
            address: "192.0.2.7".into(),
            port: 22,
            user: "root".into(),
            key: key.map(Path::to_owned),
            host_keys: vec![HOST_KEY.into()],
            local: false,
            tcp_forwarding: true,
            proxy_command: None,
            proxy_jump: None,
            power: None,
        }],
        nodes: vec![node("compute", None), node("undercloud", Some("172.16.10.2"))],
    }
}

/// A workspace as a run leaves it, with the prefix 'lab'.
fn after_a_run(home: &Path, name: &str, change: impl FnOnce(&mut View, &mut Record)) {
    let workspace = Workspace::below(home, name).unwrap();
    workspace.create().unwrap();
    let key = home.join("my-key");
    std::fs::write(&key, "the key for the hypervisor").unwrap();
    let mut view = view(workspace.path(), Some(&key));
    let mut record = Record {
        deployment: "lab".into(),
        prefix: Some("lab".into()),
        hosts: vec![RecordHost {
            address: "hv1".into(),
            key: Some(key),
            ..RecordHost::default()
        }],
        ..Record::default()
    };
    change(&mut view, &mut record);
    outputs::write(&view).unwrap();
    workspace.write_record(&record).unwrap();
    let pair = keys::from_seed([7; 32], "irs lab").unwrap();
    std::fs::write(workspace.path().join(KEY), pair.private_openssh).unwrap();
    std::fs::write(workspace.path().join(PUBLIC_KEY), pair.public_openssh).unwrap();
}

fn in_home(home: &Path, line: &str) -> String {
    irs_in(home, line).replace(home.to_str().unwrap(), "HOME")
}

fn json(home: &Path, line: &str) -> serde_json::Value {
    let output = output(home, line);
    assert!(output.status.success(), "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn they_are_made_chosen_listed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    after_a_run(home, "lab", |_, _| ());
    let all = [
        "workspace create foo",
        "workspace create foo",
        "workspace list --active",
        "workspace checkout foo",
        "workspace checkout fo",
        "workspace checkout --create bar",
        "workspace list",
        "workspace list --active",
        "workspace delete foo nosuch",
        "workspace cleanup lab",
        "workspace delete foo bar",
        "workspace list",
        "workspace create ../x",
    ];
    let session = all.map(|line| format!("$ irs {line}\n{}", in_home(home, line)));
    insta::assert_snapshot!(session.concat());
}

#[test]
fn the_list_is_json_too_and_the_environment_makes_another_one_active() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    after_a_run(home, "lab", |_, _| ());
    in_home(home, "workspace create foo");
    std::fs::create_dir(home.join("not-ours")).unwrap();
    std::fs::write(home.join("not-ours/notes"), "mine").unwrap();
    in_home(home, "workspace checkout lab");
    let list = json(home, "workspace list --format json");
    assert_eq!(list["active"], "lab");
    let all = list["workspaces"].as_array().unwrap();
    assert_eq!(all.len(), 2, "{list}");
    assert_eq!(all[0]["name"], "foo");
    assert_eq!(all[0]["deployment"], serde_json::Value::Null);
    assert_eq!(all[1]["active"], true);
    assert_eq!(all[1]["prefix"], "lab");
    assert_eq!(all[1]["hosts"], serde_json::json!(["hv1"]));
    assert!(in_home(home, "workspace delete not-ours").contains("is a folder, and no workspace"));
    assert!(home.join("not-ours/notes").exists());

    let shell = |args: &[&str]| {
        let mut irs = Command::new(env!("CARGO_BIN_EXE_irs"));
        let irs = irs.args(args).env("IRS_HOME", home).env("IRS_WORKSPACE", "foo");
        irs.output().unwrap()
    };
    let active = shell(&["workspace", "list", "--active"]);
    assert_eq!(String::from_utf8_lossy(&active.stdout), "foo\n");
    let checkout = shell(&["workspace", "checkout", "lab"]);
    assert_eq!(checkout.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&checkout.stderr).contains("IRS_WORKSPACE says 'foo'"));
}

#[test]
fn the_inventory_has_all_of_ansibles_forms() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    after_a_run(home, "lab", |_, _| ());
    in_home(home, "workspace checkout lab");
    let all = [
        "inventory",
        "inventory --format yaml",
        "inventory --list",
        "inventory --host lab-undercloud-0",
        "inventory --host lab-undercluod-0",
        "workspace inventory",
        "workspace node-list",
        "workspace node-list --group undercloud --format json",
        "workspace node-list --group underclod",
        "workspace group-list",
    ];
    let session = all.map(|line| format!("$ irs {line}\n{}", in_home(home, line)));
    insta::assert_snapshot!(session.concat());
    assert_eq!(
        json(home, "inventory --list"),
        json(home, "inventory --prefix lab --format json")
    );
    std::fs::remove_dir_all(home.join("lab")).unwrap();
    assert!(in_home(home, "inventory --list").contains("the active workspace 'lab' is gone"));
}

#[test]
fn an_archive_makes_the_same_workspace_elsewhere() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    after_a_run(here, "lab", |_, _| ());
    let archive = there.join("moved.tgz");
    in_home(here, &format!("workspace export -n lab -d {}", archive.display()));
    assert_eq!(archive.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::rename(here.join("my-key"), here.join("elsewhere")).unwrap();
    let said = in_home(there, "workspace import moved.tgz");
    assert!(said.contains("environment 'lab', 2 nodes"), "{said}");
    assert!(
        said.contains("the key for 'hv1' stayed where the archive comes from"),
        "{said}"
    );
    assert!(said.contains("now using workspace 'moved'"), "{said}");

    let moved = there.join("moved");
    let old = here.display().to_string();
    for entry in moved.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&old), "{}:\n{text}", path.display());
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    assert_eq!(moved.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let config = moved.join("ansible.ssh.config");
    let ssh = Command::new("ssh")
        .arg("-G")
        .arg("-F")
        .arg(&config)
        .arg("lab-undercloud-0")
        .output()
        .unwrap();
    let ssh = String::from_utf8_lossy(&ssh.stdout).into_owned();
    for line in [
        format!("identityfile {}", moved.join(KEY).display()),
        format!("userknownhostsfile {}", moved.join("known_hosts").display()),
        "hostname 172.16.10.2".to_owned(),
        "proxyjump hypervisor".to_owned(),
    ] {
        assert!(ssh.contains(&line), "{line}\n{ssh}");
    }
    // The record leads to the hypervisor as it was verified.
    let record = Workspace::below(there, "moved")
        .unwrap()
        .record()
        .unwrap()
        .unwrap();
    assert_eq!(record.hosts[0].key, None);
    assert_eq!(record.hosts[0].known_hosts, Some(moved.join("known_hosts")));

    let refused = in_home(there, "workspace import moved.tgz");
    assert!(
        refused.contains("there is a workspace 'moved' already"),
        "{refused}"
    );
    let replaced = in_home(there, "workspace import moved.tgz --replace");
    assert!(replaced.contains("imported"), "{replaced}");
}

#[test]
fn the_key_for_the_hypervisor_is_copied_where_that_is_asked_for() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    after_a_run(here, "lab", |_, _| ());
    let said = in_home(
        here,
        &format!(
            "workspace export --name lab --copy-keys --filename {}",
            there.display()
        ),
    );
    assert!(
        said.contains("the private key for 'hv1': only you may read it"),
        "{said}"
    );
    in_home(there, "workspace import lab.tgz --name other");
    let key = there.join("other/hypervisor-0.key");
    assert_eq!(
        std::fs::read_to_string(&key).unwrap(),
        "the key for the hypervisor"
    );
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let record = Workspace::below(there, "other")
        .unwrap()
        .record()
        .unwrap()
        .unwrap();
    assert_eq!(record.hosts[0].key.as_ref(), Some(&key));
    let text = std::fs::read_to_string(there.join("other/ansible.ssh.config")).unwrap();
    assert_eq!(
        text.matches(&format!("IdentityFile \"{}\"", key.display()))
            .count(),
        2,
        "{text}"
    );
    // In the inventory the path is the folder's, so that it may be moved as it is.
    let text = std::fs::read_to_string(there.join("other/hosts-prov")).unwrap();
    assert!(text.contains("/hypervisor-0.key\""), "{text}");
    assert!(!text.contains(&there.display().to_string()), "{text}");
}

#[test]
fn an_archive_that_somebody_made_runs_nothing_here() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (here.path(), there.path());
    let import = |name: &str, change: &dyn Fn(&mut View, &mut Record)| {
        after_a_run(here, name, change);
        let archive = there.join(format!("{name}.tgz"));
        in_home(
            here,
            &format!("workspace export -n {name} -f {}", archive.display()),
        );
        in_home(there, &format!("workspace import {name}.tgz"))
    };
    let said = import("proxy", &|view, _| {
        view.hosts[0].proxy_command = Some("touch /tmp/pwned".into())
    });
    assert!(
        said.contains("the program 'touch /tmp/pwned', which is not taken over"),
        "{said}"
    );
    let config = std::fs::read_to_string(there.join("proxy/ansible.ssh.config")).unwrap();
    assert!(!config.contains("pwned"), "{config}");

    type Change<'a> = &'a dyn Fn(&mut View, &mut Record);
    let hostile: [(&str, Change<'_>, &str); 6] = [
        (
            "local",
            &|view, _| view.nodes[1].ansible_connection = "local".into(),
            "is said to be this machine",
        ),
        (
            "option",
            &|view, record| {
                view.hosts[0].name = "-oProxyCommand=x".into();
                record.hosts[0].address = "-oProxyCommand=x".into();
            },
            "is no name of a host or user",
        ),
        (
            "other",
            &|_, record| record.hosts[0].address = "hv9".into(),
            "has no hypervisor 'hv9'",
        ),
        (
            "two",
            &|view, _| view.deployment = "x".into(),
            "it is of two environments",
        ),
        (
            "user",
            &|_, record| record.hosts[0].user = Some("-lroot".into()),
            "is no name of a host or user",
        ),
        (
            "hostkey",
            &|view, _| view.hosts[0].host_keys = vec!["rubbish".into()],
            "reading the host key 'rubbish'",
        ),
    ];
    for (name, change, expected) in hostile {
        let said = import(name, change);
        assert!(
            said.contains(expected) && said.contains("exit 2"),
            "{name}: {said}"
        );
        assert!(!there.join(name).exists(), "{name} left something");
    }

    // Files beside those that irs writes.
    let mut files = archive::Files::new();
    files.insert("../../evil".into(), b"x".to_vec());
    let packed = archive::pack("a", &files, true);
    assert!(packed.is_err(), "not even we can make that one");
    let mut files = archive::Files::new();
    files.insert("authorized_keys".into(), b"x".to_vec());
    std::fs::write(
        there.join("strange.tar"),
        archive::pack("a", &files, true).unwrap(),
    )
    .unwrap();
    let said = in_home(there, "workspace import strange.tar");
    assert!(
        said.contains("'a/authorized_keys' is no file of a workspace"),
        "{said}"
    );
    assert!(!there.join("strange").exists());
}
