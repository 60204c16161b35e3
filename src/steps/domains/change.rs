//! What must change in an existing domain's definition: each part that irs writes is looked for in what libvirt has,
//! and only what differs is written anew. What others added stays.

mod devices;

use super::compare::includes;
use super::read::ActualDomain;
use super::template::{self, Setting};
use crate::deployment as topology;
use crate::mark;
use crate::virtopts::Extra;
use crate::xml::edit::{Edits, child, text_of};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};

/// Differences between two definitions, and how to get from one to the other.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What the guest sees after its next start, in words.
    pub reasons: Vec<String>,
    /// What others read of the definition, in words.
    pub words: Vec<String>,
    edits: Edits,
    /// Another family of machines: addresses on its buses mean nothing any more.
    new_machine: bool,
}

impl Changes {
    /// Whether the definitions say the same.
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty() && self.words.is_empty()
    }

    /// All of it in one line.
    pub fn reason(&self) -> String {
        let mut reason = self.reasons.join("; ");
        if !reason.is_empty() {
            reason.push_str(", after the next restart");
        }
        let words = self.words.join(", ");
        match (reason.is_empty(), words.is_empty()) {
            (true, _) => format!("what the topology says of it: {words}"),
            (false, true) => reason,
            (false, false) => format!("{reason}; and what the topology says of it: {words}"),
        }
    }

    /// The definition with the changes made.
    ///
    /// # Errors
    /// When the result cannot be read: a fault of the program.
    pub fn apply(&self, found: &str) -> Result<String> {
        let changed = self.edits.apply(found);
        if self.new_machine {
            without_addresses(&changed)
        } else {
            Ok(changed)
        }
    }
}

/// What must change in an existing node's definition.
///
/// # Errors
/// When one of the definitions cannot be read.
pub fn of(node: &topology::Node, found: &ActualDomain, deployment: &topology::Deployment) -> Result<Changes> {
    let wanted = wanted(
        node,
        found,
        &deployment.id,
        &deployment.storage.deployment_folder(&deployment.id.name),
    )?;
    let before = found
        .mark
        .as_ref()
        .map(|mark| mark.extras.as_slice())
        .unwrap_or_default();
    let boots = node.has_os || !node.boot.is_empty();
    changes(&wanted, found.definition.reveal(), &node.extras, before, boots)
}

/// The definition that an existing node would get today: its keys, and what guests run by, stay.
fn wanted(
    node: &topology::Node,
    found: &ActualDomain,
    id: &topology::Identity,
    folder: &str,
) -> Result<String> {
    let mark = found.mark.as_ref();
    let setting = Setting {
        virt_type: found.virt_type,
        folder: folder.to_owned(),
        login_keys: mark.map(|mark| mark.login_keys.clone()).unwrap_or_default(),
    };
    template::domain(node, id, &setting, mark.and_then(|mark| mark.host_key.clone()))
}

/// The changed definition of an existing node.
///
/// # Errors
/// As [`of`].
pub fn definition(
    node: &topology::Node,
    found: &ActualDomain,
    id: &topology::Identity,
    folder: &str,
) -> Result<String> {
    let wanted = wanted(node, found, id, folder)?;
    let before = found
        .mark
        .as_ref()
        .map(|mark| mark.extras.as_slice())
        .unwrap_or_default();
    let boots = node.has_os || !node.boot.is_empty();
    let xml = found.definition.reveal();
    changes(&wanted, xml, &node.extras, before, boots)?.apply(xml)
}

/// Parts of a domain that have rules of their own: the two sizes, names, the NICs.
const NOT_HERE: &[&str] = &[
    "name", "uuid", "metadata", "memory", "vcpu", "devices", "cpu", "os",
];

/// What must change in `found`, an inactive definition, to say what `wanted` says. `added` is what `--virtopts` adds now,
/// `before` what it added when the definition was written; `boots`: whether the boot
/// order is irs's to say.
///
/// # Errors
/// When one of the two cannot be read.
pub fn changes(wanted: &str, found: &str, added: &[Extra], before: &[Extra], boots: bool) -> Result<Changes> {
    let (wanted, found) = (Document::parse(wanted)?, Document::parse(found)?);
    let mut work = Comparison {
        wanted: &wanted,
        found: &found,
        added,
        before,
        changes: Changes::default(),
    };
    work.sizes()?;
    work.metadata()?;
    work.os(boots)?;
    work.cpu()?;
    let (from, to) = (wanted.root_element(), found.root_element());
    for element in elements(from).filter(|n| !NOT_HERE.contains(&n.tag_name().name())) {
        work.part(element, to, false)?;
    }
    let devices = |root| child(root, "devices").context("a domain has no devices");
    work.devices(devices(from)?, devices(to)?)?;
    work.leftovers()?;
    Ok(work.changes)
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

struct Comparison<'a, 'i> {
    wanted: &'a Document<'i>,
    found: &'a Document<'i>,
    added: &'a [Extra],
    before: &'a [Extra],
    changes: Changes,
}

impl<'a> Comparison<'a, '_> {
    fn replace(&mut self, found: Node<'_, '_>, wanted: Node<'_, '_>, reason: String) {
        self.changes.reasons.push(reason);
        let text = text_of(self.wanted, wanted);
        self.changes.edits.replace(found, text);
    }

    /// irs's mark, and libosinfo's.
    fn metadata(&mut self) -> Result<()> {
        let of = |document: &'a Document<'_>| {
            child(document.root_element(), "metadata").context("a domain has no metadata")
        };
        let (wanted, found) = (of(self.wanted)?, of(self.found)?);
        let marks = (
            mark::of_domain(self.wanted.root_element()),
            mark::of_domain(self.found.root_element()),
        );
        if let (Some(to), Some(from)) = marks
            && let (Some(new), Some(old)) = (child(wanted, "node"), child(found, "node"))
            && to != from
        {
            self.changes.words.push(to.difference(&from));
            let text = text_of(self.wanted, new);
            self.changes.edits.replace(old, text);
        }
        if let Some(new) = child(wanted, "libosinfo") {
            let text = text_of(self.wanted, new);
            match child(found, "libosinfo") {
                Some(old) if includes(new, old) => {}
                old => {
                    self.changes.words.push("its operating system's name".into());
                    match old {
                        Some(old) => self.changes.edits.replace(old, text),
                        None => self.changes.edits.append(found, text)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Memory and CPUs, in the words that users know.
    fn sizes(&mut self) -> Result<()> {
        let number = |document: &Document<'_>, tag: &str| -> Result<u64> {
            let element =
                child(document.root_element(), tag).with_context(|| format!("a domain has no {tag}"))?;
            let value: u64 = element.text().unwrap_or_default().trim().parse()?;
            // libvirt writes KiB.
            Ok(match element.attribute("unit") {
                Some("MiB") => value,
                Some(_) => value / 1024,
                None => value,
            })
        };
        let (memory, cpus) = (number(self.wanted, "memory")?, number(self.wanted, "vcpu")?);
        let (old_memory, old_cpus) = (number(self.found, "memory")?, number(self.found, "vcpu")?);
        if (memory, cpus) == (old_memory, old_cpus) {
            return Ok(());
        }
        let root = self.found.root_element();
        let text = format!("<memory unit='MiB'>{memory}</memory>");
        for element in elements(root) {
            match element.tag_name().name() {
                "memory" => self.changes.edits.replace(element, text.as_str()),
                "currentMemory" => self.changes.edits.replace(element, ""),
                "vcpu" => self
                    .changes
                    .edits
                    .replace(element, format!("<vcpu>{cpus}</vcpu>")),
                _ => {}
            }
        }
        let words = |count: u64| format!("{count} CPU{}", if count == 1 { "" } else { "s" });
        self.changes.reasons.push(format!(
            "from {old_memory} MiB and {} to {memory} MiB and {}",
            words(old_cpus),
            words(cpus)
        ));
        Ok(())
    }

    /// Machine type, firmware and boot order. Others set the boot order of blank nodes.
    fn os(&mut self, boots: bool) -> Result<()> {
        let os =
            |document: &'a Document<'_>| child(document.root_element(), "os").context("a domain has no os");
        let (wanted, found) = (os(self.wanted)?, os(self.found)?);
        let machine = |os: Node<'a, '_>| child(os, "type").and_then(|n| n.attribute("machine"));
        let order = |os: Node<'_, '_>| -> Vec<String> {
            let boots = elements(os).filter(|n| n.has_tag_name("boot"));
            boots
                .filter_map(|n| n.attribute("dev").map(str::to_owned))
                .collect()
        };
        let mut edited = text_of(self.found, found).to_owned();
        if let (Some(new), Some(old)) = (machine(wanted), machine(found))
            && !is_machine(new, old)
        {
            self.changes
                .reasons
                .push(format!("machine type from '{old}' to '{new}'"));
            self.changes.new_machine = true;
            edited = edited.replacen(&format!("machine='{old}'"), &format!("machine='{new}'"), 1);
        }
        if boots && order(wanted) != order(found) {
            let show = |list: Vec<String>| match list.is_empty() {
                true => "its first disk".to_owned(),
                false => list.join(", "),
            };
            self.changes.reasons.push(format!(
                "boot order from {} to {}",
                show(order(found)),
                show(order(wanted))
            ));
            let document = Document::parse(&edited)?;
            let mut edits = Edits::default();
            elements(document.root_element())
                .filter(|n| n.has_tag_name("boot"))
                .for_each(|n| edits.replace(n, ""));
            let list: String = order(wanted)
                .iter()
                .map(|dev| format!("<boot dev='{dev}'/>"))
                .collect();
            edits.append(document.root_element(), list)?;
            edited = edits.apply(&edited);
        }
        if edited != text_of(self.found, found) {
            self.changes.edits.replace(found, edited);
        }
        Ok(())
    }

    fn cpu(&mut self) -> Result<()> {
        let cpu = |document: &'a Document<'_>| child(document.root_element(), "cpu");
        let (wanted, found) = (cpu(self.wanted), cpu(self.found));
        if self.raw("cpu", false) && found.is_some() {
            return Ok(());
        }
        let show = |cpu: Option<Node<'_, '_>>| cpu.map_or_else(|| "libvirt's default".to_owned(), words);
        if show(wanted) == show(found) {
            return Ok(());
        }
        let reason = format!("CPU model from {} to {}", show(found), show(wanted));
        match (wanted, found) {
            (Some(wanted), Some(found)) => self.replace(found, wanted, reason),
            (Some(wanted), None) => self.append(self.found.root_element(), wanted, reason)?,
            (None, Some(found)) => {
                self.changes.reasons.push(reason);
                self.changes.edits.replace(found, "");
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn append(&mut self, parent: Node<'_, '_>, wanted: Node<'_, '_>, reason: String) -> Result<()> {
        self.changes.reasons.push(reason);
        let text = format!("  {}\n  ", text_of(self.wanted, wanted));
        self.changes.edits.append(parent, text)
    }

    /// Whether it stands in `--virtopts` as the user wrote it, and did when the definition was written: then libvirt's
    /// form of it is not known.
    fn raw(&self, tag: &str, device: bool) -> bool {
        self.added.iter().any(|extra| {
            extra.raw && extra.device == device && extra.tag == tag && self.before.contains(extra)
        })
    }
}

/// `q35` is any `pc-q35-10.0`: which one, the machine says when it is made.
fn is_machine(wanted: &str, found: &str) -> bool {
    let rest = match wanted {
        "pc" => found
            .strip_prefix("pc-i440fx-")
            .or(found.strip_prefix("pc-0.").or(found.strip_prefix("pc-1."))),
        alias => found.split_once(&format!("-{alias}-")).map(|(_, rest)| rest),
    };
    wanted == found || rest.is_some()
}

/// What a CPU element says, without what libvirt adds to it.
fn words(cpu: Node<'_, '_>) -> String {
    let model = child(cpu, "model")
        .and_then(|n| n.text())
        .unwrap_or_default()
        .trim()
        .to_owned();
    let mut features: Vec<String> = elements(cpu)
        .filter(|n| n.has_tag_name("feature"))
        .map(|n| {
            let word = |name| n.attribute(name).unwrap_or_default();
            format!(",{}={}", word("policy"), word("name"))
        })
        .collect();
    features.sort();
    let name = match (cpu.attribute("mode"), model.as_str()) {
        (Some(mode @ ("host-passthrough" | "host-model" | "maximum")), _) => mode.to_owned(),
        // What libvirt writes where nothing was asked for.
        (_, "" | "qemu64" | "kvm64" | "qemu32") if features.is_empty() => "libvirt's default".to_owned(),
        (_, model) => model.to_owned(),
    };
    let layout = child(cpu, "topology").map(|n| {
        let part = |name| n.attribute(name).unwrap_or("1");
        format!(
            " in {} × {} × {}",
            part("sockets"),
            part("cores"),
            part("threads")
        )
    });
    format!("{name}{}{}", features.concat(), layout.unwrap_or_default())
}

/// Drops the places on buses that libvirt gave, and the controllers that it added for them.
fn without_addresses(xml: &str) -> Result<String> {
    let document = Document::parse(xml)?;
    let mut edits = Edits::default();
    for node in document.descendants().filter(Node::is_element) {
        let kind = |name| node.attribute(name);
        let address = node.has_tag_name("address")
            && kind("type") == Some("pci")
            && node.parent().is_some_and(|n| !n.has_tag_name("source"));
        let controller = node.has_tag_name("controller")
            && matches!(
                kind("type"),
                Some("pci" | "usb" | "sata" | "ide" | "virtio-serial" | "fdc")
            );
        if address || controller {
            edits.replace(node, "");
        }
    }
    Ok(edits.apply(xml))
}

#[cfg(test)]
mod tests;
