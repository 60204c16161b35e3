//! The packages of a hypervisor, by the names that each distribution has for them.

use super::channel::channel;
use super::distribution::{Distribution, Line, Manager, ROLLING};
use super::install::Install;
use super::installed::installed;
use super::{Asked, Change, Found, Requirement, Work};
use crate::plan::{Kind, Verb};

/// A package that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What is installed when it is not there.
    pub name: &'static str,
    /// What is as good.
    pub also: &'static [&'static str],
    /// What it is for.
    pub why: &'static str,
    /// Whether libvirt does not run a guest without it.
    pub core: bool,
}

/// The year that iPXE's ROMs must not be older than: older ones do not boot Ironic's ramdisks.
const IPXE_YEAR: u32 = 2016;

/// Every name that is asked of `rpm`, and of `dpkg`.
pub fn all_names() -> (String, String) {
    let asked = Asked {
        validate: true,
        libguestfs: true,
        customize: false,
        folder: String::new(),
    };
    let of = |lines: &[Line]| {
        let mut names: Vec<&str> = Vec::new();
        for line in lines {
            for machine in ["x86_64", "aarch64", "ppc64le"] {
                for systemd in [true, false] {
                    let packages = wanted(*line, machine, systemd, &asked);
                    names.extend(
                        packages
                            .iter()
                            .flat_map(|package| [&[package.name], package.also].concat()),
                    );
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        names.join(" ")
    };
    let rpm = [
        Line::El(7),
        Line::El(8),
        Line::El(9),
        Line::Fedora(42),
        Line::Suse(15),
        Line::Suse(99),
    ];
    let dpkg = [
        Line::Debian(11),
        Line::Debian(99),
        Line::Ubuntu(2004),
        Line::Ubuntu(2404),
    ];
    (of(&rpm), of(&dpkg))
}

/// What a hypervisor of that distribution must have.
pub fn wanted(line: Line, machine: &str, systemd: bool, asked: &Asked) -> Vec<Package> {
    let mut packages = match line {
        Line::El(_) | Line::Fedora(_) => red_hat(line, machine, asked),
        Line::Debian(_) | Line::Ubuntu(_) => debian(line, machine, systemd, asked),
        Line::Suse(_) => suse(line, machine, asked),
        Line::Other => Vec::new(),
    };
    packages.retain(|package| !package.name.is_empty());
    packages
}

fn package(name: &'static str, also: &'static [&'static str], why: &'static str) -> Package {
    Package {
        name,
        also,
        why,
        core: false,
    }
}

fn core(name: &'static str, also: &'static [&'static str], why: &'static str) -> Package {
    Package {
        core: true,
        ..package(name, also, why)
    }
}

const LIBVIRT: &str = "there is no libvirt without it";
const QEMU: &str = "it runs the nodes";
const DISKS: &str = "the nodes' disks are made with it";
const DNSMASQ: &str = "it is the networks' DHCP and DNS server";
const VIRT_INSTALL: &str = "it says what options libvirt's guests can have, and makes guests by hand";
const FETCH: &str = "images are fetched with it";
const ROUTES: &str = "subnets, bridges and addresses of the host are read with it";
const WGET: &str = "images are fetched with it by hand, and by Ironic's scripts";
const LIBGUESTFS: &str = "images without cloud-init are changed with it";
const XFS: &str = "so that libguestfs reads images with XFS, as those of RHEL and CentOS are";
const IPXE: &str = "nodes without an OS boot from the network with it";
const UEFI: &str = "nodes with UEFI firmware need it";

fn red_hat(line: Line, machine: &str, asked: &Asked) -> Vec<Package> {
    let seven = matches!(line, Line::El(major) if major < 8);
    let eight = line == Line::El(8);
    let mut packages = vec![
        core("libvirt", &["libvirt-daemon-kvm"], LIBVIRT),
        core("libvirt-client", &[], "virsh is in it"),
        core("qemu-kvm", &["qemu-kvm-core"], QEMU),
        core("qemu-img", &[], DISKS),
        package("dnsmasq", &[], DNSMASQ),
        package("virt-install", &[], VIRT_INSTALL),
        package("wget", &["wget2-wget", "wget2"], WGET),
        package("curl", &["curl-minimal"], FETCH),
        package("iproute", &[], ROUTES),
    ];
    if seven {
        // Its libvirt has no helper of its own for that.
        packages.push(package("nmap-ncat", &[], "a sudoer reaches libvirt through it"));
    }
    // IBM's machines and ARM's servers have no PXE ROMs of their own; the package is of no architecture.
    packages.push(package("ipxe-roms-qemu", &[], IPXE));
    packages.push(match machine {
        "x86_64" if seven => package("OVMF", &["edk2-ovmf"], UEFI),
        "x86_64" => package("edk2-ovmf", &["OVMF"], UEFI),
        "aarch64" if seven => package("AAVMF", &["edk2-aarch64"], UEFI),
        "aarch64" => package("edk2-aarch64", &["AAVMF"], UEFI),
        _ => package("", &[], ""),
    });
    // RHEL 9 and later have no QEMU for POWER, and so no libguestfs there.
    if asked.libguestfs {
        packages.push(match seven || eight {
            true => package("libguestfs-tools", &["guestfs-tools"], LIBGUESTFS),
            false => package("guestfs-tools", &["libguestfs-tools"], LIBGUESTFS),
        });
        packages.push(package("libguestfs-xfs", &[], XFS));
    }
    packages
}

fn debian(line: Line, machine: &str, systemd: bool, asked: &Asked) -> Vec<Package> {
    let split = match line {
        Line::Debian(major) => major >= 12,
        Line::Ubuntu(version) => version >= 2304,
        _ => false,
    };
    let mut packages = vec![
        core("libvirt-daemon-system", &[], LIBVIRT),
        core("libvirt-clients", &[], "virsh is in it"),
        match machine {
            "x86_64" => core("qemu-system-x86", &[], QEMU),
            "aarch64" => core("qemu-system-arm", &[], QEMU),
            _ => core("qemu-system-ppc", &[], QEMU),
        },
        core("qemu-utils", &[], DISKS),
        package("dnsmasq-base", &["dnsmasq-base-lua"], DNSMASQ),
        package(
            "iptables",
            &["nftables", "firewalld"],
            "libvirt makes the rules of NAT networks with it",
        ),
        package("virtinst", &[], VIRT_INSTALL),
        package("wget", &[], WGET),
        package("curl", &[], FETCH),
        package("iproute2", &[], ROUTES),
        package("ipxe-qemu", &[], IPXE),
        match machine {
            "x86_64" => package("ovmf", &[], UEFI),
            "aarch64" => package("qemu-efi-aarch64", &[], UEFI),
            _ => package("", &[], ""),
        },
    ];
    if !systemd {
        let why = "its scripts start libvirt where there is no systemd";
        packages.push(package("libvirt-daemon-system-sysv", &[], why));
    }
    if asked.libguestfs {
        packages.push(match split {
            true => package("guestfs-tools", &["libguestfs-tools"], LIBGUESTFS),
            false => package("libguestfs-tools", &["guestfs-tools"], LIBGUESTFS),
        });
        packages.push(package("libguestfs-xfs", &[], XFS));
    }
    packages
}

fn suse(line: Line, machine: &str, asked: &Asked) -> Vec<Package> {
    let mut packages = vec![
        core("libvirt-daemon-qemu", &["libvirt"], LIBVIRT),
        core("libvirt-client", &[], "virsh is in it"),
        match machine {
            "x86_64" => core("qemu-x86", &["qemu-kvm"], QEMU),
            "aarch64" => core("qemu-arm", &["qemu-kvm"], QEMU),
            _ => core("qemu-ppc", &["qemu-kvm"], QEMU),
        },
        core("qemu-tools", &["qemu-img"], DISKS),
        package("dnsmasq", &[], DNSMASQ),
        package("virt-install", &[], VIRT_INSTALL),
        package("wget", &["wget2-wget"], WGET),
        package("curl", &[], FETCH),
        package("iproute2", &["iproute"], ROUTES),
        package("qemu-ipxe", &[], IPXE),
        match machine {
            "x86_64" => package("qemu-ovmf-x86_64", &[], UEFI),
            "aarch64" => package("qemu-uefi-aarch64", &[], UEFI),
            _ => package("", &[], ""),
        },
    ];
    if asked.libguestfs {
        packages.push(package("guestfs-tools", &["libguestfs-tools"], LIBGUESTFS));
        // Until 1.60 of libguestfs its appliance reads XFS without another package.
        if line == Line::Suse(ROLLING) {
            packages.push(package("libguestfs-xfs", &[], XFS));
        }
    }
    packages
}

/// Whether something starts libvirt with the host: systemd, or an init script that is there.
fn is_started(found: &Found) -> bool {
    found.has_systemd() || found.lines("init-scripts").any(|script| script == "libvirtd")
}

/// Whether libvirt or QEMU itself is not installed, where that can be told.
pub fn is_bare(found: &Found, asked: &Asked) -> bool {
    let distribution = Distribution::of(found);
    let packages = wanted(distribution.line, found.word("machine"), is_started(found), asked);
    packages
        .iter()
        .any(|package| package.core && installed(found, package).is_none())
}

pub(super) fn requirements(found: &Found, distribution: &Distribution, asked: &Asked) -> Vec<Requirement> {
    let Some(manager) = distribution.manager.filter(|_| distribution.is_supported()) else {
        return programs(found);
    };
    let machine = found.word("machine");
    let mut rows = vec![repositories(found, distribution)];
    for package in wanted(distribution.line, machine, is_started(found), asked) {
        let what = format!("package {}", package.name);
        let is_ipxe = package.why == IPXE;
        let needed = match is_ipxe {
            true => format!("of {IPXE_YEAR} or newer"),
            false => "installed".to_owned(),
        };
        let change = |verb, reason: String| Change {
            verb,
            kind: Kind::Package,
            name: package.name.to_owned(),
            reason,
            by_hand: format!("{} {}", by_hand(manager, verb), package.name),
            work: Work::Install(Install {
                packages: vec![package.name.to_owned()],
                manager,
                line: distribution.line,
                id: distribution.id.clone(),
            }),
        };
        rows.push(match installed(found, &package) {
            None => {
                let row = Requirement::met(what, "not installed", needed)
                    .irs_does(change(Verb::Create, format!("it is not installed; {}", package.why)));
                match asked.customize && package.why == LIBGUESTFS {
                    true => row.by_every_run(),
                    false => row,
                }
            }
            Some((name, version)) => {
                let shown = match name == package.name {
                    true => version.to_owned(),
                    false => format!("{name} {version}"),
                };
                let row = Requirement::met(what, shown, needed);
                match ipxe_year(version).filter(|year| is_ipxe && *year < IPXE_YEAR) {
                    Some(year) => {
                        let reason = format!("it is of {year}, and nodes boot from the network with one of {IPXE_YEAR} or newer");
                        row.irs_does(change(Verb::Update, reason))
                    }
                    None => row,
                }
            }
        });
    }
    rows
}

/// Of a distribution whose packages irs does not know, the programs that it calls.
fn programs(found: &Found) -> Vec<Requirement> {
    let row = |(program, why): (&str, &str)| {
        let has = found.lines("programs").any(|there| there == program);
        let row = Requirement::met(
            format!("program {program}"),
            if has { "there" } else { "not there" },
            why,
        );
        match has {
            true => row,
            false => row.user_does("install the package that has it"),
        }
    };
    [
        ("virsh", "it comes with libvirt"),
        ("qemu-img", DISKS),
        ("curl", FETCH),
    ]
    .map(row)
    .into()
}

/// A package manager without repositories installs nothing.
fn repositories(found: &Found, distribution: &Distribution) -> Requirement {
    let count: u32 = found.word("repositories").parse().unwrap_or(0);
    let shown = match count {
        1 => "1 enabled".to_owned(),
        count => format!("{count} enabled"),
    };
    let row = Requirement::met("package repositories", shown, "those of the distribution");
    match count {
        0 => row.user_does(channel(distribution.line, &distribution.id, "")),
        _ => row,
    }
}

/// How a package is installed, or brought up to date, by hand.
fn by_hand(manager: Manager, verb: Verb) -> &'static str {
    match (manager, verb) {
        (Manager::Apt, _) => "apt-get install",
        (Manager::Dnf, Verb::Update) => "dnf upgrade",
        (Manager::Dnf, _) => "dnf install",
        (Manager::Yum, Verb::Update) => "yum update",
        (Manager::Yum, _) => "yum install",
        (Manager::Zypper, Verb::Update) => "zypper update",
        (Manager::Zypper, _) => "zypper install",
    }
}

/// The year of iPXE's sources, where the package's version says it: `20180825-2.git133f4c4.el7`,
/// `1.0.0+git-20190125.36a4c85-5.1`. From version 1.20 on, of 2020, it has releases.
pub(super) fn ipxe_year(version: &str) -> Option<u32> {
    let mut words = version.split(|c: char| !c.is_ascii_digit());
    words.find_map(|digits| {
        let year: u32 = digits.get(..4)?.parse().ok()?;
        (digits.len() == 8 && (2000..2100).contains(&year)).then_some(year)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::super::servers::STREAM_9;
    use super::*;

    #[test]
    fn the_year_of_ipxe_is_read_from_the_versions_of_distributions() {
        assert_eq!(ipxe_year("1.0.0+git-20190125.36a4c85-5.1"), Some(2019));
        assert_eq!(ipxe_year("1.0.0+git-20150424.a25a16d-1ubuntu1.2"), Some(2015));
        assert_eq!(ipxe_year("1.21.1+git20231120.9e1f7a3a-2"), Some(2023));
        assert_eq!(ipxe_year("9.2.4-150700.1.2"), None);
    }

    #[test]
    fn a_run_that_customises_images_needs_libguestfs_itself() {
        let by_run = |customize| {
            let asked = Asked {
                validate: true,
                libguestfs: true,
                customize,
                folder: "/var/lib/libvirt/images".into(),
            };
            let rows = super::super::requirements(&Found::parse(&STREAM_9), &asked).into_iter();
            let rows = rows.filter(|row| row.scope == Scope::Run && row.what.starts_with("package "));
            rows.map(|row| row.what).collect::<Vec<_>>()
        };
        assert_eq!(by_run(false), Vec::<String>::new());
        assert_eq!(by_run(true), ["package guestfs-tools"]);
    }
}
