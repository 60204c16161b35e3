//! What a node boots by: BIOS or UEFI, secure boot, and its TPM.

use crate::yaml::{Fields, Problems, shown};

use super::disk::{Bus, DiskSpec};

/// A node's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF.
    Uefi {
        /// With secure boot on and the vendors' keys in it.
        secure: bool,
    },
}

impl Firmware {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Firmware::Bios => "bios",
            Firmware::Uefi { secure: false } => "uefi",
            Firmware::Uefi { secure: true } => "uefi with secure boot",
        }
    }
}

/// An emulated Trusted Platform Module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tpm {
    /// Version 1.2, at the address of old.
    V1,
    /// Version 2.0.
    V2,
}

impl Tpm {
    /// Its version.
    pub fn version(self) -> &'static str {
        match self {
            Tpm::V1 => "1.2",
            Tpm::V2 => "2.0",
        }
    }
}

/// `bootmode`'s words.
pub const MODES: &[(&str, Firmware)] = &[
    ("bios", Firmware::Bios),
    ("uefi", Firmware::Uefi { secure: false }),
];

/// Reads `bootmode` and `secure_boot`; nothing when the node file says neither.
pub(super) fn read(fields: &Fields<'_>, problems: &mut Problems) -> Option<Firmware> {
    let mode = fields.choice("bootmode", MODES, problems);
    let secure = fields.boolean("secure_boot", problems);
    match (mode, secure) {
        (Some(Firmware::Bios), Some(true)) => {
            let place = fields.key_place("secure_boot").unwrap_or(&fields.place);
            problems
                .push(
                    place.clone(),
                    format!("{} has 'secure_boot' and 'bootmode: bios'", fields.of),
                )
                .hint("secure boot is a thing of UEFI: leave one of the two out");
            None
        }
        (_, Some(true)) => Some(Firmware::Uefi { secure: true }),
        (mode, _) => mode,
    }
}

/// Reads `tpm`: yes or no, `emulator`, or a version.
pub(super) fn read_tpm(fields: &Fields<'_>, problems: &mut Problems) -> Option<Option<Tpm>> {
    let tree = fields.get("tpm")?;
    let text = tree.string(&fields.what("tpm"), problems)?;
    match text.trim().to_ascii_lowercase().as_str() {
        "no" | "false" | "off" | "none" => Some(None),
        "yes" | "true" | "on" | "emulator" | "2.0" | "2" | "emulator 2.0" => Some(Some(Tpm::V2)),
        "1.2" | "emulator 1.2" => Some(Some(Tpm::V1)),
        _ => {
            problems
                .push(
                    tree.place.clone(),
                    format!("{} cannot be '{}'", fields.what("tpm"), shown(&text)),
                )
                .hint("it is yes (an emulated TPM 2.0), 2.0, 1.2 or no");
            None
        }
    }
}

/// Whether a machine type is of the family with PCI Express, which has no IDE.
pub fn is_q35(machine: &str) -> bool {
    machine.contains("q35")
}

/// What machine type, firmware and buses ask of one another.
pub(super) fn check(
    fields: &Fields<'_>,
    machine: Option<&str>,
    firmware: Option<Firmware>,
    disks: &[DiskSpec],
    problems: &mut Problems,
) {
    let secure = firmware == Some(Firmware::Uefi { secure: true });
    if secure && machine.is_some_and(|machine| !is_q35(machine)) {
        let place = fields.key_place("machine_type").unwrap_or(&fields.place);
        problems
            .push(
                place.clone(),
                format!(
                    "{} has 'secure_boot', which the machine type '{}' has not",
                    fields.of,
                    machine.unwrap_or_default()
                ),
            )
            .hint("write machine_type: q35, or leave it out");
    }
    if !secure && !machine.is_some_and(is_q35) {
        return;
    }
    for disk in disks.iter().filter(|disk| disk.bus == Some(Bus::Ide)) {
        let why = match machine {
            Some(machine) => format!("the machine type '{machine}'"),
            None => "a machine with secure boot (q35)".to_owned(),
        };
        problems
            .push(
                disk.place.clone(),
                format!(
                    "disk '{}' of {} has 'bus: ide', which {why} has not",
                    disk.key, fields.of
                ),
            )
            .hint("write machine_type: pc, or another bus: virtio, scsi, sata");
    }
}
