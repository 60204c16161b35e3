//! First contact: who came by a password comes by a key the next time.

use super::{Work, with};
use crate::plan::{Action, Kind, Verb};
use crate::remote::{Cmd, Host};
use crate::ssh::own_key::{OwnKey, Place};
use crate::steps::{Step, host};
use anyhow::{Context, Result};

/// The file of keys that a user of the host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorized {
    /// Its path; none where sshd reads no file that is the user's own.
    pub file: Option<String>,
    /// What is in it.
    pub lines: Vec<String>,
}

/// Reads it.
///
/// # Errors
/// When the command fails.
pub fn read(host: &Host, user: &str) -> Result<Authorized> {
    let script = with(&[include_str!("sshd.sh")], include_str!("authorized.sh"));
    let said = host
        .text(&Cmd::script(&script, &[user]))
        .context("reading the authorized keys")?;
    let mut lines = said.lines().map(str::to_owned);
    Ok(Authorized {
        file: lines.next().filter(|file| !file.is_empty()),
        lines: lines.collect(),
    })
}

/// Authorises the user's key, which is made when there is none.
pub fn converge(there: &Authorized, key: &OwnKey, user: &str, host: &str) -> Option<Action> {
    let has = |line: &String| line.contains(&key.public) && !line.trim_start().starts_with('#');
    if there.file.is_none() || there.lines.iter().any(has) {
        return None;
    }
    let print = &key.fingerprint;
    let whose = match &key.place {
        Place::Agent(comment) => format!("your key '{comment}' of ssh-agent ({print})"),
        Place::File(path) => format!("your key '{}' ({print})", path.display()),
        Place::New(new) => format!("you have no key: a new one, '{}' ({print}),", new.path.display()),
    };
    let reason = format!("the login was by password: {whose} is to log in from now on");
    let work = host::Work::Access(Work::Authorize {
        user: user.to_owned(),
        line: format!("{} {}", key.public, crate::lease::who()),
        new: match &key.place {
            Place::New(new) => Some(Box::new(new.clone())),
            _ => None,
        },
    });
    let name = format!("authorized key of {user}");
    Some(Action::new(
        Step::Host,
        Verb::Create,
        Kind::Host,
        &name,
        host,
        reason,
        work,
    ))
}

/// What to say where no key can be authorised.
pub fn warning(there: &Authorized, user: &str, host: &str) -> Option<String> {
    there.file.is_none().then(|| {
        format!("the login to '{host}' was by password, and sshd there reads no file of keys that is the own one of '{user}' (AuthorizedKeysFile): an administrator must authorise a key")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::own_key::NewKey;

    #[test]
    fn a_key_that_is_there_is_left_alone() {
        let key = OwnKey {
            public: "ssh-ed25519 AAAA".into(),
            fingerprint: "SHA256:x".into(),
            place: Place::File("/home/me/.ssh/id_ed25519".into()),
        };
        let there = |lines: &[&str]| Authorized {
            file: Some("/root/.ssh/authorized_keys".into()),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let action = |there: &Authorized| converge(there, &key, "root", "hv1");
        assert!(action(&there(&["from=\"10.*\" ssh-ed25519 AAAA me"])).is_none());
        let new = action(&there(&["ssh-ed25519 BBBB", "# ssh-ed25519 AAAA"])).unwrap();
        assert_eq!(
            new.reason,
            "the login was by password: your key '/home/me/.ssh/id_ed25519' (SHA256:x) is to log in from now on"
        );
        let nowhere = Authorized {
            file: None,
            lines: Vec::new(),
        };
        assert!(action(&nowhere).is_none() && warning(&nowhere, "root", "hv1").is_some());
        let pair = crate::keys::from_seed([1; 32], "me").unwrap();
        let made = OwnKey {
            place: Place::New(NewKey {
                path: "/home/me/.ssh/id_ed25519".into(),
                pair,
            }),
            ..key
        };
        let action = converge(&there(&[]), &made, "root", "hv1").unwrap();
        assert!(
            action.reason.contains("you have no key: a new one"),
            "{}",
            action.reason
        );
    }
}
