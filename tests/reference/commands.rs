//! A page for each command, from what clap knows of it.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};
use irs::cli::Cli;

/// The words of a command after `irs`.
pub type Path = Vec<String>;

/// The program with everything that clap adds to it.
fn program() -> Command {
    let mut program = Cli::command().term_width(0);
    program.build();
    program
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|of| of.get_name() != "help" && !of.is_hide_set())
}

/// The commands that do something, and are no mere heading of others.
pub fn leaves() -> Vec<Path> {
    fn below(command: &Command, path: &Path, into: &mut Vec<Path>) {
        for of in shown(command) {
            let mut path = path.clone();
            path.push(of.get_name().to_owned());
            if !of.is_subcommand_required_set() {
                into.push(path.clone());
            }
            below(of, &path, into);
        }
    }
    let mut found = Vec::new();
    below(&program(), &Vec::new(), &mut found);
    found
}

/// The pages: file name and text.
pub fn pages() -> Vec<(String, String)> {
    let program = program();
    let mut pages = vec![("commands.md".to_owned(), index(&program))];
    for command in shown(&program) {
        let mut text = String::new();
        section(&program, command, &[command.get_name()], &mut text);
        pages.push((format!("irs-{}.md", command.get_name()), text));
    }
    pages
}

fn index(program: &Command) -> String {
    let mut text = String::from("# Commands\n\n| command | does |\n|---|---|\n");
    for command in shown(program) {
        let name = command.get_name();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "| [`irs {name}`](irs-{name}.md) | {} |", cell(&about));
        for of in shown(command) {
            let words = format!("{name} {}", of.get_name());
            let about = of.get_about().map(ToString::to_string).unwrap_or_default();
            let anchor = format!("irs-{}", words.replace(' ', "-"));
            let _ = writeln!(
                text,
                "| [`irs {words}`](irs-{name}.md#{anchor}) | {} |",
                cell(&about)
            );
        }
    }
    text.push_str(
        "\nBooleans take no value, or yes, no, true, false, on, off, 1, 0. Lists are comma-separated, and their flags may be repeated. A flag with a \
variable can be given in the environment instead; the command line wins.\n\n## Flags of every command\n",
    );
    for arg in program.get_arguments() {
        flag(arg, 3, &mut text);
    }
    text
}

fn section(program: &Command, command: &Command, path: &[&str], text: &mut String) {
    let hashes = "#".repeat(path.len());
    let gap = if text.is_empty() { "" } else { "\n" };
    let _ = write!(text, "{gap}{hashes} irs {}\n\n", path.join(" "));
    let about = command.get_long_about().or(command.get_about());
    let _ = writeln!(
        text,
        "{}",
        sentence(&about.map(ToString::to_string).unwrap_or_default())
    );
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage
        .trim_start_matches("Usage:")
        .lines()
        .map(str::trim)
        .collect();
    let _ = write!(text, "\n```text\n{}\n```\n", usage.join("\n"));
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        let _ = write!(text, "\n{}\n", rest(&after.to_string()));
    }
    let own = |arg: &&Arg| {
        !arg.is_hide_set()
            && !["help", "version"].contains(&arg.get_id().as_str())
            && !is_common(program, arg)
    };
    let arguments: Vec<&Arg> = command.get_arguments().filter(own).collect();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in &arguments {
        let heading = arg.get_help_heading();
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    headings.sort_by_key(|heading| heading.is_some());
    for heading in headings {
        if let Some(heading) = heading {
            let _ = write!(text, "\n{hashes}# {heading}\n");
        }
        for arg in arguments.iter().filter(|arg| arg.get_help_heading() == heading) {
            flag(arg, path.len() + 1 + usize::from(heading.is_some()), text);
        }
    }
    for of in shown(command) {
        let path: Vec<&str> = path.iter().copied().chain([of.get_name()]).collect();
        section(program, of, &path, text);
    }
}

/// Whether it is a flag of every command, just as it is there.
fn is_common(program: &Command, arg: &Arg) -> bool {
    let values = |arg: &Arg| {
        arg.get_possible_values()
            .into_iter()
            .map(|of| of.get_name().to_owned())
            .collect::<Vec<_>>()
    };
    let mut all = program.get_arguments();
    all.any(|of| of.is_global_set() && of.get_id() == arg.get_id() && values(of) == values(arg))
}

fn flag(arg: &Arg, level: usize, text: &mut String) {
    let value = value(arg);
    let mut names: Vec<String> = Vec::new();
    names.extend(arg.get_short().map(|short| format!("-{short}")));
    names.extend(arg.get_long().map(|long| format!("--{long}")));
    let name = match (names.is_empty(), value.as_str()) {
        (true, value) => value.to_owned(),
        (false, "") => names.join(", "),
        (false, value) => format!("{} {value}", names.join(", ")),
    };
    let _ = write!(text, "\n{} `{name}`\n\n", "#".repeat(level));
    let help = arg.get_long_help().or(arg.get_help());
    let _ = writeln!(
        text,
        "{}",
        sentence(&help.map(ToString::to_string).unwrap_or_default())
    );
    let mut facts: Vec<String> = Vec::new();
    let code = |words: &[String]| {
        words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let values: Vec<_> = arg
        .get_possible_values()
        .into_iter()
        .filter(|value| !value.is_hide_set())
        .collect();
    let is_switch = !arg.get_action().takes_values() || value.contains("BOOL");
    if !values.is_empty() && !is_switch {
        let told = |value: &clap::builder::PossibleValue| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), prose(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        };
        facts.push(format!(
            "Values: {}",
            values.iter().map(told).collect::<Vec<_>>().join(", ")
        ));
    }
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        facts.push(format!("Default: {}", code(&defaults)));
    }
    if let Some(variable) = arg.get_env() {
        facts.push(format!("Environment: `{}`", variable.to_string_lossy()));
    }
    if let Some(others) = arg.get_visible_aliases().filter(|others| !others.is_empty()) {
        let others: Vec<String> = others.iter().map(|other| format!("--{other}")).collect();
        facts.push(format!("Also: {}", code(&others)));
    }
    if arg.is_required_set() && arg.get_long().is_some() {
        facts.push("Required".to_owned());
    }
    if !facts.is_empty() {
        let _ = write!(
            text,
            "\n{}\n",
            facts
                .iter()
                .map(|fact| format!("- {fact}\n"))
                .collect::<String>()
                .trim_end()
        );
    }
}

/// What stands for the value: `<HOST,…>`, in brackets where it may be left out.
fn value(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let names: Vec<String> = match arg.get_value_names() {
        Some(names) => names.iter().map(|name| format!("<{name}>")).collect(),
        None => vec![format!("<{}>", arg.get_id().as_str().to_uppercase())],
    };
    let more = if arg.is_positional() && arg.get_num_args().is_some_and(|range| range.max_values() > 1) {
        "…"
    } else {
        ""
    };
    let text = names.join(" ") + more;
    match arg.get_num_args().is_some_and(|range| range.min_values() == 0)
        || (arg.is_positional() && !arg.is_required_set())
    {
        true => format!("[{text}]"),
        false => text,
    }
}

/// A sentence of clap's, which takes its full stop away.
fn sentence(text: &str) -> String {
    let text = prose(text);
    match text.ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '\'' | ')' | '`' | ']'))
    {
        true => text + ".",
        false => text,
    }
}

/// What stands below the flags: paragraphs, and examples, which are indented.
fn rest(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|part| match part.starts_with("  ") {
        true => {
            let lines: Vec<&str> = part.lines().map(str::trim).collect();
            format!("```text\n{}\n```", lines.join("\n"))
        }
        false => sentence(part),
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Plain text as Markdown, where the characters of neither HTML nor emphasis mean anything; code spans stay.
pub fn prose(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split('`').enumerate() {
        if number > 0 {
            out.push('`');
        }
        match number % 2 == 1 {
            true => out.push_str(part),
            false => out.extend(part.chars().flat_map(|letter| {
                let escape = matches!(letter, '<' | '>' | '*' | '\\').then_some('\\');
                escape.into_iter().chain([letter])
            })),
        }
    }
    out.lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

/// The same in a table's cell.
pub fn cell(text: &str) -> String {
    prose(text).replace('|', "\\|").replace('\n', " ")
}
