//! What `-e` says and no file has: it would change nothing, silently, and is refused, or noted where it may be meant
//! for another run.

use crate::yaml::{Key, Problems, Tree, Value, nearest, shown};

use super::files::{self, Kind};
use super::interface::suggestion;
use super::load::FILE_KEYS;
use super::{NodeType, Request};

/// `override.<x>` where there is no `<x>` would change nothing, silently. One of a type that this run does not ask
/// for is only noted: an extend is given the same variables as the first run.
pub(super) fn types(request: &Request, problems: &mut Problems, notes: &mut Vec<String>) {
    let selected = || {
        request
            .nodes
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(FILE_KEYS.iter().copied())
    };
    let known = files::names_of(Kind::Nodes, &request.dirs);
    let mut unused = Vec::new();
    for (key, _) in &request.overrides.entries {
        if selected().any(|name| name == key.name) {
            continue;
        }
        if known.contains(&key.name) {
            unused.push(key.name.as_str());
        } else {
            problems
                .push(
                    key.place.clone(),
                    format!("the override of '{}' matches nothing", key.name),
                )
                .hint(match nearest(&key.name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => suggestion(&key.name, selected()),
                });
        }
    }
    if !unused.is_empty() {
        notes.push(format!(
            "overrides of node types that are not asked for are not used: {}",
            unused.join(", ")
        ));
    }
}

/// An override may change a network by its key, or add one: that says its name and more, or a misspelled key would
/// make a network. Others are reported.
pub(super) fn networks(networks: &Tree, over: &mut Tree, problems: &mut Problems) {
    let (Value::Map(networks), Value::Map(over)) = (&networks.value, &mut over.value) else {
        return;
    };
    over.retain(|(key, value)| {
        let adds = value.get("name").is_some() && matches!(&value.value, Value::Map(keys) if keys.len() > 1);
        if adds || networks.iter().any(|(known, _)| known.name == key.name) {
            return true;
        }
        let by_name = networks.iter().find(|(_, n)| {
            matches!(n.get("name").map(|t| &t.value), Some(Value::Scalar { text, .. }) if *text == key.name)
        });
        let hint = match by_name {
            Some((real, _)) => format!(
                "networks are overridden by their key: did you mean '{}'?",
                real.name
            ),
            None => suggestion(&key.name, networks.iter().map(|(k, _)| k.name.as_str())),
        };
        let message = format!("the override of the network '{}' matches nothing", key.name);
        problems.push(key.place.clone(), message).hint(hint);
        false
    });
}

/// Entries that an override adds to `nodes` must be those of a node type: `default` is in the file, or of no use.
pub(super) fn nodes(
    added: &[Key],
    own: &[String],
    request: &Request,
    types: &[NodeType],
    problems: &mut Problems,
) {
    let known = files::names_of(Kind::Nodes, &request.dirs);
    let names = || types.iter().map(|node| node.name.as_str());
    for key in added {
        let is_type =
            key.name == "default" || names().any(|name| name == key.name) || known.contains(&key.name);
        if !is_type {
            let near = own.iter().map(String::as_str).chain(["default"]).chain(names());
            problems
                .push(
                    key.place.clone(),
                    format!("the override of the nodes '{}' matches nothing", shown(&key.name)),
                )
                .hint(suggestion(&key.name, near));
        }
    }
}

/// Variables that none of the texts mentions are noted: others may read them, when the same `-e` are given to them.
pub(super) fn variables(request: &Request, texts: &[String], notes: &mut Vec<String>) {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mentions = |text: &String, name: &str| text.split(|c| !is_part(c)).any(|word| word == name);
    let unused: Vec<&str> = request
        .overrides
        .variables
        .iter()
        .map(|(key, _)| key.name.as_str())
        .filter(|name| *name != "provision" && !texts.iter().any(|text| mentions(text, name)))
        .collect();
    if !unused.is_empty() {
        notes.push(format!(
            "variables that no file mentions are not used: {}",
            shown(&unused.join(", "))
        ));
    }
}
