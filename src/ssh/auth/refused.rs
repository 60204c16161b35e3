//! What a failed login means, and what is said of it.

use super::{Attempt, Method};
use crate::error::{Exit, Fault};
use crate::ssh::link::LinkError;
use anyhow::anyhow;

/// What a failed login means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server does not want this.
    Refused,
    /// The connection is gone.
    Lost,
    /// This side cannot use the key.
    Unusable,
}

/// Reads libssh2's code; it has one (-19) for three things, which only the texts tell apart.
pub(crate) fn failure(error: &LinkError) -> Failure {
    match error.code() {
        Some(-18) => Failure::Refused,
        Some(-13 | -43 | -7 | -9) | None => Failure::Lost,
        Some(-19) => match error.to_string() {
            text if text.starts_with("Waiting for") => Failure::Lost,
            text if text.starts_with("Invalid signature") || text == "Auth failed" => Failure::Refused,
            _ => Failure::Unusable,
        },
        Some(_) => Failure::Unusable,
    }
}

impl Attempt<'_> {
    /// The fault to end with: nothing was accepted, or the server hung up.
    pub(super) fn refused(&self, hung_up: Option<LinkError>) -> anyhow::Error {
        if let (Some(e), None) = (&self.put_off, &hung_up) {
            return match e.downcast_ref::<Fault>() {
                Some(f) => f.clone().into(),
                None => anyhow!("{e:#}"),
            };
        }
        let login = self.destination.login();
        let by_keys = self.offered.contains(&Method::PublicKey) || self.offered.is_empty();
        let fault = match (self.tried.is_empty(), &self.destination.only_key) {
            _ if self.offered.is_empty() && hung_up.is_none() && self.tried.is_empty() => Fault::new(
                Exit::Unreachable,
                format!("'{login}' can log in neither by a key nor by a password"),
            )
            .hint("irs knows the methods publickey, keyboard-interactive and password: allow one in sshd_config there"),
            _ if !self.halves.is_empty() && !self.by_password => {
                let wanted: Vec<&str> = self.offered.iter().map(|method| method.name()).collect();
                let message = format!(
                    "'{login}' takes the key, and wants more: {}",
                    wanted.join(" or ")
                );
                Fault::new(Exit::Unreachable, message).hint(PASSWORD)
            }
            (true, _) if !by_keys => Fault::new(
                Exit::Unreachable,
                format!("'{login}' may not log in by a key, only by a password, and there is none"),
            )
            .hint(format!("{PASSWORD}, or allow PubkeyAuthentication in sshd_config there")),
            (true, Some(key)) => Fault::new(
                Exit::Unreachable,
                format!(
                    "'{}' is a public key, and ssh-agent does not hold its private half",
                    key.display()
                ),
            )
            .hint("add that to the agent with `ssh-add`, or give the private key's file with --host-key"),
            (true, None) => Fault::new(
                Exit::Unreachable,
                format!("there is no key to log in to '{login}' with: {}", self.sources()),
            )
            .hint(format!(
                "give one with --host-key, or to ssh-agent (`ssh-add`){}",
                self.or_a_password()
            )),
            (false, _) => {
                let port = match self.destination.port {
                    22 => String::new(),
                    port => format!("-p {port} "),
                };
                let what = match (self.by_password, self.tried.len()) {
                    (false, _) => format!("every key that was tried: {}", self.tried.join(", ")),
                    (true, 1) => self.tried.join(", "),
                    (true, _) => format!("all that was tried: {}", self.tried.join(", ")),
                };
                let hint = match by_keys {
                    true => format!(
                        "give another key with --host-key, or authorise one by `ssh-copy-id {port}{login}`{}",
                        self.or_a_password()
                    ),
                    false => "it takes no keys: is the password the right one, and may that user log in?".to_owned(),
                };
                Fault::new(Exit::Unreachable, format!("'{login}' refused {what}")).hint(hint)
            }
        };
        match hung_up {
            Some(e) => anyhow!("the server hung up: {e}").context(fault),
            None => fault.into(),
        }
    }

    /// The end of a hint, where a password would do and none was tried.
    fn or_a_password(&self) -> String {
        let takes = |method| self.offered.contains(method) && self.destination.methods.order.contains(method);
        let would_do = [Method::Interactive, Method::Password].iter().any(takes);
        match would_do && !self.by_password {
            true => format!("; it takes a password too: {PASSWORD}"),
            false => String::new(),
        }
    }
}

/// Where a password comes from.
const PASSWORD: &str = "set $IRS_HOST_PASSWORD, or run irs on a terminal, where it asks";
