//! `irs man`: manual pages, made from the same words as the help.

use crate::cli::Cli;
use crate::cli::completion::Man;
use crate::error::{Exit, Fault, FaultContext};
use crate::ui::Ui;
use crate::yaml::{nearest, shown};
use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::roff::{Roff, bold, italic, roman};
use std::path::Path;

/// Runs `irs man`.
///
/// # Errors
/// `Usage` for a command that there is not; a folder that cannot be written.
pub fn run(args: &Man, ui: &Ui) -> Result<()> {
    let root = built();
    match &args.dir {
        Some(dir) => {
            let count = write(&root, dir)?;
            ui.note(&format!("wrote {count} manual pages into '{}'", dir.display()));
        }
        None => ui.document(&page(named(&root, &args.command)?)?),
    }
    Ok(())
}

/// The command line's grammar with all names that pages have.
fn built() -> Command {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    root
}

/// The command of these words.
fn named<'a>(root: &'a Command, words: &[String]) -> Result<&'a Command> {
    words.iter().try_fold(root, |command, word| {
        command.find_subcommand(word).ok_or_else(|| {
            let all = command.get_subcommands().filter(|sub| !sub.is_hide_set());
            let hint = match nearest(word, all.map(Command::get_name)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!(
                    "'{} --help' shows all commands",
                    command.get_bin_name().unwrap_or("irs")
                ),
            };
            let message = format!("the command '{}' is not known", shown(word));
            Fault::new(Exit::Usage, message).hint(hint).into()
        })
    })
}

/// Writes the pages of a command and of those below it; says how many.
fn write(command: &Command, dir: &Path) -> Result<usize> {
    let fault = || {
        Fault::new(
            Exit::Failed,
            format!("cannot write manual pages into '{}'", dir.display()),
        )
    };
    std::fs::create_dir_all(dir).fault(fault)?;
    let file = format!("{}.1", name(command));
    std::fs::write(dir.join(file), page(command)? + "\n").fault(fault)?;
    let below = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    below
        .map(|sub| write(sub, dir))
        .sum::<Result<usize>>()
        .map(|count| count + 1)
}

/// `irs-topology-show`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// A page's source.
fn page(command: &Command) -> Result<String> {
    let version = command.get_version().unwrap_or_default().to_owned();
    let man = clap_mangen::Man::new(command.clone())
        .title(name(command).to_uppercase())
        .source(format!("irs {version}"))
        .manual("irs");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    // Words that no line breaks, as URLs and flags with values are, leave nothing to stretch a line by.
    text.extend_from_slice(b".ad l\n.nh\n");
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_subcommands().any(|sub| !sub.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    ending(command).to_writer(&mut text)?;
    // What reads pages may know ASCII only.
    let plain = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => format!("\\[u{:04X}]", u32::from(c)),
    };
    let text = String::from_utf8(text)?;
    let words = text.trim_end().split(' ').map(breakable);
    let text = words.collect::<Vec<_>>().join(" ");
    Ok(text.chars().map(plain).collect())
}

/// A word of a page; a long URL may go on in the next line, after any of its folders.
fn breakable(word: &str) -> String {
    match word.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.replace('/', r"/\:")),
        None => word.to_owned(),
    }
}

/// The usage as the help has it: not each of sixty flags.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let called = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(called), roman(usage.strip_prefix(called).unwrap_or(usage))]);
    roff
}

/// What the help says last, exit codes, files and other pages.
fn ending(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let after = command.get_after_long_help().or_else(|| command.get_after_help());
    if let Some(after) = after {
        roff.control("SH", ["NOTES"]);
        for line in after.to_string().lines() {
            match line.trim() {
                "" => roff.control("PP", []),
                // Lines that are set apart stay lines.
                _ if line.starts_with(' ') => {
                    roff.control("br", []);
                    roff.text([roman(line)])
                }
                line => roff.text([roman(line)]),
            };
        }
    }
    if name(command) != "irs" {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold("irs"), roman("(1)")]);
        return roff;
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXITS {
        roff.control("TP", []);
        roff.text([bold(code)]);
        roff.text([roman(meaning)]);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Flags that can be given in the environment name their variable, IRS_ and the flag's name.",
    )]);
    for (variable, meaning) in VARIABLES {
        roff.control("TP", []);
        roff.text([bold(variable)]);
        roff.text([roman(meaning)]);
    }
    roff.control("SH", ["FILES"]);
    roff.control("TP", []);
    roff.text([italic("~/.local/share/irs/NAME")]);
    roff.text([roman(
        "The workspace of an environment: inventory, ssh configuration, known hosts, keys, log.",
    )]);
    roff.control("SH", ["SEE ALSO"]);
    let below = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let mut words = Vec::new();
    for sub in below {
        words.push(bold(name(sub)));
        words.push(roman("(1), "));
    }
    words.push(bold("virsh"));
    words.push(roman("(1), "));
    words.push(bold("ssh"));
    words.push(roman("(1)"));
    roff.text(words);
    roff
}

const EXITS: [(&str, &str); 7] = [
    ("0", "done, or there was nothing to do"),
    ("1", "failed on the way; the same line goes on from there"),
    (
        "2",
        "the command line or an input file is wrong; nothing was touched",
    ),
    ("3", "the hypervisor cannot be reached, or refused"),
    ("4", "the hypervisor lacks memory, disk, libvirt or a program"),
    ("5", "another run is changing the environment"),
    ("130", "interrupted"),
];

const VARIABLES: [(&str, &str); 2] = [
    (
        "IRS_HOME",
        "the folder of all workspaces; otherwise $XDG_DATA_HOME/irs, otherwise ~/.local/share/irs",
    ),
    ("NO_COLOR", "any value but an empty one: no colours"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let count = write(&built(), folder.path()).unwrap();
        let pages = folder.path().read_dir().unwrap().count();
        assert!(count == pages && count > 10, "{count} of {pages}");
        for page in ["irs.1", "irs-virsh.1", "irs-topology-show.1"] {
            let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
            assert!(text.is_ascii() && text.contains(".SH SYNOPSIS"), "{page}: {text}");
        }
    }

    #[test]
    fn a_command_that_there_is_not_is_corrected() {
        let error = named(&built(), &["topology".into(), "shwo".into()]).unwrap_err();
        let report = crate::error::Report::of(&error);
        assert_eq!(
            (report.exit_code, report.hint.as_deref()),
            (2, Some("did you mean 'show'?"))
        );
    }
}
