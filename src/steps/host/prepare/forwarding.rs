//! Whether the host passes packets on, as NAT and routed networks need.

use super::{Change, Found, Requirement, Work};
use crate::plan::{Kind, Verb};
use crate::remote::Cmd;

/// Switches the forwarding of IPv4 on at boot; irs's own.
const FILE: &str = "/etc/sysctl.d/60-irs.conf";

pub(super) fn requirements(found: &Found) -> Vec<Requirement> {
    let row = |shown: &str| Requirement::met("IP forwarding", shown, "on");
    let reason = "IP forwarding is off, and nodes reach the world through the host";
    vec![match found.word("forwarding") {
        "0" => row("off")
            .irs_does(Change {
                verb: Verb::Update,
                kind: Kind::Host,
                name: "net.ipv4.ip_forward".into(),
                reason: reason.into(),
                by_hand: format!("echo 'net.ipv4.ip_forward = 1' > {FILE}; sysctl -p {FILE}"),
                work: Work::Run(Cmd::script(include_str!("forwarding.sh"), &[FILE])),
            })
            .by_every_run(),
        _ => row("on"),
    }]
}
