//! The lab itself: hypervisors side by side that know nothing of each other, and nothing left of them.

use crate::support::{Lab, Run, RunExt};

use std::process::Command;

fn sh(script: &str) -> Run {
    Command::new("sh").args(["-c", script]).run()
}

/// The command lines of the machine's processes that contain a text.
fn processes_that_name(text: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.flat_map(|process| std::fs::read(process.path().join("cmdline")));
    lines
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| line.contains(text))
        .collect()
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn two_hypervisors_are_strangers_and_leave_nothing() {
    let a = Lab::up("strangers-a", &[]);
    let b = Lab::up(
        "strangers-b",
        &["--sudoer", "--default-network", "--default-pool", "--disk", "64M"],
    );
    assert_ne!(a.address(), b.address());

    let alone = a.snapshot();
    assert!(alone.contains("process libvirtd\n"), "{alone}");
    assert!(!alone.contains("network default"), "{alone}");
    b.enter(&["virsh", "net-start", "default"]).ok();
    assert!(b.snapshot().contains("link virbr0\n"));
    assert_eq!(a.snapshot(), alone);

    let uuid = |lab: &Lab| {
        lab.enter(&["sh", "-c", "virsh capabilities | grep -m1 uuid"])
            .ok()
            .stdout
    };
    assert_ne!(uuid(&a), uuid(&b));

    let login = |lab: &Lab, user: &str, command: &str| {
        let known = format!("UserKnownHostsFile={}", lab.known_hosts());
        let to = format!("{user}@{}", lab.address());
        Command::new("ssh")
            .args(["-F", "none", "-i", lab.key(), "-o", &known, &to, command])
            .run()
    };
    login(&a, "root", "virsh -c qemu:///system list").ok();
    login(&a, "operator", "true").exits(255);
    login(&b, "operator", "virsh -c qemu:///system list")
        .exits(1)
        .says(&["polkit"]);
    login(&b, "operator", "sudo -n virsh -c qemu:///system list").ok();

    let (links, states) = (
        [a.link().to_owned(), b.link().to_owned()],
        [a.state().to_owned(), b.state().to_owned()],
    );
    drop((a, b));
    for link in links {
        assert!(
            sh(&format!("ip link show {link}")).status != Some(0),
            "{link} is left"
        );
    }
    for state in states {
        let name = state.to_string_lossy();
        assert!(!state.exists(), "{name} is left");
        assert_eq!(
            sh(&format!("grep -c '{name}/' /proc/self/mountinfo")).stdout,
            "0\n"
        );
        assert_eq!(processes_that_name(&name), Vec::<String>::new());
    }
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_killed_lab_is_brought_up_afresh() {
    let lab = Lab::up("killed", &[]);
    let holder = std::fs::read_to_string(lab.state().join("holder")).expect("the holder's id");
    let holder = holder.split(' ').next().expect("an id");
    sh(&format!("kill -KILL {holder}")).ok();

    let again = Lab::up("killed", &[]);
    again.enter(&["virsh", "-c", "qemu:///system", "list"]).ok();
}
