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
    use crate::steps::host::prepare::recorded::file as file_of;

    /// `dnf update` of what is there by another name only would fail after all was installed.
    #[test]
    fn only_what_was_there_by_its_own_name_is_brought_up_to_date() {
        let said = |packages: &str| {
            // Programs of the script's: functions of the shell.
            let programs = "rpm() { [ \"$2\" = qemu-img ]; }; dnf() { echo \"$*\"; }\n";
            let script = format!("{programs}{}", include_str!("install.sh"));
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", &script, "sh", "dnf"])
                .args(packages.split(' '));
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        assert_eq!(said("wget libvirt"), "-y install wget libvirt\n");
        assert_eq!(
            said("wget qemu-img"),
            "-y install wget qemu-img\n-y update qemu-img\n"
        );
    }

    /// What the programs said of packages that they did not know: see `testdata/recorded/README.md`.
    #[test]
    fn packages_that_are_in_no_repository_are_named_with_the_channel_that_has_them() {
        let judged = |manager, line, id: &str, asked: &str, status, said: &str| {
            let install = Install {
                packages: asked.split(' ').map(str::to_owned).collect(),
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
        let (yum, dnf) = (Manager::Yum, Manager::Dnf);
        for (manager, line, id, asked, status, file, unknown, hint) in [
            // yum 3 installs the others and is content.
            (
                yum,
                Line::El(7),
                "rhel",
                "openstack-keystone httpd mod-wsgi",
                0,
                "yum-3-one-of-three",
                "mod-wsgi",
                "RHEL server channel",
            ),
            (
                yum,
                Line::El(7),
                "centos",
                "updatedb",
                1,
                "yum-3-the-only-one",
                "updatedb",
                "'base' and 'updates'",
            ),
            (
                dnf,
                Line::El(9),
                "rhel",
                "selinux-policy policycoreutils selinux-target",
                1,
                "dnf-4",
                "selinux-target",
                "rhel-9-for-$(arch)-appstream-rpms",
            ),
            (
                dnf,
                Line::Fedora(42),
                "fedora",
                "java-17-openjdk-devel",
                1,
                "dnf-5",
                "java-17-openjdk-devel",
                "'fedora' and 'updates'",
            ),
            (
                Manager::Apt,
                Line::Debian(12),
                "debian",
                "curl ipxe-roms-qemu",
                100,
                "apt",
                "ipxe-roms-qemu",
                "component main",
            ),
            (
                Manager::Zypper,
                Line::Suse(99),
                "opensuse-tumbleweed",
                "wkhtmltopdf",
                104,
                "zypper",
                "wkhtmltopdf",
                "OSS",
            ),
            // What another package provides is not unknown.
            (
                Manager::Zypper,
                Line::Suse(15),
                "opensuse-leap",
                "python2-devel userspace-rcu-devel libibverbs-devel librdmacm-devel",
                104,
                "zypper-several",
                "userspace-rcu-devel",
                "OSS",
            ),
        ] {
            let said = std::fs::read_to_string(file_of(&["recorded/install", file])).unwrap();
            let report = judged(manager, line, id, asked, status, &said);
            let named = format!("package '{unknown}' is in none of the repositories of 'hv1'");
            assert_eq!((report.message, report.exit_code), (named, 4), "{said}");
            let said = report.hint.unwrap();
            assert!(said.contains(hint), "{said}");
        }
        let report = judged(
            Manager::Apt,
            Line::Debian(12),
            "debian",
            "libvirt",
            100,
            "E: Could not get lock /var/lib/dpkg/lock-frontend",
        );
        assert_eq!(report.exit_code, 1);
        assert!(report.causes[0].contains("Could not get lock"));
    }
}
