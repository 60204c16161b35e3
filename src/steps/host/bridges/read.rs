//! Reading the links.

use super::Mark;
use super::links::{Links, Ruler};
use crate::remote::{Cmd, Host};
use crate::steps::host::facts::sections;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// The script that prints the sections that [`of`] reads.
pub const SCRIPT: &str = include_str!("links.sh");

/// Reads the links now.
///
/// # Errors
/// When the command fails.
pub fn read(host: &Host) -> Result<Links> {
    let output = host
        .text(&Cmd::script(SCRIPT, &[]))
        .context("reading the links of the hypervisor")?;
    of(&sections(&output))
}

/// The links of the sections that the script printed.
///
/// # Errors
/// When they cannot be read.
pub fn of(sections: &BTreeMap<String, String>) -> Result<Links> {
    let section = |name: &str| sections.get(name).map(String::as_str).unwrap_or_default();
    let mut links = Links::parse(section("links"), section("routes4"), section("routes6"))?;
    let word = |name: &str| Some(section(name).trim().to_owned()).filter(|text| !text.is_empty());
    links.ours = word("connection").and_then(|text| text.lines().next().map(str::to_owned));
    links.filtered = word("filter").map(|text| text.lines().any(|line| line.trim() == "1"));
    links.unfiltered_by_us = word("filter-kept").is_some();
    let marks = section("lasting").lines().filter_map(Mark::parse);
    links.lasting = marks.map(|mark| (mark.bridge.clone(), mark)).collect();
    for line in section("networkmanager").lines() {
        let mut fields = line
            .split('|')
            .map(|f| Some(f.to_owned()).filter(|f| !f.is_empty()));
        let Some(name) = fields.next().flatten() else {
            continue;
        };
        let ruler = Ruler::NetworkManager {
            profile: fields.next().flatten(),
            file: fields.next().flatten(),
        };
        links.rulers.insert(name, ruler);
    }
    // A NIC that netplan's files do not name is none of its: it may be NetworkManager's, or nobody's.
    for name in section("netplan").lines().map(str::trim) {
        if links.get(name).is_some() {
            links.rulers.insert(name.to_owned(), Ruler::Netplan);
        }
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::super::links::tests::{LINKS, ROUTES4, ROUTES6};
    use super::*;

    #[test]
    fn each_nic_has_the_ruler_that_names_it() {
        let text = [
            ("links", LINKS),
            ("routes4", ROUTES4),
            ("routes6", ROUTES6),
            ("networkmanager", "eth5|5e0c2d0d|/etc/x.nmconnection\nlan0||\n"),
            ("netplan", "lan0\nnothing\n"),
        ];
        let sections = text.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let links = of(&BTreeMap::from(sections)).unwrap();
        let rulers: Vec<_> = links.rulers.into_iter().collect();
        let profile = Ruler::NetworkManager {
            profile: Some("5e0c2d0d".into()),
            file: Some("/etc/x.nmconnection".into()),
        };
        assert_eq!(
            rulers,
            [("eth5".to_owned(), profile), ("lan0".to_owned(), Ruler::Netplan)]
        );
    }
}
