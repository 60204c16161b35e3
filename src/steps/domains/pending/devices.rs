//! Devices that irs adds and takes away whole, by kind. What others added is theirs.

use super::{Lack, Own};
use crate::mark::NodeMark;
use crate::virtopts::Extra;
use crate::xml::edit::child;
use roxmltree::{Document, Node as Element};
use std::collections::BTreeMap;

/// What irs gave a domain, by its definition or as it runs.
pub(super) struct Given<'a> {
    tpm: bool,
    extras: Vec<&'a Extra>,
    logs: Vec<&'a str>,
}

impl<'a> Given<'a> {
    pub(super) fn by(own: &Own, marks: [Option<&'a NodeMark>; 2]) -> Given<'a> {
        let marks = || marks.into_iter().flatten();
        Given {
            tpm: own.tpm,
            extras: marks().flat_map(|mark| &mark.extras).collect(),
            logs: marks().filter_map(|mark| mark.serial_file.as_deref()).collect(),
        }
    }

    /// How many of a kind of which irs's own is the first.
    fn count(&self, tag: &str) -> usize {
        let extras = self.extras.iter().filter(|extra| extra.tag == tag);
        extras.count().max(1)
    }

    fn is_own(&self, tag: &str, device: Element<'_, '_>, nth: usize) -> bool {
        let mut extras = self.extras.iter().filter(|extra| extra.tag == tag);
        match tag {
            "memballoon" | "rng" | "video" => nth < self.count(tag),
            "tpm" => nth == 0 && (self.tpm || extras.next().is_some()),
            // libvirt gives every q35 one, too.
            "watchdog" => extras.any(|extra| {
                let extra = Document::parse(&extra.xml);
                extra.is_ok_and(|extra| model(extra.root_element()) == model(device))
            }),
            "serial" => child(device, "log")
                .and_then(|log| log.attribute("file"))
                .is_some_and(|file| self.logs.contains(&file)),
            "channel" => {
                let target = child(device, "target");
                target.and_then(|n| n.attribute("name")) == Some("org.qemu.guest_agent.0")
            }
            _ => false,
        }
    }
}

fn model(device: Element<'_, '_>) -> Option<String> {
    let model = device.attribute("model");
    let model = model.or_else(|| child(device, "model")?.attribute("type"));
    model.map(str::to_owned)
}

/// What people call a device.
fn name(tag: &str) -> &str {
    match tag {
        "memballoon" => "memory balloon",
        "rng" => "random number generator",
        "tpm" => "TPM",
        "video" => "video card",
        "serial" => "log of its serial console",
        "channel" => "guest agent's channel",
        other => other,
    }
}

pub(super) fn devices(
    defined: Element<'_, '_>,
    running: Element<'_, '_>,
    given: &Given<'_>,
    lacks: &mut Vec<Lack>,
) {
    let kinds = |root: Element<'_, '_>| {
        let mut kinds: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let devices = child(root, "devices");
        for device in devices.iter().flat_map(|devices| devices.children()) {
            let tag = device.tag_name().name();
            let nth = seen.entry(tag.to_owned()).or_default();
            if given.is_own(tag, device, *nth) {
                let key = (name(tag).to_owned(), model(device).unwrap_or_default());
                *kinds.entry(key).or_default() += 1;
            }
            *nth += 1;
        }
        kinds
    };
    let (wanted, live) = (kinds(defined), kinds(running));
    let few = |all: &BTreeMap<_, usize>, key| all.get(key).copied().unwrap_or_default();
    for key in wanted
        .keys()
        .chain(live.keys().filter(|key| !wanted.contains_key(key)))
    {
        let (to, from) = (few(&wanted, key), few(&live, key));
        let (tag, model) = key;
        let name = match model.is_empty() {
            true => format!("the {tag}"),
            false => format!("the {tag} '{model}'"),
        };
        match to.cmp(&from) {
            std::cmp::Ordering::Greater => lacks.push(name.into()),
            std::cmp::Ordering::Less => lacks.push(format!("{name} goes").into()),
            std::cmp::Ordering::Equal => {}
        }
    }
}
