//! What is behind a failure: the connection, libvirt's daemon, or the disk. It is looked for after the failure, not read
//! from messages, which are in the hypervisor's language.

use super::Tools;
use crate::error::{Exit, Fault, Report};
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use crate::steps::host::check::READ_ONLY;
use crate::units::bytes;
use std::io::ErrorKind;

/// What to do after a lost connection.
const GOES_ON: &str = "run the same command again: it goes on from here";
/// With so few bytes left a file system is full: what was to be written took more.
const FULL: u64 = 1 << 20;
/// What programs say of a full disk; libvirt may say it in another language.
const NO_SPACE: &str = "No space left on device";

/// The fault of a run that may no longer change anything.
pub fn lease_lost(tools: &Tools) -> Fault {
    Fault::new(
        Exit::Unreachable,
        format!(
            "the connection to '{}' that holds the deployment's lease is lost",
            tools.id.host
        ),
    )
    .hint(GOES_ON)
    .passing()
}

/// Puts what is behind a failure on top of it: libvirt knows only that its socket was closed, or a program failed.
pub fn explain(tools: &Tools, error: anyhow::Error) -> anyhow::Error {
    let code = Report::of(&error).exit_code;
    if code == Exit::Failed as u8 && (tools.lease_lost)() {
        return error.context(lease_lost(tools));
    }
    let error = explain_lost((&tools.host, &tools.libvirt), error);
    let code = Report::of(&error).exit_code;
    if code != Exit::Failed as u8 && code != Exit::Resources as u8 || is_of_this_machine(&error) {
        return error;
    }
    let look = Cmd::script(include_str!("disk.sh"), &[&tools.setting.folder]);
    let Ok(found) = tools.host.run(&look) else {
        return error;
    };
    match disk_trouble(&found.text(), &format!("{error:#}"), &tools.id.host) {
        Some(fault) => error.context(fault),
        None => error,
    }
}

/// Whether it is this machine's disk that takes no more: what programs say of the hypervisor's comes as text.
fn is_of_this_machine(error: &anyhow::Error) -> bool {
    let disk = |error: &std::io::Error| {
        matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
        )
    };
    error.chain().any(|cause| cause.downcast_ref().is_some_and(disk))
}

/// Puts a lost connection on top of an error that comes of it, while there is no lease to lose.
pub fn explain_lost((host, libvirt): (&Host, &Libvirt), error: anyhow::Error) -> anyhow::Error {
    if Report::of(&error).exit_code != Exit::Failed as u8 {
        return error;
    }
    let lost = match host.run(&Cmd::new("true")) {
        Err(lost) => lost.to_string(),
        // Its daemon ended, or the stream that leads to it.
        Ok(_) if !libvirt.is_alive() => format!("the connection to libvirt on '{}' is lost", host.name()),
        Ok(_) => return error,
    };
    error.context(Fault::new(Exit::Unreachable, lost).hint(GOES_ON).passing())
}

/// What the disk's file system lacks, from the script's `FREE WRITABLE MOUNT`.
fn disk_trouble(found: &str, error: &str, host: &str) -> Option<Fault> {
    let mut words = found.trim().splitn(3, ' ');
    let (free, writable, mount) = (words.next()?.parse::<u64>().ok()?, words.next()?, words.next()?);
    if writable == "no" {
        let message = format!("the file system '{mount}' on '{host}' is read-only");
        return Some(Fault::new(Exit::Resources, message).hint(READ_ONLY));
    }
    if free > FULL && !error.contains(NO_SPACE) {
        return None;
    }
    // What was half made is gone by now.
    let message = match free > FULL {
        true => format!(
            "the file system '{mount}' on '{host}' got full: {} are free again",
            bytes(free)
        ),
        false => format!(
            "the file system '{mount}' on '{host}' is full: {} are free",
            bytes(free)
        ),
    };
    Some(
        Fault::new(Exit::Resources, message)
            .hint("free some space there; the same command goes on from here"),
    )
}

#[cfg(test)]
mod tests {
    use super::{disk_trouble, is_of_this_machine};
    use std::io::ErrorKind;

    #[test]
    fn a_full_disk_here_is_not_the_hypervisors() {
        let here = || std::io::Error::from(ErrorKind::StorageFull);
        assert!(is_of_this_machine(
            &anyhow::Error::from(here()).context("cannot write 'f'")
        ));
        assert!(!is_of_this_machine(&anyhow::anyhow!("dd: {}", here())));
    }

    #[test]
    fn a_full_disk_is_told_by_what_is_free_and_not_by_words() {
        let of = |found: &str, error: &str| disk_trouble(found, error, "hv").map(|fault| fault.message);
        assert_eq!(
            of(
                "4096 yes /srv/my images\n",
                "Auf dem Gerät ist kein Speicherplatz mehr verfügbar"
            )
            .unwrap(),
            "the file system '/srv/my images' on 'hv' is full: 4.00 KiB are free"
        );
        assert_eq!(of("10000000 yes /srv\n", "it failed"), None);
        assert_eq!(
            of("10485760 yes /srv\n", "cat: No space left on device").unwrap(),
            "the file system '/srv' on 'hv' got full: 10.00 MiB are free again"
        );
        assert_eq!(
            of("10000000 no /srv\n", "it failed").unwrap(),
            "the file system '/srv' on 'hv' is read-only"
        );
        assert_eq!(of("", "it failed"), None);
    }
}
