//! Passwords, and whatever else a server asks: from the environment, or from whoever sits at the terminal.

use super::{Attempt, Done, LOGIN, Login};
use crate::error::{Exit, Fault};
use crate::secret::Secret;
use crate::ssh::config::Destination;
use crate::ssh::link::{Link, LinkError};
use crate::ssh::passphrase;
use crate::ui::harmless::one_line;
use anyhow::{Result, anyhow};
use ssh2::{KeyboardInteractivePrompt, Prompt};
use std::time::Duration;

/// The variable that holds the password of the hypervisor's user.
pub const VARIABLE: &str = "IRS_HOST_PASSWORD";

impl Attempt<'_> {
    /// Answers what the server asks.
    pub(super) fn interactive(&mut self) -> Result<Done> {
        let known = self.known();
        for _ in 0..self.tries(known.as_ref()) {
            let mut talk = Talk::new(self.destination, known.as_ref());
            let outcome = talk.have(self.link);
            if let Some(error) = talk.trouble {
                return Err(error);
            }
            let login = Login::Interactive(talk.password);
            match outcome {
                Ok(()) => return Ok(Some((login, None))),
                Err(e) => self.go_on(e)?,
            }
            if !talk.asked {
                // It offers to ask and has no question.
                return Ok(None);
            }
            self.note(known.is_some());
            if self.half(login, None)? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// How often to try: what is known once, what is typed as often as ssh asks for it.
    fn tries(&self, known: Option<&Secret>) -> u32 {
        match known {
            Some(_) => 1,
            None if self.may_ask() => self.destination.methods.prompts,
            None => 0,
        }
    }

    /// Tries a password.
    pub(super) fn password(&mut self) -> Result<Done> {
        if self.by_password {
            // The same one, by another name.
            return Ok(None);
        }
        let known = self.known();
        for _ in 0..self.tries(known.as_ref()) {
            let password = match &known {
                Some(password) => password.clone(),
                None => match typed(&format!("password of '{}': ", self.destination.login()))? {
                    Some(password) => password,
                    None => return Ok(None),
                },
            };
            match by_password(self.link, &self.destination.user, &password) {
                Ok(()) => return Ok(Some((Login::Password(password), None))),
                Err(e) if e.code() == Some(EXPIRED) => return Err(self.expired(e)),
                Err(e) => self.go_on(e)?,
            }
            self.note(known.is_some());
            if self.half(Login::Password(password), None)? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The password that needs no asking.
    fn known(&self) -> Option<Secret> {
        let password = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
        password.map(Secret::new)
    }

    fn may_ask(&self) -> bool {
        self.destination.methods.ask && passphrase::can_ask()
    }

    fn note(&mut self, from_environment: bool) {
        self.by_password = true;
        let which = match from_environment {
            true => format!("the password of ${VARIABLE}"),
            false => "the password that was typed".to_owned(),
        };
        if !from_environment {
            eprintln!("permission denied");
        }
        if !self.tried.contains(&which) {
            self.tried.push(which);
        }
    }

    fn expired(&self, error: LinkError) -> anyhow::Error {
        let login = self.destination.login();
        let fault = Fault::new(
            Exit::Unreachable,
            format!("the password of '{login}' has expired"),
        );
        anyhow!("{error}").context(fault.hint(format!("log in by `ssh {login}` once to set another one")))
    }
}

/// How long answers may take: sshd waits for 2 minutes.
const TYPING: Duration = Duration::from_secs(150);

/// LIBSSH2_ERROR_PASSWORD_EXPIRED
const EXPIRED: i32 = -17;

pub(super) fn by_password(link: &mut Link, user: &str, password: &Secret) -> Result<(), LinkError> {
    link.drive("logging in", LOGIN, |session| {
        session.userauth_password(user, password.reveal())
    })
}

/// Answers what the server asks as before; what it asks besides the password is asked of the user again.
pub(super) fn asked(link: &mut Link, destination: &Destination, password: Option<&Secret>) -> Result<()> {
    let mut talk = Talk::new(destination, password);
    let outcome = talk.have(link);
    match talk.trouble {
        Some(error) => Err(error),
        None => Ok(outcome?),
    }
}

fn typed(prompt: &str) -> Result<Option<Secret>> {
    Ok(passphrase::ask(prompt)?.map(Secret::new))
}

/// One exchange of questions and answers.
struct Talk<'a> {
    destination: &'a Destination,
    /// The password, as long as it was not given.
    known: Option<&'a Secret>,
    asked: bool,
    /// The password that was given.
    password: Option<Secret>,
    /// Why there is no answer.
    trouble: Option<anyhow::Error>,
}

impl<'a> Talk<'a> {
    fn new(destination: &'a Destination, known: Option<&'a Secret>) -> Self {
        Talk {
            destination,
            known,
            asked: false,
            password: None,
            trouble: None,
        }
    }

    fn have(&mut self, link: &mut Link) -> Result<(), LinkError> {
        let destination = self.destination;
        let user = &destination.user;
        link.drive("logging in", TYPING, |session| {
            session.userauth_keyboard_interactive(user, self)
        })
    }

    fn answer(&mut self, prompt: &Prompt<'_>) -> Result<String> {
        let text = one_line(&prompt.text);
        let is_password = !prompt.echo && self.password.is_none() && !is_of_one_use(&text);
        if is_password && let Some(known) = self.known.take() {
            self.password = Some(known.clone());
            return Ok(known.reveal().to_owned());
        }
        let login = self.destination.login();
        let answer = match self.destination.methods.ask {
            true => passphrase::ask_shown(&format!("{login}: {text} "), prompt.echo)?,
            false => None,
        };
        let answer = answer.ok_or_else(|| {
            Fault::new(
                Exit::Unreachable,
                format!(
                    "'{login}' is asked for '{}', and there is no terminal to ask on",
                    text.trim().trim_end_matches(':')
                ),
            )
            .hint(format!(
                "run irs on a terminal; a password may be in ${VARIABLE}; or log in by a key"
            ))
        })?;
        if is_password {
            self.password = Some(Secret::new(answer.clone()));
        }
        Ok(answer)
    }
}

/// Whether a hidden answer is something else than the password: a code for one time, or a new password.
fn is_of_one_use(text: &str) -> bool {
    let text = text.to_lowercase();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.any(|word| ["code", "token", "passcode", "otp", "time", "pin", "new", "retype"].contains(&word))
}

impl KeyboardInteractivePrompt for Talk<'_> {
    fn prompt(&mut self, _: &str, instructions: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        if !prompts.is_empty() && !instructions.trim().is_empty() && passphrase::can_ask() {
            eprintln!("{}: {}", self.destination.login(), one_line(instructions.trim()));
        }
        let mut answers = Vec::new();
        for prompt in prompts {
            self.asked = true;
            if self.trouble.is_some() {
                break;
            }
            match self.answer(prompt) {
                Ok(answer) => answers.push(answer),
                Err(error) => self.trouble = Some(error),
            }
        }
        // One for each question, whatever happened.
        answers.resize(prompts.len(), String::new());
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_one_use;

    #[test]
    fn a_password_is_told_from_a_code_and_from_a_new_password() {
        for text in ["Password: ", "(me@hv) Password: ", "Passwort: ", "密码"] {
            assert!(!is_of_one_use(text), "{text}");
        }
        for text in ["Verification code: ", "OTP: ", "New password: ", "Enter PIN: "] {
            assert!(is_of_one_use(text), "{text}");
        }
    }
}
