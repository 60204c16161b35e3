//! Whether the host's own firewall would stop the packets of NAT networks.
//!
//! irs changes no firewall: what is open to whom is the user's to say. It finds what would stop guests, and says what opens it.

use super::{Found, Requirement};

/// A chain of nftables that all packets of its kind come by.
#[derive(Debug, Default)]
struct Chain<'a> {
    /// `FAMILY TABLE CHAIN`.
    name: &'a str,
    /// Whether it is about packets that pass through, else about those for the host itself.
    forwards: bool,
    drops: bool,
    /// Whether a rule is about bridges of libvirt's.
    knows_guests: bool,
}

/// What makes libvirt's rules count in the same table.
const BACKEND: &str = "say firewall_backend = \"iptables\" in /etc/libvirt/network.conf and restart libvirtd (virtnetworkd, where it is there)";

pub(super) fn requirements(found: &Found) -> Vec<Requirement> {
    let mut rows = Vec::new();
    rows.extend(firewalld(found));
    let stops: Vec<Chain<'_>> = chains(found)
        .into_iter()
        .filter(|chain| chain.drops && !chain.knows_guests)
        .filter(|chain| !is_of_iptables(chain.name) || by_nftables(found))
        .collect();
    let row = |shown: &str| {
        let needed = "lets guests of NAT networks pass";
        Requirement::met("firewall", shown, needed).by_every_run()
    };
    let legacy = found
        .lines("iptables")
        .any(|line| line.starts_with(":FORWARD DROP"))
        && by_nftables(found);
    rows.push(match (stops.is_empty(), legacy) {
        (true, false) => row("nothing in the way"),
        (true, true) => row("iptables drops what it does not know").user_does(BACKEND),
        (false, _) => {
            let names: Vec<&str> = stops.iter().map(|chain| chain.name).collect();
            let shown = format!("nftables drops what it does not know in: {}", names.join(", "));
            row(&shown).user_does(fix(&stops))
        }
    });
    rows
}

/// What opens these chains.
fn fix(stops: &[Chain<'_>]) -> String {
    if stops.iter().all(|chain| is_of_iptables(chain.name)) {
        return BACKEND.to_owned();
    }
    let open = |chain: &Chain<'_>| match chain.forwards {
        true => format!(
            "nft insert rule {0} iifname BRIDGE accept; nft insert rule {0} oifname BRIDGE accept",
            chain.name
        ),
        false => format!(
            "nft insert rule {} iifname BRIDGE meta l4proto {{ tcp, udp }} th dport {{ 53, 67, 547 }} accept",
            chain.name
        ),
    };
    let rules: Vec<String> = stops.iter().map(open).collect();
    format!(
        "for the bridge of each NAT network, which is called as the network, and in your own ruleset: {}",
        rules.join("; ")
    )
}

/// A chain that iptables made: libvirt's own rules are there, too, where it makes them by iptables.
fn is_of_iptables(name: &str) -> bool {
    [
        "ip filter FORWARD",
        "ip filter INPUT",
        "ip6 filter FORWARD",
        "ip6 filter INPUT",
    ]
    .contains(&name)
}

/// Whether libvirt makes its rules in a table of its own, where they cannot undo what another table drops.
fn by_nftables(found: &Found) -> bool {
    let said = |backend: &str| found.lines("libvirt-firewall").any(|line| line.contains(backend));
    said("nftables") && !said("iptables")
}

/// `? FAMILY TABLE CHAIN`, then what nft says of it.
fn chains(found: &Found) -> Vec<Chain<'_>> {
    let mut chains: Vec<Chain<'_>> = Vec::new();
    for line in found.lines("nft") {
        if let Some(name) = line.strip_prefix("? ") {
            chains.push(Chain {
                name,
                ..Chain::default()
            });
            continue;
        }
        let Some(chain) = chains.last_mut() else { continue };
        if line.starts_with("type filter hook") {
            chain.forwards = line.contains("hook forward");
            chain.drops = line.contains("policy drop");
        }
        // A last rule that is about everything.
        let all = line.strip_prefix("counter ").unwrap_or(line);
        chain.drops |= all.ends_with("drop") && all.split(' ').count() <= 5 && all.starts_with(['d', 'p'])
            || all.starts_with("reject");
        chain.knows_guests |= line.contains("virbr") || line.contains("LIBVIRT_");
    }
    chains
}

/// libvirt brings a zone of its own, which firewalld knows after it was reloaded.
fn firewalld(found: &Found) -> Option<Requirement> {
    let mut lines = found.lines("firewalld");
    if lines.next()? != "running" {
        return None;
    }
    let has_zone = lines
        .flat_map(str::split_whitespace)
        .any(|zone| zone == "libvirt");
    let row = |shown: &str| {
        Requirement::met(
            "firewalld",
            shown,
            "the zone 'libvirt', which libvirt puts its networks in",
        )
    };
    let is_there = found.lines("programs").any(|program| program == "virsh");
    Some(match (has_zone, is_there) {
        (true, _) => row("running, with the zone 'libvirt'"),
        // The package brings the zone and has firewalld look again.
        (false, false) => row("running; libvirt's package brings the zone"),
        (false, true) => row("running without the zone 'libvirt'").user_does(
            "firewall-cmd --reload makes it know the zone that libvirt brought; what was set without --permanent is gone then",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::host::prepare::{Fix, State};

    fn of(nft: &str, backend: &str) -> Requirement {
        let nft: String = nft.lines().map(|line| format!(" {line}\n")).collect();
        let found = Found::parse(&format!("#nft\n{nft}#libvirt-firewall\n {backend}\n"));
        requirements(&found).pop().unwrap()
    }

    const DOCKER: &str = "? ip filter FORWARD\ntable ip filter {\n\tchain FORWARD {\n\
        \t\ttype filter hook forward priority filter; policy drop;\n\
        \t\tcounter packets 0 bytes 0 jump DOCKER-USER\n\
        \t\toifname \"docker0\" ct state related,established counter packets 0 bytes 0 accept\n\t}\n}";

    #[test]
    fn a_chain_of_iptables_stops_guests_only_where_libvirt_goes_by_nftables() {
        assert_eq!(
            of(DOCKER, "firewall_backend = \"nftables\"").state,
            State::Missing
        );
        assert_eq!(of(DOCKER, "in use: iptables").state, State::Met);
        assert_eq!(of(DOCKER, "").state, State::Met);
        let Fix::User(fix) = of(DOCKER, "in use: nftables").fix else {
            panic!("no fix")
        };
        assert!(fix.contains("firewall_backend"), "{fix}");
    }

    #[test]
    fn a_ruleset_of_ones_own_that_drops_is_named_with_the_rules_that_open_it() {
        let own = "? inet filter input\ntable inet filter {\n\tchain input {\n\
            \t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport 22 accept\n\t}\n}\n\
            ? inet filter forward\ntable inet filter {\n\tchain forward {\n\
            \t\ttype filter hook forward priority filter; policy accept;\n\
            \t\tct state established,related accept\n\t\treject with icmpx admin-prohibited\n\t}\n}";
        let row = of(own, "");
        assert_eq!(
            row.found,
            "nftables drops what it does not know in: inet filter input, inet filter forward"
        );
        let Fix::User(fix) = row.fix else { panic!("no fix") };
        assert!(
            fix.contains("inet filter input iifname BRIDGE meta l4proto"),
            "{fix}"
        );
        assert!(fix.contains("inet filter forward oifname BRIDGE accept"), "{fix}");
        let open = own.replace("tcp dport 22 accept", "iifname \"virbr*\" accept");
        assert_eq!(
            of(&open, "").found,
            "nftables drops what it does not know in: inet filter forward"
        );
        let accepts = "? inet filter forward\n\t\ttype filter hook forward priority filter; policy accept;\n\
            \t\ttcp dport 25 drop\n";
        assert_eq!(of(accepts, "").state, State::Met);
    }
}
