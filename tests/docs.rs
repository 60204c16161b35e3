//! The documents say what is so: their command lines are accepted, their flags and files exist.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use irs::cli::Cli;

/// Flags of other programs.
const NOT_OURS: &[&str] = &[];

fn documents() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => paths.push(path),
            }
        }
    }
    paths.extend(["README.md", "topology/README.md", "tests/lab/README.md"].map(PathBuf::from));
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// The text between backticks, a paragraph at a time: a code span may go over a line's end.
fn spans(text: &str) -> Vec<String> {
    // Blocks between fences are none.
    let text: String = text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n\n");
    let paragraphs = text.split("\n\n").filter(|part| !part.starts_with("    "));
    paragraphs
        .flat_map(|part| {
            part.split('`')
                .skip(1)
                .step_by(2)
                .map(|span| span.replace('\n', " "))
        })
        .collect()
}

/// Command lines of irs: lines set apart, in blocks of sh or indented, and code spans.
fn lines(text: &str) -> Vec<String> {
    let mut shell = false;
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            shell = line == "```sh";
        } else if shell {
            // After assignments, in loops, one of several.
            let parts = line.split(['&', '|', ';']);
            let commands =
                parts.filter_map(|part| part.split_once("irs ").filter(|(before, _)| is_nothing(before)));
            found.extend(commands.map(|(_, rest)| rest.to_owned()));
        }
    }
    let apart = text.lines().filter_map(|line| line.strip_prefix("    irs "));
    let inline = spans(text);
    let inline = inline.iter().filter_map(|span| span.strip_prefix("irs "));
    found.extend(apart.chain(inline).map(str::to_owned));
    // What the shell does with the output is not for irs.
    let ends = [" #", " > ", " | "];
    let without_rest = |line: String| {
        let end = ends.iter().filter_map(|end| line.find(end)).min();
        line[..end.unwrap_or(line.len())].trim().to_owned()
    };
    found.into_iter().map(without_rest).collect()
}

/// Whether what stands before a command is no command: blanks and assignments.
fn is_nothing(before: &str) -> bool {
    before.split_whitespace().all(|word| word.contains('='))
}

#[test]
fn command_lines_are_accepted() {
    let mut seen = 0;
    for (path, text) in documents() {
        for line in lines(&text) {
            seen += 1;
            let words =
                shlex::split(&format!("irs {line}")).unwrap_or_else(|| panic!("{}: {line}", path.display()));
            let words = irs::cli::handed::arrange(words.into_iter().map(Into::into).collect());
            if let Err(error) = Cli::try_parse_from(words) {
                // A command may be spoken of without all that it needs.
                let unfinished = matches!(
                    error.kind(),
                    ErrorKind::MissingRequiredArgument
                        | ErrorKind::MissingSubcommand
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                );
                assert!(
                    unfinished || !error.use_stderr(),
                    "{}: `irs {line}`: {error}",
                    path.display()
                );
            }
        }
    }
    assert!(seen > 8, "only {seen} command lines were found");
}

/// infrared takes every flag from `IR_<FLAG>`; what removes, and what is about this run's own files, must be said here.
#[test]
fn flags_come_from_the_environment_too() {
    let said = [
        "cleanup",
        "forget-host",
        "from-file",
        "generate-answers-file",
        "help",
        "kill",
        "remove-nodes",
        "version",
        "with-storage",
        "yes",
    ];
    let mut command = Cli::command();
    command.build();
    for arg in command.find_subcommand("virsh").unwrap().get_arguments() {
        let long = arg.get_long().unwrap();
        let variable = format!("IRS_{}", long.to_uppercase().replace('-', "_"));
        let found = arg.get_env().map(|name| name.to_string_lossy().into_owned());
        let wanted = (!said.contains(&long)).then_some(variable);
        assert_eq!(found, wanted, "--{long}");
    }
}

#[test]
fn flags_exist() {
    let mut command = Cli::command();
    command.build();
    let mut commands: Vec<&clap::Command> = vec![&command];
    let mut index = 0;
    while let Some(command) = commands.get(index).copied() {
        commands.extend(command.get_subcommands());
        index += 1;
    }
    let known: BTreeSet<String> = commands
        .into_iter()
        .flat_map(clap::Command::get_arguments)
        .flat_map(|arg| {
            let other = arg.get_all_aliases().unwrap_or_default();
            arg.get_long().into_iter().chain(other)
        })
        .map(|name| format!("--{name}"))
        .collect();
    for (path, text) in documents().iter().filter(|(path, _)| !path.starts_with("tests")) {
        // What infrared calls its flags has a test of its own.
        let text = match path.ends_with("migrating.md") {
            true => text
                .lines()
                .filter(|line| !line.starts_with("| `"))
                .collect::<Vec<_>>()
                .join("\n"),
            false => text.clone(),
        };
        for span in spans(&text).iter().filter(|span| span.starts_with("--")) {
            for word in span.split([' ', '/', '=']).filter(|word| word.starts_with("--")) {
                let word = word.trim_end_matches('…');
                assert!(
                    known.contains(word) || NOT_OURS.contains(&word),
                    "{}: there is no flag `{word}`",
                    path.display()
                );
            }
        }
    }
}

/// What a heading is called in a link, in the book as on a forge.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if fenced || heading == line || !heading.starts_with(' ') {
            continue;
        }
        let kept = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ');
        let words: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|letter| kept(*letter))
            .collect();
        found.insert(words.replace(' ', "-"));
    }
    found
}

/// Links lead to files and headings; those of the book to pages of the book, as nothing else is in it.
#[test]
fn links_lead_to_files() {
    for (path, text) in documents() {
        let folder = path.parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                folder.join(file)
            };
            let shown = path.display();
            assert!(target.exists(), "{shown}: there is no '{link}'");
            if path.starts_with("docs") {
                let docs = Path::new("docs").canonicalize().unwrap();
                let inside = target.canonicalize().unwrap().starts_with(docs);
                assert!(
                    inside,
                    "{shown}: '{link}' is not in the book: say its path as text"
                );
            }
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                assert!(
                    anchors(&text).contains(anchor),
                    "{shown}: '{link}' names no heading"
                );
            }
        }
    }
}

/// All that is written in Rust here.
fn sources(folder: &Path, into: &mut String) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The functions that are tests, or that a test calls with a lab.
fn tests() -> BTreeSet<String> {
    let mut text = String::new();
    ["src", "tests"]
        .iter()
        .for_each(|folder| sources(Path::new(folder), &mut text));
    let mut found = BTreeSet::new();
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        match line.strip_prefix("fn ").or_else(|| line.strip_prefix("pub fn ")) {
            Some(rest) => {
                let lab = rest.contains("(lab: &Lab, files: ");
                let name = rest.split('(').next().unwrap_or_default();
                if marked || lab {
                    found.insert(name.to_owned());
                }
                marked = false;
            }
            None => marked = line.starts_with("#[test]") || (marked && line.starts_with("#[")),
        }
    }
    found
}

/// What nobody tests is a hope and no claim.
#[test]
fn every_claim_of_security_has_its_test() {
    let text = std::fs::read_to_string("docs/security.md").unwrap();
    let tests = tests();
    let mut claims = 0;
    for row in text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.ends_with("| test |"))
    {
        claims += 1;
        let cell = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "there is no test for {row}");
        for name in names {
            assert!(tests.contains(name), "there is no test `{name}`, for {row}");
        }
    }
    assert!(claims > 30, "only {claims} claims were found");
}

/// What docs/faults.md says that irs says, a test in the lab looks for: each piece between the `…`.
#[test]
fn messages_of_faults_are_those_that_tests_look_for() {
    let mut looked_for = String::new();
    sources(Path::new("tests/hypervisor"), &mut looked_for);
    let text = std::fs::read_to_string("docs/faults.md").unwrap();
    let mut seen = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let cell = row.split('|').nth(3).unwrap_or_default();
        for message in cell.split('`').skip(1).step_by(2) {
            seen += 1;
            for piece in message.split('…') {
                assert!(
                    looked_for.contains(piece),
                    "no test looks for {piece:?} of {message:?}"
                );
            }
        }
    }
    assert!(seen > 15, "{seen}");
}

/// A message that nobody says any more explains nothing: each piece between the `…` stands in the source.
#[test]
fn messages_of_troubleshooting_are_those_of_the_source() {
    let mut source = String::new();
    sources(Path::new("src"), &mut source);
    // A long literal goes over a line's end by a backslash.
    let mut said = String::new();
    for (number, part) in source.split("\\\n").enumerate() {
        said.push_str(if number == 0 { part } else { part.trim_start() });
    }
    let text = std::fs::read_to_string("docs/troubleshooting.md").unwrap();
    let mut seen = 0;
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let message = row.split('`').nth(1).unwrap();
        let pieces: Vec<&str> = message.split('…').filter(|piece| piece.len() > 5).collect();
        assert!(!pieces.is_empty(), "nothing to look for in `{message}`");
        for piece in pieces {
            seen += 1;
            assert!(
                said.contains(piece),
                "irs does not say {piece:?} any more, of `{message}`"
            );
        }
    }
    assert!(seen > 80, "only {seen} pieces were found");
}

/// What the book does not list nobody finds.
#[test]
fn every_page_is_in_the_summary() {
    let summary = std::fs::read_to_string("docs/SUMMARY.md").unwrap();
    for (path, _) in documents() {
        let Ok(page) = path.strip_prefix("docs") else {
            continue;
        };
        let page = page.display().to_string();
        assert!(
            page == "SUMMARY.md" || summary.contains(&format!("]({page})")),
            "docs/SUMMARY.md does not list {page}: add it where a reader would look for it"
        );
    }
}
