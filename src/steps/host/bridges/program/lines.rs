//! The lines for addresses and routes.

use super::{Address, FOREVER, Link, Links, Route};

/// The lines that give `device` the addresses of a link; `at_once` for IPv6 addresses that nobody else can have.
pub(super) fn addresses(link: &Link, device: &str, at_once: bool) -> Vec<String> {
    link.own_addresses()
        .map(|a| address(a, &link.name, device, at_once))
        .collect()
}

/// The line that gives `device` an address of the link `from`.
pub(super) fn address(address: &Address, from: &str, device: &str, at_once: bool) -> String {
    let v4 = address.family == "inet";
    let mut line = format!("ip address add {}/{}", address.local, address.prefixlen);
    let mut word = |text: String| {
        line.push(' ');
        line.push_str(&text);
    };
    if let Some(broadcast) = &address.broadcast {
        word(format!("broadcast {broadcast}"));
    }
    if v4 && address.scope != "global" && !address.scope.is_empty() {
        word(format!("scope {}", address.scope));
    }
    let label = address
        .label
        .as_deref()
        .and_then(|label| label.strip_prefix(from));
    if let Some(rest) = label.filter(|rest| rest.starts_with(':'))
        && device.len() + rest.len() <= 15
    {
        word(format!("label {device}{rest}"));
    }
    if let Some(metric) = address.metric {
        word(format!("metric {metric}"));
    }
    if address.valid_life_time != FOREVER {
        word(format!("valid_lft {}", address.valid_life_time));
    }
    if address.preferred_life_time != FOREVER {
        word(format!("preferred_lft {}", address.preferred_life_time));
    }
    for (said, flag) in [
        (address.noprefixroute, "noprefixroute"),
        (address.mngtmpaddr, "mngtmpaddr"),
        (!v4 && (address.nodad || at_once), "nodad"),
    ] {
        if said {
            word(flag.to_owned());
        }
    }
    word(format!("dev {device}"));
    line
}

/// The lines that give `device` the routes of a link, those first that the others need.
pub(super) fn routes(links: &Links, link: &Link, device: &str) -> Vec<String> {
    let without = link.addresses.iter().any(|a| a.noprefixroute);
    // The kernel makes the routes of addresses, and IPv6's link-local and multicast ones.
    let made_anew = |route: &Route| {
        (route.protocol.as_deref() == Some("kernel") && !without)
            || route.dst.starts_with("fe80::")
            || route.dst.starts_with("ff00::")
    };
    let mut found: Vec<&Route> = links
        .routes
        .iter()
        .filter(|r| r.dev.as_deref() == Some(&link.name) && !made_anew(r))
        .collect();
    found.sort_by_key(|r| r.gateway.is_some() || r.via.is_some());
    found.into_iter().map(|r| route(r, device)).collect()
}

fn route(route: &Route, device: &str) -> String {
    let family = if route.v6 { "-6" } else { "-4" };
    let mut line = format!("ip {family} route append");
    let mut word = |text: String| {
        line.push(' ');
        line.push_str(&text);
    };
    route.kind.iter().for_each(|kind| word(kind.clone()));
    word(route.dst.clone());
    if let Some(gateway) = route.gateway {
        word(format!("via {gateway}"));
    }
    if let Some(via) = &route.via {
        let family = if via.host.is_ipv6() { "inet6" } else { "inet" };
        word(format!("via {family} {}", via.host));
    }
    word(format!("dev {device}"));
    let mut option = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            word(format!("{key} {value}"));
        }
    };
    option("table", route.table.clone());
    option("protocol", route.protocol.clone().filter(|p| p != "boot"));
    option("scope", route.scope.clone());
    option("src", route.prefsrc.map(|ip| ip.to_string()));
    option("metric", route.metric.map(|n| n.to_string()));
    option("expires", route.expires.map(|n| n.to_string()));
    for (key, value) in route.metrics.iter().flatten() {
        option(key, value.as_u64().map(|n| n.to_string()));
    }
    if route.flags.iter().any(|flag| flag == "onlink") {
        word("onlink".to_owned());
    }
    line
}

/// The lines that take addresses off a link, and bring those back that the kernel takes along: others of the same subnet.
pub(super) fn remove(link: &Link, stale: &[&Address]) -> Vec<String> {
    let delete = stale
        .iter()
        .map(|a| format!("ip address delete {}/{} dev {}", a.local, a.prefixlen, link.name));
    let beside = |a: &&Address| {
        let subnet = |a: &Address| a.net().map(|net| net.trunc());
        a.family == "inet" && !stale.contains(a) && stale.iter().any(|s| subnet(s) == subnet(a))
    };
    let again = link
        .own_addresses()
        .filter(beside)
        .map(|a| address(a, &link.name, &link.name, true).replacen("address add", "address replace", 1));
    delete.chain(again).collect()
}
