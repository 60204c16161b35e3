use super::*;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn host() -> HostView {
    HostView {
        name: "hv.example.org".into(),
        address: "192.168.77.2".into(),
        port: 2222,
        user: "root".into(),
        key: Some("/home/me/.ssh/id 100%".into()),
        host_keys: vec!["ssh-rsa BBBB".into(), "ssh-ed25519 AAAA root@hv".into()],
        local: false,
        tcp_forwarding: true,
        proxy_command: None,
        proxy_jump: None,
        power: None,
    }
}

fn node(node_type: &str, index: u32, address: Option<&str>) -> NodeView {
    NodeView {
        direct: false,
        name: format!("a-{node_type}-{index}"),
        node_type: node_type.into(),
        index,
        host: 0,
        groups: vec![node_type.into(), "openstack_nodes".into()],
        has_os: address.is_some(),
        address: address.map(|text| text.parse().unwrap()),
        user: "cloud-user".into(),
        ansible_connection: "ssh".into(),
        python: address.map(|_| "/usr/bin/python3".into()),
        host_public_key: address.map(|_| format!("ssh-ed25519 CC{index} comment")),
        blank: None,
    }
}

pub(super) fn view(workspace: &Path) -> View {
    View {
        deployment: "a".into(),
        workspace: workspace.to_owned(),
        hosts: vec![host()],
        nodes: vec![
            node("compute", 10, None),
            node("compute", 9, None),
            node("undercloud", 0, Some("172.16.0.2")),
        ],
    }
}

#[test]
fn the_inventory_lists_hosts_then_groups() {
    insta::assert_snapshot!(inventory::render(&view(Path::new("/ws"))).unwrap(), @r#"
    # Written by irs for the deployment 'a'; the next run writes it anew.
    localhost ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"
    hypervisor ansible_host=192.168.77.2 ansible_port=2222 ansible_connection=ssh ansible_user=root ansible_ssh_private_key_file="/home/me/.ssh/id 100%%" ansible_python_interpreter=auto_silent ansible_ssh_common_args="-F {{ (inventory_dir ~ '/ansible.ssh.config') | quote }}"
    a-compute-9 ansible_host=NA
    a-compute-10 ansible_host=NA
    a-undercloud-0 ansible_host=172.16.0.2 ansible_connection=ssh ansible_user=cloud-user ansible_ssh_private_key_file="{{ inventory_dir | replace('%', '%%') }}/id_ed25519" ansible_python_interpreter=/usr/bin/python3 ansible_ssh_common_args="-F {{ (inventory_dir ~ '/ansible.ssh.config') | quote }}"

    [compute]
    a-compute-9
    a-compute-10

    [hypervisor]
    hypervisor

    [local]
    localhost

    [openstack_nodes]
    a-compute-9
    a-compute-10
    a-undercloud-0

    [undercloud]
    a-undercloud-0
    "#);
}

#[test]
fn the_inventory_names_no_workspace() {
    let render = |path| inventory::render(&view(Path::new(path))).unwrap();
    assert_eq!(render("/one"), render("/two"));
}

#[test]
fn known_hosts_has_names_and_addresses() {
    insta::assert_snapshot!(known_hosts::render(&view(Path::new("/ws"))), @r"
    hypervisor,[192.168.77.2]:2222 ssh-ed25519 AAAA
    hypervisor,[192.168.77.2]:2222 ssh-rsa BBBB
    a-undercloud-0,172.16.0.2 ssh-ed25519 CC0
    ");
}

#[test]
fn the_ssh_config_jumps_through_the_hypervisor() {
    insta::assert_snapshot!(ssh_config::render(&view(Path::new("/ws"))).unwrap(), @r#"
    # Written by irs for the deployment 'a'; the next run writes it anew.

    Host hypervisor 192.168.77.2
      HostName 192.168.77.2
      Port 2222
      HostKeyAlias hypervisor
      User root
      IdentityFile "/home/me/.ssh/id 100%%"
      IdentitiesOnly yes

    Host a-undercloud-0 172.16.0.2
      HostName 172.16.0.2
      HostKeyAlias a-undercloud-0
      User cloud-user
      IdentityFile "/ws/id_ed25519"
      IdentityFile "/home/me/.ssh/id 100%%"
      IdentitiesOnly yes
      ProxyJump hypervisor

    Host *
      UserKnownHostsFile "/ws/known_hosts"
      GlobalKnownHostsFile /dev/null
      StrictHostKeyChecking yes
    "#);
}

/// What the real client makes of the configuration: its options, each with all its values.
pub(super) fn ssh_g(workspace: &Path, name: &str) -> BTreeMap<String, Vec<String>> {
    let config = workspace.join(SSH_CONFIG);
    let out = Command::new("ssh")
        .arg("-G")
        .arg("-F")
        .arg(config)
        .arg(name)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut options: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once(' '))
    {
        options.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    options
}

fn written(change: impl FnOnce(&mut View)) -> (tempfile::TempDir, View) {
    written_in("my envs 50%/it's", change)
}

fn written_in(folder: &str, change: impl FnOnce(&mut View)) -> (tempfile::TempDir, View) {
    let dir = tempfile::tempdir().unwrap();
    let workspace = dir.path().join(folder);
    std::fs::create_dir_all(&workspace).unwrap();
    let mut view = view(&workspace);
    change(&mut view);
    write(&view).unwrap();
    (dir, view)
}

#[test]
fn ssh_understands_names_and_addresses() {
    let (_dir, view) = written(|_| ());
    for name in ["a-undercloud-0", "172.16.0.2"] {
        let options = ssh_g(&view.workspace, name);
        assert_eq!(options["hostname"], ["172.16.0.2"]);
        assert_eq!(options["user"], ["cloud-user"]);
        let words = shlex::split(&options["proxycommand"][0].replace("%%", "%")).unwrap();
        let config = view.workspace.join(SSH_CONFIG);
        assert_eq!(
            words,
            [
                "ssh",
                "-F",
                config.to_str().unwrap(),
                "-W",
                "[%h]:%p",
                "hypervisor"
            ]
        );
        assert_eq!(options["hostkeyalias"], ["a-undercloud-0"]);
        assert_eq!(options["stricthostkeychecking"], ["true"]);
        assert_eq!(options["identitiesonly"], ["yes"]);
        // `-G` shows tokens unexpanded: a doubled percent sign is one.
        let escaped = view.workspace.to_str().unwrap().replace('%', "%%");
        assert_eq!(
            options["identityfile"],
            [format!("{escaped}/id_ed25519"), "/home/me/.ssh/id 100%%".into()]
        );
        let known = &options["userknownhostsfile"][0];
        assert!(
            known.replace("%%", "%").ends_with("my envs 50%/it's/known_hosts"),
            "{known}"
        );
    }
    for name in ["hypervisor", "192.168.77.2"] {
        let options = ssh_g(&view.workspace, name);
        assert_eq!(
            (&options["hostname"][0][..], &options["port"][0][..]),
            ("192.168.77.2", "2222")
        );
        assert_eq!(options["user"], ["root"]);
        assert_eq!(options["identityfile"], ["/home/me/.ssh/id 100%%"]);
        assert!(!options.contains_key("proxyjump"));
    }
}

#[test]
fn without_forwarding_a_program_on_the_hypervisor_takes_over() {
    let (_dir, view) = written(|view| view.hosts[0].tcp_forwarding = false);
    let options = ssh_g(&view.workspace, "a-undercloud-0");
    let command = &options["proxycommand"][0];
    let words = shlex::split(&command.replace("%%", "%")).unwrap();
    let config = view.workspace.join(SSH_CONFIG);
    let [ssh, f, file, host, remote] = words.as_slice() else {
        panic!("{words:?}")
    };
    assert_eq!([ssh, f, host], ["ssh", "-F", "hypervisor"]);
    assert_eq!(file, config.to_str().unwrap());

    // What the hypervisor's shell makes of it connects, with netcat or without.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let remote = remote.replace("%h", "127.0.0.1").replace("%p", &port);
    let mut child = Command::new("setsid")
        .args(["sh", "-c", &remote])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut bytes = [0; 4];
    to.write_all(b"ping").unwrap();
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
    stream.write_all(b"pong").unwrap();
    // What a login shell has said by then may be no whole line.
    let mut bytes = [0; 5];
    from.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"\npong");
    // The node hangs up: nothing of it stays.
    drop(stream);
    child.wait().unwrap();
    assert_eq!(from.read(&mut bytes).unwrap(), 0);
}

#[test]
fn the_users_own_jump_host_is_found_in_the_users_own_configuration() {
    let command = |jump: &str| {
        let (_dir, view) = written(|view| view.hosts[0].proxy_jump = Some(jump.into()));
        ssh_g(&view.workspace, "hypervisor")
            .remove("proxycommand")
            .map(|mut all| all.remove(0))
    };
    assert_eq!(command("bastion").unwrap(), "ssh -W '[%h]:%p' ssh://bastion");
    assert_eq!(
        command("a,me@b:2222").unwrap(),
        "ssh -J a -W '[%h]:%p' ssh://me@b:2222"
    );
    assert_eq!(command("none"), None);
}

#[test]
fn a_local_hypervisor_is_no_jump_and_an_agent_stays_in_use() {
    let (_dir, view) = written(|view| {
        view.hosts[0].local = true;
        view.hosts[0].key = None;
    });
    let options = ssh_g(&view.workspace, "a-undercloud-0");
    assert!(!options.contains_key("proxyjump") && !options.contains_key("proxycommand"));
    assert_eq!(options["identitiesonly"], ["no"]);
    let inventory = std::fs::read_to_string(view.workspace.join(INVENTORY)).unwrap();
    assert!(inventory.contains("\nhypervisor ansible_connection=local "));
}

#[test]
fn an_address_behind_two_hypervisors_is_not_used_as_a_name() {
    let (_dir, view) = written_in("envs", |view| {
        view.hosts.push(HostView {
            address: "192.168.78.2".into(),
            ..host()
        });
        let other = NodeView {
            host: 1,
            ..node("undercloud", 1, Some("172.16.0.2"))
        };
        view.nodes.push(other);
    });
    assert_eq!(
        ssh_g(&view.workspace, "a-undercloud-0")["proxyjump"],
        ["hypervisor-0"]
    );
    assert_eq!(
        ssh_g(&view.workspace, "a-undercloud-1")["proxyjump"],
        ["hypervisor-1"]
    );
    let inventory = inventory::render(&view).unwrap();
    assert!(inventory.contains("a-undercloud-1 ansible_host=a-undercloud-1 "));
    assert!(!known_hosts::render(&view).contains(",172.16.0.2"));
}

#[test]
fn the_real_client_finds_the_node_in_known_hosts() {
    let (_dir, view) = written(|_| ());
    let file = view.workspace.join(KNOWN_HOSTS);
    for name in [
        "a-undercloud-0",
        "172.16.0.2",
        "hypervisor",
        "[192.168.77.2]:2222",
    ] {
        let out = Command::new("ssh-keygen")
            .args(["-F", name, "-f"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(out.status.success() && !out.stdout.is_empty(), "{name}");
    }
}

#[test]
fn nothing_is_written_twice_and_modes_are_private() {
    let (_dir, view) = written(|_| ());
    assert!(write(&view).unwrap().is_empty());
    for name in [INVENTORY, SSH_CONFIG, KNOWN_HOSTS] {
        let mode = std::fs::metadata(view.workspace.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(
        std::fs::read_link(view.workspace.join("hosts")).unwrap(),
        Path::new("hosts-prov")
    );
    let mut shuffled = view.clone();
    shuffled.nodes.reverse();
    assert!(
        write(&shuffled).unwrap().is_empty(),
        "the order of the nodes does not matter"
    );
    let mut smaller = view;
    smaller.nodes.truncate(1);
    assert_eq!(write(&smaller).unwrap().len(), 4);
}

#[test]
fn names_that_would_break_the_files_are_refused() {
    let mut bad = view(Path::new("/ws"));
    bad.nodes[0].groups = vec!["a]\n[b".into()];
    assert!(
        inventory::render(&bad)
            .unwrap_err()
            .to_string()
            .contains("is no name for an inventory group")
    );
    let bad = view(Path::new("/w\ns"));
    assert!(ssh_config::render(&bad).is_err());
}

#[test]
fn a_node_on_a_lan_is_reached_without_its_hypervisor() {
    let dir = tempfile::tempdir().unwrap();
    let mut view = view(dir.path());
    let jumps = |view: &View| ssh_config::render(view).unwrap().matches("ProxyJump").count();
    let before = jumps(&view);
    let node = view
        .nodes
        .iter_mut()
        .find(|node| node.has_os && node.address.is_some());
    node.unwrap().direct = true;
    assert_eq!(jumps(&view), before - 1);
}
