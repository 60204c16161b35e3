//! Answers files: flags of `irs virsh`, and of what shows beforehand what it would make, that stand in a file, ours (YAML) or infrared's (INI).
//!
//! Precedence is settled here and nowhere else: the command line wins over the file, the file over the environment,
//! the environment over defaults. What the file says is put on the command line, for the flags that are not there.

mod check;
mod exposed;
mod ini;
mod read;
mod write;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::virsh::TopologyFlags;
use crate::cli::{Cli, handed, hypervisor, topology};
use crate::yaml::Problems;

pub use write::{Answers, write};

/// The command whose flags a file may say.
const COMMAND: &str = "virsh";
/// The commands that read such files; those without a hypervisor pass over the flags that they do not have.
const READERS: [&[&str]; 4] = [
    &[COMMAND],
    &["topology", "render"],
    &["topology", "graph"],
    &["hypervisor", "check"],
];
/// Flags that take something away; with one of them the file's nodes are not asked for.
const REMOVALS: &[&str] = &["cleanup", "kill", "remove_nodes"];
/// Flags that ask for nodes, or for something of them, by clap's ids.
const MAKES: &[&str] = &["topology_nodes", "topology_extend", "restart"];
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
    let mut command = command();
    if arguments.iter().any(|argument| argument == "--version") {
        command = command.long_version(crate::version::long());
    }
    let mut arguments = handed::arrange(arguments);
    let said = parse(&command, &arguments)?;
    let mut notes = exposed::notes(innermost(&said));
    if let Some((path, flags)) = reader(&said) {
        let words = from_files(&command, path, flags, &mut notes)?;
        arguments.splice(after(&arguments, path), words);
    }
    let said = parse(&command, &arguments)?;
    let mut cli = Cli::from_arg_matches(&said).map_err(Refusal::Usage)?;
    loudness(&command, &said, &mut cli)?;
    let mut answers = Answers::default();
    if let Some((_, flags)) = reader(&said) {
        if matches!(cli.command, crate::cli::Command::Virsh(_)) {
            answers = Answers::of(&command, flags);
        }
        yield_variables(&mut cli, &mut answers, flags);
    }
    Ok(Settled { cli, answers, notes })
}

/// The command that was given, when it reads files: the words that name it, and its flags.
fn reader(said: &ArgMatches) -> Option<(&'static [&'static str], &ArgMatches)> {
    READERS.iter().find_map(|path| {
        let flags = path
            .iter()
            .try_fold(said, |said, word| said.subcommand_matches(word))?;
        Some((*path, flags))
    })
}

/// The flags of the command that was given, below all that lead to it.
fn innermost(said: &ArgMatches) -> &ArgMatches {
    said.subcommand().map_or(said, |(_, below)| innermost(below))
}

/// Where the flags of a command begin: nothing before its own words takes a value of their names.
fn after(arguments: &[OsString], path: &[&str]) -> std::ops::Range<usize> {
    let mut words = path.iter().peekable();
    let position = arguments.iter().position(|argument| {
        words.next_if(|word| argument == **word);
        words.peek().is_none()
    });
    let at = position.map_or(arguments.len(), |position| position + 1);
    at..at
}

/// The words of the files that the flags name, without what the command line says better and the command does not know.
fn from_files(
    command: &Command,
    path: &[&str],
    flags: &ArgMatches,
    notes: &mut Vec<String>,
) -> Result<Vec<OsString>, Refusal> {
    let is_ours = path == [COMMAND];
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
        command,
        known: &known,
    };
    let answered = checked.all(&entries, &mut problems, notes);
    if !problems.is_empty() {
        return Err(Refusal::File(problems));
    }
    // A form of results is that of one command alone.
    let is_taken = |id: &str| flags.try_contains_id(id).is_ok() && (is_ours || id != "format");
    let is_said = |id: &str| is_taken(id) && flags.value_source(id) == Some(ValueSource::CommandLine);
    let removes = REMOVALS.iter().any(|id| is_asked(flags, id));
    let yields = |id: &str| {
        let rival = RIVALS.iter().find(|(one, _)| *one == id);
        let is_rivaled = rival.is_some_and(|(_, other)| is_said(other));
        // Of variables both count, the command line's last.
        is_rivaled || (is_said(id) && id != "extra_vars") || (removes && MAKES.contains(&id))
    };
    let words = answered.into_iter().filter(|(id, _)| is_taken(id) && !yields(id));
    Ok(words.flat_map(|(_, words)| words).collect())
}

/// Takes back what variables of the environment say, where a better source says the same in another way.
fn yield_variables(cli: &mut Cli, answers: &mut Answers, flags: &ArgMatches) {
    let Some(wanted) = topology_flags(cli) else {
        return;
    };
    let is_env = |id: &str| flags.value_source(id) == Some(ValueSource::EnvVariable);
    for (one, other) in RIVALS {
        if is_env(one) && flags.contains_id(other) && !is_env(other) {
            let value = match one {
                "topology_network" => &mut wanted.topology_network,
                _ => &mut wanted.topology_net_url,
            };
            *value = None;
            answers.forget(&one.replace('_', "-"));
        }
    }
    if !REMOVALS.iter().any(|id| is_asked(flags, id)) {
        return;
    }
    if is_env("topology_nodes") {
        wanted.topology_nodes.clear();
        answers.forget("topology-nodes");
    }
    if is_env("topology_extend") {
        wanted.topology_extend = false;
        answers.forget("topology-extend");
    }
    if let crate::cli::Command::Virsh(args) = &mut cli.command
        && is_env("restart")
    {
        args.run.restart = false;
        answers.forget("restart");
    }
}

/// Of `--quiet` and `--verbose` the command line's counts; both there are refused.
fn loudness(command: &Command, said: &ArgMatches, cli: &mut Cli) -> Result<(), Refusal> {
    if !cli.common.quiet || cli.common.verbose == 0 {
        return Ok(());
    }
    let is_said = |id: &str| said.value_source(id) == Some(ValueSource::CommandLine);
    match (is_said("quiet"), is_said("verbose")) {
        (true, true) => {
            let message = "the argument '--quiet' cannot be used with '--verbose'";
            let error = command.clone().error(ErrorKind::ArgumentConflict, message);
            return Err(Refusal::Usage(error));
        }
        (false, _) => cli.common.quiet = false,
        (true, false) => cli.common.verbose = 0,
    }
    Ok(())
}

fn topology_flags(cli: &mut Cli) -> Option<&mut TopologyFlags> {
    match &mut cli.command {
        crate::cli::Command::Virsh(args) => Some(&mut args.topology),
        crate::cli::Command::Topology(args) => match &mut args.command {
            topology::Command::Render(args) => Some(&mut args.drawn.draft.topology),
            topology::Command::Graph(args) => Some(&mut args.drawn.draft.topology),
            _ => None,
        },
        crate::cli::Command::Hypervisor(args) => match &mut args.command {
            hypervisor::Command::Check(args) => Some(&mut args.draft.topology),
            hypervisor::Command::Prepare(_) => None,
        },
        _ => None,
    }
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

/// The grammar without the environment.
pub fn without_variables(command: Command) -> Command {
    command
        .mut_args(|arg| arg.env(None::<&'static str>))
        .mut_subcommands(without_variables)
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
        "remove_nodes" => flags
            .try_get_many::<String>(id)
            .is_ok_and(|nodes| nodes.is_some_and(|nodes| nodes.len() > 0)),
        _ => flags.try_get_one::<bool>(id).is_ok_and(|on| on == Some(&true)),
    }
}
