//! The private socket that libvirt's client library opens, and what became of the way behind it.

use crate::error::{Exit, Fault, FaultContext};
use crate::ssh::lock;
use anyhow::{Result, anyhow};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Keeps the way to libvirt open for new clients; no more come in when this is dropped.
#[derive(Default)]
pub struct TunnelGuard {
    closing: Arc<AtomicBool>,
    trouble: Arc<Trouble>,
    dir: Option<TempDir>,
}

/// The end of what was said of a broken way.
#[derive(Default)]
pub(super) struct Trouble(Mutex<String>);

impl Trouble {
    /// Adds what the program at the other end wrote.
    pub(super) fn add(&self, said: &[u8]) {
        let mut text = lock(&self.0);
        text.push_str(&String::from_utf8_lossy(said));
        let excess = text.len().saturating_sub(1024);
        let excess = (excess..=text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.drain(..excess);
    }

    /// Puts the reason in place of all that was said.
    pub(super) fn set(&self, why: impl Into<String>) {
        *lock(&self.0) = why.into();
    }
}

impl TunnelGuard {
    /// A private socket and its URI; `join` gets each client, on one thread, and must not keep it waiting.
    pub(super) fn listen(
        mut join: impl FnMut(UnixStream, &Arc<Trouble>) + Send + 'static,
    ) -> Result<(String, TunnelGuard)> {
        let fault = || Fault::new(Exit::Failed, "cannot make a private socket for libvirt");
        let dir = folder().fault(fault)?;
        let path = socket_in(dir.path());
        let listener = UnixListener::bind(&path).fault(fault)?;
        let mut guard = TunnelGuard::default();
        guard.dir = Some(dir);
        let (closing, trouble) = (Arc::clone(&guard.closing), Arc::clone(&guard.trouble));
        thread::spawn(move || {
            for client in listener.incoming() {
                match client {
                    Ok(client) if !closing.load(Ordering::Relaxed) => join(client, &trouble),
                    _ => return,
                }
            }
        });
        Ok((format!("qemu+unix:///system?socket={}", path.display()), guard))
    }

    /// Takes the outcome of opening libvirt. When it is open the socket is removed, for no other client is to
    /// come, and a killed irs leaves nothing behind; when it is not, the reason is told where it is known.
    ///
    /// # Errors
    /// `outcome`'s own, with its reason.
    pub fn opened<T>(&mut self, outcome: Result<T>) -> Result<T> {
        let error = match outcome {
            Ok(opened) => {
                self.close();
                return Ok(opened);
            }
            Err(error) => error,
        };
        if self.dir.is_some() {
            // What the other end says may still be on its way.
            thread::sleep(Duration::from_millis(100));
        }
        let Some(trouble) = self.trouble() else {
            return Err(error);
        };
        let report = crate::error::Report::of(&error);
        let fault = error
            .downcast::<Fault>()
            .unwrap_or_else(|_| Fault::new(Exit::Unreachable, report.message.clone()));
        let mut chain = anyhow!(trouble);
        for cause in report.causes.into_iter().rev() {
            chain = chain.context(cause);
        }
        Err(chain.context(fault))
    }

    /// Why the way to libvirt broke, where that is known: a lost connection, or what the program at the
    /// other end wrote.
    pub fn trouble(&self) -> Option<String> {
        Some(lock(&self.trouble.0).trim().to_owned()).filter(|t| !t.is_empty())
    }

    fn close(&mut self) {
        if let Some(dir) = self.dir.take() {
            self.closing.store(true, Ordering::Relaxed);
            // The listening thread wakes, sees that it is to end, and ends.
            let _ = UnixStream::connect(socket_in(dir.path()));
        }
    }
}

impl Drop for TunnelGuard {
    fn drop(&mut self) {
        self.close();
    }
}

fn socket_in(dir: &Path) -> PathBuf {
    dir.join("libvirt-sock")
}

/// A folder that only this user can enter, where the system clears up after a killed process if there is such a place.
fn folder() -> io::Result<TempDir> {
    let make = |parent: &Path| {
        tempfile::Builder::new()
            .prefix("irs-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
    };
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let made = runtime.filter(|dir| fits(dir)).and_then(|dir| make(&dir).ok());
    made.map_or_else(|| make(Path::new("/tmp")), Ok)
}

/// A socket's path has room for 107 bytes, libvirt's URI for no odd characters.
fn fits(parent: &Path) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    parent
        .to_str()
        .is_some_and(|text| text.starts_with('/') && text.len() <= 80 && text.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn the_socket_is_private_carries_a_stream_and_is_gone_once_opened() {
        let (uri, mut guard) = TunnelGuard::listen(|mut client, _| {
            thread::spawn(move || {
                let mut byte = [0];
                while client
                    .read_exact(&mut byte)
                    .and_then(|()| client.write_all(&byte))
                    .is_ok()
                {}
            });
        })
        .unwrap();
        let socket = PathBuf::from(uri.strip_prefix("qemu+unix:///system?socket=").unwrap());
        let dir = socket.parent().unwrap();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let mut client = UnixStream::connect(&socket).unwrap();
        let mut echo = |sent: u8| {
            let mut back = [0];
            client.write_all(&[sent]).unwrap();
            client.read_exact(&mut back).unwrap();
            assert_eq!(back, [sent]);
        };
        echo(1);
        guard.opened(Ok(())).unwrap();
        assert!(!dir.exists());
        echo(2);
    }

    #[test]
    fn what_broke_the_way_is_told_below_what_failed() {
        let (_, mut guard) = TunnelGuard::listen(|_, _| ()).unwrap();
        guard.trouble.add("x".repeat(2000).as_bytes());
        guard.trouble.add("é: sudo says no\n".as_bytes());
        let outcome: Result<()> = Err(anyhow!("end of file"))
            .fault(|| Fault::new(Exit::Unreachable, "cannot open libvirt").hint("look there"));
        let report = crate::error::Report::of(&guard.opened(outcome).unwrap_err());
        assert_eq!(
            (&report.message[..], report.exit_code),
            ("cannot open libvirt", 3)
        );
        assert_eq!(report.causes[0], "end of file");
        assert!(report.causes[1].ends_with("xé: sudo says no") && report.causes[1].len() <= 1024);
        assert_eq!(report.hint.as_deref(), Some("look there"));
    }

    #[test]
    fn odd_or_long_folders_are_passed_over() {
        assert!(fits(Path::new("/run/user/1000")));
        for odd in [
            "relative",
            "/run/a b",
            "/run/a&b",
            &format!("/{}", "x".repeat(90)),
        ] {
            assert!(!fits(Path::new(odd)), "{odd}");
        }
    }
}
