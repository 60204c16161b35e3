//! A file's words as YAML again, with a comment at each key: what it means, what it may be, what holds without it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::files::Kind;
use super::reference::{self, Default, Doc, Table};
use super::single::Single;
use crate::yaml::{Tree, Value, shown};

/// Where comments begin, if the line is not longer.
const COMMENT: usize = 34;
/// How long a list of words may get in a comment.
const WORDS: usize = 90;

/// Writes a file; it reads the same. What is not said stands in comments, once for each kind of mapping.
pub fn render(file: &Single) -> String {
    let (table, word) = match file.kind() {
        Kind::Nodes => (&reference::nodes::NODE, "node type"),
        Kind::Network => (&reference::networks::FILE, "network file"),
    };
    let mut writer = Writer {
        out: String::new(),
        told: BTreeSet::new(),
    };
    if let Some(purpose) = &file.purpose {
        let _ = writeln!(writer.out, "# {purpose}");
    }
    let _ = writeln!(
        writer.out,
        "# The {word} '{}', {}.",
        shown(&file.name),
        file.label
    );
    writer.map(file.tree(), Some(table), 0, false);
    writer.out
}

struct Writer {
    out: String,
    /// The tables whose unsaid keys, and the keys that, stand in a comment already.
    told: BTreeSet<(&'static str, &'static str)>,
}

impl Writer {
    /// The lines of a mapping; of the first one the indent is written already, when it follows a `- `.
    fn map(&mut self, tree: &Tree, table: Option<&'static Table>, indent: usize, mut begun: bool) {
        let Value::Map(entries) = &tree.value else {
            return;
        };
        for (key, value) in entries {
            let doc = table.and_then(|table| table.doc(&key.name));
            let comment = match (table, doc) {
                (Some(table), Some(doc)) if self.told.insert((table.title, doc.key)) => comment(doc),
                _ => String::new(),
            };
            let pad = if begun { 0 } else { indent };
            begun = false;
            let start = format!("{:pad$}{}:", "", scalar(&key.name, false));
            self.value(&start, value, doc.map(|doc| &doc.kind), indent, &comment);
        }
        let Some(table) = table else { return };
        if !self.told.insert((table.title, "")) {
            return;
        }
        for doc in table.keys {
            if entries.iter().any(|(key, _)| key.name == doc.key) {
                continue;
            }
            let value = match doc.default {
                Default::Value(value) => format!(" {value}"),
                _ => String::new(),
            };
            self.line(&format!("{:indent$}# {}:{value}", "", doc.key), &comment(doc));
        }
    }

    /// The value after `start`, which is `key:` or `-`, of something that is `indent` deep.
    fn value(
        &mut self,
        start: &str,
        tree: &Tree,
        kind: Option<&'static reference::Kind>,
        indent: usize,
        comment: &str,
    ) {
        match &tree.value {
            Value::Null | Value::Broken => self.line(&format!("{start} null"), comment),
            Value::Scalar { text, quoted } => {
                self.line(&format!("{start} {}", scalar(text, *quoted)), comment)
            }
            Value::Seq(items) if items.is_empty() => self.line(&format!("{start} []"), comment),
            Value::Map(entries) if entries.is_empty() => self.line(&format!("{start} {{}}"), comment),
            Value::Seq(items) => {
                self.line(start, comment);
                let inner = kind.and_then(of_list);
                for item in items {
                    let start = format!("{:1$}-", "", indent + 2);
                    match &item.value {
                        Value::Map(entries) if !entries.is_empty() => {
                            let _ = write!(self.out, "{start} ");
                            self.map(item, inner.and_then(of_mapping), indent + 4, true);
                        }
                        _ => self.value(&start, item, inner, indent + 2, ""),
                    }
                }
            }
            Value::Map(entries) => {
                self.line(start, comment);
                match kind.and_then(of_mappings) {
                    None => self.map(tree, kind.and_then(of_mapping), indent + 2, false),
                    Some(table) => {
                        for (key, value) in entries {
                            let start = format!("{:1$}{2}:", "", indent + 2, scalar(&key.name, false));
                            match &value.value {
                                Value::Map(inner) if !inner.is_empty() => {
                                    self.line(&start, "");
                                    self.map(value, Some(table), indent + 4, false);
                                }
                                _ => self.value(&start, value, None, indent + 2, ""),
                            }
                        }
                    }
                }
            }
        }
    }

    fn line(&mut self, text: &str, comment: &str) {
        let text = text.trim_end();
        // The start of the line may be there already.
        let begun = self.out.len() - self.out.rfind('\n').map_or(0, |at| at + 1);
        let gap = COMMENT.saturating_sub(begun + text.chars().count()).max(2);
        let _ = match comment.is_empty() {
            true => writeln!(self.out, "{text}"),
            false => writeln!(self.out, "{text}{:gap$}# {comment}", ""),
        };
    }
}

/// `swap file (MiB, 0 to 1048576; default 0)`.
fn comment(doc: &Doc) -> String {
    let default = match doc.default {
        Default::Required => "required".to_owned(),
        Default::Nothing => "default none".to_owned(),
        Default::Said(text) if text.starts_with("required") => text.to_owned(),
        Default::Value(text) | Default::Said(text) => format!("default {text}"),
    };
    let words = shortened(reference::words(&doc.kind));
    let text = match words.is_empty() {
        true => format!("{} ({default})", doc.meaning),
        false => format!("{} ({words}; {default})", doc.meaning),
    };
    text.replace('`', "'")
}

/// The first words of a long list.
fn shortened(words: String) -> String {
    match words
        .char_indices()
        .nth(WORDS)
        .and_then(|(end, _)| words[..end].rfind(", "))
    {
        Some(end) => format!("{}, …", &words[..end]),
        None => words,
    }
}

fn of_list(kind: &'static reference::Kind) -> Option<&'static reference::Kind> {
    match kind {
        reference::Kind::List(inner) => Some(inner),
        reference::Kind::Either(kinds) => kinds.iter().find_map(of_list),
        _ => None,
    }
}

fn of_mapping(kind: &'static reference::Kind) -> Option<&'static Table> {
    match kind {
        reference::Kind::Mapping(table) => Some(table),
        reference::Kind::Either(kinds) => kinds.iter().find_map(of_mapping),
        _ => None,
    }
}

fn of_mappings(kind: &'static reference::Kind) -> Option<&'static Table> {
    match kind {
        reference::Kind::Mappings(table) => Some(table),
        reference::Kind::Either(kinds) => kinds.iter().find_map(of_mappings),
        _ => None,
    }
}

/// A scalar; what a plain one could not be is quoted as in JSON, which YAML reads too.
fn scalar(text: &str, quoted: bool) -> String {
    let plain = !quoted
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_.-+:".contains(c))
        && !text.ends_with(':');
    match plain {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::single::Reader;
    use crate::topology::{Request, Variables, files};
    use crate::yaml::{Problems, Source, parse};

    /// A tree without places.
    fn bare(tree: &Tree) -> String {
        match &tree.value {
            Value::Null | Value::Broken => "~".into(),
            Value::Scalar { text, .. } => format!("{text:?}"),
            Value::Seq(items) => format!("{:?}", items.iter().map(bare).collect::<Vec<_>>()),
            Value::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| (&key.name, bare(value)))
                    .collect();
                format!("{entries:?}")
            }
        }
    }

    #[test]
    fn every_built_in_file_reads_the_same() {
        let request = Request {
            image_mirror_url: Some("https://mirror.example".into()),
            ..Request::default()
        };
        let variables = Variables {
            net: "0".into(),
            data_net: "24".into(),
            ..Variables::default()
        };
        let reader = Reader::new(&request, &variables).unwrap();
        for kind in [Kind::Nodes, Kind::Network] {
            for name in files::names_of(kind, &[]) {
                let file = reader
                    .named(kind, &name)
                    .unwrap_or_else(|problems| panic!("{problems}"));
                let text = render(&file);
                let mut problems = Problems::default();
                let again = parse(&Source::plain("shown", text.as_str()), &mut problems);
                assert!(problems.is_empty(), "{problems}\n{text}");
                assert_eq!(bare(&again.unwrap()), bare(file.tree()), "{text}");
            }
        }
    }

    #[test]
    fn hostile_scalars_stay_what_they_are() {
        for text in [
            "null", "~", "a: b", "a #b", "- a", "<&\"'>", "{{ x }}", "", " a ", "é", "a\tb", "a:", "&a",
            "*a", "!a", "%a", "@a", "`a",
        ] {
            for quoted in [true, false] {
                if quoted || !matches!(text, "null" | "~" | "") {
                    let yaml = format!("k: {}\n{}: 1\n", scalar(text, quoted), scalar("a b: #", false));
                    let tree = parse(&Source::plain("x", yaml.as_str()), &mut Problems::default()).unwrap();
                    assert!(
                        matches!(&tree.get("k").unwrap().value, Value::Scalar { text: found, .. } if found == text),
                        "{yaml}"
                    );
                    assert!(tree.get("a b: #").is_some());
                }
            }
        }
    }
}
