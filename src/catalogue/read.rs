//! The files of images, merged by name and typed.

use super::{Entry, pattern};
use crate::checksum::Said;
use crate::topology::name;
use crate::topology::reference::images::{FILE, FIRST_BOOTS, IMAGE};
use crate::topology::reference::names;
use crate::url;
use crate::yaml::{Fields, Key, Place, Problems, Tree, Value, shown};
use std::collections::BTreeMap;

const FILE_KEYS: &[&str] = &names::<{ FILE.keys.len() }>(&FILE);
const IMAGE_KEYS: &[&str] = &names::<{ IMAGE.keys.len() }>(&IMAGE);

/// What several files say of one image.
pub(super) struct Merged {
    key: Key,
    tree: Tree,
}

/// Puts a file over what was read before it.
pub(super) fn merge(merged: &mut Vec<Merged>, file: &Tree, problems: &mut Problems) {
    let fields = Fields::new("the file of images", file, FILE_KEYS, problems);
    fields.required("images", problems);
    for (key, tree) in fields.map("images", problems) {
        match merged.iter_mut().find(|found| found.key.name == key.name) {
            // What is no mapping must not take the place of one: it is a problem of its own.
            Some(found) if matches!(tree.value, Value::Map(_)) => {
                found.tree.merge(tree);
                found.key = key.clone();
            }
            Some(_) => drop(tree.map(&of(&key.name), problems)),
            None => merged.push(Merged {
                key: key.clone(),
                tree: tree.clone(),
            }),
        }
    }
}

fn of(name: &str) -> String {
    format!("image '{}'", shown(name))
}

/// An image, typed; nothing when it lacks what it must have.
pub(super) fn entry(merged: &Merged, problems: &mut Problems) -> Option<Entry> {
    let Merged { key, tree } = merged;
    name::check("base image", &key.name, &key.place, problems);
    let mut fields = Fields::new(of(&key.name), tree, IMAGE_KEYS, problems);
    // A merged mapping stands where its first file has it, what it lacks was left out in the last one.
    fields.place = key.place.clone();
    let fields = &fields;
    let version = fields.string("version", problems);
    let arch = arch(fields, problems);
    let check = Check {
        has_version: version.is_some(),
        has_arch: !arch.is_empty(),
    };
    fields.required("url", problems);
    let url = fields
        .get("url")
        .and_then(|tree| check.url(&fields.what("url"), tree, problems));
    let mut mirrors = Vec::new();
    for tree in fields.list("mirrors", problems) {
        mirrors.extend(check.url(&fields.what("mirrors"), tree, problems));
    }
    let checksum = fields
        .get("checksum")
        .and_then(|tree| check.checksum(fields, tree, problems));
    let user = fields.string("user", problems).filter(|user| {
        let place = fields.get("user").map_or(&fields.place, |tree| &tree.place);
        name::check("user", user, place, problems)
    });
    let about = fields.string("about", problems);
    let first_boot = fields.choice("first_boot", FIRST_BOOTS, problems);
    Some(Entry {
        name: key.name.clone(),
        about,
        url: url?,
        mirrors,
        checksum,
        version,
        arch,
        user,
        first_boot,
        source: key.place.file.to_string(),
    })
}

/// A list of architectures, or a mapping to what the URL calls them.
fn arch(fields: &Fields<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let Some(tree) = fields.get("arch") else {
        return BTreeMap::new();
    };
    let what = fields.what("arch");
    let mut found = BTreeMap::new();
    let mut take = |machine: &str, place: &Place, called: Option<String>, problems: &mut Problems| {
        let Some(called) = called else { return };
        let good = name::check("architecture", machine, place, problems)
            && name::check("architecture", &called, place, problems);
        if matches!(machine, "amd64" | "arm64" | "x64") {
            let right = if machine == "arm64" { "aarch64" } else { "x86_64" };
            problems
                .push(
                    place.clone(),
                    format!("{what} has '{machine}', which no machine calls itself"),
                )
                .hint(format!(
                    "'uname -m' says '{right}'; write '{right}: {machine}' where the URL has '{machine}'"
                ));
        } else if good {
            found.insert(machine.to_owned(), called);
        }
    };
    match &tree.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let called = value.string(&what, problems);
                take(&key.name, &key.place, called, problems);
            }
        }
        Value::Seq(items) => {
            for item in items {
                if let Some(machine) = item.string(&what, problems) {
                    take(&machine, &item.place, Some(machine.clone()), problems);
                }
            }
        }
        Value::Broken => {}
        _ => problems
            .push(
                tree.place.clone(),
                format!("{what} is {}, not a list or mapping", tree.kind()),
            )
            .hint("e.g. [x86_64, aarch64], or {x86_64: amd64, aarch64: arm64} as the URL calls them"),
    }
    found
}

/// What the patterns of an image may use.
struct Check {
    has_version: bool,
    has_arch: bool,
}

impl Check {
    /// Whether the pattern's words are known, and the image has them.
    fn pattern(&self, what: &str, text: &str, place: &Place, problems: &mut Problems) -> bool {
        let before = problems.len();
        let words = pattern::words(what, text, place, problems);
        for (word, has) in [("arch", self.has_arch), ("version", self.has_version)] {
            if words.contains(&word) && !has {
                problems
                    .push(
                        place.clone(),
                        format!("{what} has {{{word}}}, and the image has no '{word}'"),
                    )
                    .hint(format!("add the key '{word}'"));
            }
        }
        problems.len() == before
    }

    fn url(&self, what: &str, tree: &Tree, problems: &mut Problems) -> Option<String> {
        let text = tree.string(what, problems)?;
        if !self.pattern(what, &text, &tree.place, problems) {
            return None;
        }
        if !url::is_plain(&pattern::fill(&text, "x", "x")) {
            problems
                .push(
                    tree.place.clone(),
                    format!(
                        "{what} '{}' is no http:// or https:// URL",
                        shown(&url::shown(&text))
                    ),
                )
                .hint("e.g. https://host.example/images/disk-{version}.{arch}.qcow2");
            return None;
        }
        Some(text)
    }

    fn checksum(&self, fields: &Fields<'_>, tree: &Tree, problems: &mut Problems) -> Option<String> {
        let what = fields.what("checksum");
        let text = tree.string(&what, problems)?;
        if !self.pattern(&what, &text, &tree.place, problems) {
            return None;
        }
        let filled = pattern::fill(&text, "x", "x");
        let why = match filled.parse() {
            Ok(Said::Here(_)) => None,
            Ok(Said::Url(url)) => (!url::is_plain(&url)).then(|| "is no URL".to_owned()),
            // Relative to the image's.
            Ok(Said::File(_)) => {
                let beside = url::beside("https://h/a/b", &filled);
                (!url::is_plain(&beside)).then(|| "is no name of a file beside the image".to_owned())
            }
            Err(why) => Some(format!("cannot be used: {why}")),
        };
        match why {
            None => Some(text),
            Some(why) => {
                problems
                    .push(
                        tree.place.clone(),
                        format!("{what} '{}' {why}", shown(&url::shown(&text))),
                    )
                    .hint("e.g. SHA256SUMS, the name of a file beside the image, its URL, or sha256:HEX");
                None
            }
        }
    }
}
