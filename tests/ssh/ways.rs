//! Proxies, hosts that cannot be reached, login shells that talk, and forwarding.

use crate::sshd::{Sshd, child, refusal};
use irs::remote::{Cmd, Host};
use irs::ssh::config::{ClientOptions, Strictness};
use std::net::TcpListener;

#[test]
fn a_proxy_command_and_a_proxy_that_fails() {
    let sshd = Sshd::start();
    sshd.write_client(
        "  ProxyCommand exec bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & from=$!; cat >&3; kill $from'",
    );
    assert_eq!(
        sshd.connect()
            .unwrap()
            .check(&Cmd::new("echo").arg("hi"))
            .unwrap()
            .text(),
        "hi\n"
    );
    sshd.write_client("  ProxyCommand echo the proxy is closed >&2; exit 1");
    let (text, exit) = sshd.refusal();
    assert_eq!(exit, 3);
    assert!(
        text.contains("cannot reach 'hv' through its proxy") && text.contains("the proxy is closed"),
        "{text}"
    );
}

#[test]
fn a_jump_host() {
    let (sshd, jump) = (Sshd::start(), Sshd::start());
    sshd.write_client("  ProxyJump jump");
    let mut config = std::fs::read_to_string(sshd.path("ssh_config")).unwrap();
    config.push_str(&format!(
        "Host jump\n  HostName 127.0.0.1\n  Port {}\n  User root\n  UserKnownHostsFile {}\n  IdentityFile {}\n  IdentityAgent none\n",
        jump.port,
        jump.path("known_hosts").display(),
        jump.path("login").display()
    ));
    std::fs::write(sshd.path("ssh_config"), config).unwrap();
    let host = sshd.connect().unwrap();
    assert_eq!(
        host.check(&Cmd::new("cat").stdin(vec![b'x'; 2_000_000]))
            .unwrap()
            .stdout
            .len(),
        2_000_000
    );
    assert!(
        jump.log().is_empty() || !jump.log().contains("error"),
        "{}",
        jump.log()
    );
}

/// An entry of the ssh configuration for a hop, with a port and a key of its own.
pub fn hop(name: &str, sshd: &Sshd, known: &str) -> String {
    format!(
        "Host {name}\n  HostName 127.0.0.1\n  Port {}\n  User root\n  UserKnownHostsFile {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n",
        sshd.port,
        sshd.path(known).display(),
        sshd.path("login").display()
    )
}

#[test]
fn several_jumps_each_by_its_own_configuration() {
    let [sshd, a, b, c] = std::array::from_fn(|_| Sshd::with("LogLevel VERBOSE"));
    let write = |jumps: &str, known: &str| {
        sshd.write_client(&format!("  ProxyJump {jumps}"));
        let mut config = std::fs::read_to_string(sshd.path("ssh_config")).unwrap();
        config.extend([
            hop("a", &a, "known_hosts"),
            hop("b", &b, known),
            hop("c", &c, "known_hosts"),
        ]);
        std::fs::write(sshd.path("ssh_config"), config).unwrap();
    };
    write("a,b,c", "known_hosts");
    let host = sshd.connect().unwrap();
    let input = vec![b'x'; 2_000_000];
    assert_eq!(
        host.check(&Cmd::new("cat").stdin(input)).unwrap().stdout.len(),
        2_000_000
    );
    for (name, sshd) in [("a", &a), ("b", &b), ("c", &c)] {
        assert!(
            sshd.log().contains("Accepted publickey for root"),
            "{name}: {}",
            sshd.log()
        );
    }
    drop(host);
    write("none", "known_hosts");
    sshd.connect().expect("no jump");

    // An unknown key of a hop is refused like any other, and accepted like any other.
    write("a,b", "none-yet");
    let (text, exit) = sshd.refusal();
    assert_eq!(exit, 3);
    assert!(
        text.contains("cannot reach 'hv' through its proxy") && text.contains("key"),
        "{text}"
    );
    let accepting = ClientOptions {
        strictness: Some(Strictness::AcceptNew),
        ..sshd.options()
    };
    Host::connect("hv", &accepting).unwrap();
    assert!(b.path("none-yet").exists());
    sshd.connect().expect("it is known now");
}

#[test]
fn ipv6_addresses_with_ports_and_zones() {
    let sshd = Sshd::with("ListenAddress ::1");
    let key = sshd.host_key("ed25519");
    let config = format!(
        "Host *\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  IdentityFile {}\n  IdentityAgent none\n",
        sshd.path("known_hosts").display(),
        sshd.path("login").display()
    );
    std::fs::write(sshd.path("ssh_config"), config).unwrap();
    let port = sshd.port;
    for (address, known) in [
        (format!("[::1]:{port}"), format!("[::1]:{port}")),
        (format!("ssh://root@[::1]:{port}"), format!("[::1]:{port}")),
        (format!("[::1%1]:{port}"), format!("[::1%1]:{port}")),
    ] {
        sshd.write_known(&format!("other {key}"));
        let (text, _) = refusal(Host::connect(&address, &sshd.options()));
        assert!(text.contains("is not known"), "{address}: {text}");
        sshd.write_known(&format!("{known} {key}"));
        let host = Host::connect(&address, &sshd.options()).unwrap_or_else(|e| panic!("{address}: {e:#}"));
        assert_eq!(host.check(&Cmd::new("echo").arg("hi")).unwrap().text(), "hi\n");
    }
}

/// The user's configuration may ask for it, for his own sessions.
#[test]
fn no_agent_is_forwarded() {
    let sshd = Sshd::start();
    let agent = crate::logins::Agent::start(&sshd, &["login"]);
    sshd.write_client(&format!(
        "  ForwardAgent yes\n  IdentityAgent {}",
        agent.socket.display()
    ));
    let host = sshd.connect().unwrap();
    assert_eq!(host.login_key_file(), None, "the agent logged in");
    let shown = host
        .check(&Cmd::script("echo \"agent: $SSH_AUTH_SOCK\"", &[]))
        .unwrap();
    assert_eq!(shown.text(), "agent: \n");
}

#[test]
fn a_machine_without_openssh() {
    let sshd = Sshd::start();
    let config = std::fs::read_to_string(sshd.path("ssh_config")).unwrap();
    std::fs::write(sshd.path("included.conf"), config).unwrap();
    let include = format!("Include {}/incl*.conf\n", sshd.dir.path().display());
    std::fs::write(sshd.path("ssh_config"), &include).unwrap();
    let connect = || {
        let output = child("connect", &sshd, &[("PATH", "/nowhere")]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = connect();
    assert!(said.contains("connected, by a key"), "{said}");
    std::fs::write(sshd.path("ssh_config"), format!("Match tagged x\n{include}")).unwrap();
    let said = connect();
    assert!(
        said.contains("ssh_config:1: 'Match tagged' is not known to irs itself")
            && said.contains("install OpenSSH"),
        "{said}"
    );
}

#[test]
fn a_host_that_does_not_answer() {
    let sshd = Sshd::start();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (text, exit) = refusal(Host::connect(&format!("hv:{closed}"), &sshd.options()));
    assert_eq!(exit, 3);
    assert_eq!(
        text,
        format!(
            "error: cannot reach 'hv' (127.0.0.1, port {closed})\ncaused by: connection refused\n\
             hint: the host is up, but nothing listens there: is sshd running, and is that its port?"
        )
    );
    let (text, exit) = refusal(Host::connect("no-such-host.invalid", &sshd.options()));
    assert_eq!(exit, 3);
    assert!(
        text.starts_with("error: cannot reach 'no-such-host.invalid', port 22\ncaused by: ")
            && text.contains("is the name spelled right?"),
        "{text}"
    );
    // Listens and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    sshd.write_client("  ConnectTimeout 1");
    let address = format!("hv:{}", silent.local_addr().unwrap().port());
    let (text, exit) = refusal(Host::connect(&address, &sshd.options()));
    assert_eq!(exit, 3);
    assert!(
        text.contains("no answer while beginning the ssh session") && text.contains("says nothing"),
        "{text}"
    );
}

#[test]
fn a_login_shell_that_talks_spoils_no_output() {
    let sshd = Sshd::start();
    // What sshd does with a user's start-up files, for this sshd only.
    let script = sshd.path("talks");
    std::fs::write(
        &script,
        "echo Welcome; printf 'no newline'; eval \"$SSH_ORIGINAL_COMMAND\"\n",
    )
    .unwrap();
    let talking = Sshd::with(&format!("ForceCommand sh {}", script.display()));
    let host = talking.connect().unwrap();
    assert_eq!(
        host.check(&Cmd::new("echo").arg("mine")).unwrap().text(),
        "mine\n"
    );
    let lease =
        irs::lease::Lease::acquire(&host, &format!("test-talks-{}", std::process::id()), "x", None).unwrap();
    assert!(!lease.lost());
}

#[test]
fn a_frozen_server_is_noticed_in_bounded_time() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let session = host.check(&Cmd::script("echo $PPID", &[])).unwrap().text();
    let session = session.trim().to_owned();
    let freeze = Cmd::script("sleep 0.3; kill -STOP \"$1\"; sleep 35", &[&session]);
    let error = host.run(&freeze).unwrap_err();
    let _ = std::process::Command::new("kill")
        .args(["-KILL", &session])
        .status();
    let report = irs::error::Report::of(&error);
    assert_eq!(report.exit_code, 3);
    assert!(
        report.message.contains("the ssh connection to 'hv' is lost"),
        "{report}"
    );
}
