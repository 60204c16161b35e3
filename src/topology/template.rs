//! Topology files are Jinja templates; every position in messages is the template's.
//!
//! Before rendering, each run of text gets an invisible mark in front of its first visible
//! character: a private-use character that indexes a list of positions. After rendering the
//! marks say which template position each character came from, and are taken out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::yaml::{MAX_BYTES, Place, Problems, Source, shown};

use super::bounded::{self, Excess};

/// Instructions that one template may use; a loop over a /16 fits.
const FUEL: u64 = 2_000_000;
/// How many different undefined variables one run reports.
const MAX_UNDEFINED: usize = 20;
/// The variable that has a flag of its own.
const MIRROR: &str = "provision.image.mirror.url";
const FIRST_MARK: u32 = 0xF_0000;
const LAST_MARK: u32 = 0xF_FFFD;

/// What templates see, by name.
pub type Context = BTreeMap<String, Value>;

/// Renders `source`; None, and the reasons in `problems`, when that fails.
pub fn render(source: &Source, context: &Context, problems: &mut Problems) -> Option<Source> {
    let text = source.text();
    if !["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
        return Some(source.clone());
    }
    if let Some(index) = text.find(is_mark) {
        let place = position(&source.file, text, index);
        problems
            .push(place, "private-use character in a template")
            .hint("remove the characters U+F0000 to U+FFFFD");
        return None;
    }
    let (marked, positions) = Marker::mark(text);
    let marked: Arc<str> = marked.into();
    let before = problems.len();
    let mut context = context.clone();
    let mut stood_in: Vec<String> = Vec::new();
    loop {
        let (template, values) = (marked.clone(), context.clone());
        let error = match bounded::run(move || fill(&template, values)) {
            Ok(Ok(text)) => {
                return (problems.len() == before).then(|| unmark(source.file.clone(), &text, &positions));
            }
            Ok(Err(error)) => error,
            Err(excess) => {
                let why = match excess {
                    Excess::Time => "it takes too long",
                    Excess::Memory => "it takes too much memory",
                    Excess::Failed => "the renderer failed",
                };
                let place = Place::start_of(source.file.clone());
                refuse(place, why, problems);
                return None;
            }
        };
        let missing = report(&error, &source.file, &marked, &context, &stood_in, problems);
        // Go on with a stand-in, to find what else is undefined.
        match missing {
            Some(path) if problems.len() - before < MAX_UNDEFINED && stand_in(&mut context, &path) => {
                stood_in.push(path);
            }
            _ => return None,
        }
    }
}

/// The text that a template makes.
fn fill(marked: &str, context: Context) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    // As Ansible does it: the newline after a block tag is dropped.
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true);
    environment.set_syntax(syntax.build().unwrap_or_default());
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let mut out = Bounded(Vec::new());
    environment
        .template_from_str(marked)?
        .render_captured_to(context, &mut out)?;
    Ok(String::from_utf8_lossy(&out.0).into_owned())
}

fn refuse(place: Place, why: &str, problems: &mut Problems) {
    problems
        .push(place, format!("the template cannot be rendered: {why}"))
        .hint("templates are Jinja: {{ net }}, {% if … %}");
}

/// Adds the problem that `error` is; answers the dotted name of a variable that does not exist.
fn report(
    error: &Error,
    file: &Arc<str>,
    marked: &str,
    context: &Context,
    stood_in: &[String],
    problems: &mut Problems,
) -> Option<String> {
    let range = error
        .range()
        .filter(|r| marked.get(r.clone()).is_some())
        .unwrap_or(0..0);
    let place = match range.is_empty() {
        true => Place {
            file: file.clone(),
            line: error.line().unwrap_or(1),
            column: 1,
        },
        false => position(file, marked, range.start),
    };
    let operand = error
        .detail()
        .and_then(|d| d.split_once("` is undefined")?.0.rsplit('`').next());
    if error.kind() == ErrorKind::UndefinedError || operand.is_some() {
        // The range may hold a part of a dotted name only; the user knows it whole.
        let before = marked[..range.start].trim_end_matches(is_name_part).len();
        let after = marked.len() - marked[range.end..].trim_start_matches(is_name_part).len();
        let expression = &marked[before..after];
        // What stands for a missing variable has nothing in it.
        if names(expression).any(|(_, name)| stood_in.iter().any(|path| path == name)) {
            return None;
        }
        let (offset, path) = undefined_path(expression, operand, context);
        if path.is_empty() {
            // No name in it that could be given a value.
            let expression = shown(expression.trim());
            refuse(place, &format!("'{expression}' is not defined"), problems);
            return None;
        }
        let place = position(file, marked, before + offset);
        let problem = problems.push(place, format!("the variable '{path}' is not defined"));
        problem.hint(match path {
            MIRROR => "give it with --image-mirror-url URL".to_owned(),
            _ => format!("give it with -e {path}=…"),
        });
        return Some(path.to_owned());
    }
    let why = match error.kind() {
        ErrorKind::OutOfFuel => "it takes too long".to_owned(),
        ErrorKind::WriteFailure => "it makes too much text".to_owned(),
        kind => format!("{kind}: {}", shown(error.detail().unwrap_or_default())),
    };
    refuse(place, &why, problems);
    None
}

/// The dotted name in the expression that begins with `operand`, else the first whose root is not in
/// the context, else the first one; with its offset.
fn undefined_path<'a>(expression: &'a str, operand: Option<&str>, context: &Context) -> (usize, &'a str) {
    let known = |name: &str| context.contains_key(name.split('.').next().unwrap_or_default());
    operand
        .and_then(|operand| names(expression).find(|(_, name)| name.starts_with(operand)))
        .or_else(|| names(expression).find(|(_, name)| !known(name)))
        .or_else(|| names(expression).next())
        .unwrap_or_default()
}

/// The dotted names in an expression, with their offsets.
fn names(expression: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    expression
        .split_inclusive(|c: char| !is_name_part(c))
        .filter_map(move |part| {
            let at = offset;
            offset += part.len();
            let name = part.trim_end_matches(|c| !is_name_part(c));
            name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                .then_some((at, name))
        })
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// Puts something under the dotted name, beside what is there; false where that cannot be.
fn stand_in(context: &mut Context, path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let Some((root, rest)) = parts.split_first() else {
        return false;
    };
    let filled = filled(context.get(*root), rest);
    filled
        .map(|value| context.insert((*root).to_owned(), value))
        .is_some()
}

fn filled(value: Option<&Value>, path: &[&str]) -> Option<Value> {
    let Some((first, rest)) = path.split_first() else {
        return value.is_none().then(|| Value::from("0"));
    };
    let mut map: BTreeMap<String, Value> = match value {
        None => BTreeMap::new(),
        Some(map) if map.kind() == ValueKind::Map => map
            .try_iter()
            .ok()?
            .filter_map(|key| Some((key.as_str()?.to_owned(), map.get_item(&key).ok()?)))
            .collect(),
        Some(_) => return None,
    };
    let inner = filled(map.get(*first), rest)?;
    map.insert((*first).to_owned(), inner);
    Some(Value::from(map))
}

/// A writer that fails instead of growing beyond what a file may have.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Marks are four bytes each and no part of the text.
        if self.0.len() + bytes.len() > MAX_BYTES * 4 {
            return Err(io::Error::other("too much text"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_mark(c: char) -> bool {
    (FIRST_MARK..=LAST_MARK).contains(&u32::from(c))
}

/// Where byte `end` of the marked text stands in the template.
fn position(file: &Arc<str>, marked: &str, end: usize) -> Place {
    let (mut line, mut column) = (1, 1);
    for c in marked[..end].chars().filter(|c| !is_mark(*c)) {
        (line, column) = if c == '\n' {
            (line + 1, 1)
        } else {
            (line, column + 1)
        };
    }
    Place {
        file: file.clone(),
        line,
        column,
    }
}

/// Takes the marks out of rendered text.
fn unmark(file: Arc<str>, rendered: &str, positions: &[(usize, usize)]) -> Source {
    let mut text = String::with_capacity(rendered.len());
    let mut marks = Vec::new();
    let mut index = 0;
    for c in rendered.chars() {
        if is_mark(c) {
            // Any other one comes from a variable, and would look like a mark.
            if let Some(&(line, column)) = positions.get((u32::from(c) - FIRST_MARK) as usize) {
                marks.push((index, line, column));
            }
        } else {
            text.push(c);
            index += 1;
        }
    }
    Source::rendered(file, text, marks)
}

/// Walks a template and puts the marks in.
struct Marker<'a> {
    rest: &'a str,
    out: String,
    positions: Vec<(usize, usize)>,
    line: usize,
    column: usize,
    /// How many blocks are open whose text is a value, not output: `{% set x %}…{% endset %}`.
    captured: usize,
}

impl<'a> Marker<'a> {
    fn mark(text: &'a str) -> (String, Vec<(usize, usize)>) {
        let mut marker = Marker {
            rest: text,
            out: String::with_capacity(text.len() * 2),
            positions: Vec::new(),
            line: 1,
            column: 1,
            captured: 0,
        };
        marker.run();
        (marker.out, marker.positions)
    }

    fn run(&mut self) {
        // Whether the next visible character begins a run of text.
        let mut fresh = true;
        while let Some(c) = self.rest.chars().next() {
            if self.rest.starts_with("{{") || self.rest.starts_with("{%") || self.rest.starts_with("{#") {
                // A mark would keep `{{-` from eating the white space before it.
                if fresh && c == '{' && self.rest.starts_with("{{") && !self.rest.starts_with("{{-") {
                    self.put_mark();
                }
                self.tag();
                fresh = true;
                continue;
            }
            if fresh && !c.is_whitespace() {
                self.put_mark();
                fresh = false;
            }
            self.copy(c.len_utf8());
            fresh |= c == '\n';
        }
    }

    fn put_mark(&mut self) {
        let mark = char::from_u32(FIRST_MARK + self.positions.len() as u32).filter(|c| is_mark(*c));
        if let (Some(mark), 0) = (mark, self.captured) {
            self.positions.push((self.line, self.column));
            self.out.push(mark);
        }
    }

    /// Copies a whole tag; of a raw block all of it, up to its end tag.
    fn tag(&mut self) {
        let end = tag_end(self.rest);
        let inner = self.rest[2..end].trim_start_matches(['-', '+']).trim_start();
        let mut words = inner.split(|c: char| c.is_whitespace() || "-+%(".contains(c));
        let word = if self.rest.starts_with("{%") {
            words.next().unwrap_or_default()
        } else {
            ""
        };
        match word {
            "raw" => {
                let close = self.rest[end..]
                    .find("endraw")
                    .map_or(self.rest.len(), |at| end + at);
                let tag = self.rest[..close].rfind("{%").unwrap_or(end).max(end);
                self.copy(tag);
                return;
            }
            "set" if !inner.contains('=') => self.captured += 1,
            "macro" | "filter" | "call" => self.captured += 1,
            "endset" | "endmacro" | "endfilter" | "endcall" => {
                self.captured = self.captured.saturating_sub(1);
            }
            _ => {}
        }
        self.copy(end);
    }

    fn copy(&mut self, bytes: usize) {
        let (part, rest) = self.rest.split_at(bytes);
        for c in part.chars() {
            (self.line, self.column) = if c == '\n' {
                (self.line + 1, 1)
            } else {
                (self.line, self.column + 1)
            };
        }
        self.out.push_str(part);
        self.rest = rest;
    }
}

/// The length of the tag that `text` begins with; a closing mark inside quotes does not count.
fn tag_end(text: &str) -> usize {
    let close = match &text[..2] {
        "{{" => "}}",
        "{%" => "%}",
        _ => return text.find("#}").map_or(text.len(), |at| at + 2),
    };
    let mut quote = None;
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if text[index..].starts_with(close) => return index + 2,
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
        }
    }
    text.len()
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
