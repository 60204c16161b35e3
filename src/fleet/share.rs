//! Which part of every DHCP range is one hypervisor's: the networks that libvirt makes are each host's own, and still no two
//! nodes of an environment have the same address.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range is divided into so many parts: a number that the usual counts of hypervisors divide.
const PARTS: u32 = 720_720;

/// Some neighbouring parts of every range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share {
    from: u32,
    to: u32,
}

impl Share {
    /// All of it.
    pub const WHOLE: Share = Share { from: 0, to: PARTS };

    /// The `k`-th of `n` equal ones, from 0.
    fn nth(k: usize, n: usize) -> Share {
        let at = |k: usize| u32::try_from(u64::from(PARTS) * k as u64 / n as u64).unwrap_or(PARTS);
        Share {
            from: at(k),
            to: at(k + 1),
        }
    }

    /// Whether it is the one in which ranges begin: there is one such among those of an environment.
    pub fn is_first(self) -> bool {
        self.from == 0
    }

    fn len(self) -> u32 {
        self.to.saturating_sub(self.from)
    }

    /// Its part of a range; none when the range has too few addresses.
    pub fn of(self, start: IpAddr, end: IpAddr) -> Option<(IpAddr, IpAddr)> {
        let part = |start: u128, end: u128| {
            // Longer ranges than this are not told apart at their ends.
            let count = end.checked_sub(start)?.saturating_add(1).min(1 << 100);
            let at = |part: u32| start + count * u128::from(part) / u128::from(PARTS);
            let (first, next) = (
                at(self.from),
                if self.to == PARTS { end + 1 } else { at(self.to) },
            );
            (next > first).then(|| (first, next - 1))
        };
        match (start, end) {
            (IpAddr::V4(start), IpAddr::V4(end)) => {
                let (first, last) = part(start.to_bits().into(), end.to_bits().into())?;
                let v4 = |bits: u128| u32::try_from(bits).map(|bits| Ipv4Addr::from_bits(bits).into());
                Some((v4(first).ok()?, v4(last).ok()?))
            }
            (IpAddr::V6(start), IpAddr::V6(end)) => {
                let (first, last) = part(start.to_bits(), end.to_bits())?;
                Some((
                    Ipv6Addr::from_bits(first).into(),
                    Ipv6Addr::from_bits(last).into(),
                ))
            }
            _ => None,
        }
    }
}

/// The shares of all hypervisors, where some have one already: those keep their beginning, and whoever is new gets what
/// is free, else the second half of the largest.
pub fn shares(present: &[Option<Share>]) -> Vec<Share> {
    if present.iter().all(Option::is_none) {
        return (0..present.len()).map(|k| Share::nth(k, present.len())).collect();
    }
    let mut all: Vec<Option<Share>> = present.to_vec();
    for new in 0..all.len() {
        if all[new].is_some() {
            continue;
        }
        if let Some(free) = largest_gap(&all) {
            all[new] = Some(free);
            continue;
        }
        let largest = all
            .iter_mut()
            .flatten()
            .reduce(|a, b| if b.len() > a.len() { b } else { a });
        let Some(largest) = largest else { continue };
        let middle = largest.from + largest.len() / 2;
        let second = Share {
            from: middle,
            to: largest.to,
        };
        largest.to = middle;
        all[new] = Some(second);
    }
    all.into_iter()
        .map(|share| share.unwrap_or(Share::WHOLE))
        .collect()
}

fn largest_gap(all: &[Option<Share>]) -> Option<Share> {
    let mut there: Vec<Share> = all.iter().flatten().copied().collect();
    there.sort();
    let mut gaps = Vec::new();
    let mut from = 0;
    let end = Share {
        from: PARTS,
        to: PARTS,
    };
    for share in there.into_iter().chain([end]) {
        if share.from > from {
            gaps.push(Share { from, to: share.from });
        }
        from = from.max(share.to);
    }
    gaps.into_iter()
        .reduce(|a, b| if b.len() > a.len() { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(shares: &[Share]) -> Vec<String> {
        let range = |share: &Share| share.of([10, 0, 0, 2].into(), [10, 0, 0, 100].into());
        let text = |range: Option<(IpAddr, IpAddr)>| range.map_or("none".into(), |(a, b)| format!("{a}-{b}"));
        shares.iter().map(|share| text(range(share))).collect()
    }

    #[test]
    fn new_hypervisors_divide_a_range_among_them() {
        assert_eq!(shown(&shares(&[None])), ["10.0.0.2-10.0.0.100"]);
        assert_eq!(
            shown(&shares(&[None; 3])),
            [
                "10.0.0.2-10.0.0.34",
                "10.0.0.35-10.0.0.67",
                "10.0.0.68-10.0.0.100"
            ]
        );
        assert!(shares(&[None; 3])[0].is_first());
    }

    #[test]
    fn who_comes_later_takes_what_is_free_and_else_half_of_what_another_has() {
        let one = shares(&[Some(Share::WHOLE), None]);
        assert_eq!(shown(&one), ["10.0.0.2-10.0.0.50", "10.0.0.51-10.0.0.100"]);
        let later = shares(&[None, Some(one[0]), Some(one[1])]);
        assert_eq!(
            shown(&later),
            [
                "10.0.0.26-10.0.0.50",
                "10.0.0.2-10.0.0.25",
                "10.0.0.51-10.0.0.100"
            ]
        );
        assert!(later[1].is_first() && !later[0].is_first());
        // The first one is gone for good.
        let back = shares(&[Some(later[2]), None]);
        assert_eq!(shown(&back), ["10.0.0.51-10.0.0.100", "10.0.0.2-10.0.0.50"]);
    }

    #[test]
    fn ranges_of_both_families_are_divided_and_tiny_ones_are_not_enough() {
        let two = shares(&[None, None]);
        let of = |start: &str, end: &str| -> Vec<Option<(String, String)>> {
            let (start, end): (IpAddr, IpAddr) = (start.parse().unwrap(), end.parse().unwrap());
            let text = |(a, b): (IpAddr, IpAddr)| (a.to_string(), b.to_string());
            two.iter().map(|share| share.of(start, end).map(text)).collect()
        };
        let some = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(
            of("fd00::1", "fd00::ff"),
            [some("fd00::1", "fd00::7f"), some("fd00::80", "fd00::ff")]
        );
        assert_eq!(
            of("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")[1]
                .as_ref()
                .unwrap()
                .1,
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"
        );
        assert_eq!(of("10.0.0.2", "10.0.0.2"), [None, some("10.0.0.2", "10.0.0.2")]);
    }
}
