//! What goes wrong while irs works: in its own process, on the way, on the hypervisor. docs/faults.md says of each fault
//! what irs does about it, and what the user reads.
//!
//! `tests/faults` runs them with many seeds for what happens at random, `tests/run lab` with few.

mod clock;
mod daemons;
mod domains;
mod laptop;
mod logins;
mod random;
mod shells;
mod sshd;
mod storage;
mod sudoer;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::{Lab, Run, SIZES, blank_image};

/// Whether there is time for all of it.
fn long() -> bool {
    ["FAULT_SEEDS", "FAULT_SEED"]
        .into_iter()
        .any(|name| std::env::var_os(name).is_some())
}

/// Makes two small nodes that boot nothing.
const TWO: &[&str] = &["--topology-nodes", "compute:2"];

/// Runs `irs virsh` with small nodes.
fn virsh(lab: &Lab, args: &[&str]) -> Run {
    lab.virsh(&[SIZES, args].concat())
}

/// A script on the hypervisor, as root; it must succeed.
#[track_caller]
fn on(lab: &Lab, script: &str) -> String {
    lab.enter(&["bash", "-c", script]).ok().stdout
}

/// Makes a node that will never answer, and breaks something on the hypervisor while it is waited for.
#[track_caller]
fn waited_for(lab: &Lab, fault: &str) -> Run {
    let image = blank_image();
    let image = image.path().display().to_string();
    let node = ["--topology-nodes", "freeipa:1", "--image-url", &image];
    let mut command = lab.virsh_command(&[SIZES, &node].concat());
    run_until(&mut command, "step 6/6", || {
        on(lab, fault);
    })
}

/// A run again with nothing to do.
#[track_caller]
fn nothing_to_do(lab: &Lab, args: &[&str]) {
    virsh(lab, args).ok().prints(&["nothing to change"]);
}

/// Runs a command, and does something as soon as a line of its standard error contains a text; panics when none did.
#[track_caller]
fn run_until(command: &mut Command, text: &str, fault: impl FnOnce()) -> Run {
    let start = Instant::now();
    let line = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("irs starts");
    let mut said = String::new();
    let mut fault = Some(fault);
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        said += &line;
        said.push('\n');
        if line.contains(text)
            && let Some(fault) = fault.take()
        {
            fault();
        }
    }
    let mut stdout = String::new();
    let mut pipe = child.stdout.take().expect("a pipe");
    pipe.read_to_string(&mut stdout).expect("text");
    let status = child.wait().expect("a child").code();
    let run = Run {
        command: line,
        status,
        stdout,
        stderr: said,
        time: start.elapsed(),
    };
    assert!(fault.is_none(), "it never said {text:?}\n{}", run.transcript());
    run
}
