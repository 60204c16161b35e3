//! Answers become words of a command line, each checked by itself, so that all mistakes are told with their places.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};

use crate::cli::usage;
use crate::error::Report;
use crate::yaml::{Problems, Tree, Value, nearest, shown};

use super::COMMAND;
use super::read::Entry;

/// Flags about files themselves, which mean nothing in a file.
const NOT_IN_FILES: &[&str] = &["from-file", "generate-answers-file", "output", "help", "version"];
/// Flags of infrared's that irs does not have; their values in a generated file say "no".
const INFRAREDS: &[&str] = &[
    "ansible-args",
    "bgp-topology-mode",
    "debug",
    "inventory",
    "virsh-snapshot-cleanup",
    "virsh-snapshot-container",
    "virsh-snapshot-create",
    "virsh-snapshot-download",
    "virsh-snapshot-export",
    "virsh-snapshot-import",
    "virsh-snapshot-name",
    "virsh-snapshot-path",
    "virsh-snapshot-quiesce",
    "virsh-snapshot-restore",
    "virsh-snapshot-servers",
    "virsh-snapshot-upload",
];
/// What infrared writes for flags that nobody has said.
const DEFAULTS: &[&str] = &["", "False", "false", "None", "no", "0", ".*", "root", "ssh"];

/// After how many problems no further answer is looked at.
const MAX_PROBLEMS: usize = 200;
/// How many values of one flag are refused one by one.
const MAX_REFUSED: usize = 20;

/// Knows the flags.
pub(super) struct Checker<'a> {
    /// The whole command line.
    pub(super) command: &'a Command,
    /// Our command, built: with the flags of every command.
    pub(super) known: &'a Command,
}

impl Checker<'_> {
    /// The words for each answer, by the flag's id; later answers come last.
    pub(super) fn all(
        &self,
        entries: &[Entry],
        problems: &mut Problems,
        notes: &mut Vec<String>,
    ) -> Vec<(String, Vec<OsString>)> {
        let mut answers: Vec<(String, Vec<OsString>)> = Vec::new();
        for entry in entries {
            // To look for what was meant takes time, and nobody reads on.
            if problems.len() > MAX_PROBLEMS {
                break;
            }
            let Some(arg) = self.flag(entry, problems, notes) else {
                continue;
            };
            let words = self.words(entry, arg, problems);
            let id = arg.get_id().to_string();
            // A later file has the last word, as a later flag has.
            if id != "extra_vars" {
                answers.retain(|(known, _)| *known != id);
            }
            answers.push((id, words));
        }
        answers
    }

    /// The flag that an answer is for; what has none is a problem, or a note.
    fn flag(&self, entry: &Entry, problems: &mut Problems, notes: &mut Vec<String>) -> Option<&Arg> {
        let name = entry.key.name.as_str();
        let place = &entry.key.place;
        if NOT_IN_FILES.contains(&name) {
            notes.push(format!("{place}: '{name}' has no effect in an answers file"));
            return None;
        }
        let flags = || self.known.get_arguments().filter(|arg| !arg.is_positional());
        let is_named = |arg: &&Arg| {
            arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|names| names.contains(&name))
        };
        if let Some(arg) = flags().find(is_named) {
            return Some(arg);
        }
        if INFRAREDS.contains(&name) {
            let harmless = match &entry.value.value {
                Value::Null | Value::Broken => true,
                Value::Scalar { text, .. } => DEFAULTS.contains(&text.as_str()),
                _ => false,
            };
            if harmless {
                return None;
            }
            problems
                .push(
                    place.clone(),
                    format!("infrared's flag '{name}' is not supported yet"),
                )
                .hint("leave it out, or unset");
            return None;
        }
        let names = flags()
            .filter_map(Arg::get_long)
            .filter(|long| !NOT_IN_FILES.contains(long));
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("keys are the long flags of 'irs {COMMAND} --help' without their dashes"),
        };
        problems
            .push(place.clone(), format!("the key '{}' is not known", shown(name)))
            .hint(hint);
        None
    }

    /// `--flag=value` for each value.
    fn words(&self, entry: &Entry, arg: &Arg, problems: &mut Problems) -> Vec<OsString> {
        let long = arg.get_long().unwrap_or_default();
        let what = format!("'{}'", entry.key.name);
        let before = problems.len();
        let values: Vec<(&Tree, String)> = match &entry.value.value {
            Value::Null | Value::Broken => Vec::new(),
            Value::Scalar { text, .. } if text.is_empty() => Vec::new(),
            // infrared's default of values that are no booleans.
            Value::Scalar { text, .. } if entry.is_ini && text == "False" && !is_boolean(arg) => Vec::new(),
            Value::Scalar { text, .. } => vec![(&entry.value, text.clone())],
            Value::Seq(items) if takes_many(arg) => items
                .iter()
                .filter_map(|item| Some((item, one(item, &what, problems)?)))
                .collect(),
            Value::Map(entries) if long == "topology-nodes" => entries
                .iter()
                .filter_map(|(key, count)| {
                    Some((count, format!("{}:{}", key.name, one(count, &what, problems)?)))
                })
                .collect(),
            Value::Map(_) if long == "extra-vars" => vec![(&entry.value, flow(&entry.value))],
            _ => {
                problems
                    .push(
                        entry.value.place.clone(),
                        format!("{what} must be a single value, not {}", entry.value.kind()),
                    )
                    .hint(format!("write it as after --{long}"));
                Vec::new()
            }
        };
        let values: Vec<(&Tree, Vec<OsString>)> = values
            .into_iter()
            .map(|(tree, value)| (tree, word(tree, arg, &value, problems)))
            .collect();
        let words: Vec<OsString> = values.iter().flat_map(|(_, words)| words.clone()).collect();
        if self.refused(&words).is_some() {
            let refused = values
                .iter()
                .filter_map(|(tree, words)| Some((tree, self.refused(words)?)));
            for (tree, report) in refused.take(MAX_REFUSED) {
                problems
                    .push(tree.place.clone(), report.message)
                    .hint(report.hint.unwrap_or_default());
            }
        }
        if problems.len() > before {
            Vec::new()
        } else {
            words
        }
    }

    /// What clap says against the words.
    fn refused(&self, words: &[OsString]) -> Option<Report> {
        let line = ["irs".into(), COMMAND.into()]
            .into_iter()
            .chain(words.iter().cloned());
        let error = self.command.clone().try_get_matches_from(line).err()?;
        Some(usage::report(&error))
    }
}

/// A value as it stands on a command line.
fn word(tree: &Tree, arg: &Arg, value: &str, problems: &mut Problems) -> Vec<OsString> {
    let long = arg.get_long().unwrap_or_default();
    let what = format!("'{long}'");
    let words = match arg.get_action() {
        ArgAction::SetTrue if !arg.get_num_args().is_some_and(|count| count.takes_values()) => {
            match tree.boolean(&what, problems) {
                Some(true) => vec![format!("--{long}")],
                _ => Vec::new(),
            }
        }
        ArgAction::Count => {
            let count = tree.integer(&what, 0..=9, problems).unwrap_or_default();
            vec![format!("--{long}"); count as usize]
        }
        _ if is_boolean(arg) && tree.boolean(&what, problems).is_none() => Vec::new(),
        _ => vec![format!("--{long}={}", at_home(arg, value))],
    };
    words.into_iter().map(OsString::from).collect()
}

/// Whether a flag may be said more than once, or with commas.
fn takes_many(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

fn is_boolean(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<bool>()
}

/// No shell has seen the value: `~/` is the home folder where a path is wanted.
fn at_home(arg: &Arg, value: &str) -> String {
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    match (value.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) if is_path => home.join(rest).display().to_string(),
        _ => value.to_owned(),
    }
}

fn one(tree: &Tree, what: &str, problems: &mut Problems) -> Option<String> {
    tree.string(&format!("a value of {what}"), problems)
}

/// A mapping as `-e` takes it, in one line; what is not quoted stays so, and may be a number or a boolean.
fn flow(tree: &Tree) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    match &tree.value {
        Value::Null | Value::Broken => "null".to_owned(),
        Value::Scalar { text, quoted: false }
            if text.starts_with(char::is_alphanumeric) && text.chars().all(is_plain) =>
        {
            text.clone()
        }
        Value::Scalar { text, .. } => quoted(text),
        Value::Seq(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let pairs = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(&key.name), flow(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}
