//! Installing packages: what is run for it, and which package it was that could not be had.

use super::channel::channel;
use super::distribution::{Line, Manager};
use crate::error::{Exit, Fault};
use crate::remote::{Ended, Host, Job, Output};
use anyhow::{Result, anyhow};

/// Some packages that come from the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// What they are called.
    pub packages: Vec<String>,
    /// What installs them.
    pub manager: Manager,
    /// For which distribution.
    pub line: Line,
    /// The distribution's `ID`.
    pub id: String,
}

/// What a package manager says of a package that is in none of its repositories, in English: what comes before the name, and
/// what after it. They differ by version; the same package is named more than once.
const UNKNOWN: [(&str, &str); 8] = [
    // apt
    ("E: Unable to locate package ", ""),
    ("E: Package '", "' has no installation candidate"),
    // dnf 4 and 5
    ("No match for argument: ", ""),
    ("Error: Unable to find a match: ", ""),
    // yum 3
    ("No package ", " available."),
    // zypper
    ("No provider of '", "' found."),
    ("Package '", "' not found."),
    ("package '", "' not found."),
];

impl Install {
    /// The script and its arguments.
    fn command(&self) -> (&'static str, Vec<&str>) {
        let manager = match self.manager {
            Manager::Apt => "apt-get",
            Manager::Dnf => "dnf",
            Manager::Yum => "yum",
            Manager::Zypper => "zypper",
        };
        let mut args = vec![manager];
        args.extend(self.packages.iter().map(String::as_str));
        (include_str!("install.sh"), args)
    }

    /// Installs them, all at once. It goes on when the connection is lost, and the next run waits for it.
    ///
    /// # Errors
    /// `Resources` for packages that are in no repository, with where they should be; else what the package manager says.
    pub fn run(&self, host: &Host) -> Result<()> {
        let (script, args) = self.command();
        let job = Job {
            purpose: "packages",
            script,
            args: &args,
            stdin: "",
            file: "",
            kept: false,
        };
        match host.job(&job, &|_| Ok(()))? {
            // Whether they are there now is looked at afterwards.
            Ended::Taken => Ok(()),
            Ended::Done(output) => self.judge(&output, host.name()),
        }
    }

    /// What came of it.
    fn judge(&self, output: &Output, host: &str) -> Result<()> {
        let said = format!("{}\n{}", output.text(), output.errors());
        let unknown = unknown(&said, &self.packages);
        if let Some(first) = unknown.first() {
            let list: Vec<String> = unknown.iter().map(|name| format!("'{name}'")).collect();
            let (is, have) = match list.len() {
                1 => ("package", "is in none of"),
                _ => ("packages", "are in none of"),
            };
            let message = format!("{is} {} {have} the repositories of '{host}'", list.join(", "));
            return Err(Fault::new(Exit::Resources, message)
                .hint(channel(self.line, &self.id, first))
                .into());
        }
        if output.success() {
            return Ok(());
        }
        let message = format!(
            "installing packages on '{host}' failed with status {}",
            output.status
        );
        Err(
            anyhow!(last_lines(&said)).context(Fault::new(Exit::Failed, message).hint(format!(
                "see what the package manager says there: {}",
                self.by_hand()
            ))),
        )
    }

    fn by_hand(&self) -> String {
        let verb = match self.manager {
            Manager::Apt => "apt-get install",
            Manager::Dnf => "dnf install",
            Manager::Yum => "yum install",
            Manager::Zypper => "zypper install",
        };
        format!("{verb} {}", self.packages.join(" "))
    }
}

/// The packages that the package manager does not know.
fn unknown<'a>(said: &str, packages: &'a [String]) -> Vec<&'a str> {
    let names = said.lines().flat_map(|line| {
        UNKNOWN.iter().filter_map(move |(before, after)| {
            let (_, rest) = line.split_once(before)?;
            match after {
                &"" => Some(rest),
                after => Some(rest.split_once(after)?.0),
            }
        })
    });
    let names: Vec<&str> = names.flat_map(str::split_whitespace).collect();
    let asked = packages.iter().map(String::as_str);
    asked.filter(|package| names.contains(package)).collect()
}

/// The end of what was said, where the reason is.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Report;

    /// The answers are those of the programs themselves.
    #[test]
    fn packages_that_are_in_no_repository_are_named_with_the_channel_that_has_them() {
        let judged = |manager, line, id: &str, status, said: &str| {
            let install = Install {
                packages: ["libvirt", "ipxe-roms-qemu"].map(str::to_owned).into(),
                manager,
                line,
                id: id.into(),
            };
            let output = Output {
                status,
                signal: None,
                stdout: said.into(),
                stderr: Vec::new(),
            };
            Report::of(&install.judge(&output, "hv1").unwrap_err())
        };
        let yum = include_str!("testdata/yum-3-unknown.txt");
        // yum 3 installs the others and is content.
        let report = judged(Manager::Yum, Line::El(7), "rhel", 0, yum);
        let named = "package 'ipxe-roms-qemu' is in none of the repositories of 'hv1'";
        assert_eq!((report.message.as_str(), report.exit_code), (named, 4));
        assert!(report.hint.unwrap().contains("RHEL server channel"));
        for (manager, line, id, status, said, hint) in [
            (
                Manager::Dnf,
                Line::El(9),
                "rhel",
                1,
                include_str!("testdata/dnf-4-unknown.txt"),
                "rhel-9-for-$(arch)-appstream-rpms",
            ),
            (
                Manager::Dnf,
                Line::Fedora(42),
                "fedora",
                1,
                include_str!("testdata/dnf-5-unknown.txt"),
                "'fedora' and 'updates'",
            ),
            (
                Manager::Apt,
                Line::Debian(12),
                "debian",
                100,
                include_str!("testdata/apt-unknown.txt"),
                "component main",
            ),
            (
                Manager::Zypper,
                Line::Suse(15),
                "opensuse-leap",
                104,
                include_str!("testdata/zypper-unknown.txt"),
                "OSS",
            ),
        ] {
            let report = judged(manager, line, id, status, said);
            assert_eq!((report.message.as_str(), report.exit_code), (named, 4), "{said}");
            let said = report.hint.unwrap();
            assert!(said.contains(hint), "{said}");
        }
        let report = judged(
            Manager::Apt,
            Line::Debian(12),
            "debian",
            100,
            "E: Could not get lock /var/lib/dpkg/lock-frontend",
        );
        assert_eq!(report.exit_code, 1);
        assert!(report.causes[0].contains("Could not get lock"));
    }
}
