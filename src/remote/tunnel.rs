//! The private socket that libvirt's client library opens, and what became of the way behind it.

use super::sudo::own_words;
use crate::error::{Exit, Fault, FaultContext};
use crate::ssh::lock;
use anyhow::{Result, anyhow};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// A private socket that waits for libvirt's client library, once; dropped, it waits no longer.
#[derive(Default)]
pub struct TunnelGuard {
    /// There until the client has come: a killed irs leaves nothing behind after that.
    dir: Arc<Mutex<Option<TempDir>>>,
    trouble: Arc<Said>,
}

/// The end of what the program at the other end of a stream wrote to stderr, or why the way to it broke.
#[derive(Default)]
pub struct Said(Mutex<String>);

impl Said {
    /// Adds what the program at the other end wrote.
    pub(super) fn add(&self, said: &[u8]) {
        let mut text = lock(&self.0);
        text.push_str(&String::from_utf8_lossy(said));
        let sudos = own_words(text.as_bytes());
        text.drain(..sudos);
        let excess = text.len().saturating_sub(1024);
        let excess = (excess..=text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.drain(..excess);
    }

    /// The last line of it.
    pub fn last_line(&self) -> Option<String> {
        let text = lock(&self.0);
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        Some(line.to_owned())
    }

    /// Puts the reason in place of all that was said.
    pub(super) fn set(&self, why: impl Into<String>) {
        *lock(&self.0) = why.into();
    }
}

impl TunnelGuard {
    /// A private socket and its URI; `join` gets the one client.
    pub(super) fn listen(
        join: impl FnOnce(UnixStream, &Arc<Said>) + Send + 'static,
    ) -> Result<(String, TunnelGuard)> {
        let fault = || Fault::new(Exit::Failed, "cannot make a private socket for libvirt");
        let dir = folder().fault(fault)?;
        let path = socket_in(dir.path());
        let listener = UnixListener::bind(&path).fault(fault)?;
        let guard = TunnelGuard::default();
        *lock(&guard.dir) = Some(dir);
        let (dir, trouble) = (Arc::clone(&guard.dir), Arc::clone(&guard.trouble));
        thread::spawn(move || {
            let client = listener.accept();
            // Without its folder the guard is gone, and the client was its knock.
            let dir = lock(&dir).take();
            if let (Ok((client, _)), Some(dir)) = (client, dir) {
                drop(dir);
                join(client, &trouble);
            }
        });
        Ok((format!("qemu+unix:///system?socket={}", path.display()), guard))
    }

    /// Adds to the failure of opening libvirt what is known of the way's.
    ///
    /// # Errors
    /// `outcome`'s own, with its reason.
    pub fn explain<T>(&self, outcome: Result<T>) -> Result<T> {
        let error = match outcome {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        // What the other end says may still be on its way.
        thread::sleep(Duration::from_millis(100));
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
}

impl Drop for TunnelGuard {
    fn drop(&mut self) {
        let dir = lock(&self.dir).take();
        if let Some(dir) = dir {
            // The listening thread wakes, sees that it is to end, and ends.
            let _ = UnixStream::connect(socket_in(dir.path()));
        }
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

    fn listening() -> (PathBuf, TunnelGuard) {
        let (uri, guard) = TunnelGuard::listen(|mut client, _| {
            let _ = client.write_all(b"hello");
        })
        .unwrap();
        let socket = uri.strip_prefix("qemu+unix:///system?socket=").unwrap();
        (socket.into(), guard)
    }

    #[test]
    fn the_socket_is_private_and_gone_when_its_client_has_come() {
        let (socket, _guard) = listening();
        let dir = socket.parent().unwrap();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let mut said = String::new();
        let mut client = UnixStream::connect(&socket).unwrap();
        client.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
        assert!(!dir.exists());
    }

    #[test]
    fn the_socket_goes_with_its_guard() {
        let (socket, guard) = listening();
        assert!(socket.exists());
        drop(guard);
        assert!(!socket.parent().unwrap().exists());
    }

    #[test]
    fn what_broke_the_way_is_told_below_what_failed() {
        let (_, guard) = TunnelGuard::listen(|_, _| ()).unwrap();
        guard.trouble.add("x".repeat(2000).as_bytes());
        guard.trouble.add("é: sudo says no\n".as_bytes());
        let outcome: Result<()> = Err(anyhow!("end of file"))
            .fault(|| Fault::new(Exit::Unreachable, "cannot open libvirt").hint("look there"));
        let report = crate::error::Report::of(&guard.explain(outcome).unwrap_err());
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
