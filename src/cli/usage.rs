//! Command lines that clap refuses, as faults like all others; help and version go their own way.

use crate::answers::{self, Refusal, Settled};
use crate::error::{Exit, Report};
use crate::ui::{self, Format, Ui};
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Parses the process's own command line; `Err` is the exit code when the program ends with that: 0 after the
/// help or the version on stdout, 2 after an error on stderr, which with `--format json` is an object on stdout too.
pub fn parse() -> Result<Settled, ExitCode> {
    let ui = || Ui::new(format(std::env::args_os(), std::env::var_os("IRS_FORMAT")));
    answers::settle(std::env::args_os().collect()).map_err(|refusal| {
        let error = match refusal {
            Refusal::Usage(error) => error,
            Refusal::File(problems) => {
                let report = Report::of(&problems.into_fault());
                ui().error(&report);
                return ExitCode::from(report.exit_code);
            }
        };
        if !error.use_stderr() {
            // A reader that has gone away is nobody's failure.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        let _ = std::io::stderr().write_all(shown(&error, ui::colours_stderr()).as_bytes());
        let report = report(&error);
        let _ = ui().report(&report);
        ExitCode::from(report.exit_code)
    })
}

/// Clap's text, with its tips in the words of all other hints.
fn shown(error: &clap::Error, colours: bool) -> String {
    let styled = error.render();
    let plain = styled.to_string();
    let text = match colours {
        true => styled.ansi().to_string(),
        false => plain.clone(),
    };
    let lines = text.lines().zip(plain.lines());
    let lines = lines.map(|(line, plain)| match plain.trim().strip_prefix("tip: ") {
        Some(tip) => format!("hint: {}\n", hint(tip)),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// A tip of clap's as a hint of irs's.
fn hint(tip: &str) -> String {
    let similar = tip.split_once("similar ").and_then(|(_, rest)| {
        let (_, names) = rest
            .split_once(" exists: ")
            .or_else(|| rest.split_once(" exist: "))?;
        Some(names)
    });
    let Some(names) = similar else {
        return tip.to_owned();
    };
    match names.rsplit_once(", ") {
        Some((first, last)) => format!("did you mean {first} or {last}?"),
        None => format!("did you mean {names}?"),
    }
}

/// The first paragraph of clap's text is the message, its tip the hint.
pub fn report(error: &clap::Error) -> Report {
    let kinds = [
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    if kinds.contains(&error.kind()) {
        return usage("no command is given".into(), None);
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let lines: Vec<&str> = first.lines().map(str::trim).collect();
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let tip = tip.map(hint);
    usage(
        lines.join(" ").trim_start_matches("error: ").to_owned(),
        tip.as_deref(),
    )
}

fn usage(message: String, tip: Option<&str>) -> Report {
    Report {
        message,
        causes: Vec::new(),
        hint: Some(tip.unwrap_or("see '--help'").to_owned()),
        exit_code: Exit::Usage as u8,
        problems: Vec::new(),
    }
}

/// The format that a command line asks for which cannot be parsed: that of its last `--format`.
fn format(args: impl Iterator<Item = OsString>, environment: Option<OsString>) -> Format {
    let mut asked = environment;
    let mut args = args.take_while(|arg| arg != "--");
    while let Some(arg) = args.next() {
        if arg == "--format" {
            asked = args.next();
        } else if let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix("--format=")) {
            asked = Some(value.into());
        }
    }
    match asked {
        Some(value) if value == "json" => Format::Json,
        _ => Format::Human,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str], environment: Option<&str>) -> Format {
        format(args.iter().map(OsString::from), environment.map(OsString::from))
    }

    #[test]
    fn tips_are_hints_as_all_others() {
        assert_eq!(
            hint("a similar subcommand exists: 'virsh'"),
            "did you mean 'virsh'?"
        );
        assert_eq!(
            hint("some similar arguments exist: '--a', '--b', '--c'"),
            "did you mean '--a', '--b' or '--c'?"
        );
        let other = "to pass '--x' as a value, use '-- --x'";
        assert_eq!(hint(other), other);
        let refused = <crate::cli::Cli as clap::Parser>::try_parse_from(["irs", "virhs"]).unwrap_err();
        let plain = shown(&refused, false);
        assert!(
            plain.starts_with(
                "error: unrecognized subcommand 'virhs'\n\nhint: did you mean 'virsh'?\n\nUsage: "
            ),
            "{plain}"
        );
        assert!(!plain.contains('\x1b') && shown(&refused, true).contains("\nhint: did you mean 'virsh'?\n"));
    }

    #[test]
    fn the_format_is_found_in_a_line_that_cannot_be_parsed() {
        assert_eq!(asked(&["irs", "virsh", "--bogus"], None), Format::Human);
        assert_eq!(asked(&["irs", "--bogus", "--format", "json"], None), Format::Json);
        assert_eq!(asked(&["irs", "--format=json", "--bogus"], None), Format::Json);
        assert_eq!(asked(&["irs", "--bogus"], Some("json")), Format::Json);
        assert_eq!(
            asked(&["irs", "--format", "human", "-x"], Some("json")),
            Format::Human
        );
        assert_eq!(asked(&["irs", "--", "--format", "json"], None), Format::Human);
    }
}
