//! Domains that do not start, or die soon after.

use super::{TWO, nothing_to_do, on, virsh, waited_for};
use crate::support::{Lab, RunExt, difference};

/// Puts a program in the emulator's place, which does `what` when it is to run a guest, in a shell with the guest's
/// arguments, and is the emulator else.
fn replace_emulator(lab: &Lab, what: &str) {
    let emulator = "/usr/bin/qemu-system-x86_64";
    on(
        lab,
        &format!(
            "mkdir -p /run/emulator && cd /run/emulator && [ -e real ] || cp {emulator} real
             cat >wrapper <<'END'
#!/bin/bash
case \"$*\" in *guest=*) {what} ;; esac
exec -a {emulator} /run/emulator/real \"$@\"
END
             chmod 755 /run/emulator wrapper; mountpoint -q {emulator} || mount --bind wrapper {emulator}"
        ),
    );
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_domain_that_crashes_on_start() {
    let lab = Lab::up("faults-domains", &["--default-network"]).warm();
    let before = lab.snapshot();
    virsh(&lab, &[TWO, &["--start", "none"]].concat()).ok();

    replace_emulator(&lab, "echo 'qemu: the emulator is broken' >&2; exit 1");
    virsh(&lab, TWO).exits(1).says(&[
        "error: 2 of the step's actions failed; the first",
        "caused by: starting domain 'compute-0'",
        "caused by: libvirt could not start it",
        "qemu: the emulator is broken",
    ]);
    on(&lab, "umount /usr/bin/qemu-system-x86_64");

    // What keeps its log ended.
    on(&lab, "kill -9 $(pgrep -x virtlogd)");
    virsh(&lab, TWO).exits(1).says(&[
        "caused by: virtlogd, which keeps the logs of virtual machines, does not run on '",
        "hint: start it there (systemctl start virtlogd.socket, or virtlogd), then run the same command again",
    ]);
    on(&lab, "rm -f /run/virtlogd.pid; virtlogd -d");

    // One that runs, then dies: whoever waits for it is told why.
    waited_for(
        &lab,
        "echo 'qemu: fatal: trap' >>/var/log/libvirt/qemu/freeipa-0.log; kill -9 $(cat /run/libvirt/qemu/freeipa-0.pid)",
    )
    .exits(1)
    .says(&[
        "error: node 'freeipa-0' did not get ready",
        "caused by: its domain is shut off",
        "its log ends with: ",
        "qemu: fatal: trap",
        "hint: see /var/log/libvirt/qemu/freeipa-0.log on the hypervisor; the same command starts it again",
    ]);

    virsh(&lab, TWO).ok();
    assert_eq!(lab.state_of("compute-0"), "running");
    nothing_to_do(&lab, TWO);
    virsh(&lab, &["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_kvm_that_stops_its_guests() {
    let probe = include_str!("../../../src/steps/host/kvm_probe.sh");
    let lab = Lab::up("faults-kvm", &["--default-network"]);
    if !std::path::Path::new("/dev/kvm").exists() || lab.enter(&["sh", "-c", probe]).status != Some(124) {
        eprintln!("not tested: this machine has no KVM that stops its guests");
        return;
    }
    let lab = lab.warm();
    let before = lab.snapshot();
    // The boot sector of the probe, as a base image.
    let image = tempfile::NamedTempFile::new().expect("a file");
    let code = probe
        .lines()
        .find_map(|line| line.strip_prefix("code='")?.strip_suffix('\''));
    let write = r#"{ printf "$1"; head -c 416 /dev/zero; printf '\125\252'; head -c 1M /dev/zero; } >"$2""#;
    std::process::Command::new("bash")
        .args(["-c", write, "bash", code.expect("the boot sector")])
        .arg(image.path())
        .run()
        .ok();
    let image = image.path().display().to_string();
    let kvm = [
        "--virt-type",
        "kvm",
        "-e",
        "override.freeipa.memory=64",
        "-e",
        "override.freeipa.cpu=1",
        "-e",
        "override.freeipa.cpumodel=qemu64",
        "--topology-nodes",
        "freeipa:1",
        "--image-url",
        &image,
    ];
    lab.virsh(&kvm).exits(1).prints(&["paused (internal error)"]).says(&[
        "error: node 'freeipa-0' did not get ready",
        "caused by: it is paused with an internal error of the emulator",
        "KVM internal error. Suberror: 1; emulation failure",
        "hint: KVM may not carry guests on this host: remove the nodes with --remove-nodes and make them with --virt-type qemu",
    ]);
    // `auto` looks for itself.
    lab.on_host(&["status"])
        .ok()
        .prints(&["freeipa-0: is paused (internal error)"]);
    virsh(&lab, &["--remove-nodes", "freeipa-0"]).ok();
    lab.virsh(&["--dry-run", "--topology-nodes", "compute:1"])
        .ok()
        .says(&["warning: KVM is there on '", "and does not carry a guest"]);
    virsh(&lab, &["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
