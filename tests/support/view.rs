//! What libvirt itself says of the hypervisor, and what irs wrote here: the sources of the tests' checks.

use super::{Lab, Run};

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A definition of libvirt's, read for the questions that tests ask.
pub struct Definition {
    /// The text.
    pub xml: String,
}

impl Definition {
    /// Of this XML.
    pub fn of(xml: String) -> Definition {
        Definition { xml }
    }

    /// The values of an attribute of all elements with this name, in their order.
    pub fn all(&self, element: &str, attribute: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(&self.xml).expect("XML of libvirt");
        let elements = document.descendants().filter(|n| n.has_tag_name(element));
        elements
            .filter_map(|n| n.attribute(attribute).map(str::to_owned))
            .collect()
    }

    /// The text of the first element with this name.
    pub fn text(&self, element: &str) -> String {
        let document = roxmltree::Document::parse(&self.xml).expect("XML of libvirt");
        let found = document.descendants().find(|n| n.has_tag_name(element));
        found.and_then(|n| n.text()).unwrap_or_default().to_owned()
    }

    /// The networks of a domain's NICs, in their order.
    pub fn networks(&self) -> Vec<String> {
        let document = roxmltree::Document::parse(&self.xml).expect("XML of libvirt");
        let nics = document.descendants().filter(|n| n.has_tag_name("interface"));
        nics.filter_map(|nic| nic.children().find(|n| n.has_tag_name("source")))
            .filter_map(|source| source.attribute("network").map(str::to_owned))
            .collect()
    }

    /// A domain's disks: target device and file, in their order.
    pub fn disks(&self) -> Vec<(String, String)> {
        let document = roxmltree::Document::parse(&self.xml).expect("XML of libvirt");
        let disks = document.descendants().filter(|n| n.has_tag_name("disk"));
        let of = |disk: &roxmltree::Node<'_, '_>, child: &str, attribute: &str| {
            disk.children()
                .find(|n| n.has_tag_name(child))
                .and_then(|n| n.attribute(attribute))
                .unwrap_or_default()
                .to_owned()
        };
        disks
            .map(|disk| (of(&disk, "target", "dev"), of(&disk, "source", "file")))
            .collect()
    }
}

impl Lab {
    /// Runs virsh on the hypervisor itself; it must succeed.
    #[track_caller]
    pub fn ask(&self, args: &[&str]) -> String {
        let command = [&["virsh", "-q", "-c", "qemu:///system"], args].concat();
        self.enter(&command).ok().stdout
    }

    /// The names of all domains, sorted.
    pub fn domains(&self) -> Vec<String> {
        words(&self.ask(&["list", "--all", "--name"]))
    }

    /// The names of all networks, sorted.
    pub fn networks(&self) -> Vec<String> {
        words(&self.ask(&["net-list", "--all", "--name"]))
    }

    /// A domain as it is defined.
    pub fn domain(&self, name: &str) -> Definition {
        Definition::of(self.ask(&["dumpxml", "--inactive", "--security-info", name]))
    }

    /// libvirt's word for a domain's state.
    pub fn state_of(&self, domain: &str) -> String {
        self.ask(&["domstate", domain]).trim().to_owned()
    }

    /// [`Lab::snapshot`] without the cache of base images, which cleaning up leaves.
    pub fn snapshot_but_cache(&self) -> String {
        let all = self.snapshot();
        let lines = all
            .lines()
            .filter(|line| !line.contains("/irs-base-") && !line.contains("/irs-url-"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Lets libvirt make what it makes once and leaves for good, its tables in the firewall, so that snapshots compare.
    ///
    /// Needs a lab with `--default-network`.
    pub fn warm(self) -> Lab {
        self.ask(&["net-start", "default"]);
        self.ask(&["net-destroy", "default"]);
        self
    }

    /// The groups of a workspace's inventory, each with its hosts.
    pub fn inventory(&self, workspace: &str) -> BTreeMap<String, Vec<String>> {
        let path = self.home().join(workspace).join("hosts-prov");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut group = String::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => group = name.to_owned(),
                None if group.is_empty() => {}
                None => groups.entry(group.clone()).or_default().push(line.to_owned()),
            }
        }
        groups
    }
}

/// What was in the first snapshot only (`- …`) and in the second only (`+ …`); empty when they are the same.
pub fn difference(before: &str, after: &str) -> String {
    let mut lines: BTreeMap<&str, i32> = BTreeMap::new();
    for line in before.lines() {
        *lines.entry(line).or_default() -= 1;
    }
    for line in after.lines() {
        *lines.entry(line).or_default() += 1;
    }
    let mut text = String::new();
    for (line, count) in lines {
        let sign = if count < 0 { '-' } else { '+' };
        for _ in 0..count.abs() {
            text += &format!("{sign} {line}\n");
        }
    }
    text
}

/// A snapshot without what a running guest changes by asking for an address.
pub fn but_leases(snapshot: &str) -> String {
    let own = |line: &&str| !line.starts_with("lease ") && !line.ends_with(".status");
    snapshot.lines().filter(own).collect::<Vec<_>>().join("\n")
}

/// The words of a text, sorted.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words
}

/// The files under a folder: path below it, mode, time of the last change in nanoseconds, and content; but
/// the log, which every run writes.
pub fn files(folder: &Path) -> BTreeMap<String, (u32, i128, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            let metadata = path.symlink_metadata().expect("metadata");
            if metadata.is_dir() {
                folders.push(path);
                continue;
            }
            if path.file_name() == Some("irs.log".as_ref()) {
                continue;
            }
            let changed = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
            let name = path.strip_prefix(folder).expect("below it").display().to_string();
            let content = std::fs::read(&path).expect("a readable file");
            found.insert(name, (metadata.mode() & 0o7777, changed, content));
        }
    }
    found
}

impl Run {
    /// The list under `changes` or `planned` of a run with `--format json`.
    #[track_caller]
    pub fn list(&self, key: &str) -> Vec<serde_json::Value> {
        let json = self.json();
        let list = json[key].as_array();
        list.unwrap_or_else(|| panic!("no '{key}' in\n{}", self.transcript()))
            .clone()
    }

    /// The nodes of a run with `--format json`: name and state.
    #[track_caller]
    pub fn nodes(&self) -> Vec<(String, String)> {
        let text = |node: &serde_json::Value, key: &str| node[key].as_str().unwrap_or_default().to_owned();
        let nodes = self.list("nodes");
        nodes
            .iter()
            .map(|node| (text(node, "name"), text(node, "state")))
            .collect()
    }
}
