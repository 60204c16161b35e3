//! How a tree is built from the parser's events.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Key, Place, Problems, Source, Tree, Value};

/// How deep values may nest, aliases included.
const MAX_DEPTH: usize = 50;
/// How many values a document may hold once its aliases are expanded.
const MAX_NODES: usize = 50_000;

/// Reads the first document; an empty one is null. A syntax error ends the reading, other
/// problems (duplicate keys, unknown tags, bad aliases) do not.
pub fn parse(source: &Source, problems: &mut Problems) -> Option<Tree> {
    let mut builder = Builder {
        source,
        problems,
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
        overflow: false,
    };
    for event in Parser::new_from_str(source.text()) {
        match event {
            Ok((Event::DocumentEnd, _)) => break,
            Ok((event, span)) => builder.event(event, span.start),
            Err(error) => {
                let place = builder.place(*error.marker());
                let hint = match error.info().contains("tab") {
                    true => "indent with spaces",
                    false => "look at the indentation, the quotes and the colons near that place",
                };
                problems
                    .push(place, format!("not valid YAML: {}", error.info()))
                    .hint(hint);
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

struct Builder<'a> {
    source: &'a Source,
    problems: &'a mut Problems,
    stack: Vec<Frame>,
    /// Complete anchored values with the number of values in them.
    anchors: HashMap<usize, (Tree, usize, usize)>,
    nodes: usize,
    root: Option<Tree>,
    overflow: bool,
}

struct Frame {
    place: Place,
    anchor: usize,
    /// The count of values when this one began.
    before: usize,
    depth: usize,
    content: Content,
}

enum Content {
    Seq(Vec<Tree>),
    Map {
        entries: Vec<(Key, Tree)>,
        seen: HashSet<String>,
        key: Pending,
        merges: Vec<Tree>,
    },
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
                let string = self.is_string(tag.as_deref(), &place);
                let tree = if quoted || string {
                    Tree::text(place, text)
                } else {
                    Tree::plain(place, &text)
                };
                // A quoted "<<" is an ordinary key.
                self.finish(tree, anchor, 1, 0);
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_string(tag.as_deref(), &place);
                self.open(place, anchor, Content::Seq(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.is_string(tag.as_deref(), &place);
                let content = Content::Map {
                    entries: Vec::new(),
                    seen: HashSet::new(),
                    key: Pending::None,
                    merges: Vec::new(),
                };
                self.open(place, anchor, content);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some((tree, count, depth)) => self.finish(tree, 0, count, depth),
                None => {
                    self.problems
                        .push(place.clone(), "the alias refers to the value that it is part of")
                        .hint("an alias stands for a value elsewhere in the file");
                    self.finish(
                        Tree {
                            place,
                            value: Value::Null,
                        },
                        0,
                        1,
                        0,
                    );
                }
            },
            _ => {}
        }
    }

    /// Whether the tag makes a scalar a string; reports tags that mean nothing here.
    fn is_string(&mut self, tag: Option<&Tag>, place: &Place) -> bool {
        let Some(tag) = tag else { return false };
        let core = tag.is_yaml_core_schema();
        let bare = tag.handle == "!" && tag.suffix.is_empty();
        if !core && !bare {
            self.problems
                .push(place.clone(), format!("the tag '{tag}' is not known"))
                .hint("remove it: values are read as the type that the key asks for");
        }
        core && tag.suffix == "str"
    }

    fn open(&mut self, place: Place, anchor: usize, content: Content) {
        let depth = self.stack.len() + 1;
        if depth > MAX_DEPTH {
            self.refuse(place, format!("values nest deeper than {MAX_DEPTH} levels"));
            return;
        }
        self.stack.push(Frame {
            place,
            anchor,
            before: self.nodes,
            depth: 0,
            content,
        });
    }

    fn close(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        let value = match frame.content {
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
        let count = self.nodes - frame.before;
        // The values inside are counted already, and `finish` counts the whole.
        self.nodes = frame.before;
        self.finish(
            Tree {
                place: frame.place,
                value,
            },
            frame.anchor,
            count + 1,
            frame.depth + 1,
        );
    }

    fn refuse(&mut self, place: Place, message: String) {
        self.problems.push(place, message).hint("is it the right file?");
        self.overflow = true;
    }

    /// Hands a complete value of `count` values and `depth` levels to what it stands in.
    fn finish(&mut self, tree: Tree, anchor: usize, count: usize, depth: usize) {
        self.nodes += count;
        if self.nodes > MAX_NODES || self.stack.len() + depth > MAX_DEPTH {
            self.refuse(
                tree.place,
                format!("the document has more than {MAX_NODES} values or {MAX_DEPTH} levels"),
            );
            return;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (tree.clone(), count, depth));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(tree);
            return;
        };
        frame.depth = frame.depth.max(depth);
        match &mut frame.content {
            Content::Seq(items) => items.push(tree),
            Content::Map {
                entries,
                seen,
                key,
                merges,
            } => match std::mem::replace(key, Pending::None) {
                Pending::None => *key = pending(tree, entries, seen, self.problems),
                Pending::Key(name) => entries.push((name, tree)),
                Pending::Merge => merges.push(tree),
                Pending::Drop => {}
            },
        }
    }
}

/// What the value after the key `tree` will be.
fn pending(
    tree: Tree,
    entries: &[(Key, Tree)],
    seen: &mut HashSet<String>,
    problems: &mut Problems,
) -> Pending {
    let name = match tree.value {
        Value::Scalar { text, quoted } => {
            if text == "<<" && !quoted {
                return Pending::Merge;
            }
            text
        }
        Value::Null => "null".to_owned(),
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
    if seen.insert(name.clone()) {
        return Pending::Key(Key {
            name,
            place: tree.place,
        });
    }
    let first = entries
        .iter()
        .find(|(k, _)| k.name == name)
        .map(|(k, _)| k.place.to_string());
    problems
        .push(tree.place, format!("the key '{name}' is there twice"))
        .hint(format!("the first one is at {}", first.unwrap_or_default()));
    Pending::Drop
}

/// Adds the keys of a `<<` value that are not there yet.
fn merge_key(
    tree: Tree,
    entries: &mut Vec<(Key, Tree)>,
    seen: &mut HashSet<String>,
    problems: &mut Problems,
) {
    match tree.value {
        Value::Map(merged) => {
            for (key, value) in merged {
                if seen.insert(key.name.clone()) {
                    entries.push((key, value));
                }
            }
        }
        Value::Seq(maps) if maps.iter().all(|m| matches!(m.value, Value::Map(_))) => {
            for map in maps {
                merge_key(map, entries, seen, problems);
            }
        }
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
