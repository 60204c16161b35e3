//! Writes answers files: what a run was told, or everything that could be said.

use std::any::TypeId;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::StyledStr;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_yaml::{Mapping, Value};

use crate::error::{Exit, Fault};
use crate::url;
use crate::workspace::atomic;

use super::COMMAND;

/// Flags about one run alone, not about what there shall be.
const OF_A_RUN: &[&str] = &[
    "dry-run",
    "forget-host",
    "format",
    "from-file",
    "generate-answers-file",
    "help",
    "output",
    "quiet",
    "verbose",
    "version",
    "yes",
];
/// What generated files show as an example, for what must be said.
const EXAMPLES: &[(&str, &str)] = &[("topology-nodes", "undercloud:1,controller:1,compute:1")];
/// The flags under this heading are said by nobody else than the user.
const REMOVAL: &str = "Removal";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How wide comments are.
const WIDTH: usize = 100;

/// The flags of a run with their values.
#[derive(Clone, Debug, std::default::Default)]
pub struct Answers(Vec<Answer>);

/// A flag.
#[derive(Clone, Debug)]
struct Answer {
    /// Its long name, the key.
    key: String,
    heading: String,
    help: String,
    /// What stands for its value in the help.
    placeholder: String,
    kind: Kind,
    /// Its values; none when nobody says any.
    values: Vec<String>,
    /// Whether somebody says them, on the command line, in a file or in the environment.
    said: bool,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Number,
    Text,
    /// Values that a comma separates.
    Commas,
    /// A list.
    List,
    /// What no file may hold.
    Secret,
}

impl Answers {
    /// The flags as they were parsed.
    pub(super) fn of(command: &Command, flags: &ArgMatches) -> Answers {
        let mut command = command.clone();
        command.build();
        let ours = command.find_subcommand(COMMAND);
        let args = ours.into_iter().flat_map(Command::get_arguments);
        Answers(args.filter_map(|arg| answer(arg, flags)).collect())
    }

    /// Says a flag's value, where the run knows it and nobody had to say it.
    pub fn resolve(&mut self, key: &str, value: Option<&str>) {
        let answer = self.0.iter_mut().find(|answer| answer.key == key);
        if let (Some(answer), Some(value)) = (answer, value) {
            answer.values = vec![value.to_owned()];
            answer.said = true;
        }
    }

    /// Takes back what was said of a flag.
    pub(super) fn forget(&mut self, key: &str) {
        for answer in self.0.iter_mut().filter(|answer| answer.key == key) {
            answer.values.clear();
            answer.said = false;
        }
    }

    /// What this run was told, as `--from-file` reads it; without secrets.
    pub fn resolved(&self) -> Result<String> {
        let mut text = header(&format!("What irs {VERSION} was told"));
        for answer in &self.0 {
            if answer.is_secret() {
                if answer.said {
                    let _ = writeln!(text, "# {}: a secret, not written", answer.key);
                }
            } else if let Some(value) = answer
                .value()
                .filter(|_| answer.said || answer.heading != REMOVAL)
            {
                text.push_str(&pair(&answer.key, value)?);
            }
        }
        Ok(text)
    }

    /// Every flag with its help; those without a value are comments.
    pub fn generated(&self) -> Result<String> {
        let mut text = header(&format!("Answers for irs {VERSION}"));
        let mut heading = "";
        for answer in &self.0 {
            if answer.heading != heading {
                heading = &answer.heading;
                let _ = write!(text, "\n# ── {heading}\n");
            }
            text.push('\n');
            for line in wrapped(&answer.help) {
                let _ = writeln!(text, "# {line}");
            }
            let is_open = !answer.is_secret() && (answer.said || answer.heading != REMOVAL);
            match answer.value().filter(|_| is_open) {
                Some(value) => text.push_str(&pair(&answer.key, value)?),
                None => {
                    let example = EXAMPLES.iter().find(|(key, _)| *key == answer.key);
                    let example = example.map_or(answer.placeholder.as_str(), |(_, example)| example);
                    let _ = writeln!(text, "# {}: {example}", answer.key);
                }
            }
        }
        Ok(text)
    }
}

impl Answer {
    /// Whether it is a password, or a URL with one in it.
    fn is_secret(&self) -> bool {
        self.kind == Kind::Secret || self.values.iter().any(|value| url::has_secret(value))
    }

    fn value(&self) -> Option<Value> {
        let first = self.values.first().filter(|value| !value.is_empty())?;
        let text = || Value::String(first.clone());
        Some(match self.kind {
            Kind::Boolean => match first.to_ascii_lowercase().as_str() {
                "yes" | "true" | "on" | "1" | "y" => Value::Bool(true),
                _ => Value::Bool(false),
            },
            Kind::Number => first.parse::<u64>().map_or_else(|_| text(), Value::from),
            Kind::Commas => Value::String(self.values.join(",")),
            Kind::List => self
                .values
                .iter()
                .map(|value| Value::String(value.clone()))
                .collect(),
            Kind::Text | Kind::Secret => text(),
        })
    }
}

fn answer(arg: &Arg, flags: &ArgMatches) -> Option<Answer> {
    let key = arg.get_long().filter(|long| !OF_A_RUN.contains(long))?;
    let id = arg.get_id().as_str();
    let values = flags.get_raw(id).into_iter().flatten();
    let source = flags.value_source(id);
    let is = |id| arg.get_value_parser().type_id() == id;
    let numbers = [
        TypeId::of::<u8>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
    ];
    let kind = if ["password", "secret", "token"]
        .iter()
        .any(|word| key.contains(word) && !key.ends_with("-file"))
    {
        Kind::Secret
    } else if is(TypeId::of::<bool>()) {
        Kind::Boolean
    } else if numbers.into_iter().any(is) {
        Kind::Number
    } else if arg.get_value_delimiter().is_some() {
        Kind::Commas
    } else if matches!(arg.get_action(), ArgAction::Append) {
        Kind::List
    } else {
        Kind::Text
    };
    let names = arg.get_value_names().unwrap_or_default();
    let mut help = arg.get_help().map(StyledStr::to_string).unwrap_or_default();
    let words: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    if !words.is_empty() && kind != Kind::Boolean {
        let _ = write!(help, "; one of {}", words.join(", "));
    }
    Some(Answer {
        key: key.to_owned(),
        heading: arg.get_help_heading().unwrap_or("Others").to_owned(),
        help,
        placeholder: names.first().map_or_else(String::new, |name| name.to_string()),
        kind,
        values: values.map(|value| value.to_string_lossy().into_owned()).collect(),
        said: source.is_some_and(|source| source != ValueSource::DefaultValue),
    })
}

fn header(what: &str) -> String {
    format!(
        "# {what}, for `irs {COMMAND} --from-file FILE`.\n\
         # The keys are the long flags; the command line wins over them, and they win over the environment.\n"
    )
}

fn pair(key: &str, value: Value) -> Result<String> {
    let mapping = Mapping::from_iter([(Value::String(key.to_owned()), value)]);
    serde_yaml::to_string(&mapping).with_context(|| format!("writing '{key}' as YAML"))
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Writes a file of answers: atomically and for its owner alone. A pipe or a terminal is written to as it is.
///
/// # Errors
/// The path is a folder, or cannot be written.
pub fn write(flag: &str, path: &Path, text: &str) -> Result<()> {
    let fault = || {
        Fault::new(
            Exit::Usage,
            format!("{flag} '{}' cannot be written", path.display()),
        )
        .hint("it takes the path of a file in a folder that is there")
    };
    let is_stream = |kind: std::fs::FileType| !kind.is_file() && !kind.is_dir();
    // What is no plain file must not be replaced by one: /dev/stdout is a link to where output goes.
    let found = std::fs::metadata(path).map(|found| found.file_type());
    let result = match found {
        Ok(kind) if is_stream(kind) => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut stream| stream.write_all(text.as_bytes()))
            .map_err(anyhow::Error::new),
        Ok(kind) if kind.is_dir() => Err(anyhow::anyhow!("it is a folder")),
        _ => atomic::write_if_changed(path, text.as_bytes(), 0o600).map(|_| ()),
    };
    result.map_err(|error| error.context(fault()))
}
