//! Domains that do not start, or die soon after.

use super::{TWO, nothing_to_do, on, run_until, virsh};
use crate::support::{Lab, SIZES, difference};

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

    // One that runs, then dies: whoever waits for it is told why.
    let image = tempfile::NamedTempFile::new().expect("a file");
    image.as_file().set_len(4 << 20).expect("a blank disk");
    let image = image.path().display().to_string();
    let wait = ["--topology-nodes", "freeipa:1", "--image-url", &image];
    let mut command = lab.virsh_command(&[SIZES, &wait].concat());
    run_until(&mut command, "step 6/6", || {
        on(
            &lab,
            "echo 'qemu: fatal: trap' >>/var/log/libvirt/qemu/freeipa-0.log; kill -9 $(cat /run/libvirt/qemu/freeipa-0.pid)",
        );
    })
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
