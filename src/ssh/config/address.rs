//! A hypervisor's address as it is typed.

use crate::error::{Exit, Fault};
use crate::yaml::shown;
use anyhow::Result;

/// Whether it may be the name of a user or of a host: no option, no shell's or configuration's words.
pub(super) fn is_name(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "'\"`$\\;&<>|(){}".contains(c);
    !text.is_empty() && !text.starts_with('-') && !text.contains(odd)
}

/// An address as typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Address {
    pub(super) fn parse(typed: &str) -> Result<Address> {
        let wrong = |why: &str| {
            Fault::new(
                Exit::Usage,
                format!("'{}' is not the address of a host: {why}", shown(typed)),
            )
            .hint("write 'host', 'user@host', 'host:port', '[ipv6]:port' or 'local'")
        };
        let rest = typed
            .strip_prefix("ssh://")
            .unwrap_or(typed)
            .trim_end_matches('/');
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (
                host,
                Some(port.strip_prefix(':').ok_or_else(|| wrong("no ':' after ']'"))?),
            ),
            None if rest.matches(':').count() == 1 => {
                rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p)))
            }
            None => (rest, None),
        };
        let port = match port {
            Some(p) => Some(
                p.parse()
                    .ok()
                    .filter(|p| *p != 0)
                    .ok_or_else(|| wrong("the port is no number of 1 to 65535"))?,
            ),
            None => None,
        };
        if host.is_empty() || user.as_deref() == Some("") {
            return Err(wrong("a part of it is empty").into());
        }
        for part in user.iter().map(String::as_str).chain([host]) {
            if !is_name(part) {
                return Err(wrong("it has a character that no name has").into());
            }
        }
        Ok(Address {
            user,
            host: host.to_owned(),
            port,
        })
    }
}
