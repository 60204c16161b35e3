//! Host keys, judged by what known_hosts files say.
//!
//! Not by libssh2's own reader: it accepts a `@revoked` key, drops a file for one bad line, and
//! reports a mismatch when another type of key is known.

use super::config::{Destination, Strictness};
use crate::error::{Exit, Fault, FaultContext};
use anyhow::Result;
use hmac::{Hmac, Mac};
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh_key::{HashAlg, PublicKey, public::KeyData};
use std::io::{Read, Write};
use std::path::Path;

/// What the files say of a server's key.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the host's.
    Known,
    /// It must not be trusted; the place (`file:line`) that says so.
    Revoked(String),
    /// The host has another key; the place that says so.
    Changed(String),
    /// Nothing is known of the host.
    Unknown,
}

/// The lines of known_hosts files that are about one host.
#[derive(Debug, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    place: String,
    key: PublicKey,
    revoked: bool,
    /// Named with its port, or at port 22: it also says which keys the host has not.
    exact: bool,
}

impl KnownHosts {
    /// Reads the files of `destination`; a missing one is an empty one, a bad line is skipped with a warning.
    pub fn of(destination: &Destination) -> KnownHosts {
        let names = destination.known_names();
        let mut known = KnownHosts::default();
        for file in &destination.known_hosts {
            match std::fs::read(file) {
                Ok(bytes) => known.read(file, &String::from_utf8_lossy(&bytes), &names),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => tracing::warn!("'{}' cannot be read: {e}", file.display()),
            }
        }
        known
    }

    fn read(&mut self, file: &Path, text: &str, names: &[String]) {
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first().is_none_or(|w| w.starts_with('#')) {
                continue;
            }
            let place = format!("{}:{}", file.display(), number + 1);
            // The comment is of no use here, and may be anything.
            let length = if words[0].starts_with('@') { 4 } else { 3 };
            let entry: Entry = match words[..words.len().min(length)].join(" ").parse() {
                Ok(entry) => entry,
                Err(e) => {
                    tracing::warn!("{place}: skipped, it is no line of known_hosts: {e}");
                    continue;
                }
            };
            let revoked = match entry.marker() {
                Some(Marker::CertAuthority) => continue,
                Some(Marker::Revoked) => true,
                None => false,
            };
            if let Some(at) = names.iter().position(|name| matches(entry.host_patterns(), name)) {
                self.lines.push(Line {
                    place,
                    key: entry.public_key().clone(),
                    revoked,
                    exact: at == 0,
                });
            }
        }
    }

    fn trusted(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|l| !l.revoked)
    }

    /// The host's keys as text, `type base64`.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.trusted().filter_map(|l| text(&l.key)).collect();
        keys.dedup();
        keys
    }

    /// The host key algorithms to ask the server for, those of known keys first; no certificates.
    pub fn algorithms(&self) -> String {
        let known = |name: &&str| self.trusted().any(|l| l.key.algorithm().as_str() == family(name));
        let (first, rest): (Vec<&str>, Vec<&str>) = ALGORITHMS.iter().partition(|name| known(name));
        [first, rest].concat().join(",")
    }

    /// Judges the key that a server showed.
    pub fn judge(&self, key: &PublicKey) -> Verdict {
        let same = |l: &&Line| l.key.key_data() == key.key_data();
        if let Some(line) = self.lines.iter().filter(|l| l.revoked).find(same) {
            return Verdict::Revoked(line.place.clone());
        }
        if self.trusted().any(|l| same(&l)) {
            return Verdict::Known;
        }
        let exact = || self.trusted().filter(|l| l.exact);
        match exact()
            .find(|l| l.key.algorithm() == key.algorithm())
            .or_else(|| exact().next())
        {
            Some(line) => Verdict::Changed(line.place.clone()),
            None => Verdict::Unknown,
        }
    }
}

const ALGORITHMS: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// The type of key that an algorithm signs with.
fn family(algorithm: &str) -> &str {
    if algorithm.starts_with("rsa-") {
        "ssh-rsa"
    } else {
        algorithm
    }
}

/// Reads a server's key in its wire format.
pub(crate) fn parse_wire(bytes: &[u8]) -> Result<PublicKey, ssh_key::Error> {
    PublicKey::from_bytes(bytes)
}

/// A key as text, `type base64`.
pub(crate) fn text(key: &PublicKey) -> Option<String> {
    PublicKey::new(key.key_data().clone(), "")
        .to_openssh()
        .ok()
        .map(|t| t.trim().to_owned())
}

/// Checks a server's key, and remembers it where the ssh configuration says so; a key that is not the
/// known one is a fault that says how to go on.
pub fn verify(destination: &Destination, known: &KnownHosts, key: &PublicKey) -> Result<()> {
    let host = &destination.typed;
    let print = fingerprint(key.key_data());
    let kind = key.algorithm();
    let file = destination.known_hosts.first();
    let name = &destination.known_names()[0];
    match known.judge(key) {
        Verdict::Known => Ok(()),
        Verdict::Revoked(place) => Err(Fault::new(
            Exit::Unreachable,
            format!("the host key of '{host}' ({kind} {print}) is revoked by {place}"),
        )
        .hint("do not connect: ask whoever runs the host for its new key")
        .into()),
        Verdict::Changed(place) => Err(Fault::new(
            Exit::Unreachable,
            format!("THE HOST KEY OF '{host}' HAS CHANGED: it shows {kind} {print}, which is not the key at {place}"),
        )
        .hint(format!(
            "either the host was reinstalled or someone sits between: compare the fingerprint with the host's own; \
             if it is right, remove {place} (`ssh-keygen -R '{name}'{}`) and accept the new key",
            file.map(|f| format!(" -f '{}'", f.display())).unwrap_or_default(),
        ))
        .into()),
        Verdict::Unknown if destination.strictness == Strictness::AcceptNew => match file {
            Some(file) => {
                remember(file, &stored(name, destination.hash_names), key)?;
                tracing::warn!(
                    "the host key of '{host}' was not known: {kind} {print} is accepted, and remembered in '{}'",
                    file.display()
                );
                Ok(())
            }
            None => Ok(()),
        },
        Verdict::Unknown => {
            let file = file.map_or("~/.ssh/known_hosts".into(), |f| f.display().to_string());
            let scan = format!("`ssh-keyscan -p {} {} >> '{file}'`", destination.port, destination.hostname);
            let once = format!("`ssh -p {} {}` once", destination.port, destination.login());
            let any = "; `--strict-host-key-checking accept-new` takes whatever key a host shows first";
            let jumps = destination.proxy_command.is_some() || destination.proxy_jump.is_some();
            Err(Fault::new(
                Exit::Unreachable,
                format!("the host key of '{host}' is not known: it shows {kind} {print}"),
            )
            .hint(format!(
                "compare the fingerprint with the host's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there), \
                 then accept it by {}{any}",
                if jumps { once } else { format!("{scan} or {once}") }
            ))
            .into())
        }
    }
}

/// The fingerprint as ssh shows it, `SHA256:…`.
pub(crate) fn fingerprint(key: &KeyData) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// A host's name as its line begins: as it is, or hashed as `ssh-keygen -H` does.
fn stored(name: &str, hashed: bool) -> String {
    let mut salt = vec![0; 20];
    let salted = hashed
        && std::fs::File::open("/dev/urandom")
            .and_then(|mut noise| noise.read_exact(&mut salt))
            .is_ok();
    match Hmac::<sha1::Sha1>::new_from_slice(&salt).ok().filter(|_| salted) {
        Some(mac) => {
            let hash = mac.chain_update(name).finalize().into_bytes().into();
            HostPatterns::HashedName { salt, hash }.to_string()
        }
        None => name.to_owned(),
    }
}

fn remember(file: &Path, name: &str, key: &PublicKey) -> Result<()> {
    let append = || -> Result<()> {
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let old = std::fs::read(file).unwrap_or_default();
        let mut out = std::fs::OpenOptions::new().append(true).create(true).open(file)?;
        let line = format!("{name} {}\n", text(key).unwrap_or_default());
        let start = if old.last().is_some_and(|b| *b != b'\n') {
            "\n"
        } else {
            ""
        };
        out.write_all(format!("{start}{line}").as_bytes())?;
        Ok(())
    };
    append().fault(|| {
        Fault::new(
            Exit::Failed,
            format!("cannot remember a host key in '{}'", file.display()),
        )
    })
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => Hmac::<sha1::Sha1>::new_from_slice(salt)
            .is_ok_and(|mac| mac.chain_update(name).verify_slice(hash).is_ok()),
        HostPatterns::Patterns(patterns) => {
            let mut matched = false;
            for pattern in patterns {
                match pattern.strip_prefix('!') {
                    Some(not) if glob(&not.to_lowercase(), name) => return false,
                    Some(_) => {}
                    None => matched |= glob(&pattern.to_lowercase(), name),
                }
            }
            matched
        }
    }
}

/// ssh's patterns: `*` and `?`, all else is literal.
pub(super) fn glob(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => name
            .char_indices()
            .map(|(i, _)| i)
            .chain([name.len()])
            .any(|i| glob(&pattern[1..], &name[i..])),
        Some(c) => match name.chars().next() {
            Some(n) if c == '?' || c == n => glob(&pattern[c.len_utf8()..], &name[n.len_utf8()..]),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn known(text: &str, names: &[&str]) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.read(
            Path::new("k"),
            text,
            &names.iter().map(|n| n.to_string()).collect::<Vec<_>>(),
        );
        known
    }

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    #[test]
    fn names_patterns_and_negations() {
        for (patterns, verdict) in [
            ("hv1", Verdict::Known),
            ("other,HV1", Verdict::Known),
            ("hv*", Verdict::Known),
            ("h?1", Verdict::Known),
            ("hv2", Verdict::Unknown),
            ("hv*,!hv1", Verdict::Unknown),
            ("[hv1]:22", Verdict::Unknown),
        ] {
            assert_eq!(
                known(&format!("{patterns} {A}\n"), &["hv1"]).judge(&key(A)),
                verdict,
                "{patterns}"
            );
        }
    }

    #[test]
    fn a_key_without_the_port_is_accepted_but_does_not_forbid_another() {
        let names = ["[hv1]:2222", "hv1"];
        assert_eq!(known(&format!("hv1 {A}"), &names).judge(&key(A)), Verdict::Known);
        assert_eq!(
            known(&format!("hv1 {A}"), &names).judge(&key(B)),
            Verdict::Unknown
        );
        assert_eq!(
            known(&format!("[hv1]:2222 {A}"), &names).judge(&key(B)),
            Verdict::Changed("k:1".into())
        );
    }

    #[test]
    fn revoked_wins_a_bad_line_is_skipped_and_authorities_are_ignored() {
        let text = format!(
            "# c\n\nhv1 ssh-ed25519 broken\n@cert-authority hv1 {B}\nhv1 {A} a comment, with words\n@revoked * {B}\n"
        );
        let known = known(&text, &["hv1"]);
        assert_eq!(known.judge(&key(A)), Verdict::Known);
        assert_eq!(known.judge(&key(B)), Verdict::Revoked("k:6".into()));
        assert_eq!(known.keys(), [A]);
        assert!(
            known.algorithms().starts_with("ssh-ed25519,"),
            "{}",
            known.algorithms()
        );
    }
}
