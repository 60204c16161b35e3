//! Root's rights for a user who is not root: sudo, with or without a password.
//!
//! A password is written to sudo's stdin, in front of the command's own input, and is in no argument and no variable. sudo
//! reads no more than that line, and is told to ask each time (`-k`). Behind it comes a word that the command's shell waits for
//! before it begins: were sudo not to ask, no command would get the password as its input.

use super::{Cmd, Host};
use crate::error::{Exit, Fault};
use crate::secret::Secret;
use crate::ssh::passphrase;
use anyhow::{Result, anyhow, bail};

/// The variable that holds the password for sudo there.
pub const VARIABLE: &str = "IRS_HOST_SUDO_PASSWORD";

/// How root's rights are had.
#[derive(Clone, Debug)]
pub(crate) enum Sudo {
    /// The user is root, or needs no rights.
    No,
    /// By a sudo that asks for nothing.
    Free,
    /// As [`Sudo::Free`]; a password that sudo remembers does not count.
    Probe,
    /// By sudo with a password.
    Password(Secret),
    /// As [`Sudo::Password`], to find out whether that is the right one: nothing follows it.
    Try(Secret),
}

/// What is waited for behind the password, and said on stderr before the command's own words.
const WORD: &str = "irs-is-root-7d21c0b6";

/// Begins a command once that word has come.
const GUARD: &str = "IFS= read -r word; \
     [ \"$word\" = \"$1\" ] || { echo 'sudo did not ask for the password' >&2; exit 97; }; \
     echo \"$1\" >&2; shift; exec \"$@\"";

impl Sudo {
    /// What stands before a command's words. `path` is the command's PATH.
    pub(super) fn prefix<'a>(&self, path: &'a str) -> Vec<&'a str> {
        // env by its path: a secure_path of sudo's may not have it. And sudo's own words are to be in English.
        let plain = ["LC_ALL=C", path];
        let (options, guard): (&[&str], &[&str]) = match self {
            Sudo::No => return [&["env"], &plain[..]].concat(),
            Sudo::Free => (&["-n"], &[]),
            Sudo::Probe => (&["-k", "-n"], &[]),
            Sudo::Password(_) => (&["-k", "-S", "-p", ""], &["sh", "-c", GUARD, "sh", WORD]),
            Sudo::Try(_) => (&["-k", "-S", "-p", ""], &[]),
        };
        [
            &["env", "LC_ALL=C", "sudo"],
            options,
            &["/usr/bin/env"],
            &plain[..],
            guard,
        ]
        .concat()
    }

    /// What goes before a command's own input.
    pub(crate) fn preamble(&self) -> Secret {
        Secret::new(match self {
            Sudo::No | Sudo::Free | Sudo::Probe => String::new(),
            Sudo::Try(password) => format!("{}\n", password.reveal()),
            Sudo::Password(password) => format!("{}\n{WORD}\n", password.reveal()),
        })
    }

    /// Whether there is one.
    pub(crate) fn is_used(&self) -> bool {
        !matches!(self, Sudo::No)
    }
}

/// Where a command's own stderr begins: sudo may have given its lecture before.
pub(super) fn own_words(stderr: &[u8]) -> usize {
    let word = WORD.as_bytes();
    let at = stderr
        .windows(word.len() + 1)
        .position(|window| window.starts_with(word) && window.ends_with(b"\n"));
    at.map_or(0, |at| at + word.len() + 1)
}

impl Host {
    /// The same host with root's rights by sudo, for `user`; `login` is the password that logged in.
    ///
    /// # Errors
    /// Unreachable, when sudo does not want, with what would help.
    pub(super) fn with_sudo(self, user: &str, login: Option<Secret>) -> Result<Host> {
        let probe = self.by(Sudo::Probe)?;
        let output = probe.run(&Cmd::new("true"))?;
        if output.status == 0 {
            return probe.by(Sudo::Free);
        }
        let said = output.errors();
        if output.status == 127 || !wants_a_password(&said) {
            return Err(probe.no_sudo(user, output.status, &said));
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let known = variable(VARIABLE)
            .map(|text| (Secret::new(text), format!("the password of ${VARIABLE}")))
            .or_else(|| login.map(|password| (password, "the password that logged in".to_owned())))
            .or_else(|| {
                let name = crate::ssh::auth::PASSWORD_VARIABLE;
                variable(name).map(|text| (Secret::new(text), format!("the password of ${name}")))
            });
        let mut host = probe;
        let mut refused = None;
        if let Some((password, what)) = known {
            host = match host.try_sudo(user, password)? {
                Tried::Good(host) => return Ok(host),
                Tried::Wrong(host) => host,
            };
            refused = Some(what);
        }
        let prompt = format!("sudo password of '{user}' on '{}': ", host.name());
        for _ in 0..3 {
            let Some(password) = passphrase::ask(&prompt)? else {
                break;
            };
            host = match host.try_sudo(user, Secret::new(password))? {
                Tried::Good(host) => return Ok(host),
                Tried::Wrong(host) => host,
            };
            eprintln!("sorry, that is not it");
            refused = Some("the password that was typed".to_owned());
        }
        Err(match refused {
            Some(what) => Fault::new(
                Exit::Unreachable,
                format!("sudo on '{}' refuses {what} for user '{user}'", host.name()),
            )
            .hint(format!(
                "set ${VARIABLE} to the password that sudo asks for there, or {}",
                host.as_root()
            ))
            .into(),
            None => host.no_sudo(user, 1, &said),
        })
    }

    /// The same host, once nobody else uses it, with other rights.
    fn by(self, sudo: Sudo) -> Result<Host> {
        Ok(match self {
            Host::Local(_) => Host::Local(super::Local { sudo }.into()),
            Host::Ssh(remote) => {
                let remote = std::sync::Arc::into_inner(remote).map(|r| super::Remote { sudo, ..r });
                Host::Ssh(remote.ok_or_else(|| anyhow!("the connection is in use"))?.into())
            }
        })
    }

    fn try_sudo(self, user: &str, password: Secret) -> Result<Tried> {
        if password.reveal().contains(['\n', '\0']) {
            bail!(Fault::new(
                Exit::Usage,
                "the password for sudo has more than one line"
            ));
        }
        let trying = self.by(Sudo::Try(password.clone()))?;
        let output = trying.run(&Cmd::new("true"))?;
        if output.status == 0 {
            return Ok(Tried::Good(trying.by(Sudo::Password(password))?));
        }
        let said = output.errors();
        match is_wrong_password(&said) {
            true => Ok(Tried::Wrong(trying)),
            false => Err(trying.no_sudo(user, output.status, &said)),
        }
    }

    /// How to do without sudo.
    fn as_root(&self) -> &'static str {
        match self.is_local() {
            true => "run irs as root",
            false => "log in as root (--host-user root)",
        }
    }

    /// The fault of a sudo that does not want.
    fn no_sudo(&self, user: &str, status: i32, said: &str) -> anyhow::Error {
        let said = said.trim();
        let host = self.name();
        // sudo's own words, in English: the locale is C.
        let (message, way_out) = if status == 127 {
            (
                format!("user '{user}' is not root, and there is no sudo on '{host}'"),
                "install sudo there".to_owned(),
            )
        } else if said.contains("tty") {
            (
                format!("sudo on '{host}' wants a terminal of user '{user}'"),
                format!("put 'Defaults:{user} !requiretty' into /etc/sudoers.d there"),
            )
        } else if wants_a_password(said) {
            (
                format!("user '{user}' is not root and cannot use sudo without a password on '{host}'"),
                format!(
                    "set ${VARIABLE}, or run irs on a terminal, where it asks, or give '{user}' a NOPASSWD rule for all commands in \
                     /etc/sudoers.d there"
                ),
            )
        } else {
            (
                format!("user '{user}' is not root and may not use sudo on '{host}'"),
                format!("give '{user}' a rule for all commands in /etc/sudoers.d there"),
            )
        };
        let hint = format!("{}, or {way_out}", self.as_root());
        let last = said.lines().last().unwrap_or_default().to_owned();
        let fault = Fault::new(Exit::Unreachable, message).hint(hint);
        match last.is_empty() {
            true => fault.into(),
            false => anyhow!(last).context(fault),
        }
    }
}

enum Tried {
    Good(Host),
    Wrong(Host),
}

fn wants_a_password(said: &str) -> bool {
    said.contains("password is required") || said.contains("authentication is required")
}

fn is_wrong_password(said: &str) -> bool {
    [
        "incorrect password",
        "try again",
        "no password was provided",
        "incorrect authentication",
    ]
    .iter()
    .any(|words| said.to_lowercase().contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_gets_its_own_input_only_and_never_the_password() {
        let sudo = Sudo::Password(Secret::new("sesame"));
        let words = sudo.prefix("PATH=/bin");
        assert!(!words.concat().contains("sesame") && !format!("{sudo:?}").contains("sesame"));
        let guarded = words.iter().position(|word| *word == "sh").unwrap();
        // What sudo leaves when it has read the password, and when it has not asked for it.
        for (left, output, status) in [
            (format!("{WORD}\nmine\n"), "mine\n", 0),
            (format!("sesame\n{WORD}\nmine\n"), "", 97),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let input = dir.path().join("input");
            std::fs::write(&input, left).unwrap();
            let done = std::process::Command::new("sh")
                .args(["-c", "cat \"$0\" | \"$@\""])
                .arg(&input)
                .args(&words[guarded..])
                .arg("cat")
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&done.stdout), output);
            assert_eq!(done.status.code(), Some(status));
        }
    }

    #[test]
    fn what_sudo_says_first_is_not_the_commands() {
        let said = format!("We trust you have received the usual lecture\n{WORD}\ngone wrong\n");
        assert_eq!(&said[own_words(said.as_bytes())..], "gone wrong\n");
        assert_eq!(own_words(b"gone wrong\n"), 0);
    }
}
