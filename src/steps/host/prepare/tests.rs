//! What is required of servers of all kinds: see `servers.rs`.

use super::recorded::Server;
use super::servers::{
    ALMA_10, CENTOS_7, FEDORA, INTEL, LEAP, POWER, RHEL_7, ROCKY_8, ROCKY_9, STREAM_9, SUSE,
};
use super::*;
use crate::steps::host::prepare::read::Found;

fn asked() -> Asked {
    Asked {
        validate: true,
        libguestfs: true,
        customize: false,
        folder: "/var/lib/libvirt/images".into(),
    }
}

fn rows(answer: &str, asked: &Asked) -> Vec<Requirement> {
    requirements(&Found::parse(answer), asked)
}

/// What is not as it should be: a star for what irs does, an arrow for what the user does, and what was found.
fn lacking(answer: &str, asked: &Asked) -> Vec<String> {
    let rows = rows(answer, asked);
    let line = |row: &Requirement| match (&row.state, &row.fix) {
        (State::Met, _) => None,
        (_, Fix::Irs(_)) => Some(format!("* {}: {}", row.what, row.found)),
        (state, _) => Some(format!("> {} ({state:?}): {}", row.what, row.found)),
    };
    rows.iter().filter_map(line).collect()
}

/// The packages among them.
fn packages_of(answer: &str, asked: &Asked) -> Vec<String> {
    let all = lacking(answer, asked).into_iter();
    all.filter_map(|line| Some(line.strip_prefix("* package ")?.split(':').next()?.to_owned()))
        .collect()
}

/// All but those.
fn but_packages(answer: &str) -> Vec<String> {
    let all = lacking(answer, &asked()).into_iter();
    all.filter(|line| !line.starts_with("* package ")).collect()
}

fn fix_of(answer: &str, what: &str) -> String {
    let rows = rows(answer, &asked());
    let row = rows.iter().find(|row| row.what == what);
    match &row.unwrap_or_else(|| panic!("no row '{what}'")).fix {
        Fix::None => String::new(),
        Fix::Irs(change) => change.by_hand.clone(),
        Fix::User(fix) => fix.clone(),
    }
}

#[test]
fn rhel_7_gets_what_it_lacks_by_yum_and_for_ipxe_that_is_too_old_a_newer_one() {
    assert_eq!(
        packages_of(&RHEL_7, &asked()),
        [
            "virt-install",
            "ipxe-roms-qemu",
            "OVMF",
            "libguestfs-tools",
            "libguestfs-xfs"
        ]
    );
    assert_eq!(
        packages_of(&CENTOS_7, &asked()),
        [
            "libvirt",
            "libvirt-client",
            "qemu-kvm",
            "qemu-img",
            "dnsmasq",
            "virt-install",
            "wget",
            "nmap-ncat",
            "ipxe-roms-qemu",
            "OVMF",
            "libguestfs-tools",
            "libguestfs-xfs"
        ]
    );
    let lean = Asked {
        libguestfs: false,
        ..asked()
    };
    assert!(
        !packages_of(&RHEL_7, &lean)
            .iter()
            .any(|name| name.starts_with("libguestfs"))
    );
    assert_eq!(fix_of(&CENTOS_7, "package qemu-kvm"), "yum install qemu-kvm");
    assert_eq!(
        fix_of(&RHEL_7, "package ipxe-roms-qemu"),
        "yum update ipxe-roms-qemu"
    );
    assert_eq!(
        but_packages(&RHEL_7),
        [
            "* module kvm_intel: loaded, and no file loads it at boot",
            "* nested virtualization (kvm_intel): off",
            "* module vhost_net: not loaded",
            "* service libvirtd: not installed",
            "* access to /dev/kvm: 600 root:root",
            "* IP forwarding: off",
        ]
    );
    let none = RHEL_7.replace("#repositories\n2", "#repositories\n0");
    assert!(fix_of(&none, "package repositories").contains("RHEL server channel"));
}

#[test]
fn centos_stream_9_gets_modular_daemons_and_keeps_its_small_curl() {
    assert_eq!(
        packages_of(&STREAM_9, &asked()),
        [
            "libvirt",
            "libvirt-client",
            "qemu-kvm",
            "qemu-img",
            "dnsmasq",
            "virt-install",
            "wget",
            "ipxe-roms-qemu",
            "edk2-ovmf",
            "guestfs-tools",
            "libguestfs-xfs"
        ]
    );
    assert_eq!(fix_of(&STREAM_9, "package libvirt"), "dnf install libvirt");
    assert_eq!(
        but_packages(&STREAM_9),
        [
            "* module kvm_amd: loaded, and no file loads it at boot",
            "* module vhost_net: not loaded",
            "* service virtqemud: not installed",
            "* service virtnetworkd: not installed",
            "* service virtstoraged: not installed",
            "* service virtnodedevd: not installed",
            "* service virtsecretd: not installed",
            "* IP forwarding: off",
        ]
    );
    let no_validation = Asked {
        validate: false,
        ..asked()
    };
    let left = lacking(&STREAM_9, &no_validation);
    assert!(
        !left
            .iter()
            .any(|line| line.contains("module") || line.contains("CPU v")),
        "{left:?}"
    );
}

#[test]
fn a_hypervisor_of_rocky_9_is_known_by_its_packages() {
    let lacking = packages_of(&ROCKY_9, &asked());
    assert_eq!(
        lacking,
        [
            "virt-install",
            "wget",
            "curl",
            "iproute",
            "guestfs-tools",
            "libguestfs-xfs"
        ]
    );
    let rows = rows(&ROCKY_9, &asked());
    let found = |what: &str| {
        let row = rows.iter().find(|row| row.what == what);
        row.map(|row| row.found.as_str())
    };
    assert_eq!(found("package libvirt"), Some("10.10.0-7.6.el9_6"));
    assert_eq!(
        found("package ipxe-roms-qemu"),
        Some("20200823-9.git4bd064de.el9")
    );
    assert!(!packages::is_bare(&Found::parse(&ROCKY_9), &asked()));
}

#[test]
fn a_host_that_has_everything_lacks_nothing() {
    assert_eq!(lacking(&ALMA_10, &asked()), [""; 0]);
    let actions = actions(&rows(&ALMA_10, &asked()), Scope::Host, "hv1");
    assert!(actions.is_empty());
    // One daemon of libvirt's that somebody stopped and switched off.
    let off = ALMA_10.replace(
        "Id=virtnetworkd.socket\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled",
        "Id=virtnetworkd.socket\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled",
    );
    let off = off.replace(
        "Id=virtnetworkd.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled",
        "Id=virtnetworkd.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled",
    );
    assert_eq!(lacking(&off, &asked()), ["* service virtnetworkd: not running"]);
    let masked = off.replace(
        "Id=virtnetworkd.service\nLoadState=loaded",
        "Id=virtnetworkd.service\nLoadState=masked",
    );
    assert_eq!(
        lacking(&masked, &asked()),
        ["> service virtnetworkd (Missing): masked"]
    );
    // The package brought its zone, and firewalld was not told.
    let zone = ALMA_10.replace(" libvirt libvirt-routed ", " ");
    assert_eq!(
        lacking(&zone, &asked()),
        ["> firewalld (Missing): running without the zone 'libvirt'"]
    );
}

#[test]
fn fedora_and_opensuse_have_names_of_their_own() {
    let fedora = packages_of(&FEDORA.answer(), &asked());
    assert!(
        fedora.contains(&"guestfs-tools".to_owned()) && !fedora.contains(&"wget".to_owned()),
        "{fedora:?}"
    );
    // What is not in the list was not recorded.
    let workstation = Server {
        os_release: "fedora-43",
        rpm: Some("recorded/rpm/fedora-43-workstation"),
        ..FEDORA
    };
    assert_eq!(
        packages_of(&workstation.answer(), &asked()),
        [
            "dnsmasq",
            "wget",
            "curl",
            "iproute",
            "guestfs-tools",
            "libguestfs-xfs"
        ]
    );
    let tumbleweed = Server {
        os_release: "opensuse-tumbleweed",
        rpm: Some("recorded/rpm/opensuse-tumbleweed"),
        ..SUSE
    };
    assert_eq!(
        packages_of(&tumbleweed.answer(), &asked()),
        [
            "dnsmasq",
            "virt-install",
            "wget",
            "curl",
            "iproute2",
            "guestfs-tools",
            "libguestfs-xfs"
        ]
    );
    assert_eq!(
        packages_of(&LEAP, &asked()),
        [
            "libvirt-daemon-qemu",
            "libvirt-client",
            "qemu-x86",
            "qemu-tools",
            "dnsmasq",
            "virt-install",
            "iproute2",
            "qemu-ipxe",
            "qemu-ovmf-x86_64",
            "guestfs-tools"
        ]
    );
    assert_eq!(fix_of(&LEAP, "package qemu-tools"), "zypper install qemu-tools");
    assert!(but_packages(&LEAP).contains(&"* service libvirtd: not installed".to_owned()));
}

#[test]
fn a_host_that_cannot_says_what_the_user_must_do() {
    assert_eq!(
        but_packages(&ROCKY_8),
        [
            "> CPU virtualization (Missing): neither vmx nor svm",
            "* module vhost_net: not loaded",
            "> CPU threads (Advised): 2",
            "* service libvirtd: running, does not start with the host",
            "* guests of libvirt's: none: \"no supported architecture for os type 'hvm'\"",
            "> user 'jenkins' (Advised): in the group libvirt since after this login",
            "* SELinux at /var/lib/libvirt/images: default_t",
            "> firewalld (Missing): running without the zone 'libvirt'",
        ]
    );
    let fix = fix_of(&ROCKY_8, "CPU virtualization");
    assert!(
        fix.contains("enable VT-x or AMD-V in the firmware") && fix.contains("a guest of KVM"),
        "{fix}"
    );
    // lscpu of some versions indents what belongs together.
    let indented = Server {
        lscpu: Some("power10-partition"),
        cpuinfo: None,
        ..INTEL
    };
    assert!(fix_of(&indented.answer(), "CPU virtualization").contains("a guest of pHyp"));
    assert_eq!(
        fix_of(&ROCKY_8, "guests of libvirt's"),
        "systemctl restart libvirtd"
    );
    // A folder in use may hold somebody's files under labels that they need.
    let used = ROCKY_8.replace("#folder\nempty", "#folder\nused");
    let refused = "> SELinux at /var/lib/libvirt/images (Missing): default_t";
    assert!(lacking(&used, &asked()).contains(&refused.to_owned()));
    assert!(
        fix_of(&used, "SELinux at /var/lib/libvirt/images").contains("semanage fcontext -a -t virt_image_t")
    );
}

#[test]
fn power_needs_a_machine_without_a_hypervisor_below() {
    let bare = POWER.answer();
    assert!(but_packages(&bare).contains(&"* module kvm_hv: not loaded".to_owned()));
    let packages = packages_of(&bare, &asked());
    assert!(!packages.iter().any(|name| name.contains("ovmf")), "{packages:?}");
    let partition = Server {
        lscpu: Some("power10-partition"),
        cpuinfo: Some("power7-partition"),
        rest: include_str!("testdata/written/power-partition.txt"),
        ..POWER
    };
    assert!(
        but_packages(&partition.answer()).contains(&"> CPU virtualization (Missing): pSeries".to_owned())
    );
    let arm = Server {
        machine: "aarch64",
        cpuinfo: Some("aarch64"),
        ..POWER
    };
    let arm = arm.answer();
    assert!(
        but_packages(&arm).contains(&"> CPU virtualization (Missing): aarch64 without /dev/kvm".to_owned())
    );
    assert!(packages_of(&arm, &asked()).contains(&"edk2-aarch64".to_owned()));
    let arm = arm.replace("#devices\n", "#devices\n/dev/kvm 666 root kvm\n");
    assert!(!but_packages(&arm).iter().any(|line| line.contains("CPU v")));
}

#[test]
fn apparmor_refuses_folders_of_the_system() {
    let answer = LEAP.replace("#apparmor\n", "#apparmor\nlibvirt\n");
    let at = |folder: &str| Asked {
        folder: folder.into(),
        ..asked()
    };
    let refuses = |folder| {
        lacking(&answer, &at(folder))
            .iter()
            .any(|line| line.contains("AppArmor"))
    };
    assert!(!refuses("/var/lib/libvirt/images") && !refuses("/srv/images") && !refuses("/bind"));
    assert!(refuses("/usr/share/images") && refuses("/etc/images") && refuses("/lib64/images"));
}

#[test]
fn a_run_where_libvirt_works_mends_what_it_needs_itself() {
    let answer = ALMA_10.replace("#forwarding\n1", "#forwarding\n0").replace(
        " ? virt-install\n virt-install-5.0.0-1.el10.noarch",
        " ? virt-install\n no package provides virt-install",
    );
    let rows = rows(&answer, &asked());
    let names = |scope| -> Vec<String> {
        let actions = actions(&rows, scope, "hv1");
        actions
            .iter()
            .map(|action| format!("{} {}", action.kind, action.name))
            .collect()
    };
    assert_eq!(names(Scope::Run), ["host net.ipv4.ip_forward"]);
    assert_eq!(
        names(Scope::Host),
        ["package virt-install", "host net.ipv4.ip_forward"]
    );
    assert!(!packages::is_bare(&Found::parse(&answer), &asked()));
    assert!(packages::is_bare(&Found::parse(&STREAM_9), &asked()));
}

#[test]
fn without_systemd_a_script_starts_libvirt_or_the_user() {
    let leap = LEAP.replace("#init\nsystemd", "#init\ninit");
    assert!(but_packages(&leap).contains(&"> service libvirtd (Missing): not running".to_owned()));
    assert!(fix_of(&leap, "service libvirtd").contains("neither systemd nor an init script"));
    let script = leap.replace("#init-scripts\n", "#init-scripts\nlibvirtd\n");
    assert!(but_packages(&script).contains(&"* service libvirtd: not running".to_owned()));
    let runs = leap
        .replace("#daemons\n", "#daemons\nlibvirtd\n")
        .replace("#sockets\n", "#sockets\nlibvirt-sock\n");
    assert!(!but_packages(&runs).iter().any(|line| line.contains("service")));
}
