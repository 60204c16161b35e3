//! Logins through a host: here the "node" is another sshd of this machine.

use crate::sshd::{Sshd, keygen, public};
use irs::remote::{Cmd, Host};
use irs::ssh::config::ClientOptions;
use irs::ssh::exec::Bounds;
use irs::ssh::node::{LoginFailure, NodeKey, login_at};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn key(sshd: &Sshd, name: &str) -> NodeKey {
    NodeKey::new(std::fs::read_to_string(sshd.path(name)).unwrap())
}

#[test]
fn a_node_is_reached_by_every_way() {
    let node = Sshd::start();
    let hypervisors = [
        Sshd::start(),
        Sshd::with("AllowTcpForwarding no"),
        Sshd::with("DisableForwarding yes"),
    ];
    let mut hosts: Vec<Host> = hypervisors.iter().map(|h| h.connect().unwrap()).collect();
    hosts.push(Host::connect("local", &ClientOptions::default()).unwrap());
    for host in &hosts {
        let login = |user: &str, key: &NodeKey, host_key: &str, port| {
            login_at(host, HERE, port, user, key, host_key, Duration::from_secs(10))
        };
        let good = key(&node, "login");
        let host_key = node.host_key("ed25519");
        for _ in 0..3 {
            let mut session = login("root", &good, &host_key, node.port).unwrap();
            assert_eq!(
                session.run(&Cmd::new("echo").arg("it's me")).unwrap().text(),
                "it's me\n"
            );
            assert_eq!(
                session
                    .run(&Cmd::new("cat").stdin(vec![1; 1_000_000]))
                    .unwrap()
                    .stdout
                    .len(),
                1_000_000
            );
        }
        keygen(&node.path("wrong"), "ed25519", "");
        let refused = login("root", &key(&node, "wrong"), &host_key, node.port);
        assert!(
            matches!(refused, Err(LoginFailure::KeyRefused)),
            "{:?}",
            refused.err()
        );
        let other = public(&node.path("wrong.pub"));
        let mismatch = login("root", &good, &other, node.port);
        assert!(
            matches!(&mismatch, Err(LoginFailure::HostKeyMismatch(p)) if p.starts_with("SHA256:")),
            "{:?}",
            mismatch.err()
        );
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let silent = login("root", &good, &host_key, closed);
        assert!(
            matches!(silent, Err(LoginFailure::NoAnswer(_))),
            "{:?}",
            silent.err()
        );
        for name in ["wrong", "wrong.pub"] {
            std::fs::remove_file(node.path(name)).unwrap();
        }
    }
}

/// Whoever is root in a node may have put another program in place of any.
#[test]
fn a_node_that_answers_without_end_is_hung_up_on() {
    let (node, hypervisor) = (Sshd::start(), Sshd::start());
    let host = hypervisor.connect().unwrap();
    let (key, host_key) = (key(&node, "login"), node.host_key("ed25519"));
    let login = || {
        login_at(
            &host,
            HERE,
            node.port,
            "root",
            &key,
            &host_key,
            Duration::from_secs(20),
        )
        .unwrap()
    };
    for (script, bounds, why) in [
        ("exec yes", None, "it answers without end"),
        ("exec yes >&2", None, "it answers without end"),
        (
            "echo begun; exec sleep 600",
            Some(Duration::from_millis(200)),
            "timed out",
        ),
        (
            "while :; do echo; sleep 0.02; done",
            Some(Duration::from_millis(200)),
            "timed out",
        ),
    ] {
        let cmd = Cmd::script(script, &[]);
        let answer = match bounds {
            None => login().run(&cmd),
            time => login().run_within(&cmd, Bounds { time, bytes: 1 << 20 }),
        };
        let error = format!("{:#}", answer.unwrap_err());
        assert!(error.contains(why), "{script}: {error}");
    }
}

#[test]
fn ten_nodes_at_once() {
    let (node, hypervisor) = (Sshd::with("MaxStartups 100"), Sshd::start());
    let host = hypervisor.connect().unwrap();
    let (key, host_key) = (key(&node, "login"), node.host_key("ed25519"));
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..2 {
                    let mut session = login_at(
                        &host,
                        HERE,
                        node.port,
                        "root",
                        &key,
                        &host_key,
                        Duration::from_secs(20),
                    )
                    .unwrap();
                    assert!(session.run(&Cmd::new("true")).unwrap().success());
                }
            });
        }
    });
}
