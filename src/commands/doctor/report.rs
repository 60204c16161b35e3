//! What `irs doctor` found: lines for people, JSON for programs, an exit code.

use crate::error::{Exit, Fault, Report as Failure, Told};
use crate::ui::cut;
use anyhow::Result;
use serde::Serialize;

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It will be missed by something.
    Warning,
    /// Nothing works without it.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    /// What.
    pub(super) what: &'static str,
    /// How good it is.
    pub(super) state: State,
    /// What is there, or what went wrong.
    pub(super) found: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
    #[serde(skip)]
    exit: Option<Exit>,
}

impl Check {
    pub(super) fn ok(what: &'static str, found: impl Into<String>) -> Check {
        Check {
            what,
            state: State::Ok,
            found: found.into(),
            hint: None,
            exit: None,
        }
    }

    pub(super) fn warning(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Check {
        Check {
            state: State::Warning,
            hint: Some(hint.into()),
            ..Check::ok(what, found)
        }
    }

    pub(super) fn failed(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Check {
        Check {
            state: State::Failed,
            exit: Some(Exit::Failed),
            ..Check::warning(what, found, hint)
        }
    }

    /// What failed with an error.
    pub(super) fn of_error(what: &'static str, error: &anyhow::Error) -> Check {
        let failure = Failure::of(error);
        let mut found = failure.message.clone();
        for cause in &failure.causes {
            found.push_str(&format!(": {cause}"));
        }
        Check {
            state: State::Failed,
            hint: failure.hint.clone(),
            exit: Some(failure.exit()),
            ..Check::ok(what, found)
        }
    }
}

/// A hypervisor.
#[derive(Debug, Serialize)]
pub(super) struct Reached {
    /// As it was typed.
    pub(super) host: String,
    /// The way to it: what comes after a failure was not tried.
    pub(super) checks: Vec<Check>,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// This machine.
    checks: Vec<Check>,
    /// The hypervisors.
    hosts: Vec<Reached>,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>, hosts: Vec<Reached>) -> Report {
        Report { checks, hosts }
    }

    fn all(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .chain(self.hosts.iter().flat_map(|host| &host.checks))
    }

    /// A line for each thing, its hint below it.
    pub(super) fn text(&self) -> String {
        let wide = self.all().map(|check| cut::width(check.what)).max().unwrap_or(0);
        let line = |check: &Check| {
            let state = match check.state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Failed => "failed",
            };
            let hint = check.hint.iter().map(|hint| format!("\n{:9}hint: {hint}", ""));
            let hint: String = hint.collect();
            format!("{state:7}  {:wide$}  {}{hint}", check.what, check.found)
        };
        let mut lines: Vec<String> = self.checks.iter().map(line).collect();
        for host in &self.hosts {
            lines.push(String::new());
            lines.push(format!("the hypervisor '{}'", host.host));
            lines.extend(host.checks.iter().map(line));
        }
        if self.hosts.is_empty() {
            lines.push(String::new());
            lines.push("no hypervisor was asked: name one with --host-address".to_owned());
        }
        lines.join("\n")
    }

    /// Nothing, when nothing fails.
    ///
    /// # Errors
    /// What fails first, for the exit code; stdout has told it already.
    pub(super) fn judge(&self) -> Result<()> {
        let failed: Vec<&Check> = self.all().filter(|check| check.state == State::Failed).collect();
        let Some(first) = failed.first() else {
            return Ok(());
        };
        let names: Vec<&str> = failed.iter().map(|check| check.what).collect();
        let fault = Fault::new(
            first.exit.unwrap_or(Exit::Failed),
            format!("not as it must be: {}", names.join(", ")),
        );
        Err(Told(fault).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_end_with_their_exit_code_and_warnings_do_not() {
        let fine = vec![
            Check::ok("libvirt library", "11.3.0"),
            Check::warning("agent", "none", "start one"),
        ];
        let report = Report::new(fine.clone(), Vec::new());
        assert_eq!(
            report.text(),
            "ok       libvirt library  11.3.0\nwarning  agent            none\n         hint: start one\n\n\
             no hypervisor was asked: name one with --host-address"
        );
        assert!(report.judge().is_ok());
        let error = anyhow::Error::from(Fault::new(Exit::Unreachable, "refused").hint("is it up?"));
        let host = Reached {
            host: "hv1".into(),
            checks: vec![Check::of_error("login", &error)],
        };
        let report = Report::new(fine, vec![host]);
        let told = report.judge().unwrap_err();
        let told = told.downcast_ref::<Told>().unwrap();
        assert_eq!(
            (told.0.exit, told.0.message.as_str()),
            (Exit::Unreachable, "not as it must be: login")
        );
        assert!(
            report.text().ends_with(
                "the hypervisor 'hv1'\nfailed   login            refused\n         hint: is it up?"
            )
        );
    }
}
