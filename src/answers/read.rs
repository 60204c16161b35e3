//! Reads an answers file into its keys and values, whatever its form.

use std::path::Path;

use crate::topology::files;
use crate::yaml::{Key, Place, Problems, Source, Tree, Value, parse};

use super::{COMMAND, ini};

/// One answer of a file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The flag's long name, and where it stands.
    pub(super) key: Key,
    /// What it says.
    pub(super) value: Tree,
    /// Whether the file is infrared's, in which `False` and nothing stand for "not said".
    pub(super) is_ini: bool,
}

/// Reads the file; one whose first line in use is a section is infrared's.
pub(super) fn read(path: &Path, problems: &mut Problems) -> Vec<Entry> {
    let Some(source) = files::read(path, problems) else {
        return Vec::new();
    };
    let first = source
        .text()
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let is_ini =
        first.is_some_and(|line| line.starts_with('[') && line.ends_with(']') && !line.contains(','));
    if is_ini {
        ini::read(&source, problems)
    } else {
        yaml(&source, problems)
    }
}

/// A mapping of flags, or such a mapping under the name of the command.
fn yaml(source: &Source, problems: &mut Problems) -> Vec<Entry> {
    let Some(tree) = parse(source, problems) else {
        return Vec::new();
    };
    let place = tree.place.clone();
    let inner = match tree.value {
        Value::Map(mut entries) if entries.len() == 1 && entries[0].0.name == COMMAND => entries.remove(0).1,
        value => Tree { place, value },
    };
    match inner.value {
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| Entry {
                key,
                value,
                is_ini: false,
            })
            .collect(),
        Value::Null | Value::Broken => Vec::new(),
        _ => {
            let message = format!("an answers file must be a mapping, not {}", inner.kind());
            problems
                .push(inner.place, message)
                .hint("its keys are the long flags: topology-nodes: undercloud:1,controller:3");
            Vec::new()
        }
    }
}

/// A line of the file.
pub(super) fn line(source: &Source, line: usize, column: usize) -> Place {
    Place {
        file: source.file.clone(),
        line,
        column,
    }
}
