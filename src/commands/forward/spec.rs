//! `[[ADDRESS:]LOCAL:]NODE:PORT`.

use crate::commands::ssh::operand::Operand;
use crate::error::{Exit, Fault};
use crate::yaml::shown;
use std::net::IpAddr;

/// A forwarding as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// The address to listen on.
    pub(super) bind: Option<IpAddr>,
    /// The port to listen on; none for one that is free.
    pub(super) local: Option<u16>,
    node: String,
    /// The port of the node.
    pub(super) port: u16,
}

impl Spec {
    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Spec, Fault> {
        let wrong = |why: &str| {
            let message = format!("'{}' cannot be forwarded: {why}", shown(text));
            Fault::new(Exit::Usage, message).hint(
                "write NODE:PORT, LOCAL:NODE:PORT or ADDRESS:LOCAL:NODE:PORT, an IPv6 address in brackets",
            )
        };
        let port = |text: &str| match text.parse() {
            Ok(port @ 1..) => Ok(port),
            _ => Err(wrong(&format!("'{}' is no port", shown(text)))),
        };
        let parts = parts(text).ok_or_else(|| wrong("a bracket is not closed"))?;
        let (bind, local, node, of_node) = match parts[..] {
            [node, of_node] => (None, None, node, of_node),
            [local, node, of_node] => (None, Some(port(local)?), node, of_node),
            [bind, local, node, of_node] => {
                let bind = match bind {
                    "localhost" => "127.0.0.1",
                    bind => bind,
                };
                let address = bind
                    .parse()
                    .map_err(|_| wrong(&format!("'{}' is no address", shown(bind))))?;
                (Some(address), Some(port(local)?), node, of_node)
            }
            [_] => return Err(wrong("it names no port")),
            _ => return Err(wrong("it has too many parts")),
        };
        if node.is_empty() {
            return Err(wrong("it names no node"));
        }
        Ok(Spec {
            bind,
            local,
            node: node.to_owned(),
            port: port(of_node)?,
        })
    }

    /// The node, and perhaps a user.
    pub(super) fn operand(&self) -> Operand<'_> {
        Operand::login(&self.node)
    }
}

/// What stands between colons, those in brackets apart.
fn parts(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, more) = match rest.strip_prefix('[') {
            Some(inner) => match inner.split_once(']')? {
                (part, "") => (part, None),
                (part, after) => (part, Some(after.strip_prefix(':')?)),
            },
            None => match rest.split_once(':') {
                Some((part, more)) => (part, Some(more)),
                None => (rest, None),
            },
        };
        parts.push(part);
        match more {
            Some(more) => rest = more,
            None => return Some(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarding_has_two_to_four_parts() {
        let parsed = |text| {
            let spec = Spec::parse(text).unwrap();
            let bind = spec.bind.map(|bind| bind.to_string());
            (bind.unwrap_or_default(), spec.local, spec.node, spec.port)
        };
        let is = |bind: &str, local, node: &str, port| (bind.to_owned(), local, node.to_owned(), port);
        assert_eq!(parsed("n:80"), is("", None, "n", 80));
        assert_eq!(parsed("8080:u@n:80"), is("", Some(8080), "u@n", 80));
        assert_eq!(parsed("127.0.0.2:1:n:80"), is("127.0.0.2", Some(1), "n", 80));
        assert_eq!(parsed("localhost:1:n:80"), is("127.0.0.1", Some(1), "n", 80));
        assert_eq!(parsed("[::1]:8080:n:80"), is("::1", Some(8080), "n", 80));
        assert_eq!(parsed("[fd00::2]:80"), is("", None, "fd00::2", 80));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let told = |text| Spec::parse(text).unwrap_err().message;
        assert_eq!(told("n"), "'n' cannot be forwarded: it names no port");
        assert_eq!(told("n:http"), "'n:http' cannot be forwarded: 'http' is no port");
        assert_eq!(told("n:0"), "'n:0' cannot be forwarded: '0' is no port");
        assert_eq!(told("x:n:80"), "'x:n:80' cannot be forwarded: 'x' is no port");
        assert_eq!(
            told("a:1:n:80"),
            "'a:1:n:80' cannot be forwarded: 'a' is no address"
        );
        assert_eq!(told(":80"), "':80' cannot be forwarded: it names no node");
        assert_eq!(
            told("[::1:n:80"),
            "'[::1:n:80' cannot be forwarded: a bracket is not closed"
        );
        assert_eq!(
            told("::1:1:n:80"),
            "'::1:1:n:80' cannot be forwarded: it has too many parts"
        );
    }
}
