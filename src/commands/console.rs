//! `irs console`: a node's serial console, over libvirt's own connection.

use super::live::{Found, Live};
use super::virsh::blocking;
use crate::cli::console::Console;
use crate::error::{Exit, Fault, FaultContext};
use crate::interrupt;
use crate::libvirt::Libvirt;
use crate::ssh::passphrase;
use crate::steps::domains::state::State;
use crate::ui::Ui;
use crate::ui::raw::{self, Raw};
use anyhow::Result;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use virt::domain::Domain;
use virt::enumutil::Enum;
use virt::error::ErrorNumber;
use virt::stream::Stream;

/// Ctrl-], which leaves, as in telnet and virsh.
const ESCAPE: u8 = 0x1d;

/// Runs `irs console`.
///
/// # Errors
/// `Usage` for a node that is not there, `Busy` when somebody else has the console, `Unreachable` when the link is lost.
pub async fn run(args: &Console, ui: &Ui) -> Result<()> {
    let work = {
        let (args, ui) = (args.clone(), ui.clone());
        blocking(move || attend(&args, &ui))
    };
    let leave = || {
        raw::restore();
        passphrase::restore();
        std::process::exit(Exit::Interrupted as i32);
    };
    tokio::select! {
        ended = work => ended,
        // At once: the console is free as soon as the connection is closed.
        heard = interrupt::listen(leave, || ()) => Ok(heard?),
    }
}

/// How it came to an end.
enum End {
    /// The user typed the escape.
    Left,
    /// Nobody reads what is shown any more.
    Unread,
    /// The other side has ended, or the way to it.
    Closed,
}

fn attend(args: &Console, ui: &Ui) -> Result<()> {
    let live = Live::open(&args.connect, &args.environment)?;
    let found = live.node(&args.node)?;
    let name = &found.node.name;
    let domain = found.domain()?;
    let stream = Arc::new(open(args, &found, &domain)?);
    ui.note(&format!(
        "this is the serial console of '{name}': Ctrl-] leaves it, Enter wakes one that is silent"
    ));
    let end = {
        let _raw = Raw::new()?;
        talk(&stream)
    };
    match end {
        End::Left | End::Unread => {
            ui.note(&format!("\nleft the console of '{name}'"));
            Ok(())
        }
        End::Closed => closed(name, &found.place.session.libvirt, &domain, ui),
    }
}

fn open(args: &Console, found: &Found<'_>, domain: &Domain) -> Result<Stream> {
    let name = &found.node.name;
    let state = State::of(domain)?;
    if matches!(state, State::ShutOff | State::Crashed) {
        let message = format!("'{name}' is {}: it has no console", state.name());
        return Err(Fault::new(Exit::Failed, message)
            .hint(format!("'irs power on {}' starts it", args.node))
            .into());
    }
    let log = found
        .actual()
        .and_then(|actual| actual.mark.as_ref()?.serial_file.clone());
    if let Some(file) = log {
        let message =
            format!("the serial console of '{name}' goes to a file of its hypervisor and takes no keys");
        return Err(Fault::new(Exit::Failed, message)
            .hint(format!(
                "'irs ssh --host {} -- tail -F {file}' shows it",
                args.node
            ))
            .into());
    }
    let libvirt = &found.place.session.libvirt;
    libvirt.console(domain, args.force).or_else(|error| {
        // The domain runs and has a console: what is left is that somebody else has it.
        let busy = matches!(error.code(), Enum::Known(ErrorNumber::OperationFailed));
        Err(error).fault(|| match busy {
            true => Fault::new(Exit::Busy, format!("somebody else has the console of '{name}'"))
                .hint("--force takes it over; a run of 'irs virsh' that waits for the node has it, too"),
            false => Fault::new(Exit::Failed, format!("the console of '{name}' cannot be opened")),
        })
    })
}

/// Carries both ways until one side ends. Both threads are left behind: no call into libvirt can be cancelled, and the
/// program ends next.
fn talk(stream: &Arc<Stream>) -> End {
    let (ended, end) = channel();
    let (shown, typed) = (Arc::clone(stream), Arc::clone(stream));
    let also_ended = ended.clone();
    thread::spawn(move || show(&shown, &ended));
    thread::spawn(move || type_in(&typed, &also_ended));
    end.recv().unwrap_or(End::Closed)
}

fn show(stream: &Stream, ended: &Sender<End>) {
    let mut buffer = [0; 4096];
    let mut out = io::stdout();
    let end = loop {
        let count = match stream.recv(&mut buffer) {
            Ok(count) => usize::try_from(count).unwrap_or(0),
            Err(_) => 0,
        };
        if count == 0 {
            break End::Closed;
        }
        if out
            .write_all(&buffer[..count])
            .and_then(|()| out.flush())
            .is_err()
        {
            break End::Unread;
        }
    };
    let _ = ended.send(end);
}

fn type_in(stream: &Stream, ended: &Sender<End>) {
    let mut buffer = [0; 1024];
    let mut input = io::stdin();
    loop {
        let count = match input.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(count @ 1..) => count,
            // What the node says is shown on.
            Ok(_) | Err(_) => return,
        };
        let (keys, leaves) = until_escape(&buffer[..count]);
        let mut rest = keys;
        while !rest.is_empty() {
            let Ok(sent) = stream.send(rest) else {
                let _ = ended.send(End::Closed);
                return;
            };
            rest = &rest[usize::try_from(sent).unwrap_or(0).min(rest.len())..];
        }
        if leaves {
            let _ = ended.send(End::Left);
            return;
        }
    }
}

/// What is typed before the escape, and whether there is one.
fn until_escape(keys: &[u8]) -> (&[u8], bool) {
    match keys.iter().position(|key| *key == ESCAPE) {
        Some(at) => (&keys[..at], true),
        None => (keys, false),
    }
}

/// The node is off, somebody else has the console now, or the link is lost.
fn closed(name: &str, libvirt: &Libvirt, domain: &Domain, ui: &Ui) -> Result<()> {
    if !libvirt.is_alive() {
        let message = format!("the connection was lost while '{name}' was shown");
        return Err(Fault::new(Exit::Unreachable, message).into());
    }
    match State::of(domain) {
        Ok(state) if state.is_running() => {
            let message = format!(
                "the console of '{name}' was closed: somebody else took it over, or the node was started anew"
            );
            Err(Fault::new(Exit::Busy, message)
                .hint("--force takes it back")
                .into())
        }
        _ => {
            ui.note(&format!("\n'{name}' is off"));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_follows_the_escape_is_not_sent() {
        assert_eq!(super::until_escape(b"ls\n"), (&b"ls\n"[..], false));
        assert_eq!(super::until_escape(b"a\x1db"), (&b"a"[..], true));
        assert_eq!(super::until_escape(b"\x1d"), (&b""[..], true));
    }
}
