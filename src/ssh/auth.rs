//! Logging in: by keys of the agent and of files, then by what a server asks, then by a password, as `ssh` does; and what
//! to say when nothing is accepted.

mod keys;
mod password;
mod refused;

use super::config::Destination;
use super::key_file::Usable;
use super::link::{Link, LinkError};
use crate::secret::Secret;
use anyhow::Result;
use ssh_key::PublicKey;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use keys::by_private;
pub use password::VARIABLE as PASSWORD_VARIABLE;
pub(crate) use refused::{Failure, failure};

/// How long one login may take: the agent may wait for a touch or a confirmation.
const LOGIN: Duration = Duration::from_secs(60);

/// A way in that worked, to be used again by further connections of the run.
#[derive(Clone)]
pub(crate) enum Login {
    /// The server asks for nothing.
    Open,
    /// A key that an agent holds, as the agent names it.
    Agent(Vec<u8>),
    /// A key, and the file that it is from.
    Key(Usable, PathBuf),
    /// A password.
    Password(Secret),
    /// What a server asks (keyboard-interactive), and the password that is one of the answers.
    Interactive(Option<Secret>),
}

impl Login {
    /// The password that is known of the user by now.
    pub(crate) fn password(&self) -> Option<&Secret> {
        match self {
            Login::Password(password) | Login::Interactive(Some(password)) => Some(password),
            _ => None,
        }
    }
}

/// A login, and the public key that made it.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// What was needed, in order: most servers want one thing only.
    pub(crate) logins: Vec<Login>,
    pub(crate) public: Option<PublicKey>,
}

/// Logs in again by what worked before.
pub(crate) fn again(link: &mut Link, destination: &Destination, credentials: &Credentials) -> Result<()> {
    let mut outcome = Ok(());
    for login in &credentials.logins {
        outcome = once_more(link, destination, login);
        match &outcome {
            Ok(()) => break,
            // The first of several things that the server wants: it says no until it has them all.
            Err(error)
                if error
                    .downcast_ref()
                    .is_some_and(|e| failure(e) == Failure::Refused) => {}
            Err(_) => break,
        }
    }
    outcome
}

fn once_more(link: &mut Link, destination: &Destination, login: &Login) -> Result<()> {
    let user = &destination.user;
    match login {
        Login::Open => link.drive("logging in", LOGIN, |session| {
            session
                .auth_methods(user)
                .map(drop)
                .or_else(|error| match session.authenticated() {
                    true => Ok(()),
                    false => Err(error),
                })
        })?,
        Login::Key(usable, _) => keys::by_key(link, user, usable, None)?,
        Login::Agent(blob) => keys::by_agent(link, destination, blob)?,
        Login::Password(password) => password::by_password(link, user, password)?,
        Login::Interactive(password) => password::asked(link, destination, password.as_ref())?,
    }
    Ok(())
}

/// Logs in by the first thing that the server accepts.
pub(crate) fn first(link: &mut Link, destination: &Destination) -> Result<Credentials> {
    let mut attempt = Attempt {
        link,
        destination,
        offered: Vec::new(),
        tried: Vec::new(),
        halves: Vec::new(),
        put_off: None,
        by_password: false,
    };
    if attempt.ask()? {
        let logins = vec![Login::Open];
        return Ok(Credentials { logins, public: None });
    }
    for method in &destination.methods.order {
        if !attempt.offered.contains(method) {
            continue;
        }
        let done = match method {
            Method::PublicKey => attempt.keys()?,
            Method::Interactive => attempt.interactive()?,
            Method::Password => attempt.password()?,
        };
        if let Some((login, public)) = done {
            let (mut logins, keys): (Vec<_>, Vec<_>) = attempt.halves.into_iter().unzip();
            logins.push(login);
            let public = public.or_else(|| keys.into_iter().flatten().next());
            return Ok(Credentials { logins, public });
        }
    }
    Err(attempt.refused(None))
}

/// How a server may let somebody in, of what irs knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By a key.
    PublicKey,
    /// By answers to what it asks.
    Interactive,
    /// By a password.
    Password,
}

impl Method {
    /// Its name in the protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::PublicKey => "publickey",
            Method::Interactive => "keyboard-interactive",
            Method::Password => "password",
        }
    }

    /// All of them, in ssh's own order.
    pub const ALL: [Method; 3] = [Method::PublicKey, Method::Interactive, Method::Password];
}

/// What the ssh configuration says about logging in.
#[derive(Clone, Debug)]
pub struct Methods {
    /// What may be tried, in order.
    pub order: Vec<Method>,
    /// How often a password may be typed.
    pub prompts: u32,
    /// Whether somebody may be asked at all.
    pub ask: bool,
}

impl Default for Methods {
    fn default() -> Self {
        Methods {
            order: Method::ALL.to_vec(),
            prompts: 3,
            ask: true,
        }
    }
}

/// A way in, and its public key.
type Done = Option<(Login, Option<PublicKey>)>;

/// One connection's way through all that may let it in.
struct Attempt<'a> {
    link: &'a mut Link,
    destination: &'a Destination,
    /// What the server takes now.
    offered: Vec<Method>,
    tried: Vec<String>,
    /// What it took and found not enough.
    halves: Vec<(Login, Option<PublicKey>)>,
    /// Why something that the server would take could not be used.
    put_off: Option<anyhow::Error>,
    /// Whether a password was tried.
    by_password: bool,
}

impl Attempt<'_> {
    /// Asks the server what it takes; true when it lets us in without any of it.
    fn ask(&mut self) -> Result<bool> {
        let user = &self.destination.user;
        let listed = self.link.drive("logging in", LOGIN, |session| {
            match session.auth_methods(user).map(str::to_owned) {
                Err(_) if session.authenticated() => Ok(String::new()),
                other => other,
            }
        });
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return Err(self.refused(Some(error))),
        };
        if self.link.session().authenticated() {
            return Ok(true);
        }
        let known = Method::ALL.into_iter();
        self.offered = known
            .filter(|method| listed.split(',').any(|name| name == method.name()))
            .collect();
        Ok(false)
    }

    /// Takes note of a login that the server refused after all: it may have been the first of several things that it
    /// wants. True when it takes something else now.
    fn half(&mut self, login: Login, public: Option<PublicKey>) -> Result<bool> {
        let before = self.offered.clone();
        self.ask()?;
        let is_half = self.offered != before;
        if is_half {
            self.halves.push((login, public));
        }
        Ok(is_half)
    }

    /// Nothing when the server only refused this; the fault when it hung up.
    fn go_on(&self, error: LinkError) -> Result<()> {
        match failure(&error) {
            Failure::Lost => Err(self.refused(Some(error))),
            Failure::Refused | Failure::Unusable => Ok(()),
        }
    }
}
