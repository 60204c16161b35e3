//! Whether the CPU carries guests.

use super::{Found, Requirement};
use crate::steps::host::check::THREADS;

/// Hardware virtualization as the CPU shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Virtualization {
    /// Intel's.
    Vmx,
    /// AMD's.
    Svm,
    /// POWER without a hypervisor below.
    PowerNv,
    /// ARM's, which the CPU does not show: the kernel makes /dev/kvm where it can.
    Arm,
    /// None.
    None,
}

impl Virtualization {
    /// What was found.
    pub fn of(found: &Found) -> Virtualization {
        let flags = found.lines("cpuinfo").chain(found.lines("lscpu"));
        let mut flags = flags.filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case("flags").then_some(value)
        });
        match found.word("machine") {
            "ppc64le" | "ppc64" if platform(found) == Some("PowerNV") => Virtualization::PowerNv,
            "aarch64" => Virtualization::Arm,
            "x86_64" => flags
                .find_map(|flags| {
                    let has = |flag| flags.split_whitespace().any(|there| there == flag);
                    match (has("vmx"), has("svm")) {
                        (true, _) => Some(Virtualization::Vmx),
                        (_, true) => Some(Virtualization::Svm),
                        _ => None,
                    }
                })
                .unwrap_or(Virtualization::None),
            _ => Virtualization::None,
        }
    }

    /// The kernel's module for it, besides `kvm`.
    pub fn module(self) -> Option<&'static str> {
        match self {
            Virtualization::Vmx => Some("kvm_intel"),
            Virtualization::Svm => Some("kvm_amd"),
            Virtualization::PowerNv => Some("kvm_hv"),
            Virtualization::Arm | Virtualization::None => None,
        }
    }
}

/// `platform : PowerNV`, on POWER.
fn platform(found: &Found) -> Option<&str> {
    let mut lines = found.lines("cpuinfo").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.trim() == "platform")?;
    Some(value.trim())
}

/// What lscpu says of the machine below, when this one is a guest.
fn below(found: &Found) -> Option<&str> {
    let mut lines = found.lines("lscpu").filter_map(|line| line.split_once(':'));
    let (_, vendor) = lines.find(|(key, _)| *key == "Hypervisor vendor")?;
    Some(vendor.trim())
}

pub(super) fn requirements(found: &Found) -> Vec<Requirement> {
    vec![flag(found)]
}

fn flag(found: &Found) -> Requirement {
    let what = "CPU virtualization";
    let kvm = found.lines("devices").any(|line| line.starts_with("/dev/kvm "));
    match (found.word("machine"), Virtualization::of(found)) {
        (_, Virtualization::Vmx) => Requirement::met(what, "vmx (VT-x)", "vmx or svm"),
        (_, Virtualization::Svm) => Requirement::met(what, "svm (AMD-V)", "vmx or svm"),
        (_, Virtualization::PowerNv) => Requirement::met(what, "POWER without a hypervisor below (PowerNV)", "PowerNV"),
        (_, Virtualization::Arm) if kvm => Requirement::met(what, "aarch64 with /dev/kvm", "aarch64 with EL2"),
        (_, Virtualization::Arm) => Requirement::met(what, "aarch64 without /dev/kvm", "aarch64 with EL2").user_does(
            "the kernel must be started at exception level 2 (EL2): see 'dmesg | grep -i kvm', and the firmware's settings",
        ),
        ("ppc64le" | "ppc64", _) => {
            let shown = platform(found).unwrap_or("an unknown platform");
            let fix = "KVM runs on POWER without a hypervisor below only: a partition (pSeries) cannot be a hypervisor";
            Requirement::met(what, shown, "PowerNV").user_does(fix)
        }
        ("x86_64", Virtualization::None) => {
            let row = Requirement::met(what, "neither vmx nor svm", "vmx or svm");
            match below(found) {
                Some(vendor) => row.user_does(format!(
                    "enable VT-x or AMD-V in the firmware; this host is a guest of {vendor}: enable nested virtualization there"
                )),
                None => row.user_does("enable VT-x or AMD-V in the firmware (BIOS or UEFI setup), then switch it off and on"),
            }
        }
        (machine, Virtualization::None) => {
            let needed = "x86_64, aarch64 or POWER";
            Requirement::met(what, machine, needed).user_does("use another machine: irs knows no KVM on this one")
        }
    }
}

/// How many threads there are.
pub(super) fn threads(found: &Found) -> Requirement {
    let threads: u32 = found.word("threads").parse().unwrap_or(1);
    let row = Requirement::met("CPU threads", threads.to_string(), format!("{THREADS} or more"));
    match threads < THREADS {
        true => row.advised("use a machine with more: nodes will be slow, and may be taken for dead"),
        false => row,
    }
}
