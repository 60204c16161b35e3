//! `irs vnc`: a node's screen as a port of this machine.

mod relay;
mod rfb;
mod screen;

use super::leave;
use super::live::Live;
use super::virsh::blocking;
use crate::cli::vnc::Vnc;
use crate::error::{Exit, Fault, FaultContext};
use crate::interrupt;
use crate::steps::domains::state::State;
use crate::ui::Ui;
use anyhow::Result;
use relay::Way;
use rfb::Security;
use screen::Screen;
use serde::Serialize;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;

/// Where viewers look first.
const PORTS: std::ops::RangeInclusive<u16> = 5900..=5999;

/// Runs `irs vnc`.
///
/// # Errors
/// `Usage` for a node that is not there, `Failed` for one without a screen, `Unreachable` for a hypervisor that does not answer.
pub async fn run(args: &Vnc, ui: &Ui) -> Result<()> {
    let work = {
        let (args, ui) = (args.clone(), ui.clone());
        blocking(move || serve(&args, &ui))
    };
    tokio::select! {
        ended = work => ended,
        heard = interrupt::listen(leave, || ()) => Ok(heard?),
    }
}

/// What is told of a screen, in the shape of `--format json`.
#[derive(Serialize)]
struct Told<'a> {
    /// The node.
    node: &'a str,
    /// What viewers take.
    url: String,
    /// The address of this machine that leads to the screen.
    address: String,
    /// The port of that address.
    port: u16,
    /// Whether it asks for a password; null when it does not say.
    password: Option<bool>,
}

fn serve(args: &Vnc, ui: &Ui) -> Result<()> {
    let listener = listen(args.local_port)?;
    let live = Live::open(&args.connect, &args.environment)?;
    let found = live.node(&args.node)?;
    let name = &found.node.name;
    let domain = found.domain()?;
    let state = State::of(&domain)?;
    if matches!(state, State::ShutOff | State::Crashed) {
        let message = format!("'{name}' is {}: it has no screen", state.name());
        let hint = format!("'irs power on {}' starts it", args.node);
        return Err(Fault::new(Exit::Failed, message).hint(hint).into());
    }
    let Some(screen) = Screen::of(&domain.xml_desc(0)?)? else {
        let message = format!("'{name}' has no VNC screen");
        let hint = format!("'irs console {}' shows its serial console", args.node);
        return Err(Fault::new(Exit::Failed, message).hint(hint).into());
    };
    let way = Arc::new(Way::new(found.place.session.host.clone(), screen));
    let security = rfb::ask(way.open()?)
        .fault(|| Fault::new(Exit::Failed, format!("the screen of '{name}' does not answer")))?;
    let at = listener.local_addr()?;
    let told = Told {
        node: name,
        url: format!("vnc://{at}"),
        address: at.ip().to_string(),
        port: at.port(),
        password: security.password(),
    };
    ui.result(&told.url);
    ui.json(&told)?;
    ui.note(&format!(
        "the screen of '{name}', {}; Ctrl-C ends it",
        security.in_words()
    ));
    match &args.viewer {
        None => relay::serve(&listener, &way, ui),
        Some(program) => {
            let (way, ui) = (Arc::clone(&way), ui.clone());
            std::thread::spawn(move || relay::serve(&listener, &way, &ui));
            view(program, at.port())
        }
    }
}

/// A port of this machine's loopback.
fn listen(port: Option<u16>) -> Result<TcpListener> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let Some(port) = port else {
        let free = PORTS.into_iter().find_map(|port| at(port).ok());
        return Ok(free.map_or_else(|| at(0), Ok)?);
    };
    at(port).fault(|| {
        Fault::new(Exit::Failed, format!("port {port} of this machine cannot be had"))
            .hint("without --local-port one is taken that is free")
    })
}

/// Runs a viewer to its end.
fn view(program: &str, port: u16) -> Result<()> {
    let base = program.rsplit('/').next().unwrap_or_default();
    // The viewers of the VNC family know no URLs; two colons are theirs for a port.
    let address = match base.contains("vncviewer") {
        true => format!("127.0.0.1::{port}"),
        false => format!("vnc://127.0.0.1:{port}"),
    };
    let ended = crate::secret::keep_from(&mut Command::new(program))
        .arg(address)
        .status()
        .map_err(|error| {
            let message = match error.kind() {
                ErrorKind::NotFound => format!("'{program}' is not installed on this machine"),
                _ => format!("cannot start '{program}': {error}"),
            };
            Fault::new(Exit::Failed, message)
        })?;
    match ended.success() {
        true => Ok(()),
        false => Err(Fault::new(Exit::Failed, format!("'{program}' ended with {ended}")).into()),
    }
}

impl Security {
    fn in_words(self) -> &'static str {
        match self {
            Security::None => "without a password",
            Security::Password => "which asks for its password",
            Security::Other => "which asks who you are",
            Security::Unknown => "as it is",
        }
    }

    fn password(self) -> Option<bool> {
        match self {
            Security::None => Some(false),
            Security::Password => Some(true),
            Security::Other | Security::Unknown => None,
        }
    }
}
