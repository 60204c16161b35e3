//! A node that boots by UEFI with secure boot and a TPM, and logs its console: what its operating system sees of that.

use crate::support::Lab;

/// The flags that make the undercloud such a node.
pub const FLAGS: &[&str] = &[
    "-e",
    "override.undercloud.secure_boot=yes",
    "-e",
    "override.undercloud.tpm=yes",
    "--serial-files",
];

/// What a root shell in the node says: secure boot is a byte behind four of flags.
const LOOK: &str = r#"
    modprobe efivarfs 2>/dev/null; [ -n "$(ls /sys/firmware/efi/efivars)" ] || mount -t efivarfs none /sys/firmware/efi/efivars
    echo "secure $(od -An -tu1 -j4 /sys/firmware/efi/efivars/SecureBoot-* | tr -d " ")"
    echo "tpm $(cat /sys/class/tpm/tpm0/tpm_version_major) $([ -c /dev/tpm0 ] && echo device)"
"#;

/// Looks into the running undercloud, into which `login` gets from the hypervisor, and at what the hypervisor keeps of it.
pub fn check(lab: &Lab, login: &[&str]) {
    let look = format!("sudo sh -c '{LOOK}'");
    let seen = lab.enter(&[login, &[&look]].concat()).ok().stdout;
    assert_eq!(seen, "secure 1\ntpm 2 device\n");

    let nvram = lab.enter(&["ls", "/var/lib/libvirt/qemu/nvram"]).ok().stdout;
    assert_eq!(nvram, "undercloud-0_VARS.fd\n", "only the node with UEFI has one");
    let log = lab
        .enter(&["cat", "/var/lib/libvirt/qemu/undercloud-0-serial.log"])
        .ok()
        .stdout;
    assert!(log.contains("undercloud-0 login:"), "{log}");
}
