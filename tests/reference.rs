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

use std::collections::BTreeMap;
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
    pages.iter_mut().for_each(|(_, text)| text.insert_str(0, note));
    pages
}

/// The summary with the commands' pages in it.
fn summary(pages: &BTreeMap<String, String>) -> String {
    let text = std::fs::read_to_string(SUMMARY).unwrap();
    let (before, rest) = text.split_once(COMMANDS).unwrap();
    let names = pages
        .keys()
        .filter_map(|name| name.strip_prefix("irs-")?.strip_suffix(".md"));
    let lines: String = names
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
