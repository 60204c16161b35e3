//! The tables as Markdown.

use std::fmt::Write as _;

use super::{Default, Kind, TABLES, Table};
use crate::units::GIB;

/// All tables, as they stand in topology/README.md.
pub fn markdown() -> String {
    let mut out = String::new();
    for table in TABLES {
        let _ = write!(out, "\n### {}\n\n", table.title);
        out.push_str("| key | type, unit | default | meaning |\n|---|---|---|---|\n");
        for doc in table.keys {
            let default = match doc.default {
                Default::Required => "required",
                Default::Nothing => "none",
                Default::Value(text) | Default::Said(text) => text,
            };
            let _ = writeln!(
                out,
                "| `{}` | {} | {default} | {} |",
                doc.key,
                kind(&doc.kind),
                doc.meaning
            );
        }
        if !table.unused.is_empty() {
            let keys: Vec<String> = table.unused.iter().map(|key| format!("`{key}`")).collect();
            let _ = writeln!(out, "| {} | any | | infrared's, not used |", keys.join(", "));
        }
    }
    out.replace("|  |", "| |")
}

/// A type in words that stand by themselves: nothing of mappings, which show what they are.
pub fn words(kind: &Kind) -> String {
    match kind {
        Kind::Mapping(_) | Kind::Mappings(_) => String::new(),
        Kind::List(Kind::Mapping(_)) => "list".to_owned(),
        Kind::List(Kind::Either(kinds)) => format!("list: {}", either(kinds)),
        Kind::Either(kinds) => either(kinds),
        other => self::kind(other),
    }
}

fn either(kinds: &[Kind]) -> String {
    let words: Vec<String> = kinds
        .iter()
        .map(words)
        .filter(|words| !words.is_empty())
        .collect();
    words.join(", or ")
}

/// A type in words.
fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Any => "any".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Integer(first, last, "") => format!("{first} to {last}"),
        Kind::Integer(first, last, unit) => format!("{unit}, {first} to {last}"),
        Kind::Size(first, last) => format!("size, {} to {}", short(*first), short(*last)),
        Kind::Words(words) => words().join(", "),
        Kind::Name(what) | Kind::Text(what) => (*what).to_owned(),
        Kind::List(inner) => match inner {
            Kind::Mapping(table) => format!("list: {}", link(table)),
            Kind::Either(_) => format!("list: {}", self::kind(inner)),
            inner => match self::kind(inner) {
                one if one.ends_with('s') => format!("list of {one}es"),
                one => format!("list of {one}s"),
            },
        },
        Kind::Free(what) => format!("mapping: {what}"),
        Kind::Mapping(table) => format!("mapping: {}", link(table)),
        Kind::Mappings(table) => format!("mapping by key: {}", link(table)),
        Kind::Either(kinds) => kinds.iter().map(self::kind).collect::<Vec<_>>().join("; or "),
    }
}

/// `64T`, as sizes are written in topology files.
fn short(bytes: u64) -> String {
    match bytes {
        bytes if bytes.is_multiple_of(1024 * GIB) => format!("{}T", bytes / (1024 * GIB)),
        bytes if bytes.is_multiple_of(GIB) => format!("{}G", bytes / GIB),
        bytes => format!("{}M", bytes >> 20),
    }
}

/// A link to the heading of the table, as GitHub makes its anchor.
fn link(table: &Table) -> String {
    let anchor: String = table
        .title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect();
    format!("[{}](#{anchor})", table.title)
}
