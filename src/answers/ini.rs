//! infrared's answers files, as Python's configparser reads them: sections, `key = value` or `key: value`, lines that
//! are indented go on with the value, `%%` and `%(key)s`; and, as infrared does, `$VARIABLE` of the environment.

use std::collections::BTreeMap;

use crate::yaml::{Key, Place, Problems, Source, Tree, Value, parse, shown};

use super::COMMAND;
use super::read::{Entry, line};

/// How the value begins that infrared writes for what is still to be said.
const PLACEHOLDER: &str = "Required argument.";
/// The section whose values hold in all others.
const DEFAULTS: &str = "DEFAULT";
/// How many `%(key)s` one value may lead through.
const MAX_REFERENCES: usize = 100;

/// A line `key = value` with those that go on with it.
struct Raw {
    section: String,
    key: Key,
    line: usize,
    column: usize,
    value: String,
}

/// Reads the section of our command.
pub(super) fn read(source: &Source, problems: &mut Problems) -> Vec<Entry> {
    let mut raws: Vec<Raw> = Vec::new();
    let mut sections: Vec<String> = Vec::new();
    let mut places: BTreeMap<(String, String), Place> = BTreeMap::new();
    for (index, text) in source.text().lines().enumerate() {
        let number = index + 1;
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let (Some(name), false) = (section(trimmed), text.starts_with(char::is_whitespace)) {
            if sections.iter().any(|known| known == name) {
                problems
                    .push(
                        line(source, number, 1),
                        format!("the section [{}] is there twice", shown(name)),
                    )
                    .hint("put its lines together");
            }
            sections.push(name.to_owned());
            continue;
        }
        let goes_on = text.starts_with(char::is_whitespace);
        if let (true, Some(last)) = (goes_on, raws.last_mut()) {
            let glue = if last.value.ends_with(',') { "" } else { " " };
            last.value.push_str(glue);
            last.value.push_str(trimmed);
            continue;
        }
        let Some(at) = trimmed.find(['=', ':']) else {
            problems
                .push(
                    line(source, number, 1),
                    format!("'{}' is not key = value", shown(trimmed)),
                )
                .hint("e.g. host-address = hv1");
            continue;
        };
        let (name, value) = (trimmed[..at].trim(), trimmed[at + 1..].trim());
        let indent = text.chars().take_while(|c| c.is_whitespace()).count();
        let Some(section) = sections.last() else { continue };
        let key = Key {
            name: name.to_lowercase(),
            place: line(source, number, indent + 1),
        };
        let twice = places.insert((section.clone(), key.name.clone()), key.place.clone());
        if let Some(other) = twice {
            problems
                .push(
                    key.place.clone(),
                    format!("the key '{}' is there twice", shown(&key.name)),
                )
                .hint(format!("the other one is at {other}"));
        }
        let before =
            trimmed[..at + 1].chars().count() + trimmed[at + 1..].chars().take_while(|c| *c == ' ').count();
        raws.push(Raw {
            section: section.clone(),
            key,
            line: number,
            column: indent + before + 1,
            value: value.to_owned(),
        });
    }
    if !sections.iter().any(|name| name == COMMAND) {
        problems
            .push(
                line(source, 1, 1),
                format!("the file has no section [{COMMAND}], only {}", list(&sections)),
            )
            .hint("its lines are those of 'infrared virsh': [virsh], then host-address = hv1");
    }
    let ours = |raw: &&Raw| raw.section == COMMAND || raw.section == DEFAULTS;
    let mut entries: Vec<Entry> = Vec::new();
    for raw in raws.iter().filter(ours) {
        let hidden = raw.section == DEFAULTS
            && raws
                .iter()
                .any(|other| other.section == COMMAND && other.key.name == raw.key.name);
        if hidden {
            continue;
        }
        if let Some(value) = value(source, raw, &raws, problems) {
            entries.push(Entry {
                key: raw.key.clone(),
                value,
                is_ini: true,
            });
        }
    }
    entries
}

fn section(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']').map(str::trim)
}

fn list(sections: &[String]) -> String {
    let names: Vec<String> = sections.iter().map(|name| format!("[{}]", shown(name))).collect();
    names.join(", ")
}

/// The value with its references resolved: text, or a list in brackets.
fn value(source: &Source, raw: &Raw, all: &[Raw], problems: &mut Problems) -> Option<Tree> {
    let place = line(source, raw.line, raw.column);
    let text = match resolved(&raw.value, all) {
        Ok(text) => text,
        Err((message, hint)) => {
            problems
                .push(place, format!("{message} in '{}'", shown(&raw.value)))
                .hint(hint);
            return None;
        }
    };
    if text.is_empty() || text.starts_with(PLACEHOLDER) {
        return Some(Tree {
            place,
            value: Value::Null,
        });
    }
    if text.starts_with('[') && text.ends_with(']') {
        let mut tree = parse(&Source::plain(source.file.clone(), text), problems)?;
        tree.place = place.clone();
        if let Value::Seq(items) = &mut tree.value {
            items.iter_mut().for_each(|item| item.place = place.clone());
        }
        return Some(tree);
    }
    Some(Tree::text(place, text))
}

/// Puts in `%(key)s`, then `$VARIABLE`.
fn resolved(text: &str, all: &[Raw]) -> Result<String, (String, String)> {
    let interpolated = interpolated(text, all, &mut MAX_REFERENCES.clone())?;
    let mut out = String::new();
    let mut rest = interpolated.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let plain = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map_or((rest, ""), |end| rest.split_at(end));
        let (name, after) = braced.unwrap_or(plain);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            out.push('$');
            continue;
        }
        out.push_str(&std::env::var(name).map_err(|_| {
            let hint = "set it, or write $$ for a dollar sign".to_owned();
            (format!("the environment has no variable '{}'", shown(name)), hint)
        })?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn interpolated(text: &str, all: &[Raw], left: &mut usize) -> Result<String, (String, String)> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(")s")) {
            let name = name.to_lowercase();
            let found = all.iter().find(|raw| raw.key.name == name).filter(|_| *left > 0);
            let Some(found) = found else {
                let hint = "write %% for a percent sign".to_owned();
                return Err((format!("%({})s leads nowhere", shown(&name)), hint));
            };
            *left -= 1;
            out.push_str(&interpolated(&found.value, all, left)?);
            rest = after;
        } else {
            return Err(("a lone %".to_owned(), "write %% for a percent sign".to_owned()));
        }
    }
    out.push_str(rest);
    Ok(out)
}
