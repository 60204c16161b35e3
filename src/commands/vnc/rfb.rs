//! The first words of the RFB protocol (RFC 6143, section 7.1): enough to know that a screen is there, and what it asks for.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a screen may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a screen asks for before it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// Nothing.
    None,
    /// A password.
    Password,
    /// Something else, as TLS or a login.
    Other,
    /// It speaks an older protocol, which does not tell beforehand.
    Unknown,
}

/// Greets a screen, and leaves again.
///
/// # Errors
/// When what answers is no VNC server, or it refuses.
pub(super) fn ask(mut stream: UnixStream) -> Result<Security> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut greeting = [0; 12];
    stream
        .read_exact(&mut greeting)
        .context("waiting for its greeting")?;
    if !greeting.starts_with(b"RFB ") {
        bail!("what answers is no VNC server");
    }
    if !matches!(&greeting[4..11], b"003.007" | b"003.008") {
        return Ok(Security::Unknown);
    }
    stream.write_all(&greeting)?;
    let mut count = [0];
    stream
        .read_exact(&mut count)
        .context("asking what it wants to know")?;
    let mut types = vec![0; usize::from(count[0])];
    stream
        .read_exact(&mut types)
        .context("asking what it wants to know")?;
    if types.is_empty() {
        bail!("it refuses connections");
    }
    Ok(match &types[..] {
        types if types.contains(&1) => Security::None,
        types if types.contains(&2) => Security::Password,
        _ => Security::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(says: &'static [u8]) -> Result<Security> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(says).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        ask(ours)
    }

    #[test]
    fn a_screen_says_what_it_asks_for() {
        assert_eq!(asked(b"RFB 003.008\n\x01\x01").unwrap(), Security::None);
        assert_eq!(asked(b"RFB 003.008\n\x01\x02").unwrap(), Security::Password);
        assert_eq!(asked(b"RFB 003.007\n\x01\x13").unwrap(), Security::Other);
        assert_eq!(asked(b"RFB 003.003\n\0\0\0\x01").unwrap(), Security::Unknown);
        for no in [&b"RFB 003.008\n\0"[..], b"SSH-2.0-OpenSSH", b"RFB 003.0", b""] {
            assert!(asked(no).is_err(), "{no:?}");
        }
    }
}
