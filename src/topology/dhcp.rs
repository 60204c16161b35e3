//! Ranges of addresses, and what else `dhcp` says, held against the subnet.

use std::fmt::Display;

use ipnet::IpNet;

use crate::yaml::{Fields, Problems, Tree, Value, shown};

use super::address::{DHCP_KEYS, DhcpRange, RANGE_KEYS, parse_ipv4};

const UNFIT_HINT: &str = "take an address within the network's own subnet";

/// Reads `dhcp` and checks what else it says about the subnet.
pub(super) fn dhcp<A: Copy + Ord + Display>(
    fields: &Fields<'_>,
    parse: impl Fn(&str) -> Option<A>,
    unfit: impl Fn(A) -> Option<String>,
    subnet: Option<IpNet>,
    problems: &mut Problems,
) -> Option<DhcpRange<A>> {
    let inner = Fields::new(fields.what("dhcp"), fields.get("dhcp")?, DHCP_KEYS, problems);
    if let Some(tree) = inner.get("subnet_cidr")
        && let Some(text) = tree.string(&inner.what("subnet_cidr"), problems)
    {
        let said = text.split_once('/').and_then(|(address, length)| {
            let length: u8 = length.parse().ok()?;
            match parse_ipv4(address) {
                Some(address) => IpNet::new(address.into(), length).ok(),
                None => IpNet::new(address.parse().ok()?, length).ok(),
            }
        });
        match (said, subnet) {
            (None, _) => {
                problems
                    .push(
                        tree.place.clone(),
                        format!(
                            "{} must be a subnet, not '{}'",
                            inner.what("subnet_cidr"),
                            shown(&text)
                        ),
                    )
                    .hint("write it as 192.168.24.0/24");
            }
            (Some(said), Some(subnet)) if said.trunc() != subnet.trunc() => {
                let message = format!(
                    "{} is {said}, but the network's subnet is {}",
                    inner.what("subnet_cidr"),
                    subnet.trunc()
                );
                problems
                    .push(tree.place.clone(), message)
                    .hint("it follows from ip_address and netmask: leave it out, or make it agree");
            }
            _ => {}
        }
    }
    if let Some(tree) = inner.get("subnet_gateway") {
        one(&inner.what("subnet_gateway"), tree, &parse, &unfit, problems);
    }
    let tree = inner.required("range", problems)?;
    range(&inner.what("range"), tree, parse, unfit, problems)
}

/// Reads `start` and `end`.
pub(super) fn range<A: Copy + Ord + Display>(
    what: &str,
    tree: &Tree,
    parse: impl Fn(&str) -> Option<A>,
    unfit: impl Fn(A) -> Option<String>,
    problems: &mut Problems,
) -> Option<DhcpRange<A>> {
    let fields = Fields::new(what, tree, RANGE_KEYS, problems);
    let (start, end) = (
        fields.required("start", problems),
        fields.required("end", problems),
    );
    let address = |tree: &Tree| match &tree.value {
        Value::Scalar { text, .. } => parse(text),
        _ => None,
    };
    if let (Some(start), Some(end)) = (start, end)
        && let (Some(first), Some(last)) = (address(start), address(end))
        && let (Some(reason), Some(other)) = (unfit(first), unfit(last))
        && reason == other
    {
        // Both ends are wrong in one way: that is one mistake.
        problems
            .push(
                start.place.clone(),
                format!(
                    "{what} cannot be {first} to {last}: {}",
                    reason.replacen("it is", "they are", 1)
                ),
            )
            .hint(UNFIT_HINT);
        return None;
    }
    let first = start.and_then(|t| one(&fields.what("start"), t, &parse, &unfit, problems));
    let last = end.and_then(|t| one(&fields.what("end"), t, &parse, &unfit, problems));
    let (first, last) = (first?, last?);
    if first > last {
        problems
            .push(
                end?.place.clone(),
                format!("{what} ends at {last}, before its start {first}"),
            )
            .hint("write the lower address as 'start'");
        return None;
    }
    Some(DhcpRange {
        start: first,
        end: last,
    })
}

fn one<A: Copy + Display>(
    what: &str,
    tree: &Tree,
    parse: impl Fn(&str) -> Option<A>,
    unfit: impl Fn(A) -> Option<String>,
    problems: &mut Problems,
) -> Option<A> {
    let text = tree.string(what, problems)?;
    let Some(address) = parse(&text) else {
        problems
            .push(
                tree.place.clone(),
                format!("{what} must be an address, not '{}'", shown(&text)),
            )
            .hint("e.g. 172.16.0.2");
        return None;
    };
    if let Some(reason) = unfit(address) {
        problems
            .push(
                tree.place.clone(),
                format!("{what} cannot be {address}: {reason}"),
            )
            .hint(UNFIT_HINT);
        return None;
    }
    Some(address)
}
