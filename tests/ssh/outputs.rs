//! The ssh configuration that irs writes, used by ssh: a node behind a hypervisor behind two hosts.

use crate::sshd::{Sshd, child};
use crate::uploads;
use crate::ways::hop;
use irs::outputs::{HostView, NodeView, View};
use irs::remote::Host;
use std::process::Command;

/// Runs a program with another home folder in the password database, by which ssh goes: `HOME PROGRAM …`.
const AT_HOME: &str = r#"
awk -F: -v OFS=: -v home="$1" '$3 == 0 { $6 = home } 1' /etc/passwd >"$1/passwd" && mount --bind "$1/passwd" /etc/passwd || exit 1
export HOME="$1"; shift; exec "$@"
"#;

/// What a child does: it writes the outputs for a node and logs in through them.
pub fn use_them(host: &Host) {
    let variable = |name| std::env::var(name).unwrap();
    let workspace = std::path::PathBuf::from(variable("IRS_TEST_PATH"));
    // A large file takes the same way.
    let part = workspace.join("large.part");
    uploads::send(host, part.to_str().unwrap()).unwrap();
    println!("{} bytes came", std::fs::metadata(part).unwrap().len());
    let at = host.destination().unwrap();
    let view = View {
        deployment: "default".to_owned(),
        workspace: workspace.clone(),
        hosts: vec![HostView {
            name: host.name().to_owned(),
            address: at.hostname.clone(),
            port: at.port,
            user: at.user.clone(),
            key: host.login_key_file(),
            host_keys: host.host_key().into_iter().collect(),
            local: false,
            tcp_forwarding: host.tcp_forwarding(),
            proxy_command: at.proxy_command.clone(),
            proxy_jump: at.proxy_jump.clone(),
            power: None,
        }],
        nodes: vec![NodeView {
            name: "controller-0".to_owned(),
            node_type: "controller".to_owned(),
            index: 0,
            host: 0,
            groups: vec!["controller".to_owned()],
            has_os: true,
            address: Some("127.0.0.1".parse().unwrap()),
            direct: false,
            user: "root".to_owned(),
            ansible_connection: "ssh".to_owned(),
            python: None,
            host_public_key: Some(variable("IRS_TEST_NODE_KEY")),
            blank: None,
        }],
    };
    irs::outputs::write(&view).unwrap();
    for (name, port) in [
        ("hypervisor", at.port.to_string()),
        ("controller-0", variable("IRS_TEST_NODE_PORT")),
    ] {
        let said = Command::new("ssh")
            .arg("-F")
            .arg(workspace.join("ansible.ssh.config"))
            .args(["-o", "BatchMode=yes", "-p", &port, name])
            .arg("echo \"$SSH_CONNECTION\"")
            .output()
            .unwrap();
        let (said, errors) = (
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr),
        );
        // What a login's shell has to complain of on this machine is no part of the answer.
        println!(
            "{name}: {}\n{errors}",
            said.split(' ').next_back().unwrap().trim()
        );
    }
}

#[test]
fn a_node_is_reached_through_the_hosts_before_its_hypervisor() {
    let [sshd, a, b, node] = std::array::from_fn(|_| Sshd::with("LogLevel VERBOSE"));
    sshd.write_client("  ProxyJump a,b");
    let mut config = std::fs::read_to_string(sshd.path("ssh_config")).unwrap();
    config.extend([hop("a", &a, "known_hosts"), hop("b", &b, "known_hosts")]);
    let home = sshd.path("home");
    std::fs::create_dir_all(home.join(".ssh")).unwrap();
    std::fs::write(home.join(".ssh/config"), config).unwrap();
    std::fs::copy(node.path("login"), home.join("id_ed25519")).unwrap();
    let port = node.port.to_string();
    let key = node.host_key("ed25519");
    let variables = [
        ("IRS_TEST_PATH", home.to_str().unwrap()),
        ("IRS_TEST_NODE_PORT", &port),
        ("IRS_TEST_NODE_KEY", &key),
    ];
    let program = child("outputs", &sshd, &variables);
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-c", AT_HOME, "sh"])
        .arg(&home)
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.env_remove("IRS_TEST_CONFIG").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    for wanted in [
        format!("{} bytes came", uploads::SIZE),
        format!("hypervisor: {}", sshd.port),
        format!("controller-0: {port}"),
    ] {
        assert!(
            said.lines().any(|line| line.trim() == wanted),
            "{wanted}: {said}{errors}"
        );
    }
    let logins = |sshd: &Sshd| sshd.log().matches("Accepted publickey for root").count();
    // irs, ssh with the large file, and ssh through the outputs.
    assert!(logins(&sshd) > 3, "{}", sshd.log());
    assert_eq!(logins(&node), 1);
    assert!(
        logins(&a) >= logins(&sshd) && logins(&b) >= logins(&sshd),
        "{}",
        a.log()
    );
}
