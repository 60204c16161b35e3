//! Which distribution the server runs, and by what its packages are installed.

use super::{Found, Requirement};
use std::collections::BTreeMap;

/// A distribution and its version, as far as packages and services depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// RHEL, CentOS (Stream), Rocky, Alma, Oracle, and what is built from them: the major version.
    El(u32),
    /// Fedora.
    Fedora(u32),
    /// Debian: the major version; testing and unstable are 99.
    Debian(u32),
    /// Ubuntu: year and month, 2404.
    Ubuntu(u32),
    /// openSUSE Leap and SLES: the major version; Tumbleweed is 99.
    Suse(u32),
    /// Anything else.
    Other,
}

/// What installs packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian's.
    Apt,
    /// Fedora's, and RHEL's from 8 on.
    Dnf,
    /// RHEL's until 7.
    Yum,
    /// SUSE's.
    Zypper,
}

/// A version that has no number: it is newer than all that have one.
pub const ROLLING: u32 = 99;

/// What is known of the distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Its own name, for people.
    pub name: String,
    /// `ID` of os-release.
    pub id: String,
    /// Which one it is.
    pub line: Line,
    /// What installs its packages, when that is there.
    pub manager: Option<Manager>,
}

impl Distribution {
    /// Reads os-release, and which package managers there are.
    pub fn of(found: &Found) -> Distribution {
        let release: BTreeMap<String, String> = found.lines("os-release").filter_map(assignment).collect();
        let value = |key: &str| release.get(key).map(String::as_str).unwrap_or_default();
        let line = line(
            value("ID"),
            value("ID_LIKE"),
            value("VERSION_ID"),
            value("PLATFORM_ID"),
        );
        let has = |program: &str| found.lines("managers").any(|there| there == program);
        let manager = match line {
            Line::Debian(_) | Line::Ubuntu(_) => has("apt-get").then_some(Manager::Apt),
            Line::El(_) | Line::Fedora(_) if has("dnf") => Some(Manager::Dnf),
            Line::El(_) | Line::Fedora(_) => has("yum").then_some(Manager::Yum),
            Line::Suse(_) => has("zypper").then_some(Manager::Zypper),
            Line::Other => None,
        };
        let name = [value("PRETTY_NAME"), value("NAME"), value("ID")];
        Distribution {
            name: name
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or("unknown")
                .to_owned(),
            id: value("ID").to_owned(),
            line,
            manager,
        }
    }

    /// What irs knows the packages and services of.
    pub fn is_supported(&self) -> bool {
        match self.line {
            Line::El(major) => (7..=10).contains(&major),
            Line::Fedora(major) => major >= 30,
            Line::Debian(major) => major >= 11,
            Line::Ubuntu(version) => version >= 2004,
            Line::Suse(major) => major >= 15,
            Line::Other => false,
        }
    }
}

/// `KEY="value"`, as a shell would read it.
fn assignment(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=').filter(|(key, _)| !key.starts_with('#'))?;
    let value = shlex::split(value)?.into_iter().next().unwrap_or_default();
    Some((key.to_owned(), value))
}

fn line(id: &str, like: &str, version: &str, platform: &str) -> Line {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    let major = numbers.next().flatten();
    let minor = numbers.next().flatten().unwrap_or(0);
    let likes = |name: &str| like.split_whitespace().any(|like| like == name);
    match id {
        "fedora" => major.map_or(Line::Other, Line::Fedora),
        "debian" => Line::Debian(major.unwrap_or(ROLLING)),
        "ubuntu" => major.map_or(Line::Other, |major| Line::Ubuntu(major * 100 + minor)),
        "opensuse-tumbleweed" => Line::Suse(ROLLING),
        "opensuse-leap" | "sles" | "sled" => major.map_or(Line::Other, Line::Suse),
        "rhel" | "centos" | "rocky" | "almalinux" | "ol" => major.map_or(Line::Other, Line::El),
        _ if likes("rhel") || likes("centos") => {
            // A platform's version is the one that it is built for: platform:el9.
            let built_for = platform
                .strip_prefix("platform:el")
                .and_then(|el| el.parse().ok());
            built_for.or(major).map_or(Line::Other, Line::El)
        }
        // Their versions are their own: the newest packages are as good a guess as any.
        _ if likes("ubuntu") || likes("debian") => Line::Debian(ROLLING),
        _ if likes("suse") || likes("opensuse") => Line::Suse(major.unwrap_or(ROLLING)),
        _ => Line::Other,
    }
}

/// What irs must know to install anything.
pub(super) fn requirements(distribution: &Distribution) -> Vec<Requirement> {
    let needed = "EL 7 to 10, Fedora, Debian 11+, Ubuntu 20.04+, openSUSE 15+";
    let row = Requirement::met("distribution", &distribution.name, needed);
    let by_hand = "install libvirt, QEMU, qemu-img, dnsmasq and curl there yourself, and start libvirt: irs works with them";
    vec![match (distribution.is_supported(), distribution.manager) {
        (true, Some(_)) => row,
        (false, _) => row.advised(by_hand),
        (true, None) => row.advised(format!("its package manager is not there; {by_hand}")),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::host::prepare::recorded::file;

    fn of(release: &str, managers: &str) -> Distribution {
        let release: String = release.lines().map(|line| format!(" {line}\n")).collect();
        Distribution::of(&Found::parse(&format!(
            "#os-release\n{release}\n#managers\n{managers}\n"
        )))
    }

    #[test]
    fn distributions_are_told_by_their_own_words() {
        assert_eq!(line("rhel", "fedora", "7.9", ""), Line::El(7));
        assert_eq!(line("centos", "rhel fedora", "10", "platform:el10"), Line::El(10));
        assert_eq!(
            line("cloudlinux", "rhel fedora centos", "8.9", "platform:el8"),
            Line::El(8)
        );
        assert_eq!(line("amzn", "fedora", "2023", "platform:al2023"), Line::Other);
        assert_eq!(line("fedora", "", "42", "platform:f42"), Line::Fedora(42));
        assert_eq!(line("debian", "", "", ""), Line::Debian(ROLLING));
        assert_eq!(line("ubuntu", "debian", "24.04", ""), Line::Ubuntu(2404));
        assert_eq!(
            line("linuxmint", "ubuntu debian", "22", ""),
            Line::Debian(ROLLING)
        );
        assert_eq!(line("opensuse-leap", "suse opensuse", "15.6", ""), Line::Suse(15));
        assert_eq!(line("arch", "", "", ""), Line::Other);
    }

    /// See `testdata/recorded/README.md`.
    #[test]
    fn recorded_os_releases_are_read() {
        let all = "apt-get\ndnf\nyum\nzypper";
        for (name, line, manager) in [
            ("centos-7", Line::El(7), Manager::Dnf),
            ("rhel-7", Line::El(7), Manager::Dnf),
            ("rhel-8", Line::El(8), Manager::Dnf),
            ("rocky-8", Line::El(8), Manager::Dnf),
            ("centos-stream-9", Line::El(9), Manager::Dnf),
            ("rhel-9", Line::El(9), Manager::Dnf),
            ("rocky-9", Line::El(9), Manager::Dnf),
            ("rhel-10", Line::El(10), Manager::Dnf),
            ("centos-stream-10", Line::El(10), Manager::Dnf),
            ("almalinux-10", Line::El(10), Manager::Dnf),
            ("fedora-42", Line::Fedora(42), Manager::Dnf),
            ("fedora-43", Line::Fedora(43), Manager::Dnf),
            ("debian-13", Line::Debian(13), Manager::Apt),
            ("ubuntu-24.04", Line::Ubuntu(2404), Manager::Apt),
            ("opensuse-leap-15", Line::Suse(15), Manager::Zypper),
            ("sles-15", Line::Suse(15), Manager::Zypper),
            ("opensuse-tumbleweed", Line::Suse(ROLLING), Manager::Zypper),
        ] {
            let text = std::fs::read_to_string(file(&["recorded/os-release", name])).unwrap();
            let found = of(&text, all);
            assert_eq!((found.line, found.manager), (line, Some(manager)), "{name}");
            assert!(
                found.is_supported() && text.contains(&found.name),
                "{}",
                found.name
            );
        }
        let leap = std::fs::read_to_string(file(&["recorded/os-release", "opensuse-leap-15"])).unwrap();
        assert_eq!(of(&leap, "").name, "openSUSE Leap 15.3");
        let arch = of("NAME='Arch Linux'\nID=arch\n", all);
        assert!(!arch.is_supported() && arch.name == "Arch Linux");
    }
}
