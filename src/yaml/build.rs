//! How a tree is built from the parser's events.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Key, Place, Problems, Source, Tree, Value, shown};

/// How deep values may nest, aliases included.
const MAX_DEPTH: usize = 50;
/// How many values a document may hold once its aliases are expanded.
const MAX_NODES: usize = 50_000;
/// How many bytes of text they may hold then.
const MAX_TEXT: usize = 8 << 20;

/// Reads the one document of the text; an empty one is null. A syntax error ends the reading, other
/// problems (duplicate keys, unknown tags, bad aliases) do not.
pub fn parse(source: &Source, problems: &mut Problems) -> Option<Tree> {
    let mut builder = Builder {
        source,
        problems,
        stack: Vec::new(),
        anchors: HashMap::new(),
        total: Size::default(),
        kept: Size::default(),
        documents: 0,
        root: None,
        overflow: false,
    };
    for event in Parser::new_from_str(source.text()) {
        match event {
            Ok((Event::DocumentStart(_), span)) if builder.documents > 0 => {
                let place = builder.place(span.start);
                builder
                    .problems
                    .push(place, "a second document begins here")
                    .hint("a file is one document: remove the '---', or make two files");
                return None;
            }
            Ok((Event::DocumentStart(_), _)) => builder.documents += 1,
            Ok((event, span)) => builder.event(event, span.start),
            Err(error) => {
                let place = builder.place(*error.marker());
                let (why, hint) = syntax_error(error.info());
                problems.push(place, format!("not valid YAML: {why}")).hint(hint);
                return None;
            }
        }
        if builder.overflow {
            return None;
        }
    }
    let root = builder.root.take();
    Some(root.unwrap_or(Tree {
        place: Place::start_of(source.file.clone()),
        value: Value::Null,
    }))
}

/// What the parser says, and what to do about it.
fn syntax_error(info: &str) -> (&str, &str) {
    if info.contains("tab") {
        return (info, "indent with spaces");
    }
    if info.contains("recursion limit") {
        return ("brackets nest too deeply", "is it the right file?");
    }
    if info.contains("unknown anchor") {
        return (
            "the alias has no anchor",
            "*NAME stands for the value that &NAME marks before it",
        );
    }
    (
        info,
        "look at the indentation, the quotes and the colons near that place",
    )
}

struct Builder<'a> {
    source: &'a Source,
    problems: &'a mut Problems,
    stack: Vec<Frame>,
    /// Complete anchored values.
    anchors: HashMap<usize, (Tree, Size)>,
    /// What is read so far, its aliases expanded.
    total: Size,
    /// What the anchors keep beside it.
    kept: Size,
    documents: usize,
    root: Option<Tree>,
    overflow: bool,
}

/// What a value takes.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    /// Bytes of text.
    text: usize,
    /// Levels below it.
    depth: usize,
}

impl Size {
    fn add(&mut self, other: Size) {
        self.nodes += other.nodes;
        self.text += other.text;
    }

    fn is_too_large(self) -> bool {
        self.nodes > MAX_NODES || self.text > MAX_TEXT
    }
}

struct Frame {
    place: Place,
    anchor: usize,
    /// The total when this value began.
    before: Size,
    depth: usize,
    /// Whether its tag has been reported.
    broken: bool,
    content: Content,
}

enum Content {
    Seq(Vec<Tree>),
    Map {
        entries: Vec<(Key, Tree)>,
        /// Where each key stands.
        seen: HashMap<String, Place>,
        key: Pending,
        merges: Vec<Tree>,
    },
}

/// What a tag makes of its value.
#[derive(PartialEq, Eq)]
enum Meaning {
    /// What it is without one.
    Own,
    /// A string.
    Text,
    /// Nothing: the tag has been reported.
    Unknown,
}

enum Pending {
    /// The next value is a key.
    None,
    Key(Key),
    /// The key was unusable and has been reported: drop its value.
    Drop,
    Merge,
}

impl Builder<'_> {
    fn place(&self, marker: Marker) -> Place {
        self.source.place(marker.index(), marker.line(), marker.col() + 1)
    }

    fn event(&mut self, event: Event<'_>, start: Marker) {
        let place = self.place(start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain;
                let size = Size {
                    nodes: 1,
                    text: text.len(),
                    depth: 0,
                };
                let tree = match self.tag(tag.as_deref(), &place) {
                    Meaning::Unknown => Tree::broken(place),
                    Meaning::Text => Tree::text(place, text),
                    // A quoted "<<" is an ordinary key.
                    Meaning::Own if quoted => Tree::text(place, text),
                    Meaning::Own => Tree::plain(place, &text),
                };
                self.finish(tree, anchor, size);
            }
            Event::SequenceStart(anchor, tag) => {
                let broken = self.tag(tag.as_deref(), &place) == Meaning::Unknown;
                self.open(place, anchor, broken, Content::Seq(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                let broken = self.tag(tag.as_deref(), &place) == Meaning::Unknown;
                let content = Content::Map {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: Pending::None,
                    merges: Vec::new(),
                };
                self.open(place, anchor, broken, content);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some((tree, size)) => self.finish(tree, 0, size),
                None => {
                    self.problems
                        .push(place.clone(), "the alias refers to the value that it is part of")
                        .hint("an alias stands for a value elsewhere in the file");
                    self.finish(Tree::broken(place), 0, Size::default());
                }
            },
            _ => {}
        }
    }

    /// What the tag makes of its value; reports tags that mean nothing here.
    fn tag(&mut self, tag: Option<&Tag>, place: &Place) -> Meaning {
        let Some(tag) = tag else { return Meaning::Own };
        let core = tag.is_yaml_core_schema();
        match tag.suffix.as_str() {
            "str" if core => return Meaning::Text,
            "int" | "float" | "bool" | "null" | "map" | "seq" if core => return Meaning::Own,
            "" if tag.handle == "!" => return Meaning::Own,
            _ => {}
        }
        let name = if core {
            format!("!!{}", tag.suffix)
        } else {
            tag.to_string()
        };
        self.problems
            .push(place.clone(), format!("the tag '{}' is not known", shown(&name)))
            .hint("remove it: values are read as the type that the key asks for");
        Meaning::Unknown
    }

    fn open(&mut self, place: Place, anchor: usize, broken: bool, content: Content) {
        let depth = self.stack.len() + 1;
        if depth > MAX_DEPTH {
            self.refuse(place, format!("values nest deeper than {MAX_DEPTH} levels"));
            return;
        }
        self.stack.push(Frame {
            place,
            anchor,
            before: self.total,
            depth: 0,
            broken,
            content,
        });
    }

    fn close(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        let value = match frame.content {
            _ if frame.broken => Value::Broken,
            Content::Seq(items) => Value::Seq(items),
            Content::Map {
                mut entries,
                mut seen,
                merges,
                ..
            } => {
                for merged in merges {
                    merge_key(merged, &mut entries, &mut seen, self.problems);
                }
                Value::Map(entries)
            }
        };
        let size = Size {
            nodes: self.total.nodes - frame.before.nodes + 1,
            text: self.total.text - frame.before.text,
            depth: frame.depth + 1,
        };
        // The values inside are counted already, and `finish` counts the whole.
        self.total = frame.before;
        self.finish(
            Tree {
                place: frame.place,
                value,
            },
            frame.anchor,
            size,
        );
    }

    fn refuse(&mut self, place: Place, message: String) {
        self.problems.push(place, message).hint("is it the right file?");
        self.overflow = true;
    }

    /// Hands a complete value to what it stands in.
    fn finish(&mut self, tree: Tree, anchor: usize, size: Size) {
        self.total.add(size);
        if anchor != 0 {
            self.kept.add(size);
        }
        if self.stack.len() + size.depth > MAX_DEPTH {
            self.refuse(tree.place, format!("values nest deeper than {MAX_DEPTH} levels"));
            return;
        }
        if self.total.is_too_large() || self.kept.is_too_large() {
            let what = match self.total.nodes.max(self.kept.nodes) > MAX_NODES {
                true => format!("{MAX_NODES} values"),
                false => format!("{} MiB of text", MAX_TEXT >> 20),
            };
            let message = format!("the document has more than {what}, what aliases stand for included");
            self.refuse(tree.place, message);
            return;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (tree.clone(), size));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(tree);
            return;
        };
        frame.depth = frame.depth.max(size.depth);
        match &mut frame.content {
            Content::Seq(items) => items.push(tree),
            Content::Map {
                entries,
                seen,
                key,
                merges,
            } => match std::mem::replace(key, Pending::None) {
                Pending::None => *key = pending(tree, seen, self.problems),
                Pending::Key(name) => entries.push((name, tree)),
                Pending::Merge => merges.push(tree),
                Pending::Drop => {}
            },
        }
    }
}

/// What the value after the key `tree` will be.
fn pending(tree: Tree, seen: &mut HashMap<String, Place>, problems: &mut Problems) -> Pending {
    let name = match tree.value {
        Value::Scalar { text, quoted } => {
            if text == "<<" && !quoted {
                return Pending::Merge;
            }
            text
        }
        Value::Null => "null".to_owned(),
        Value::Broken => return Pending::Drop,
        _ => {
            problems
                .push(
                    tree.place.clone(),
                    format!("a key must be a single value, not {}", tree.kind()),
                )
                .hint("write KEY: VALUE");
            return Pending::Drop;
        }
    };
    if let Some(first) = seen.get(&name) {
        problems
            .push(tree.place, format!("the key '{}' is there twice", shown(&name)))
            .hint(format!("the first one is at {first}"));
        return Pending::Drop;
    }
    seen.insert(name.clone(), tree.place.clone());
    Pending::Key(Key {
        name,
        place: tree.place,
    })
}

/// Adds the keys of a `<<` value that are not there yet.
fn merge_key(
    tree: Tree,
    entries: &mut Vec<(Key, Tree)>,
    seen: &mut HashMap<String, Place>,
    problems: &mut Problems,
) {
    match tree.value {
        Value::Map(merged) => {
            for (key, value) in merged {
                if !seen.contains_key(&key.name) {
                    seen.insert(key.name.clone(), key.place.clone());
                    entries.push((key, value));
                }
            }
        }
        Value::Seq(maps) if maps.iter().all(|m| matches!(m.value, Value::Map(_))) => {
            for map in maps {
                merge_key(map, entries, seen, problems);
            }
        }
        Value::Broken => {}
        _ => {
            problems
                .push(
                    tree.place.clone(),
                    format!("'<<' takes a mapping or a list of them, not {}", tree.kind()),
                )
                .hint("e.g. <<: *defaults");
        }
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
