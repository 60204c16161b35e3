//! docs/migrating.md speaks of every flag of infrared's, and what it calls the same is there.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use clap::{Command, CommandFactory as _};
use irs::cli::Cli;

/// What the table says of each flag: `same`, `other`, `not yet` or `dropped`.
fn table() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("docs/migrating.md").unwrap();
    let (_, rest) = text.split_once("## Every flag\n").unwrap();
    let part = rest.split("\n## ").next().unwrap();
    let mut found = BTreeMap::new();
    for row in part.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        for flag in cells[1].split('`').skip(1).step_by(2) {
            assert!(
                ["same", "other", "not yet", "dropped"].contains(&cells[2]),
                "{row}"
            );
            assert!(
                found.insert(flag.to_owned(), cells[2].to_owned()).is_none(),
                "{flag} is there twice"
            );
        }
    }
    found
}

/// Whether irs has a flag of `irs virsh`, or a command with its flag or name.
fn is_there(program: &Command, said: &str) -> bool {
    let mut command = program;
    let words: Vec<&str> = match said.starts_with('-') {
        true => vec!["virsh", said],
        false => said.split(' ').collect(),
    };
    for word in words {
        let found = match word {
            // clap does not tell of what is hidden behind a command's own usage.
            name if name.chars().all(|letter| letter.is_ascii_uppercase()) => {
                command.get_positionals().next().is_some()
            }
            flag if flag.starts_with("--") => command.get_arguments().any(|arg| {
                let names = arg
                    .get_long()
                    .into_iter()
                    .chain(arg.get_all_aliases().unwrap_or_default());
                names.into_iter().any(|name| name == flag.trim_start_matches('-'))
            }),
            flag if flag.starts_with('-') => command.get_arguments().any(|arg| {
                let letters = arg
                    .get_short()
                    .into_iter()
                    .chain(arg.get_all_short_aliases().unwrap_or_default());
                letters.into_iter().any(|letter| flag.ends_with(letter))
            }),
            name => match command.find_subcommand(name) {
                Some(below) => {
                    command = below;
                    true
                }
                None => false,
            },
        };
        if !found {
            return false;
        }
    }
    true
}

#[test]
fn every_flag_of_infrared_is_spoken_of() {
    let list = std::fs::read_to_string("tests/parity/flags.txt").unwrap();
    let table = table();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let flag = line.strip_prefix("virsh ").unwrap_or(line);
        assert!(
            table.contains_key(flag),
            "docs/migrating.md says nothing of `{flag}`"
        );
    }
}

#[test]
fn what_is_the_same_is_there_and_what_is_not_yet_is_not() {
    let mut program = Cli::command();
    program.build();
    for (flag, said) in table() {
        match said.as_str() {
            "same" => assert!(
                is_there(&program, &flag),
                "docs/migrating.md says that irs has `{flag}`"
            ),
            _ => assert!(
                !is_there(&program, &flag),
                "docs/migrating.md says that irs has no `{flag}`: {said}"
            ),
        }
    }
}
