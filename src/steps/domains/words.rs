//! Parts of a domain in the words that users know.

use super::change::elements;
use crate::xml::edit::child;
use roxmltree::Node;

/// Memory that changes.
pub fn memory_words(from: u64, to: u64) -> String {
    format!("memory from {from} MiB to {to} MiB")
}

/// CPUs that change.
pub fn cpu_words(from: u32, to: u32) -> String {
    format!("CPUs from {from} to {to}")
}

/// What guests run by that changes: `kvm` or `qemu`.
pub fn virt_words(from: &str, to: &str) -> String {
    let name = |virt_type| match virt_type {
        "kvm" => "KVM",
        _ => "emulation",
    };
    format!("from {} to {}", name(from), name(to))
}

/// What an `<os>` boots from, in order; nothing where a disk itself says it.
pub fn boot_order(os: Node<'_, '_>) -> Vec<String> {
    let boots = elements(os).filter(|n| n.has_tag_name("boot"));
    boots
        .filter_map(|n| n.attribute("dev").map(str::to_owned))
        .collect()
}

/// A boot order that changes.
pub fn boot_words(from: &[String], to: &[String]) -> String {
    let show = |list: &[String]| match list.is_empty() {
        true => "its first disk".to_owned(),
        false => list.join(", "),
    };
    format!("boot order from {} to {}", show(from), show(to))
}

/// What a CPU element says, without what libvirt adds to it.
pub fn cpu_model(cpu: Option<Node<'_, '_>>) -> String {
    let Some(cpu) = cpu else {
        return DEFAULT.to_owned();
    };
    let mut features: Vec<String> = elements(cpu)
        .filter(|n| n.has_tag_name("feature"))
        .map(|n| {
            let word = |name| n.attribute(name).unwrap_or_default();
            format!(",{}={}", word("policy"), word("name"))
        })
        .collect();
    features.sort();
    let name = match model(Some(cpu)) {
        name if name == DEFAULT && !features.is_empty() => bare(cpu),
        name => name,
    };
    let layout = layout(cpu).map(|layout| format!(" in {layout}"));
    format!("{name}{}{}", features.concat(), layout.unwrap_or_default())
}

const DEFAULT: &str = "libvirt's default";

/// The name of a CPU's model.
pub fn model(cpu: Option<Node<'_, '_>>) -> String {
    let Some(cpu) = cpu else {
        return DEFAULT.to_owned();
    };
    match (cpu.attribute("mode"), bare(cpu).as_str()) {
        (Some(mode @ ("host-passthrough" | "host-model" | "maximum")), _) => mode.to_owned(),
        // What libvirt writes where nothing was asked for.
        (_, "" | "qemu64" | "kvm64" | "qemu32") => DEFAULT.to_owned(),
        (_, model) => model.to_owned(),
    }
}

fn bare(cpu: Node<'_, '_>) -> String {
    let model = child(cpu, "model").and_then(|n| n.text());
    model.unwrap_or_default().trim().to_owned()
}

/// How a CPU is laid out, when that is said: sockets, cores, threads.
pub fn layout(cpu: Node<'_, '_>) -> Option<String> {
    child(cpu, "topology").map(|n| {
        let part = |name| n.attribute(name).unwrap_or("1");
        format!("{} × {} × {}", part("sockets"), part("cores"), part("threads"))
    })
}
