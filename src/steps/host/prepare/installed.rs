//! Which packages are installed, from what dpkg and rpm list.

use super::Found;
use super::packages::Package;

/// The version of a package, or of what is as good, with the name of the one that is there.
pub fn installed<'a>(found: &'a Found, package: &Package) -> Option<(&'a str, &'a str)> {
    let names = || [&[package.name], package.also].concat();
    let debs = found.lines("packages").filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "installed").then_some((words.next()?, words.next()?))
    });
    let debs = debs.filter(|(name, _)| names().contains(name));
    // Of rpm: `? ASKED`, then a line for each package that provides it, or a sentence that there is none.
    let mut asked = "";
    let rpms = found.lines("packages").filter_map(move |line| {
        if let Some(name) = line.strip_prefix("? ") {
            asked = name;
            return None;
        }
        let (name, version) = rpm(line)?;
        Some((asked, name, version))
    });
    let rpms = rpms
        .filter(|(asked, ..)| names().contains(asked))
        .map(|(_, name, version)| (name, version));
    // What is asked for by its own name comes before what stands in for it.
    let mut all: Vec<(&str, &str)> = debs.chain(rpms).collect();
    all.sort_by_key(|(name, _)| *name != package.name);
    all.into_iter().next()
}

/// Takes `NAME-VERSION-RELEASE.ARCH` apart, into its name and `VERSION-RELEASE`.
fn rpm(line: &str) -> Option<(&str, &str)> {
    let (package, _) = line.rsplit_once('.').filter(|_| !line.contains(' '))?;
    let (dash, _) = package.rmatch_indices('-').nth(1)?;
    Some((&package[..dash], &package[dash + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::host::prepare::packages::ipxe_year;
    use crate::steps::host::prepare::recorded::file;

    #[test]
    fn what_rpm_lists_is_taken_apart() {
        let ipxe = |list: &str| {
            let text = std::fs::read_to_string(file(&["recorded/rpm", list])).unwrap();
            let packages: Vec<_> = text.lines().filter_map(rpm).collect();
            // A key has no architecture, and is no package.
            assert!(packages.len() >= text.lines().count() - 1, "{list}");
            let mut packages = packages.into_iter();
            ipxe_year(packages.find(|(name, _)| *name == "ipxe-roms-qemu")?.1)
        };
        assert_eq!(ipxe("rhel-7-server-with-gui"), Some(2013));
        assert_eq!(ipxe("oracle-7-ev"), Some(2017));
        assert_eq!(ipxe("el9-hypervisor"), Some(2020));
        assert_eq!(ipxe("fedora-43-workstation"), Some(2024));
        assert_eq!(ipxe("opensuse-tumbleweed"), None);
        assert_eq!(rpm("gpg-pubkey-352c64e5-52ae6884"), None);
        assert_eq!(rpm("no package provides OVMF"), None);
        assert_eq!(
            rpm("qemu-ovmf-x86_64-2018+git1542164568.85588389222a-3.2.noarch"),
            Some(("qemu-ovmf-x86_64", "2018+git1542164568.85588389222a-3.2"))
        );
    }
}
