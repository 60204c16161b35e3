//! Leases: one holder at a time, and none that outlives its client.

use crate::sshd::{Sshd, child};
use irs::error::{Exit, Fault};
use irs::lease::Lease;
use irs::remote::{Cmd, Host};
use irs::ssh::config::ClientOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

fn local() -> Host {
    Host::connect("local", &ClientOptions::default()).unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new("/run/irs").join(format!("{name}.lock"))
}

/// A name that no other test or run uses.
fn name(test: &str) -> String {
    format!("test-{test}-{}", std::process::id())
}

fn refused(host: &Host, name: &str) -> String {
    let Err(error) = Lease::acquire(host, name, "bob@pc (pid 2)", None) else {
        panic!("two leases for '{name}'")
    };
    let fault = error
        .downcast_ref::<Fault>()
        .unwrap_or_else(|| panic!("{error:#}"));
    assert_eq!(fault.exit, Exit::Busy, "{error:#}");
    fault.message.clone()
}

#[test]
fn one_holder_at_a_time_wherever_it_comes_from() {
    let sshd = Sshd::start();
    let (ssh, local) = (sshd.connect().unwrap(), local());
    let deployment = name("one");
    let name = format!("deployment-{deployment}");
    for (first, second) in [(&ssh, &ssh), (&ssh, &local), (&local, &ssh), (&local, &local)] {
        let lease = Lease::acquire(first, &name, "alice@laptop (pid 1)", None).unwrap();
        let message = refused(second, &name);
        assert!(
            message.starts_with(&format!(
                "deployment '{deployment}' on '{}' is being changed by alice@laptop (pid 1) since 20",
                second.name()
            )),
            "{message}"
        );
        assert!(!lease.lost());
        drop(lease);
        assert!(!file(&name).exists(), "the lock file is gone");
        drop(Lease::acquire(second, &name, "bob", None).unwrap());
    }
}

#[test]
fn a_lease_lasts_longer_than_the_holders_patience_and_can_be_waited_for() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let name = name("long");
    let lease = Lease::acquire(&host, &name, "alice", None).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope
            .spawn(|| Lease::acquire(&host, &name, "bob", Some(Duration::from_secs(60))).map(|l| l.lost()));
        std::thread::sleep(Duration::from_secs(10));
        assert!(!lease.lost());
        assert!(!waiting.is_finished());
        drop(lease);
        assert!(!waiting.join().unwrap().unwrap());
    });
    assert!(!file(&name).exists());
}

#[test]
fn whoever_waits_is_told_once_for_whom_and_gets_it_then() {
    let host = local();
    let deployment = name("waits");
    let lease = Lease::deployment(&host, &deployment, "alice@laptop", None).unwrap();
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |who: &str| told.lock().unwrap().push(who.to_owned());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Lease::deployment(&host, &deployment, "bob@pc", Some(&tell)).map(drop));
        std::thread::sleep(Duration::from_secs(3));
        assert!(!waiting.is_finished());
        drop(lease);
        waiting.join().unwrap().unwrap();
    });
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("is being changed by alice@laptop since 20") && told[0].ends_with("s ago)"),
        "{told:?}"
    );
}

#[test]
fn a_lock_whose_file_somebody_removed_holds_nothing() {
    let host = local();
    let name = name("removed");
    let lease = Lease::acquire(&host, &name, "alice", None).unwrap();
    std::fs::remove_file(file(&name)).unwrap();
    let other = Lease::acquire(&host, &name, "bob", None).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !lease.lost() {
        assert!(Instant::now() < end, "two runs hold it");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(lease);
    assert!(
        file(&name).exists() && !other.lost(),
        "the other one's is left alone"
    );
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    for bad in ["", ".", "..", "a/b", "a b", "$(id)", "ä"] {
        assert!(Lease::acquire(&local(), bad, "alice", None).is_err(), "{bad}");
    }
}

/// Runs in a process of its own: takes a lease and keeps it.
pub fn hold(host: &Host) {
    let name = std::env::var("IRS_TEST_LEASE").unwrap();
    let lease = Lease::acquire(host, &name, "carol", None).unwrap();
    println!("holding");
    std::thread::sleep(Duration::from_secs(60));
    drop(lease);
}

#[test]
fn a_killed_client_frees_its_lease_at_once() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let name = name("killed");
    let mut client = child("lease", &sshd, &[("IRS_TEST_LEASE", &name)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("holding")));
    assert!(refused(&host, &name).contains("carol"));
    client.kill().unwrap();
    client.wait().unwrap();
    // Sooner than the holder's patience with a silent client would end.
    drop(Lease::acquire(&host, &name, "alice", Some(Duration::from_secs(5))).unwrap());
}

#[test]
fn a_stopped_client_loses_its_lease_and_a_lost_holder_is_noticed() {
    let sshd = Sshd::start();
    let host = sshd.connect().unwrap();
    let name = name("stopped");
    let mut client = child("lease", &sshd, &[("IRS_TEST_LEASE", &name)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("holding")));
    // A stopped client is to the holder what a cut link is: silence.
    assert!(
        std::process::Command::new("kill")
            .args(["-STOP", &client.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let lease = Lease::acquire(&host, &name, "alice", Some(Duration::from_secs(20))).unwrap();
    client.kill().unwrap();
    client.wait().unwrap();

    let holder = format!("bash {name} alice");
    let found = host
        .check(&Cmd::new("pgrep").args(["-f", &holder]))
        .unwrap()
        .text();
    let pid = found.lines().next().unwrap().trim();
    assert!(
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .unwrap()
            .contains(&name)
    );
    host.check(&Cmd::new("kill").args(["-9", pid])).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(lease.lost());
    let _ = std::fs::remove_file(file(&name));
}
