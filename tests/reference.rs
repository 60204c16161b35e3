//! The reference in docs/reference is made from the code: clap's commands, serde's types, constants, topology files.

#![allow(clippy::unwrap_used)]

#[path = "reference/commands.rs"]
mod commands;
#[path = "reference/files.rs"]
mod files;
#[path = "reference/json.rs"]
mod json;
#[path = "reference/source.rs"]
mod source;
#[path = "reference/topologies.rs"]
mod topologies;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The one command that makes all of it anew.
const ANEW: &str =
    "IRS_WRITE_REFERENCE=1 cargo test --test reference (or `just reference`), then commit what it wrote";
const FOLDER: &str = "docs/reference";
const SUMMARY: &str = "docs/SUMMARY.md";
/// The line of the summary below which the commands' pages stand.
const COMMANDS: &str = "- [Commands](reference/commands.md)\n";

fn pages() -> BTreeMap<String, String> {
    let source = source::Source::read();
    let mut pages: BTreeMap<String, String> = commands::pages().into_iter().collect();
    pages.insert("files.md".to_owned(), files::page(&source));
    pages.insert("exit-codes.md".to_owned(), files::exits(&source));
    pages.insert("json.md".to_owned(), json::page(&source));
    let note = "<!-- Made by `just reference` from the code: edit that. -->\n\n";
    pages.extend(topologies::pages());
    let texts = pages.iter_mut().filter(|(name, _)| name.ends_with(".md"));
    texts.for_each(|(_, text)| text.insert_str(0, note));
    pages
}

/// The summary with the commands' pages in it.
fn summary(pages: &BTreeMap<String, String>) -> String {
    let text = std::fs::read_to_string(SUMMARY).unwrap();
    let (before, rest) = text.split_once(COMMANDS).unwrap();
    let mut names: Vec<&str> = pages
        .keys()
        .filter_map(|name| name.strip_prefix("irs-")?.strip_suffix(".md"))
        .collect();
    names.sort_unstable();
    let lines: String = names
        .iter()
        .map(|name| format!("  - [irs {name}](reference/irs-{name}.md)\n"))
        .collect();
    let after: Vec<&str> = rest.lines().skip_while(|line| line.starts_with("  - ")).collect();
    format!("{before}{COMMANDS}{lines}{}\n", after.join("\n"))
}

#[test]
fn it_is_made_from_the_code() {
    let pages = pages();
    let mut wanted: BTreeMap<String, String> = pages
        .iter()
        .map(|(name, text)| (format!("{FOLDER}/{name}"), text.clone()))
        .collect();
    wanted.insert(SUMMARY.to_owned(), summary(&pages));
    let write = std::env::var_os("IRS_WRITE_REFERENCE").is_some();
    std::fs::create_dir_all(FOLDER).unwrap();
    for entry in Path::new(FOLDER).read_dir().unwrap() {
        let path = entry.unwrap().path();
        if !wanted.contains_key(&path.display().to_string()) {
            assert!(
                write,
                "nothing in the code is described by {}: {ANEW}",
                path.display()
            );
            std::fs::remove_file(path).unwrap();
        }
    }
    for (path, text) in wanted {
        match write {
            true => std::fs::write(&path, text).unwrap(),
            false => assert!(
                std::fs::read_to_string(&path).is_ok_and(|found| found == text),
                "{path} is not what the code says: {ANEW}"
            ),
        }
    }
}

/// The keys of an object as the page names them: `nodes[].name`.
fn keys(value: &serde_json::Value, prefix: &str, into: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                let path = format!("{prefix}{key}");
                into.insert(path.clone());
                keys(value, &format!("{path}."), into);
            }
        }
        serde_json::Value::Array(list) => {
            let prefix = format!("{}[].", prefix.trim_end_matches('.'));
            list.iter().for_each(|value| keys(value, &prefix, into));
        }
        _ => {}
    }
}

/// What commands print that need no hypervisor is what the page has.
#[test]
fn objects_have_the_keys_of_the_page() {
    let page = std::fs::read_to_string(format!("{FOLDER}/json.md")).unwrap();
    let nodes = [
        "--topology-nodes",
        "controller:1",
        "--topology-network",
        "3_net_openvswitch",
    ];
    let commands: [(&str, &[&str]); 4] = [
        ("topology list", &[]),
        ("topology show", &["controller"]),
        ("topology check", &["topology/nodes"]),
        ("topology render", &nodes),
    ];
    for (command, more) in commands {
        let words: Vec<&str> = command
            .split(' ')
            .chain(more.iter().copied())
            .chain(["--format", "json"])
            .collect();
        let mut found = BTreeSet::new();
        keys(
            &serde_json::from_str(&topologies::irs(&words)).unwrap(),
            "",
            &mut found,
        );
        let (_, part) = page.split_once(&format!("\n## irs {command}\n")).unwrap();
        let part = part.split("\n## ").next().unwrap();
        let said: BTreeMap<&str, &str> = part
            .lines()
            .filter_map(|row| row.strip_prefix("| `")?.split_once("` | "))
            .collect();
        // What is below a key of any value is somebody else's.
        let open: Vec<String> = said
            .iter()
            .filter(|(_, is)| is.starts_with("any "))
            .map(|(key, _)| format!("{key}."))
            .collect();
        assert!(found.len() > 2, "irs {command} printed {found:?}");
        for key in found
            .iter()
            .filter(|key| !open.iter().any(|above| key.starts_with(above)))
        {
            assert!(
                said.contains_key(key.as_str()),
                "{FOLDER}/json.md says nothing of `{key}` of irs {command}"
            );
        }
    }
}
