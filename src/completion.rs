//! How a word of a command line may go on: the shells' scripts of `irs completion` ask it by `irs __complete WORD…`.
//!
//! Only files of this machine are read, so that an answer takes milliseconds and needs no network: nodes, hypervisors
//! and prefixes are those that the workspaces know from their last run.

mod known;

use crate::catalogue::{Catalogue, Entry};
use crate::cli::Cli;
use crate::topology::files::{self, Kind};
use crate::yaml::Problems;
use clap::{Arg, Command, CommandFactory};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter, complete,
};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;

use known::{hosts, nodes, records, short_nodes, workspaces};

/// The hidden word that asks.
const ASKS: &str = "__complete";

/// Answers a shell that asks, on stdout; says whether one did.
pub fn answered(arguments: &[OsString]) -> bool {
    let Some((_, words)) = arguments
        .split_first()
        .and_then(|(_, rest)| rest.split_first())
        .filter(|(first, _)| *first == ASKS)
    else {
        return false;
    };
    let words: Vec<OsString> = words.iter().map(unquoted).collect();
    let mut text = String::new();
    for (value, help) in candidates(&words) {
        text.push_str(&format!("{value}\t{help}\n"));
    }
    // A shell that has gone away is nobody's failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    true
}

/// What the last of these words, after `irs`, may become, each with a few words of help.
pub fn candidates(words: &[OsString]) -> Vec<(String, String)> {
    let said = Said::of(words);
    let mut command = knowing(Cli::command(), &said);
    let mut line = vec![OsString::from("irs")];
    line.extend_from_slice(words);
    let last = line.len() - 1;
    let folder = std::env::current_dir().ok();
    let found = complete(&mut command, line, last, folder.as_deref()).unwrap_or_default();
    let current = words.last().map(|word| word.to_string_lossy().into_owned());
    let is_flag = current.as_deref().is_some_and(|word| word.starts_with('-'));
    let harmless = |text: &str| !text.contains(char::is_control);
    found
        .iter()
        // Flags only for who has begun one, where there is anything else.
        .filter(|one| {
            is_flag || !one.get_value().to_string_lossy().starts_with('-') || found.iter().all(is_flag_too)
        })
        .map(|one| {
            let help = one.get_help().map(ToString::to_string).unwrap_or_default();
            let help = help.lines().next().unwrap_or_default().to_owned();
            (one.get_value().to_string_lossy().into_owned(), help)
        })
        .filter(|(value, help)| harmless(value) && harmless(help))
        .collect()
}

fn is_flag_too(one: &CompletionCandidate) -> bool {
    one.get_value().to_string_lossy().starts_with('-')
}

/// What the other words of the line say about where names are looked for.
#[derive(Clone, Debug, Default)]
struct Said {
    /// `--topology-dir`.
    folders: Vec<PathBuf>,
    /// `--workspace`.
    workspace: Option<String>,
    /// `--prefix`.
    prefix: Option<String>,
    /// What the list that the last word is has already.
    taken: Vec<String>,
}

impl Said {
    fn of(words: &[OsString]) -> Said {
        let value = |flag: &str| -> Vec<String> {
            let assigned = format!("{flag}=");
            let mut values = Vec::new();
            for (at, word) in words.iter().enumerate() {
                let word = word.to_string_lossy();
                if word == flag && at + 2 < words.len() {
                    values.push(words[at + 1].to_string_lossy().into_owned());
                } else if let Some(value) = word.strip_prefix(&assigned).filter(|_| at + 1 < words.len()) {
                    values.push(value.to_owned());
                }
            }
            values
        };
        let or_variable = |flag: &str, variable: &str| match value(flag) {
            values if values.is_empty() => std::env::var(variable)
                .ok()
                .filter(|value| !value.is_empty())
                .into_iter()
                .collect(),
            values => values,
        };
        Said {
            folders: or_variable("--topology-dir", "IRS_TOPOLOGY_DIR")
                .iter()
                .map(|folder| at_home(folder))
                .collect(),
            workspace: or_variable("--workspace", "IRS_WORKSPACE").pop(),
            prefix: or_variable("--prefix", "IRS_PREFIX").pop(),
            taken: taken(words.last().and_then(|word| word.to_str()).unwrap_or_default()),
        }
    }
}

/// The command line's grammar, with names for each flag that takes some.
fn knowing(command: Command, said: &Said) -> Command {
    let command = command.mut_args(|arg| match names(&arg) {
        Some(names) => {
            let said = said.clone();
            arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                names.beginning(current, &said)
            }))
        }
        None => arg,
    });
    command.mut_subcommands(|sub| knowing(sub, said))
}

/// Kinds of names that irs knows.
#[derive(Clone, Copy, Debug)]
enum Names {
    /// Node types, and how many.
    Counts,
    Networks,
    /// Node types and networks.
    Topology,
    /// Base images of the catalogue.
    Images,
    Workspaces,
    Prefixes,
    Hosts,
    Nodes,
}

/// What a flag takes; of words without a flag the name that the help has for them tells it: `NODE`, `NODE:PORT`, `WORKSPACE`.
fn names(arg: &Arg) -> Option<Names> {
    let value = arg
        .get_value_names()
        .and_then(<[_]>::first)
        .map(|name| name.as_str());
    let Some(flag) = arg.get_long() else {
        let value = value?;
        return match value {
            "NAME|PATH" => Some(Names::Topology),
            _ if value.starts_with("IMAGE") => Some(Names::Images),
            _ if value.starts_with("NODE") => Some(Names::Nodes),
            _ if value.starts_with("WORKSPACE") => Some(Names::Workspaces),
            _ => None,
        };
    };
    Some(match flag {
        "topology-nodes" => Names::Counts,
        "topology-network" => Names::Networks,
        "image-url" => Names::Images,
        "workspace" => Names::Workspaces,
        "name" if value == Some("WORKSPACE") => Names::Workspaces,
        "host" if value == Some("NODE") => Names::Nodes,
        "prefix" => Names::Prefixes,
        "host-address" | "forget-host" => Names::Hosts,
        "remove-nodes" => Names::Nodes,
        _ => return None,
    })
}

impl Names {
    /// The names that begin as the word does.
    fn beginning(self, current: &OsStr, said: &Said) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str() else {
            return Vec::new();
        };
        // Names of images have dots in them.
        let is_path = match self {
            Names::Networks | Names::Topology => current.contains(['/', '.']),
            Names::Images => current.contains('/') || current.starts_with('.'),
            _ => false,
        };
        if is_path {
            return PathCompleter::any().complete(OsStr::new(current));
        }
        let is_meant = |(name, _): &(String, String)| {
            name.starts_with(current) && !said.taken.iter().any(|taken| taken == name.trim_end_matches(':'))
        };
        let mut all: Vec<_> = self.all(said).into_iter().filter(is_meant).collect();
        if all.is_empty() && matches!(self, Names::Nodes) {
            all = short_nodes(said).into_iter().filter(is_meant).collect();
        }
        all.into_iter()
            .map(|(name, help)| CompletionCandidate::new(name).help(Some(help.into())))
            .collect()
    }

    /// All of them, each with a few words about it.
    fn all(self, said: &Said) -> Vec<(String, String)> {
        let files = |kind, what: &str| -> Vec<(String, String)> {
            let all = files::names_of(kind, &said.folders).into_iter();
            all.map(|name| (name, what.to_owned())).collect()
        };
        let alone = |all: BTreeSet<String>| all.into_iter().map(|name| (name, String::new())).collect();
        match self {
            Names::Counts => {
                let types = files(Kind::Nodes, "node type").into_iter();
                types.map(|(name, help)| (name + ":", help)).collect()
            }
            Names::Networks => files(Kind::Network, "networks"),
            Names::Topology => [files(Kind::Nodes, "node type"), files(Kind::Network, "networks")].concat(),
            Names::Images => {
                let catalogue = Catalogue::load(&said.folders, &mut Problems::default());
                let about = |entry: &Entry| entry.about.clone().unwrap_or_default();
                catalogue
                    .iter()
                    .map(|entry| (entry.name.clone(), about(entry)))
                    .collect()
            }
            Names::Workspaces => workspaces()
                .into_iter()
                .map(|(name, record)| {
                    (
                        name,
                        record.map(|record| hosts(&record).join(", ")).unwrap_or_default(),
                    )
                })
                .collect(),
            Names::Prefixes => alone(records().filter_map(|record| record.prefix).collect()),
            Names::Hosts => {
                let mut all: BTreeSet<String> = records().flat_map(|record| hosts(&record)).collect();
                all.insert("local".to_owned());
                alone(all)
            }
            Names::Nodes => alone(nodes(said).into_iter().collect()),
        }
    }
}

/// A word as the shell would read it: without its quotes, which may be open yet.
fn unquoted(word: &OsString) -> OsString {
    let Some(text) = word.to_str() else {
        return word.clone();
    };
    let closed = ["", "'", "\""].into_iter().find_map(|end| {
        let mut words = shlex::split(&format!("{text}{end}"))?;
        (words.len() == 1).then(|| words.remove(0))
    });
    closed.map_or_else(|| word.clone(), OsString::from)
}

/// The names before the last one of a list: `controller:3,compute:1,` has both, whether or not it stands behind a flag and `=`.
fn taken(list: &str) -> Vec<String> {
    let list = match list.split_once('=') {
        Some((flag, list)) if flag.starts_with("--") => list,
        _ => list,
    };
    let mut names: Vec<&str> = list.split(',').collect();
    names.pop();
    let names = names.into_iter().filter_map(|name| name.split(':').next());
    names.map(str::to_owned).collect()
}

fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        candidates(&words).into_iter().map(|(value, _)| value).collect()
    }

    #[test]
    fn commands_flags_and_their_values() {
        assert_eq!(values("topo"), ["topology"]);
        assert_eq!(values("topology sh"), ["show"]);
        assert_eq!(
            values("virsh --topology-net"),
            ["--topology-network", "--topology-net-url"]
        );
        assert_eq!(values("virsh --start n"), ["none"]);
        assert_eq!(values("virsh --start=n"), ["--start=none"]);
        assert!(values("").iter().all(|word| !word.starts_with('-')));
        assert_eq!(values("virsh --frobnicate x"), Vec::<String>::new());
    }

    #[test]
    fn types_and_networks_are_the_files() {
        assert_eq!(values("virsh --topology-nodes undercl"), ["undercloud:"]);
        assert_eq!(
            values("virsh --topology-nodes controller:1,under"),
            ["controller:1,undercloud:"]
        );
        assert_eq!(
            values("virsh --topology-nodes=controller:1,under"),
            ["--topology-nodes=controller:1,undercloud:"]
        );
        assert_eq!(values("virsh --topology-network 3_nets_1"), ["3_nets_1_bridge"]);
        assert_eq!(
            values("virsh --topology-nodes undercloud:1,under"),
            Vec::<String>::new()
        );
        assert_eq!(
            values("virsh --image-url debian-1"),
            ["debian-11", "debian-12", "debian-13"]
        );
        assert_eq!(values("topology images ubuntu-24"), ["ubuntu-24.04"]);
        assert!(values("topology show contr").contains(&"controller".to_owned()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("nodes")).unwrap();
        std::fs::write(folder.path().join("nodes/toaster.yml"), "").unwrap();
        let line = format!(
            "virsh --topology-dir {} --topology-nodes toa",
            folder.path().display()
        );
        assert_eq!(values(&line), ["toaster:"]);
    }

    #[test]
    fn quotes_of_the_shell_go() {
        assert_eq!(unquoted(&"'a b'".into()), "a b");
        assert_eq!(unquoted(&"\"a b".into()), "a b");
        assert_eq!(unquoted(&"a\\ b".into()), "a b");
        assert_eq!(unquoted(&"".into()), "");
    }
}
