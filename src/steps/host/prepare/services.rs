//! libvirt's daemons: the one of old, or one for each of its parts; started now and with the host.

use super::distribution::{Distribution, Line};
use super::{Change, Found, Requirement, Work};
use crate::plan::{Kind, Verb};
use crate::remote::Cmd;

/// The parts of libvirt that irs works with, where each has a daemon of its own.
const MODULAR: [&str; 5] = [
    "virtqemud",
    "virtnetworkd",
    "virtstoraged",
    "virtnodedevd",
    "virtsecretd",
];

/// A unit of systemd's.
struct Unit<'a> {
    load: &'a str,
    file: &'a str,
    active: &'a str,
}

impl Unit<'_> {
    fn is_there(&self) -> bool {
        self.load == "loaded"
    }

    fn is_active(&self) -> bool {
        self.active == "active"
    }

    /// Whether it starts with the host.
    fn is_enabled(&self) -> bool {
        ["enabled", "static", "alias", "indirect"].contains(&self.file)
    }
}

/// What systemd says of a unit.
fn unit<'a>(found: &'a Found, name: &str) -> Unit<'a> {
    let lines: Vec<&str> = found.lines("units").collect();
    let mut blocks = lines.split(|line| *line == "?");
    let block = blocks.find(|block| block.iter().any(|line| line.strip_prefix("Id=") == Some(name)));
    let value = |key: &str| {
        let mut pairs = block
            .into_iter()
            .flatten()
            .filter_map(|line| line.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    Unit {
        load: value("LoadState").unwrap_or_default(),
        file: value("UnitFileState").unwrap_or_default(),
        active: value("ActiveState").unwrap_or_default(),
    }
}

/// Whether libvirt comes as one daemon for each of its parts, as RHEL 9 and Fedora 35 began to have it.
fn is_modular(found: &Found, distribution: &Distribution) -> bool {
    let by_default = match distribution.line {
        Line::El(major) => major >= 9,
        Line::Fedora(major) => major >= 35,
        Line::Suse(major) => major > 15,
        _ => false,
    };
    let of = |name: &str| {
        (
            unit(found, &format!("{name}.service")),
            unit(found, &format!("{name}.socket")),
        )
    };
    let (one, one_socket) = of("libvirtd");
    let (qemu, qemu_socket) = of("virtqemud");
    let is_on = |service: &Unit<'_>, socket: &Unit<'_>| {
        service.is_active() || socket.is_active() || service.file == "enabled" || socket.file == "enabled"
    };
    match (one.is_there(), qemu_socket.is_there()) {
        (true, false) => false,
        (false, true) => true,
        (false, false) => by_default,
        // Both are installed: the one that somebody chose counts.
        (true, true) if is_on(&one, &one_socket) => false,
        (true, true) => is_on(&qemu, &qemu_socket) || by_default,
    }
}

pub(super) fn requirements(found: &Found, distribution: &Distribution) -> Vec<Requirement> {
    let rows = match found.has_systemd() {
        true if is_modular(found, distribution) => MODULAR
            .iter()
            .map(|name| under_systemd(found, name, true))
            .collect(),
        true => vec![under_systemd(found, "libvirtd", false)],
        false => vec![without_systemd(found, distribution)],
    };
    let mut rows: Vec<Requirement> = rows.into_iter().map(Requirement::by_every_run).collect();
    rows.extend(guests(found));
    rows
}

fn under_systemd(found: &Found, name: &str, by_socket: bool) -> Requirement {
    let what = format!("service {name}");
    let needed = "running, starts with the host";
    let row = |shown: &str| Requirement::met(what.clone(), shown, needed);
    let service = unit(found, &format!("{name}.service"));
    let socket = unit(found, &format!("{name}.socket"));
    // A socket that listens starts its service when it is asked.
    let runs = service.is_active() || socket.is_active();
    let lasts = service.is_enabled() && service.file != "static" || socket.is_enabled();
    let change = |verb, reason: &str| Change {
        verb,
        kind: Kind::Service,
        name: name.to_owned(),
        reason: reason.to_owned(),
        by_hand: match by_socket {
            true => format!(
                "systemctl enable --now {name}.service {name}.socket {name}-ro.socket {name}-admin.socket"
            ),
            false => format!("systemctl enable --now {name}"),
        },
        work: Work::Run(Cmd::script(
            include_str!("enable_service.sh"),
            &[name, if by_socket { "socket" } else { "service" }],
        )),
    };
    let start = |verb, reason: &str| Change {
        work: Work::Run(Cmd::script(
            include_str!("enable_service.sh"),
            &[name, if by_socket { "socket" } else { "service" }],
        )),
        ..change(verb, reason)
    };
    if service.load == "masked" || socket.load == "masked" {
        let fix = format!("somebody masked it: systemctl unmask {name}.service {name}.socket");
        return row("masked").user_does(fix);
    }
    match (service.is_there() || socket.is_there(), runs, lasts) {
        (_, true, true) => row("running, starts with the host"),
        (true, true, false) => row("running, does not start with the host")
            .irs_does(change(Verb::Update, "it does not start with the host")),
        (true, false, _) => row("not running").irs_does(start(Verb::Update, "it does not run")),
        (false, ..) => row("not installed").irs_does(start(
            Verb::Create,
            "libvirt's service is to run, also after a boot",
        )),
    }
}

/// Where there is no systemd, the scripts of System V's init are called, if there are any. irs starts no daemon by itself: it
/// would not come back with the host, and nobody else would know how it was started.
fn without_systemd(found: &Found, distribution: &Distribution) -> Requirement {
    let what = "service libvirtd";
    let needed = "running, starts with the host";
    let row = |shown: &str| Requirement::met(what, shown, needed);
    let runs = found
        .lines("daemons")
        .any(|name| ["libvirtd", "virtqemud"].contains(&name))
        && found.lines("sockets").next().is_some();
    if runs {
        return row("running; no systemd starts it with the host");
    }
    let has_script = found.lines("init-scripts").any(|name| name == "libvirtd");
    let comes =
        matches!(distribution.line, Line::Debian(_) | Line::Ubuntu(_)) && distribution.manager.is_some();
    let bare = !found.lines("programs").any(|program| program == "virsh");
    if has_script || (comes && bare) {
        let (verb, reason) = match has_script {
            true => (
                Verb::Update,
                "it does not run; there is no systemd, so that its init script starts it",
            ),
            false => (Verb::Create, "there is no systemd: its init script starts it"),
        };
        return row(if has_script {
            "not running"
        } else {
            "not installed"
        })
        .irs_does(Change {
            verb,
            kind: Kind::Service,
            name: "libvirtd".into(),
            reason: reason.into(),
            by_hand: "service virtlogd start; service libvirtd start".into(),
            work: Work::Run(Cmd::script(include_str!("start_service.sh"), &[])),
        });
    }
    row("not running").user_does(
        "this host has neither systemd nor an init script of libvirt's: start virtlogd and libvirtd as other daemons are started \
         here (virtlogd -d; libvirtd -d), then say the same again",
    )
}

/// libvirt that was started before QEMU was installed, or that may not start it, offers no guests.
fn guests(found: &Found) -> Option<Requirement> {
    let count: u32 = found.lines("guests").next()?.parse().ok()?;
    let row = |shown: &str| Requirement::met("guests of libvirt's", shown, "guests with the os type 'hvm'");
    if count > 0 {
        return Some(row("offered"));
    }
    let row = row("none: \"no supported architecture for os type 'hvm'\"");
    let name = match found.lines("daemons").any(|name| name == "virtqemud") {
        true => "virtqemud",
        false => "libvirtd",
    };
    Some(
        row.irs_does(Change {
            verb: Verb::Restart,
            kind: Kind::Service,
            name: name.into(),
            reason: "it offers no guests (\"no supported architecture for os type 'hvm'\"): it looks for QEMU anew when it starts".into(),
            by_hand: match found.has_systemd() {
                true => format!("systemctl restart {name}"),
                false => format!("service {name} restart"),
            },
            work: Work::Run(Cmd::script(include_str!("restart_service.sh"), &[name])),
        })
        .by_every_run(),
    )
}
