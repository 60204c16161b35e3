//! What must change in an existing domain's definition: each part that irs writes is looked for in what libvirt has,
//! and only what differs is written anew. What others added stays.

mod devices;
mod metadata;

pub(super) use devices::lies_over;

use super::read::{self, ActualDomain};
use super::template::{self, Setting};
use super::when::{self, Kind};
use super::words::{boot_order, boot_words, cpu_model, cpu_words, memory_words, virt_words};
use crate::deployment as topology;
use crate::virtopts::Extra;
use crate::xml::edit::{Edits, child, text_of};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};

/// Differences between two definitions, and how to get from one to the other.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What the guest sees, in words.
    pub reasons: Vec<String>,
    /// What of these libvirt may change in a running machine.
    pub kinds: Vec<(usize, Kind)>,
    /// What others read of the definition, in words.
    pub words: Vec<String>,
    /// What would break what others made of it, in words that follow its name.
    pub refused: Vec<String>,
    /// Whether irs's mark is gone.
    pub lost_mark: bool,
    edits: Edits,
    /// Another family of machines: addresses on its buses mean nothing any more.
    new_machine: bool,
}

impl Changes {
    /// Whether the definitions say the same.
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty() && self.words.is_empty() && !self.lost_mark
    }

    /// All of it in one line; `live` is the machine, when it runs, and whether it `lacks` anything of the new definition.
    pub fn reason(&self, live: Option<&ActualDomain>, lacks: bool) -> String {
        if self.lost_mark {
            let rest = Changes {
                lost_mark: false,
                ..self.clone()
            };
            return match rest.is_empty() {
                true => "irs's mark on it is gone".to_owned(),
                false => format!("irs's mark on it is gone; {}", rest.reason(live, lacks)),
            };
        }
        let reason = when::told(&self.reasons, &self.kinds, live, lacks);
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

/// The definition that an existing node would get today: its keys stay, and what it runs by where nothing is said of that.
fn wanted(
    node: &topology::Node,
    found: &ActualDomain,
    id: &topology::Identity,
    folder: &str,
) -> Result<String> {
    let mark = found.mark.as_ref();
    let setting = Setting {
        virt_type: node.virt_type.unwrap_or(found.virt_type),
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
    work.virt_type();
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

pub(super) fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
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

    fn of_kind(&mut self, kind: Kind, reason: String) {
        self.changes.kinds.push((self.changes.reasons.len(), kind));
        self.changes.reasons.push(reason);
    }

    fn virt_type(&mut self) {
        let of = |document: &Document<'_>| read::virt_type(document.root_element());
        let (wanted, found) = (of(self.wanted), of(self.found));
        if wanted != found {
            self.changes.edits.set(self.found.root_element(), "type", wanted);
            self.changes.reasons.push(virt_words(found, wanted));
        }
    }

    /// Memory and CPUs, in the words that users know. Half of it taken away is a change, too.
    fn sizes(&mut self) -> Result<()> {
        let sizes = |document: &Document<'_>| read::sizes(document.root_element());
        let (wanted, found) = (sizes(self.wanted)?, sizes(self.found)?);
        let root = self.found.root_element();
        // --virtopts may say how much of it there is at the start.
        let own = child(self.wanted.root_element(), "currentMemory").is_none();
        let taken = own && wanted.memory_mib != found.memory_now_mib;
        if taken || wanted.memory_mib != found.memory_mib {
            for element in elements(root) {
                match element.tag_name().name() {
                    "memory" => {
                        let text = format!("<memory unit='MiB'>{}</memory>", wanted.memory_mib);
                        self.changes.edits.replace(element, text);
                    }
                    "currentMemory" if own => self.changes.edits.replace(element, ""),
                    _ => {}
                }
            }
            let from = match found.memory_mib == wanted.memory_mib {
                true => found.memory_now_mib,
                false => found.memory_mib,
            };
            self.of_kind(
                Kind::Memory(wanted.memory_mib),
                memory_words(from, wanted.memory_mib),
            );
        }
        if wanted.cpu_now != found.cpu_now || wanted.cpu != found.cpu {
            if let Some(element) = child(root, "vcpu") {
                self.changes
                    .edits
                    .replace(element, format!("<vcpu>{}</vcpu>", wanted.cpu));
            }
            let from = match found.cpu == wanted.cpu {
                true => found.cpu_now,
                false => found.cpu,
            };
            self.of_kind(Kind::Cpus(wanted.cpu), cpu_words(from, wanted.cpu));
        }
        Ok(())
    }

    /// Machine type, firmware and boot order. Others set the boot order of blank nodes.
    fn os(&mut self, boots: bool) -> Result<()> {
        let os =
            |document: &'a Document<'_>| child(document.root_element(), "os").context("a domain has no os");
        let (wanted, found) = (os(self.wanted)?, os(self.found)?);
        let machine = |os: Node<'a, '_>| child(os, "type").and_then(|n| n.attribute("machine"));
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
        let (order, present) = (boot_order(wanted), boot_order(found));
        if boots && order != present {
            self.changes.reasons.push(boot_words(&present, &order));
            let document = Document::parse(&edited)?;
            let mut edits = Edits::default();
            elements(document.root_element())
                .filter(|n| n.has_tag_name("boot"))
                .for_each(|n| edits.replace(n, ""));
            let list: String = order.iter().map(|dev| format!("<boot dev='{dev}'/>")).collect();
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
        if cpu_model(wanted) == cpu_model(found) {
            return Ok(());
        }
        let reason = format!("CPU model from {} to {}", cpu_model(found), cpu_model(wanted));
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
pub fn is_machine(wanted: &str, found: &str) -> bool {
    let rest = match wanted {
        "pc" => found
            .strip_prefix("pc-i440fx-")
            .or(found.strip_prefix("pc-0.").or(found.strip_prefix("pc-1."))),
        alias => found.split_once(&format!("-{alias}-")).map(|(_, rest)| rest),
    };
    wanted == found || rest.is_some()
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
