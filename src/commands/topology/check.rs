//! `irs topology check`: what is wrong with files.

use crate::catalogue::{self, Catalogue};
use crate::cli::topology::Check;
use crate::topology::files::Kind;
use crate::topology::single::{self, Reader, Single};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;
use serde::Serialize;
use std::path::PathBuf;

/// The networks of node files that say no others.
const DEFAULT_NETWORK: &str = "3_nets";

/// The files that are fine, in the shape of `--format json`.
#[derive(Serialize)]
struct Checked<'a> {
    /// Each one.
    files: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    /// Its path, as it is shown in messages.
    path: &'a str,
    /// `node`, `network` or `images`.
    kind: &'static str,
    /// Its name on the command line.
    name: &'a str,
}

/// Runs `irs topology check`.
///
/// # Errors
/// Everything that is wrong with the files, at once.
pub fn run(args: &Check, ui: &Ui) -> Result<()> {
    let mut problems = Problems::default();
    let paths = paths(&args.paths, &mut problems);
    let stems = paths.iter().filter_map(|path| path.file_stem()?.to_str());
    let types: Vec<String> = stems.map(str::to_owned).collect();
    let (request, variables) = super::request(&args.files, types).map_err(Problems::into_fault)?;
    let reader = Reader::new(&request, &variables).map_err(Problems::into_fault)?;
    let mut files = Vec::new();
    let mut catalogues = Vec::new();
    for path in &paths {
        if path.file_name().is_some_and(|name| name == catalogue::FILE) {
            match Catalogue::check(path) {
                Ok(_) => catalogues.push(path.display().to_string()),
                Err(found) => problems.append(found),
            }
            continue;
        }
        match reader.at(path) {
            Ok(file) => files.push(file),
            Err(found) => problems.append(found),
        }
    }
    let named = args.topology_network.as_deref();
    let given = files
        .iter()
        .any(|file| file.kind() == Kind::Nodes)
        .then(|| reader.named(Kind::Network, named.unwrap_or(DEFAULT_NETWORK)))
        .and_then(|read| read.map_err(|found| problems.append(found)).ok());
    let checked = files
        .iter()
        .filter(|file| file.kind() == Kind::Network && named.is_none());
    // The last one is the one that counts when a node fits none.
    let networks: Vec<&Single> = checked.chain(&given).collect();
    let mut fine = Vec::new();
    for file in &files {
        match fault(file, &networks) {
            found if found.is_empty() => fine.push(file),
            found => problems.append(found),
        }
    }
    for file in &fine {
        ui.result(&format!("{}: {}", file.label, verdict(file)));
        for note in &file.notes {
            ui.note(&format!("note: {note}"));
        }
    }
    for path in &catalogues {
        ui.result(&format!("{path}: base images are fine"));
    }
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let catalogues = catalogues.iter().map(|path| Entry {
        path,
        kind: "images",
        name: "images",
    });
    let files = fine.iter().map(|file| Entry {
        path: &file.label,
        kind: super::word(file.kind()),
        name: &file.name,
    });
    ui.json(&Checked {
        files: files.chain(catalogues).collect(),
    })
}

fn paths(given: &[PathBuf], problems: &mut Problems) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in given {
        let found = match path.is_dir() {
            true => single::below(path),
            false => Ok(vec![path.clone()]),
        };
        match found {
            Ok(found) if found.is_empty() => {
                let message = format!("'{}' has no topology files in it", path.display());
                problems.push(None, message).hint("they end in .yml or .yaml");
            }
            Ok(found) => paths.extend(found),
            Err(error) => {
                let message = format!("cannot read '{}': {error}", path.display());
                problems
                    .push(None, message)
                    .hint("check the path and who may read it");
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    paths
}

/// What is wrong with a file that is right by itself: nodes must fit one of the network files.
fn fault(file: &Single, networks: &[&Single]) -> Problems {
    let mut last = Problems::default();
    if file.kind() == Kind::Network {
        return last;
    }
    for network in networks {
        last = file.on(network);
        if last.is_empty() {
            break;
        }
    }
    last
}

fn verdict(file: &Single) -> String {
    let names: Vec<&str> = file
        .networks()
        .iter()
        .map(|network| network.name.as_str())
        .collect();
    match file.node() {
        Some(node) => format!("node type '{}' is fine", node.file_name),
        None if names.len() == 1 => format!("network {} is fine", names[0]),
        None => format!("networks {} are fine", names.join(", ")),
    }
}
