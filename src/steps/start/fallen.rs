//! Why a domain does not start, or runs no more: who else has its disks, and what QEMU said last.

use crate::error::{Exit, Fault, Report};
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use anyhow::anyhow;
use roxmltree::Document;
use virt::sys;

/// The end of what QEMU prints of its own command line in the log, after which come its messages.
const ARGUMENTS: &str = "-msg timestamp=on";
/// How much of QEMU's words is shown.
const WORDS: usize = 600;

/// The socket that libvirt names, in any language, when nothing answers there.
const LOG_DAEMON: &str = "/virtlogd-sock";

/// Puts on top of the failure of a domain's start who has a disk of it open, as QEMU knows only that somebody has; or that what
/// keeps its log is not there.
pub fn explain(host: &Host, libvirt: &Libvirt, domain: &str, error: anyhow::Error) -> anyhow::Error {
    if format!("{error:#}").contains(LOG_DAEMON) {
        let message = format!(
            "virtlogd, which keeps the logs of virtual machines, does not run on '{}'",
            host.name()
        );
        let hint =
            "start it there (systemctl start virtlogd.socket, or virtlogd), then run the same command again";
        return error.context(Fault::new(Exit::Failed, message).hint(hint));
    }
    let disks = disks(libvirt, domain).unwrap_or_default();
    let disks: Vec<&str> = disks.iter().map(String::as_str).collect();
    let failed = Report::of(&error).exit_code == Exit::Failed as u8;
    if !failed || disks.is_empty() || !libvirt.is_alive() {
        return error;
    }
    let Ok(users) = host.text(&Cmd::script(include_str!("users.sh"), &disks)) else {
        return error;
    };
    let mut users = users.lines().filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        Some((words.next()?, words.next()?, words.next()?))
    });
    let Some((process, program, disk)) = users.next() else {
        return error;
    };
    let message = format!(
        "its disk '{disk}' is in use by '{program}' (process {process}) on '{}'",
        host.name()
    );
    let fault = Fault::new(Exit::Failed, message);
    error.context(fault.hint("end that process there, or wait for it, then run the same command again"))
}

/// The files of a domain's disks, without those under them.
fn disks(libvirt: &Libvirt, domain: &str) -> Option<Vec<String>> {
    let xml = libvirt
        .domain(domain)
        .ok()??
        .xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)
        .ok()?;
    let document = Document::parse(&xml).ok()?;
    let disks = document.descendants().filter(|n| n.has_tag_name("disk"));
    let files = disks.filter_map(|disk| {
        let source = disk.children().find(|n| n.has_tag_name("source"))?;
        source.attribute("file").map(str::to_owned)
    });
    Some(files.collect())
}

/// What QEMU and libvirt wrote last about a domain, as an error to be a cause; none when there is nothing.
pub fn last_words(host: &Host, domain: &str) -> Option<anyhow::Error> {
    let path = format!("/var/log/libvirt/qemu/{domain}.log");
    let end = host
        .text(&Cmd::new("tail").args(["-c", "4000", "--", &path]))
        .ok()?;
    words(&end).map(|words| anyhow!("its log ends with: {words}"))
}

/// Whether a line is of the registers that QEMU shows of a guest that it stops: `EIP=0000fff0 …`, `CS =f000 …`; or of what
/// KVM adds to them.
fn is_register(line: &str) -> bool {
    if line.starts_with("extra data[") {
        return true;
    }
    let Some((name, _)) = line.split_once('=') else {
        return false;
    };
    let name = name.trim_end();
    name == "Code"
        || (2..=4).contains(&name.len()) && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// The messages at the end of a log, on one line.
fn words(log: &str) -> Option<String> {
    let messages = match log.rfind(ARGUMENTS) {
        Some(at) => &log[at + ARGUMENTS.len()..],
        None => log,
    };
    let lines = messages.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.contains("char device redirected") && !is_register(line))
        .collect();
    let text = lines.join("; ");
    let from = text.len().saturating_sub(WORDS);
    let from = (from..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    Some(text[from..].to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_words_are_those_after_the_arguments() {
        let log = "2026-11-21 15:46:53.313+0000: starting up libvirt version: 11.3.0\nPATH=/bin \\\n-name guest=a \\\n-msg \
                   timestamp=on\nchar device redirected to /dev/pts/0 (label charserial0)\nqemu: fatal: trap\n2026-11-21 \
                   15:46:55.000+0000: shutting down, reason=crashed\n";
        assert_eq!(
            words(log).unwrap(),
            "qemu: fatal: trap; 2026-11-21 15:46:55.000+0000: shutting down, reason=crashed"
        );
        let stopped = "x -msg timestamp=on\nKVM internal error. Suberror: 1\nextra data[0]: 0x01\nemulation failure\nEAX=00000000 EBX=0000\nCS =0008 00\n\
                       CR0=00000011 CR2=0\nCode=eb de <cf> c3\n";
        assert_eq!(
            words(stopped).unwrap(),
            "KVM internal error. Suberror: 1; emulation failure"
        );
        assert_eq!(words("x -msg timestamp=on\n"), None);
        assert_eq!(words(""), None);
    }
}
