//! An sshd that counts: too many logins at once, and sources that failed too often.

use std::process::{Child, Stdio};

use super::{TWO, virsh};
use crate::support::{Lab, RunExt, SIZES};

/// How many at once.
const LOGINS: usize = 40;

#[test]
#[ignore = "in the lab: tests/run lab"]
fn forty_logins_at_once() {
    // OpenSSH's default: from ten on it drops some of those that have not logged in yet.
    let lab = Lab::up("faults-startups", &["--sshd", "MaxStartups 10:30:100"]);
    let start = |_| -> Child {
        lab.virsh_command(&[SIZES, TWO, &["--dry-run"]].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("irs starts")
    };
    let all: Vec<Child> = (0..LOGINS).map(start).collect();
    for run in all {
        let output = run.wait_with_output().expect("a child");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn an_sshd_that_penalises_a_source() {
    let options = [
        "--sshd",
        "PerSourcePenalties authfail:600s min:1s",
        "--sshd",
        "PerSourcePenaltyExemptList 203.0.113.1/32",
    ];
    let lab = Lab::up("faults-penalties", &options);
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = folder.path().join("wrong").display().to_string();
    std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", &wrong])
        .run()
        .ok();
    let refused = virsh(&lab, &[TWO, &["--host-key", &wrong]].concat());
    assert_eq!(refused.status, Some(3), "{}", refused.transcript());
    let penalised = format!(
        "error: sshd on '{}' refuses this machine for a while",
        lab.address()
    );
    virsh(&lab, TWO).exits(3).says(&[
        &penalised,
        "caused by: it says: Not allowed at this time",
        "hint: it does so after failed logins (PerSourcePenalties)",
    ]);
}
