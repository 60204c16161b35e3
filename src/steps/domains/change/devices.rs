//! The devices of a domain, compared one by one.

use super::{Comparison, elements};
use crate::steps::domains::compare::{Mismatch, includes, mismatch};
use crate::steps::domains::when::Kind;
use crate::virtopts::{Extra, SINGLE};
use crate::xml::edit::child;
use anyhow::Result;
use roxmltree::{Document, Node};

impl Comparison<'_, '_> {
    /// An element of which `parent` has at most one of the kind that `wanted` is.
    pub(super) fn part(&mut self, wanted: Node<'_, '_>, parent: Node<'_, '_>, device: bool) -> Result<()> {
        let tag = wanted.tag_name().name();
        let nth = wanted
            .prev_siblings()
            .skip(1)
            .filter(|n| n.is_element() && n.tag_name().name() == tag)
            .count();
        let mut same = elements(parent).filter(|n| n.tag_name().name() == tag);
        let found = match tag {
            "channel" => same.find(|n| target(*n, "name") == target(wanted, "name")),
            "disk" => same.find(|n| target(*n, "dev") == target(wanted, "dev")),
            "controller" => same.find(|n| includes(wanted, *n)),
            _ if SINGLE.contains(&tag) || !device => same.nth(nth),
            "serial" | "console" => same.nth(nth),
            _ => same.find(|n| includes(wanted, *n)),
        };
        let Some(found) = found else {
            if self.raw(tag, device) && elements(parent).filter(|n| n.tag_name().name() == tag).count() > nth
            {
                return Ok(());
            }
            return self.append(parent, wanted, format!("it has no {}", label(wanted)));
        };
        if self.raw(tag, device) && tag != "disk" {
            return Ok(());
        }
        let Some(mismatch) = mismatch(wanted, found) else {
            return Ok(());
        };
        let is_password = matches!(&mismatch, Mismatch::Value { what, .. } if what.ends_with(" passwd"));
        let reason = match mismatch {
            // Neither of the two is for other eyes.
            Mismatch::Value { what, .. } if what.ends_with(" passwd") => {
                let at = self.changes.reasons.len();
                self.changes.kinds.push((at, Kind::Password));
                "the VNC password".to_owned()
            }
            Mismatch::Value {
                what,
                found,
                wanted: to,
            } => {
                let of = label(wanted);
                let of = match what.split(' ').next() == Some(of.as_str()) {
                    true => String::new(),
                    false => format!("{of}: "),
                };
                format!("{of}{what} from '{found}' to '{to}'")
            }
            Mismatch::Missing(child) => format!("{}: it has no {child}", label(wanted)),
        };
        self.replace(found, wanted, reason);
        // It is written with the rest of its element.
        let password = wanted.attribute("passwd");
        if !is_password && password.is_some() && password != found.attribute("passwd") {
            self.password();
        }
        Ok(())
    }

    fn password(&mut self) {
        let at = self.changes.reasons.len();
        self.changes.kinds.push((at, Kind::Password));
        self.changes.reasons.push("the VNC password".to_owned());
    }

    pub(super) fn devices(&mut self, wanted: Node<'_, '_>, found: Node<'_, '_>) -> Result<()> {
        for element in elements(wanted) {
            match element.tag_name().name() {
                // The NICs are compared where they are read.
                "interface" => {}
                "disk" => self.disk(element, found)?,
                _ => self.part(element, found, true)?,
            }
        }
        // What irs takes away again by leaving it out.
        let agent = |parent| {
            elements(parent)
                .find(|n| n.has_tag_name("channel") && target(*n, "name") == Some("org.qemu.guest_agent.0"))
        };
        if let (None, Some(channel)) = (agent(wanted), agent(found)) {
            self.changes.reasons.push("it has a guest agent's channel".into());
            self.changes.edits.replace(channel, "");
        }
        let password = |parent| child(parent, "graphics").and_then(|n| n.attribute("passwd"));
        if let (Some(to), Some(from)) = (child(wanted, "graphics"), child(found, "graphics"))
            && password(wanted).is_none()
            && password(found).is_some()
        {
            self.replace(from, to, "its screen has a password".into());
        }
        for tag in SINGLE {
            let extra = self
                .added
                .iter()
                .any(|extra| extra.tag == *tag && extra.xml.is_empty());
            if let (true, Some(own)) = (extra, child(found, tag)) {
                self.changes.reasons.push(format!("it has a {tag}"));
                self.changes.edits.replace(own, "");
            }
        }
        Ok(())
    }

    /// A disk is known by its file, whatever it is called; one whose file is another, as a snapshot's, is left alone.
    fn disk(&mut self, wanted: Node<'_, '_>, parent: Node<'_, '_>) -> Result<()> {
        let same = elements(parent).find(|n| n.has_tag_name("disk") && path(*n) == path(wanted));
        let Some(found) = same else {
            // Neither the file, nor one over it, nor its place: somebody took it out. Options may leave the file to libvirt.
            let place = |n: &Node<'_, '_>| target(*n, "dev") == target(wanted, "dev");
            let own = |n: &Node<'_, '_>| {
                let mut all = wanted.parent().into_iter().flat_map(elements);
                all.any(|disk| path(disk) == path(*n))
            };
            if let Some(file) = path(wanted) {
                let over = elements(parent).find(|n| {
                    n.has_tag_name("disk") && path(*n) != Some(file) && !own(n) && lies_over(*n, file)
                });
                if let Some(over) = over {
                    let differs = differences(wanted, over);
                    if !differs.is_empty() {
                        let words = format!("{}: {}", label(over), differs.join(", "));
                        self.changes.refused.push(words);
                    }
                    return Ok(());
                }
            }
            let mut disks = elements(parent).filter(|n| n.has_tag_name("disk"));
            if path(wanted).is_none() || disks.any(|n| place(&n)) || self.raw("disk", true) {
                return Ok(());
            }
            return self.append(parent, wanted, format!("it has no {}", label(wanted)));
        };
        let reasons = differences(wanted, found);
        if !reasons.is_empty() {
            self.replace(
                found,
                wanted,
                format!("{}: {}", label(wanted), reasons.join(", ")),
            );
        }
        Ok(())
    }

    /// What `--virtopts` added earlier and adds no more.
    pub(super) fn leftovers(&mut self) -> Result<()> {
        let root = self.found.root_element();
        let gone = |old: &&Extra| !self.added.contains(old) && !old.xml.is_empty();
        for old in self.before.iter().filter(gone).collect::<Vec<_>>() {
            let parent = match old.device {
                true => child(root, "devices"),
                false => Some(root),
            };
            let wanted = match old.device {
                true => child(self.wanted.root_element(), "devices"),
                false => Some(self.wanted.root_element()),
            };
            let (Some(parent), Some(wanted)) = (parent, wanted) else {
                continue;
            };
            let tag = old.tag.as_str();
            let reason = || format!("--virtopts has no <{tag}> any more");
            let same: Vec<_> = elements(parent).filter(|n| n.tag_name().name() == tag).collect();
            let single = !old.device || SINGLE.contains(&tag);
            if let (true, Some(own)) = (single, child(wanted, tag)) {
                // irs's own takes its place, unless it did already.
                if let Some(found) = same.first().filter(|_| old.raw || tag == "features") {
                    self.replace(*found, own, reason());
                }
                continue;
            }
            let element = Document::parse(&old.xml)?;
            // All watchdogs share one action, the one that libvirt gives every q35 too.
            if tag == "watchdog" && !same.is_empty() {
                self.changes.reasons.push(reason());
                for found in &same {
                    self.changes.edits.replace(*found, "");
                }
                continue;
            }
            let exact = same.iter().find(|n| includes(element.root_element(), **n));
            if let Some(found) = exact.or(same.first().filter(|_| same.len() == 1)) {
                self.changes.reasons.push(reason());
                self.changes.edits.replace(*found, "");
            }
        }
        Ok(())
    }
}

fn target<'a>(node: Node<'a, '_>, attribute: &str) -> Option<&'a str> {
    child(node, "target")?.attribute(attribute)
}

fn path<'a>(disk: Node<'a, '_>) -> Option<&'a str> {
    let source = child(disk, "source")?;
    source.attribute("file").or_else(|| source.attribute("dev"))
}

/// In what a disk differs from what irs says of it, whatever its file.
fn differences(wanted: Node<'_, '_>, found: Node<'_, '_>) -> Vec<String> {
    let mut differences = Vec::new();
    for (tag, attribute, words) in [
        ("driver", "cache", "cache"),
        ("target", "bus", "bus"),
        ("target", "dev", "device"),
    ] {
        let value =
            |disk| child(disk, tag).and_then(|n: Node<'_, '_>| n.attribute(attribute).map(str::to_owned));
        let (to, from) = (value(wanted), value(found));
        if to != from && !(attribute == "cache" && to.as_deref() == Some("default") && from.is_none()) {
            differences.push(format!(
                "{words} from '{}' to '{}'",
                from.unwrap_or_default(),
                to.unwrap_or_default()
            ));
        }
    }
    differences
}

/// Whether a disk is what a snapshot laid over a file: the file must not be written to any more. libvirt does not always say what
/// lies behind a disk of a definition, and names a snapshot's file after the other one, with the snapshot's name as its suffix.
pub fn lies_over(disk: Node<'_, '_>, file: &str) -> bool {
    let mut behind = disk.descendants().filter(|n| n.has_tag_name("backingStore"));
    let own = path(disk).and_then(|own| own.rsplit_once('.'));
    behind.any(|store| path(store) == Some(file))
        || own.is_some_and(|(stem, _)| file.rsplit_once('.').is_some_and(|(of, _)| of == stem))
}

/// What messages call an element.
fn label(node: Node<'_, '_>) -> String {
    match node.tag_name().name() {
        "disk" => format!("disk {}", target(node, "dev").unwrap_or("?")),
        "channel" => "guest agent's channel".into(),
        "graphics" => "screen".into(),
        "tpm" => "TPM".into(),
        tag => tag.to_owned(),
    }
}
