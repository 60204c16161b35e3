//! ssh-agent, with what libssh2 gets wrong put right on the way.
//!
//! libssh2 takes a security key's signature for an ordinary one, whose counter it drops, and asks for SHA-1 with RSA
//! certificates. It is given a socket of ours, behind which each message of the agent's protocol is looked at.

use super::certificate;
use super::config::AgentSocket;
use super::link::Link;
use ssh_key::PublicKey;
use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// The longest message, as ssh-agent's own limit.
const LONGEST: usize = 256 * 1024;
/// After which time it is said that the agent waits, perhaps for somebody.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often that is waited for.
const TIMES: u32 = 20;

/// A request to sign, and its answer.
const SIGN: u8 = 13;
const SIGNED: u8 = 14;

/// A key that an agent holds.
pub(super) struct Identity {
    pub(super) key: ssh2::PublicKey,
    /// The key itself, also of a certificate.
    pub(super) public: Option<PublicKey>,
    pub(super) is_certificate: bool,
}

/// The agent for a session, and what it holds; nothing when none answers.
pub(super) fn connect(link: &Link, socket: &AgentSocket) -> Option<(ssh2::Agent, Vec<Identity>)> {
    let path = match socket {
        AgentSocket::Off => return None,
        AgentSocket::Environment => PathBuf::from(std::env::var_os("SSH_AUTH_SOCK")?),
        AgentSocket::Path(path) => path.clone(),
    };
    let real = UnixStream::connect(path).ok()?;
    let mut agent = link.session().agent().ok()?;
    let folder = private_folder()?;
    let ours = folder.path().join("agent");
    let listener = UnixListener::bind(&ours).ok()?;
    agent.set_identity_path(&ours).ok()?;
    agent.connect().ok()?;
    let (client, _) = listener.accept().ok()?;
    // Nobody else needs it, and a killed irs leaves nothing behind.
    drop(folder);
    thread::spawn(move || relay(client, real));
    agent.list_identities().ok()?;
    let keys = agent.identities().ok()?;
    Some((agent, keys.into_iter().map(Identity::of).collect()))
}

/// A short path that only this user may come by, whatever the umask: whoever is first at the socket has the agent.
fn private_folder() -> Option<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("irs-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in("/tmp")
        .ok()
}

impl Identity {
    fn of(key: ssh2::PublicKey) -> Identity {
        let certified = certificate::key_of(key.blob());
        let is_certificate = certified.is_some();
        let public = certified.or_else(|| PublicKey::from_bytes(key.blob()).ok());
        let public = public.map(|mut public| {
            public.set_comment(key.comment());
            public
        });
        Identity {
            key,
            public,
            is_certificate,
        }
    }
}

/// Carries messages both ways, until one side ends.
fn relay(mut client: UnixStream, mut agent: UnixStream) -> io::Result<()> {
    agent.set_read_timeout(Some(PATIENCE))?;
    loop {
        let mut question = Vec::new();
        frame(&mut client, &mut question)?;
        let signs = question.first() == Some(&SIGN);
        send(&mut agent, &asked_right(question))?;
        let mut answer = Vec::new();
        frame(&mut Patient(&mut agent, signs), &mut answer)?;
        send(&mut client, &answered_right(answer))?;
    }
}

/// A reader that waits for a touch or a confirmation, and says so.
struct Patient<'a>(&'a mut UnixStream, bool);

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for tried in 0..TIMES {
            match self.0.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if tried == 0 && self.1 {
                        tracing::warn!(
                            "ssh-agent does not answer yet: does it wait for a touch, or for a confirmation?"
                        );
                    }
                }
                other => return other,
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

fn frame(from: &mut impl Read, into: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    into.resize(length, 0);
    from.read_exact(into)
}

fn send(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    to.write_all(&string(message))
}

/// As the protocol writes a string: its length before it.
pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// Takes a string off the beginning.
pub(super) fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first_chunk::<4>()?;
    let (taken, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *from = rest;
    Some(taken)
}

/// A request to sign, with the flags that its algorithm needs.
fn asked_right(mut question: Vec<u8>) -> Vec<u8> {
    let flags = || {
        let mut rest = question.strip_prefix(&[SIGN])?;
        let (_key, mut data) = (take(&mut rest)?, take(&mut rest)?);
        // The session, a byte, the user, the service, the method, a byte, the algorithm.
        take(&mut data)?;
        data = data.get(1..)?;
        for _ in 0..3 {
            take(&mut data)?;
        }
        data = data.get(1..)?;
        let algorithm = take(&mut data)?;
        let sha2: u32 = match algorithm {
            [b'r', b's', b'a', b'-', b's', b'h', b'a', b'2', b'-', b'5', ..] => 4,
            [b'r', b's', b'a', b'-', b's', b'h', b'a', b'2', b'-', b'2', ..] => 2,
            _ => return None,
        };
        (rest.len() == 4).then_some(sha2)
    };
    if let Some(flags) = flags() {
        let end = question.len() - 4;
        question[end..].copy_from_slice(&flags.to_be_bytes());
    }
    question
}

/// A signature as libssh2 passes it on whole: what follows it, of a security key, becomes a part of it.
fn answered_right(answer: Vec<u8>) -> Vec<u8> {
    let whole = || {
        let mut rest = answer.strip_prefix(&[SIGNED])?;
        let mut signature = take(&mut rest)?;
        let (algorithm, own) = (take(&mut signature)?, take(&mut signature)?);
        // What is left: flags and a counter.
        let counted = [string(own), signature.to_vec()].concat();
        let both = [string(algorithm), string(&counted)].concat();
        (!signature.is_empty()).then(|| [vec![SIGNED], string(&both)].concat())
    };
    whole().unwrap_or(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_comes_by_the_socket() {
        let folder = private_folder().unwrap();
        assert_eq!(
            folder.path().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn what_it_does_not_know_is_passed_on_as_it_is() {
        for message in [
            &b""[..],
            b"\x0b",
            b"\x0d",
            b"\x0e\0\0\0\x05abc",
            b"\x05",
            b"\x0e\xff\xff\xff\xff",
        ] {
            assert_eq!(asked_right(message.to_vec()), message);
            assert_eq!(answered_right(message.to_vec()), message);
        }
        let plain = [
            vec![SIGNED],
            string(&[string(b"ssh-ed25519"), string(b"sig")].concat()),
        ]
        .concat();
        assert_eq!(answered_right(plain.clone()), plain);
    }

    #[test]
    fn a_request_for_rsa_gets_its_flags() {
        let request = |algorithm: &[u8], flags: u32| {
            let parts: [&[u8]; 4] = [
                &string(b"me"),
                &string(b"ssh-connection"),
                &string(b"publickey"),
                b"\x01",
            ];
            let data = [
                &string(b"session")[..],
                b"\x32",
                &parts.concat(),
                &string(algorithm),
                &string(b"blob"),
            ]
            .concat();
            [
                &[SIGN],
                &string(b"blob")[..],
                &string(&data),
                &flags.to_be_bytes(),
            ]
            .concat()
        };
        for (algorithm, flags) in [
            ("rsa-sha2-512-cert-v01@openssh.com", 4),
            ("rsa-sha2-256", 2),
            ("ssh-ed25519-cert-v01@openssh.com", 0),
        ] {
            let asked = asked_right(request(algorithm.as_bytes(), 0));
            assert_eq!(asked, request(algorithm.as_bytes(), flags), "{algorithm}");
        }
    }
}
