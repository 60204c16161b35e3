//! `irs topology show`: one file as irs reads it.

use crate::cli::format::Form;
use crate::cli::topology::{FileKind, Show};
use crate::error::{Exit, Fault};
use crate::topology::commented;
use crate::topology::files::{self, Kind};
use crate::topology::single::{Reader, Single};
use crate::ui::Ui;
use crate::yaml::{Problems, Tree, Value, nearest};
use anyhow::{Result, bail};
use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};
use std::path::Path;

/// One file, in the shape of `--format json`.
#[derive(Serialize)]
struct Shown<'a> {
    /// `node` or `network`.
    kind: &'static str,
    /// Its name on the command line.
    name: &'a str,
    /// What it is for: the first comment of the file.
    purpose: Option<&'a str>,
    /// Where it is: a path, or `built-in:` and one.
    source: &'a str,
    /// The file itself, rendered and overridden.
    file: Words<'a>,
}

/// Runs `irs topology show`.
///
/// # Errors
/// A name that is none or is two, and everything that is wrong with the file.
pub fn run(args: &Show, ui: &Ui) -> Result<()> {
    let dirs = &args.files.topology_dir;
    let mut types = files::names_of(Kind::Nodes, dirs);
    types.extend(
        Path::new(&args.name)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .map(str::to_owned),
    );
    let (request, variables) = super::request(&args.files, types).map_err(Problems::into_fault)?;
    let reader = Reader::new(&request, &variables).map_err(Problems::into_fault)?;
    let file = match args.name.contains('/') || files::has_ending(Path::new(&args.name)) {
        true => reader.at(Path::new(&args.name)),
        false => reader.named(kind(args)?, &args.name),
    };
    let file = file.map_err(Problems::into_fault)?;
    if Words(file.tree()).mention(super::MIRROR) {
        ui.note(&format!(
            "note: no image mirror is named, {} stands in for it: --image-mirror-url URL",
            super::MIRROR
        ));
    }
    for note in &file.notes {
        ui.note(&format!("note: {note}"));
    }
    match args.format {
        Form::Json => ui.json(&shown(&file)),
        _ => {
            ui.result(&commented::render(&file));
            Ok(())
        }
    }
}

/// Which kind of file the name is of.
fn kind(args: &Show) -> Result<Kind> {
    match args.kind {
        Some(FileKind::Node) => return Ok(Kind::Nodes),
        Some(FileKind::Network) => return Ok(Kind::Network),
        None => {}
    }
    let [nodes, networks] =
        [Kind::Nodes, Kind::Network].map(|kind| files::names_of(kind, &args.files.topology_dir));
    let name = &args.name;
    Ok(
        match (
            nodes.contains(name),
            networks.contains(name) || files::is_alias(name),
        ) {
            (true, false) => Kind::Nodes,
            (false, true) => Kind::Network,
            (true, true) => bail!(
                Fault::new(Exit::Usage, format!("'{name}' is a node type and a network file"))
                    .hint("say which one: --kind node, or --kind network")
            ),
            (false, false) => {
                let all = nodes.iter().chain(&networks).map(String::as_str);
                let hint = match nearest(name, all) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => "'irs topology list' shows all".to_owned(),
                };
                bail!(
                    Fault::new(
                        Exit::Usage,
                        format!(
                            "no node type and no network file is called '{}'",
                            name.escape_debug()
                        )
                    )
                    .hint(hint)
                )
            }
        },
    )
}

fn shown(file: &Single) -> Shown<'_> {
    Shown {
        kind: super::word(file.kind()),
        name: &file.name,
        purpose: file.purpose.as_deref(),
        source: &file.label,
        file: Words(file.tree()),
    }
}

/// A file's words, in its order: numbers and booleans are those of YAML 1.1 where they are not quoted.
struct Words<'a>(&'a Tree);

impl Words<'_> {
    /// Whether any text begins with `start`.
    fn mention(&self, start: &str) -> bool {
        match &self.0.value {
            Value::Null | Value::Broken => false,
            Value::Scalar { text, .. } => text.starts_with(start),
            Value::Seq(items) => items.iter().any(|item| Words(item).mention(start)),
            Value::Map(entries) => entries.iter().any(|(_, value)| Words(value).mention(start)),
        }
    }
}

impl Serialize for Words<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            Value::Null | Value::Broken => serializer.serialize_unit(),
            Value::Scalar { text, quoted: true } => serializer.serialize_str(text),
            Value::Scalar { text, quoted: false } => {
                match (text.parse::<u64>(), text.to_ascii_lowercase().as_str()) {
                    // What YAML takes for octal stays text.
                    (Ok(number), _) if number.to_string() == *text => serializer.serialize_u64(number),
                    (_, "yes" | "true" | "on") => serializer.serialize_bool(true),
                    (_, "no" | "false" | "off") => serializer.serialize_bool(false),
                    _ => serializer.serialize_str(text),
                }
            }
            Value::Seq(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&Words(item))?;
                }
                seq.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&key.name, &Words(value))?;
                }
                map.end()
            }
        }
    }
}
