//! Command lines that clap refuses, as faults like all others; help and version go their own way.

use crate::answers::{self, Refusal, Settled};
use crate::error::{Exit, Report};
use crate::ui::{Format, Ui};
use clap::error::ErrorKind;
use std::ffi::OsString;
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
        // A reader that has gone away is nobody's failure.
        let _ = error.print();
        if !error.use_stderr() {
            return ExitCode::SUCCESS;
        }
        let report = report(&error);
        let _ = ui().report(&report);
        ExitCode::from(report.exit_code)
    })
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
    usage(lines.join(" ").trim_start_matches("error: ").to_owned(), tip)
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
