//! Answers files: flags of `irs virsh` that stand in a file, ours (YAML) or infrared's (INI).
//!
//! Precedence is settled here and nowhere else: the command line wins over the file, the file over the environment,
//! the environment over defaults. What the file says is put on the command line, for the flags that are not there.

mod check;
mod ini;
mod read;
mod write;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::Cli;
use crate::yaml::Problems;

pub use write::{Answers, write};

/// The command whose flags a file may say.
const COMMAND: &str = "virsh";
/// Flags that take something away; with one of them the file's nodes are not asked for.
const REMOVALS: &[&str] = &["cleanup", "kill", "remove_nodes"];
/// Flags that ask for nodes, by clap's ids.
const MAKES: &[&str] = &["topology_nodes", "topology_extend"];
/// Flags that say the same in two ways: the one from the better source counts.
const RIVALS: [(&str, &str); 2] = [
    ("topology_network", "topology_net_url"),
    ("topology_net_url", "topology_network"),
];

/// A parsed command line.
#[derive(Debug)]
pub struct Settled {
    /// What all sources say together.
    pub cli: Cli,
    /// The same, flag by flag, as it can be written into a file; empty for other commands.
    pub answers: Answers,
    /// What the user should know: lines of the file that have no effect.
    pub notes: Vec<String>,
}

/// Why there is no command line.
#[derive(Debug)]
pub enum Refusal {
    /// clap refuses it, or shows help or the version.
    Usage(clap::Error),
    /// The file is wrong.
    File(Problems),
}

/// Parses a command line, the files that it names, and the environment.
///
/// # Errors
/// clap's refusal; everything that is wrong with the files, with its places.
pub fn settle(arguments: Vec<OsString>) -> Result<Settled, Refusal> {
    let command = command();
    let said = parse(&command, &arguments)?;
    let mut notes = Vec::new();
    let mut words = Vec::new();
    if let Some(flags) = said.subcommand_matches(COMMAND) {
        let mut built = command.clone();
        built.build();
        let known = built.find_subcommand(COMMAND).cloned().unwrap_or_default();
        let paths = flags.get_many::<PathBuf>("from_file").into_iter().flatten();
        let mut problems = Problems::default();
        let mut entries = Vec::new();
        for path in paths {
            entries.extend(read::read(path, &mut problems));
        }
        let checked = check::Checker {
            command: &command,
            known: &known,
        };
        let answered = checked.all(&entries, &mut problems, &mut notes);
        if !problems.is_empty() {
            return Err(Refusal::File(problems));
        }
        let removes = REMOVALS.iter().any(|id| is_asked(flags, id));
        for (id, answer) in answered {
            let source = |id: &str| flags.value_source(id);
            let is_said = source(&id) == Some(ValueSource::CommandLine);
            let rival = RIVALS.iter().find(|(one, _)| *one == id);
            let is_rivaled = rival.is_some_and(|(_, other)| source(other) == Some(ValueSource::CommandLine));
            // Of variables both count, the command line's last.
            let yields =
                is_rivaled || (is_said && id != "extra_vars") || (removes && MAKES.contains(&id.as_str()));
            if !yields {
                words.extend(answer);
            }
        }
    }
    let mut arguments = arguments;
    // The command's own word: nothing before it takes a value of that name.
    if let Some(at) = arguments.iter().position(|word| word == COMMAND) {
        arguments.splice(at + 1..at + 1, words);
    }
    let said = parse(&command, &arguments)?;
    let mut cli = Cli::from_arg_matches(&said).map_err(Refusal::Usage)?;
    let mut answers = Answers::default();
    if let (Some(flags), crate::cli::Command::Virsh(virsh)) =
        (said.subcommand_matches(COMMAND), &mut cli.command)
    {
        answers = Answers::of(&command, flags);
        let removes = REMOVALS.iter().any(|id| is_asked(flags, id));
        let silent = |id: &str| removes && flags.value_source(id) == Some(ValueSource::EnvVariable);
        for (one, other) in RIVALS {
            let is_env = |id: &str| flags.value_source(id) == Some(ValueSource::EnvVariable);
            if is_env(one) && flags.contains_id(other) && !is_env(other) {
                let value = match one {
                    "topology_network" => &mut virsh.topology.topology_network,
                    _ => &mut virsh.topology.topology_net_url,
                };
                *value = None;
                answers.forget(&one.replace('_', "-"));
            }
        }
        if silent("topology_nodes") {
            virsh.topology.topology_nodes.clear();
            answers.forget("topology-nodes");
        }
        if silent("topology_extend") {
            virsh.topology.topology_extend = false;
            answers.forget("topology-extend");
        }
    }
    Ok(Settled { cli, answers, notes })
}

/// The command line's grammar; variables of the environment that are empty do not count as said.
fn command() -> Command {
    without_empty_variables(Cli::command())
}

fn without_empty_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let empty = arg
            .get_env()
            .and_then(std::env::var_os)
            .is_some_and(|value| value.is_empty());
        match empty {
            true => arg.env(None::<&'static str>),
            false => arg,
        }
    });
    command.mut_subcommands(without_empty_variables)
}

fn parse(command: &Command, arguments: &[OsString]) -> Result<ArgMatches, Refusal> {
    command
        .clone()
        .try_get_matches_from(arguments)
        .map_err(Refusal::Usage)
}

/// Whether a flag of removal is on.
fn is_asked(flags: &ArgMatches, id: &str) -> bool {
    match id {
        "remove_nodes" => flags.get_many::<String>(id).is_some_and(|nodes| nodes.len() > 0),
        _ => flags.get_one::<bool>(id).copied().unwrap_or(false),
    }
}
