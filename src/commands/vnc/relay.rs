//! Connections of this machine, carried to a screen.

use super::screen::Screen;
use crate::error::{Exit, Fault, Report};
use crate::remote::{self, Cmd, Host, Said};
use crate::ssh::node;
use crate::ui::Ui;
use anyhow::{Result, anyhow};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long the way to a screen may take to open.
const OPENING: Duration = Duration::from_secs(20);

/// The way to a screen.
pub(super) struct Way {
    host: Host,
    screen: Screen,
}

impl Way {
    pub(super) fn new(host: Host, screen: Screen) -> Way {
        Way { host, screen }
    }

    /// A stream to the screen.
    ///
    /// # Errors
    /// `Unreachable`, when there is none.
    pub(super) fn open(&self) -> Result<UnixStream> {
        let fault = || {
            let message = format!("the screen cannot be reached on '{}'", self.host.name());
            Fault::new(Exit::Unreachable, message)
        };
        match &self.screen {
            Screen::Port(address, port) => {
                let ip = address
                    .parse()
                    .map_err(|_| anyhow!("'{address}' is no address").context(fault()))?;
                node::stream_to(&self.host, ip, *port, OPENING)
                    .map_err(|why| anyhow!("{why}").context(fault()))
            }
            Screen::Socket(path) => {
                let connect = Cmd::new("nc").args(["-U", path]);
                self.host.duplex(&connect, &Arc::new(Said::default()))
            }
        }
    }
}

/// Carries every connection that comes, each in threads of its own.
///
/// # Errors
/// When no more connections can be taken.
pub(super) fn serve(listener: &TcpListener, way: &Arc<Way>, ui: &Ui) -> Result<()> {
    loop {
        let (viewer, _) = listener.accept()?;
        let (way, ui) = (Arc::clone(way), ui.clone());
        thread::spawn(move || match way.open() {
            Ok(screen) => {
                let _ = viewer.set_nodelay(true);
                remote::join(&viewer, &screen);
            }
            Err(error) => {
                let report = Report::of(&error);
                let why: Vec<String> = std::iter::once(report.message).chain(report.causes).collect();
                ui.warn(&why.join(": "));
            }
        });
    }
}
