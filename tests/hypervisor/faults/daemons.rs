//! Daemons of the hypervisor that end under irs: libvirtd, dnsmasq, the sessions of sshd.

use super::{TWO, nothing_to_do, on, run_until, virsh, waited_for};
use crate::support::{Lab, SIZES, difference};

/// Ends libvirtd by a signal and starts it again, as systemd does.
fn restart(signal: &str) -> String {
    format!(
        "process=$(cat /run/libvirtd.pid); kill -{signal} $process
         while kill -0 $process 2>/dev/null; do sleep 0.1; done; libvirtd -d"
    )
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn libvirtd_restarted_or_killed_in_the_middle() {
    let lab = Lab::up("faults-libvirtd", &["--default-network"]).warm();
    let before = lab.snapshot();
    let four = ["--topology-nodes", "compute:4"];
    for signal in ["TERM", "KILL"] {
        let mut command = lab.virsh_command(&[SIZES, &four].concat());
        let run = run_until(&mut command, "step 1/6", || {
            on(&lab, &restart(signal));
        });
        let lost = format!(
            "the connection to libvirt on '{}' is lost: connecting again in 1 s",
            lab.address()
        );
        run.ok().says(&[&lost]).prints(&["compute-3", "running"]);
        nothing_to_do(&lab, &four);
        virsh(&lab, &["--kill"]).ok();
        assert_eq!(
            difference(&before, &lab.snapshot_but_cache()),
            "",
            "after SIG{signal}"
        );
    }

    // It answers nothing for a while: irs says what it waits for, and goes on.
    let mut command = lab.virsh_command(&[TWO, &["--start", "none"]].concat());
    let run = run_until(&mut command, "step 1/6", || {
        let process = "$(cat /run/libvirtd.pid)";
        on(
            &lab,
            &format!("kill -STOP {process}; sleep 13; kill -CONT {process}"),
        );
    });
    run.ok()
        .says(&["still waiting for ", ", after 10 s: Ctrl-C stops"]);
    virsh(&lab, &["--kill"]).ok();

    // Killed just when it starts a network it leaves the bridge, and does not know it any more.
    virsh(&lab, &[TWO, &["--start", "none"]].concat()).ok();
    let leave_bridge = "mac=$(virsh net-dumpxml management | sed -n \"s/.*mac address='\\(.*\\)'.*/\\1/p\")
        virsh -q net-destroy management && ip link add management address $mac type bridge && ip link set management up";
    on(&lab, leave_bridge);
    virsh(&lab, &[TWO, &["--start", "none"]].concat())
        .ok()
        .prints(&["1 change"]);
    nothing_to_do(&lab, &[TWO, &["--start", "none"]].concat());
    on(&lab, leave_bridge);
    virsh(&lab, &["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");

    // Not restarted at all: its init script would start it; there is no systemd here.
    on(&lab, "kill -KILL $(cat /run/libvirtd.pid); sleep 0.2");
    virsh(&lab, &[TWO, &["--dry-run"]].concat())
        .ok()
        .prints(&["~ service libvirtd: it does not run; there is no systemd"])
        .says(&["what comes after that is planned once libvirt runs on"]);
    // Without one it is the user's.
    on(&lab, "rm /etc/init.d/libvirtd");
    let open = format!("error: cannot open libvirt on '{}'", lab.address());
    let by_hand =
        "hint: this host has neither systemd nor an init script of libvirt's: start virtlogd and libvirtd";
    virsh(&lab, TWO).exits(3).says(&[&open, by_hand]);
    on(&lab, "rm /run/libvirt/libvirt-sock");
    let gone = format!("error: libvirt does not run on '{}'", lab.address());
    virsh(&lab, TWO).exits(4).says(&[&gone, by_hand]);
    on(&lab, "libvirtd -d; until virsh -q list; do sleep 0.1; done");
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_dnsmasq_that_was_killed_is_found_and_started_again() {
    let lab = Lab::up("faults-dnsmasq", &["--default-network"]).warm();
    let before = lab.snapshot();
    virsh(&lab, TWO).ok();
    let servers = || on(&lab, "pgrep -c -u nobody dnsmasq || pgrep -c dnsmasq");
    let all = servers();
    on(
        &lab,
        "cd /run/libvirt/network && kill -9 $(cat management.pid data.pid); sleep 0.3",
    );
    assert_ne!(servers(), all);
    let reason = "its DHCP and DNS server does not run";
    let plan = virsh(&lab, &[TWO, &["--dry-run"]].concat()).ok();
    assert_eq!(plan.stdout.matches(reason).count(), 2, "{}", plan.transcript());
    virsh(&lab, TWO).ok().prints(&["2 changes"]);
    assert_eq!(servers(), all);
    let left = lab.ask(&["net-dumpxml", "management"]);
    assert!(!left.contains("<txt"), "{left}");
    nothing_to_do(&lab, TWO);

    // Killed while a node is waited for: that is why it gets no address.
    waited_for(
        &lab,
        "cd /run/libvirt/network && kill -9 $(ls *.pid | grep -v default | xargs cat)",
    )
    .exits(1)
    .says(&[
        "error: node 'freeipa-0' did not get ready",
        "caused by: the DHCP and DNS server of its network '",
        "' ended (dnsmasq)",
        "hint: the same command starts it again",
    ]);
    virsh(&lab, &["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_session_of_sshd_that_is_killed_in_the_middle() {
    let lab = Lab::up("faults-sessions", &["--default-network"]).warm();
    let before = lab.snapshot();
    let four = ["--topology-nodes", "compute:4"];
    let mut told = 0;
    // In the order of their logins, whatever they carry, and the one with the lease.
    let nth = |nth| format!("pgrep -f 'sshd-session: root($|@)' | sort -n | sed -n {nth}p");
    let lease = "ps -o ppid= -p $(pgrep -o -f 'bash --norc .*deployment-defaul[t]')";
    for session in [nth(1), nth(3), lease.to_owned()] {
        // By one who waits for it there: from here it might be over before we come.
        on(
            &lab,
            &format!(
                "(until [ -e /var/lib/libvirt/images/irs-default/record.json ]; do :; done
                  kill -9 $({session})) </dev/null >/dev/null 2>&1 &"
            ),
        );
        let run = virsh(&lab, &four);
        let run = run.ok();
        told += usize::from(run.stderr.contains("connecting again in 1 s"));
        nothing_to_do(&lab, &four);
        virsh(&lab, &["--kill"]).ok();
        assert_eq!(difference(&before, &lab.snapshot_but_cache()), "", "{session}");
    }
    // An idle connection for commands is replaced without a word.
    assert!(told >= 1, "none was missed");
}
