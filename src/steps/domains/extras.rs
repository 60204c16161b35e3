//! What `--virtopts` adds to a domain's XML.

use crate::virtopts::{Extra, SINGLE};
use crate::xml::edit::{Edits, child, text_of};
use anyhow::{Context, Result};
use roxmltree::Document;
use std::collections::BTreeSet;

/// Elements right below the domain of which there is one.
const REPLACED: &[&str] = &["clock", "cpu", "on_poweroff", "on_reboot", "on_crash"];

/// Puts the extras into a domain's XML: in the place of irs's own where there is one of a kind, else beside it.
///
/// # Errors
/// When the XML has no devices: a fault of the program.
pub fn compose(xml: &str, extras: &[Extra]) -> Result<String> {
    if extras.is_empty() {
        return Ok(xml.to_owned());
    }
    let document = Document::parse(xml)?;
    let root = document.root_element();
    let devices = child(root, "devices").context("the domain has no devices")?;
    let mut edits = Edits::default();
    let mut replaced: BTreeSet<&str> = BTreeSet::new();
    let mut features = String::new();
    for extra in extras {
        let tag = extra.tag.as_str();
        if tag == "features" && !extra.device {
            features.push_str(&inner(&extra.xml)?);
            continue;
        }
        let parent = if extra.device { devices } else { root };
        let single = if extra.device { SINGLE } else { REPLACED };
        match child(parent, tag).filter(|_| single.contains(&tag) && replaced.insert(tag)) {
            Some(own) => edits.replace(own, &extra.xml),
            None => edits.append(parent, format!("  {}\n  ", extra.xml))?,
        }
    }
    if let (Some(own), false) = (child(root, "features"), features.is_empty()) {
        edits.replace(own, merged(text_of(&document, own), &features)?);
    }
    Ok(edits.apply(xml))
}

/// What stands in an element.
fn inner(xml: &str) -> Result<String> {
    let document = Document::parse(xml)?;
    let children = document.root_element().children().filter(|n| n.is_element());
    Ok(children.map(|n| text_of(&document, n).to_owned()).collect())
}

/// Children in the place of those of the same name, or beside them.
fn merged(own: &str, more: &str) -> Result<String> {
    let wrapped = format!("<x>{more}</x>");
    let more = Document::parse(&wrapped)?;
    let document = Document::parse(own)?;
    let mut edits = Edits::default();
    for element in more.root_element().children() {
        let text = text_of(&more, element);
        match child(document.root_element(), element.tag_name().name()) {
            Some(same) => edits.replace(same, text),
            None => edits.append(document.root_element(), text)?,
        }
    }
    Ok(edits.apply(own))
}

#[cfg(test)]
mod tests {
    use super::compose;
    use crate::virtopts;

    #[test]
    fn extras_take_the_place_of_their_kind_or_stand_beside() {
        let own = "<domain><features><acpi/></features><clock offset=\"utc\"/><devices><rng/><graphics/></devices></domain>";
        let with = |text: &str| compose(own, &virtopts::parse(text).unwrap().extras).unwrap();
        assert_eq!(
            with("<clock offset='localtime'/><features><hyperv/></features>"),
            "<domain><features><acpi/><hyperv/></features><clock offset='localtime'/><devices><rng/><graphics/></devices></domain>"
        );
        let devices = with("--graphics none <devices><rng model='a'/><rng model='b'/></devices>");
        assert!(
            devices.contains("<devices><rng model='a'/>  <rng model='b'/>\n  </devices>"),
            "{devices}"
        );
        assert_eq!(compose(own, &[]).unwrap(), own);
    }
}
