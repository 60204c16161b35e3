//! Fragments of domain XML, as they stand in `--virtopts`.

use super::Extra;
use crate::yaml::{Problems, nearest, shown};
use roxmltree::{Document, Node, NodeType};

/// Elements of `<devices>`.
const DEVICES: &[&str] = &[
    "audio",
    "channel",
    "console",
    "controller",
    "crypto",
    "disk",
    "emulator",
    "filesystem",
    "graphics",
    "hostdev",
    "hub",
    "input",
    "interface",
    "iommu",
    "lease",
    "memballoon",
    "nvram",
    "panic",
    "parallel",
    "pstore",
    "redirdev",
    "redirfilter",
    "rng",
    "serial",
    "shmem",
    "smartcard",
    "sound",
    "tpm",
    "video",
    "vsock",
    "watchdog",
];
/// Elements of `<domain>` that may be added.
const DOMAIN: &[&str] = &[
    "blkiotune",
    "clock",
    "cpu",
    "cputune",
    "description",
    "features",
    "idmap",
    "iothreadids",
    "iothreads",
    "keywrap",
    "launchSecurity",
    "memoryBacking",
    "memtune",
    "numatune",
    "on_crash",
    "on_lockfailure",
    "on_poweroff",
    "on_reboot",
    "perf",
    "pm",
    "resource",
    "seclabel",
    "sysinfo",
    "throttlegroups",
    "title",
];
/// Elements of `<domain>` that are irs's own, and what says them.
const OURS: &[(&str, &str)] = &[
    ("name", "irs names the domains"),
    ("uuid", "irs gives the UUIDs"),
    ("metadata", "irs keeps its mark there"),
    ("memory", "use the node's key 'memory'"),
    ("currentMemory", "use the node's key 'memory'"),
    ("maxMemory", "use the node's key 'memory'"),
    ("vcpu", "use the node's key 'cpu'"),
    ("vcpus", "use the node's key 'cpu'"),
    ("os", "use --boot, --bootmode and the node's key 'machine_type'"),
];
/// XML has one root.
const WRAP: (&str, &str) = ("<virtopts>", "</virtopts>");

/// Reads the fragments from `at` on; places are lines and columns of the whole text.
pub(super) fn parse(text: &str, at: usize, problems: &mut Problems) -> Vec<Extra> {
    let fragments = text[at..].trim_end();
    if fragments.is_empty() {
        return Vec::new();
    }
    let wrapped = format!("{}{fragments}{}", WRAP.0, WRAP.1);
    let document = match Document::parse(&wrapped) {
        Ok(document) => document,
        Err(error) => {
            let place = place(text, at, error.pos().row as usize, error.pos().col as usize);
            problems
                .push(
                    None,
                    format!("--virtopts is no well-formed XML at {place}: {}", plain(&error)),
                )
                .hint("it takes elements of libvirt's domain XML, or options of virt-install");
            return Vec::new();
        }
    };
    let mut extras = Vec::new();
    for node in document.root_element().children() {
        let shown = document.text_pos_at(node.range().start);
        let shown = place(text, at, shown.row as usize, shown.col as usize);
        one(node, &wrapped, &shown, false, &mut extras, problems);
    }
    extras
}

/// A row and column of the wrapped text, in the user's text.
fn place(text: &str, at: usize, row: usize, column: usize) -> String {
    let before = &text[..at];
    let line = before.matches('\n').count() + row;
    let column = match row {
        1 => {
            let since = before.rsplit('\n').next().unwrap_or_default().chars().count();
            since + column.saturating_sub(WRAP.0.len())
        }
        _ => column,
    };
    format!("line {line}, column {}", column.max(1))
}

/// The parser's message without its own position.
fn plain(error: &roxmltree::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at ")
        .map_or(text.clone(), |(text, _)| text.to_owned())
}

fn one(
    node: Node<'_, '_>,
    wrapped: &str,
    place: &str,
    in_devices: bool,
    extras: &mut Vec<Extra>,
    problems: &mut Problems,
) {
    match node.node_type() {
        NodeType::Element => {}
        NodeType::Text if !node.text().unwrap_or_default().trim().is_empty() => {
            let text: String = node.text().unwrap_or_default().trim().chars().take(40).collect();
            problems
                .push(
                    None,
                    format!("--virtopts has text between its elements: '{}'", shown(&text)),
                )
                .hint("options of virt-install come first, then XML");
            return;
        }
        _ => return,
    }
    let tag = node.tag_name().name();
    let named = shown(tag);
    let mut refuse = |message: String, hint: String| {
        problems.push(None, message).hint(hint);
    };
    if node.descendants().any(|n| n.attribute("passwd").is_some()) {
        return refuse(
            format!("<{named}> of --virtopts has a password"),
            "use --vnc-password, which nobody sees".into(),
        );
    }
    if let Some((_, instead)) = OURS.iter().find(|(ours, _)| *ours == tag && !in_devices) {
        return refuse(
            format!("--virtopts cannot have <{tag}>, at {place}"),
            (*instead).to_owned(),
        );
    }
    if !in_devices && (tag == "devices" || tag == "domain") {
        for child in node.children() {
            one(child, wrapped, place, tag == "devices", extras, problems);
        }
        return;
    }
    let foreign = node.tag_name().namespace().is_some();
    let device = DEVICES.contains(&tag) && !foreign;
    if !device && (in_devices || !(foreign || DOMAIN.contains(&tag))) {
        let known = || DEVICES.iter().chain(if in_devices { &[] } else { DOMAIN });
        let hint = match nearest(tag, known().copied()) {
            Some(near) => format!("did you mean <{near}>?"),
            None => format!("known are {}", known().copied().collect::<Vec<_>>().join(", ")),
        };
        return refuse(
            format!("--virtopts has <{named}>, at {place}, which is no element of libvirt's domain XML"),
            hint,
        );
    }
    extras.push(Extra {
        tag: tag.to_owned(),
        xml: wrapped[node.range()].to_owned(),
        device,
        raw: true,
    });
}
