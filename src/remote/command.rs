//! A command for a host, and what came of it.

use super::sudo::Sudo;
use crate::error::{Exit, Fault};
use crate::ssh::exec::Finished;
use anyhow::{Result, bail};
use std::fmt;

/// A command and its input. Each argument arrives as it is given, whatever it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    words: Vec<String>,
    stdin: Vec<u8>,
    secret: bool,
}

/// Where programs are found: a login over SSH may have no sbin.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of a failed command's stderr is shown.
const TAIL: usize = 1024;

impl Cmd {
    /// A command without arguments.
    pub fn new(program: impl Into<String>) -> Cmd {
        Cmd {
            words: vec![program.into()],
            stdin: Vec::new(),
            secret: false,
        }
    }

    /// A script for `sh`, in which `args` are `$1`, `$2`, ….
    pub fn script(text: &str, args: &[&str]) -> Cmd {
        Cmd::new("sh").args(["-c", text, "sh"]).args(args.iter().copied())
    }

    /// The command with one more argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Cmd {
        self.words.push(arg.into());
        self
    }

    /// The command with more arguments.
    pub fn args<T: Into<String>>(mut self, args: impl IntoIterator<Item = T>) -> Cmd {
        self.words.extend(args.into_iter().map(Into::into));
        self
    }

    /// The command with `bytes` as its stdin; without this its stdin is empty.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Cmd {
        self.stdin = bytes.into();
        self
    }

    /// The command with its arguments hidden in messages. The host's process list still shows them: a
    /// real secret belongs in stdin.
    pub fn secret(mut self) -> Cmd {
        self.secret = true;
        self
    }

    /// The words to run, with sudo where it is needed.
    pub(crate) fn argv(&self, sudo: &Sudo) -> Result<Vec<String>> {
        if self.words.iter().any(|w| w.contains('\0')) {
            bail!(
                "an argument of '{}' has a NUL byte",
                self.words[0].replace('\0', "\\0")
            );
        }
        let fixed = sudo.prefix(PATH).into_iter().map(str::to_owned);
        Ok(fixed.chain(self.words.iter().cloned()).collect())
    }

    /// The command as text for a login shell, whichever that is.
    pub(crate) fn shell_text(&self, sudo: &Sudo) -> Result<String> {
        let text = shlex::try_join(self.argv(sudo)?.iter().map(String::as_str))?;
        Ok(for_any_shell(text))
    }

    pub(crate) fn input(&self) -> &[u8] {
        &self.stdin
    }
}

/// Text for `sh`, as text that csh and fish understand as well: to them a line's end, `!`, `\` and two kinds of quotes in
/// one word are not what they are to `sh`. What is more than plain words in single quotes goes to `sh` in octal numbers.
fn for_any_shell(text: String) -> String {
    if !text.contains(['\n', '!', '\\', '"']) {
        return text;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _-./:=,+@%".contains(&byte);
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match plain(byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("\\0{byte:03o}")),
        }
    }
    format!("sh -c 'eval \"exec $(printf %b \"$1\")\"' sh '{encoded}'")
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret {
            return write!(f, "{} …", self.words[0]);
        }
        // A script of several lines is shown by what its first line says, and its arguments.
        let words: Vec<&str> = match self.words.as_slice() {
            [sh, flag, text, _, args @ ..] if sh == "sh" && flag == "-c" && text.contains('\n') => {
                let about = text.lines().next().unwrap_or_default().trim_start_matches("# ");
                write!(f, "sh ({}) ", about.split(['.', ':']).next().unwrap_or(about))?;
                args.iter().map(String::as_str).collect()
            }
            words => words.iter().map(String::as_str).collect(),
        };
        match shlex::try_join(words) {
            Ok(text) => f.write_str(&text),
            Err(_) => f.write_str(&self.words[0].replace('\0', "\\0")),
        }
    }
}

/// How a command ended, and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit status; 255 when a signal ended it.
    pub status: i32,
    /// The signal that ended it, a name without `SIG` or a number.
    pub signal: Option<String>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it ended with status 0.
    pub fn success(&self) -> bool {
        self.status == 0 && self.signal.is_none()
    }

    /// Its stdout as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its stderr as text.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The output of a command that succeeded, else a fault with the command, its status and the
    /// end of its stderr.
    pub fn check(self, cmd: &Cmd, host: &str) -> Result<Output> {
        if self.success() {
            return Ok(self);
        }
        let end = match &self.signal {
            Some(signal) => format!("was ended by signal {signal}"),
            None => format!("failed with status {}", self.status),
        };
        let errors = self.errors();
        let full = errors.contains("No space left on device");
        let exit = if full { Exit::Resources } else { Exit::Failed };
        let fault = Fault::new(exit, format!("'{cmd}' {end} on '{host}'"));
        let errors = errors.trim();
        if errors.is_empty() {
            return Err(fault.into());
        }
        Err(anyhow::anyhow!(tail(errors).to_owned()).context(fault))
    }
}

impl From<Finished> for Output {
    fn from(done: Finished) -> Output {
        Output {
            status: done.status,
            signal: done.signal,
            stdout: done.stdout,
            stderr: done.stderr,
        }
    }
}

/// The last kilobyte of a text.
pub(super) fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(TAIL);
    let from = (from..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(from);
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Report;

    #[test]
    fn arguments_are_quoted_and_secrets_hidden() {
        let cmd = Cmd::new("echo").arg("it's").arg("$(id)");
        assert_eq!(cmd.to_string(), "echo \"it's\" '$(id)'");
        assert_eq!(cmd.secret().to_string(), "echo …");
        let plain = Cmd::new("echo").arg("a b").shell_text(&Sudo::Free).unwrap();
        let begin = "env 'LC_ALL=C' sudo -n /usr/bin/env 'LC_ALL=C' ";
        assert!(
            plain.starts_with(begin) && plain.ends_with("echo 'a b'"),
            "{plain}"
        );
        assert!(Cmd::new("echo").arg("a\0b").shell_text(&Sudo::No).is_err());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_arguments_pass_a_real_shell(words in proptest::collection::vec("([^\0]|[ -~]|[\n'\"\\\\$`!*?~#;&|-]){0,12}", 0..5)) {
            let cmd = Cmd::new("printf").args(["%s\\0", "begin"]).args(words.clone());
            let shell = cmd.shell_text(&Sudo::No).unwrap();
            let out = std::process::Command::new("sh").arg("-c").arg(&shell).output().unwrap();
            let expected: String = ["begin".to_owned()].iter().chain(&words).map(|word| format!("{word}\0")).collect();
            proptest::prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), expected);
        }
    }

    /// Of the shells that there are here each must understand it.
    #[test]
    fn every_login_shell_understands_it() {
        let nasty = [
            "it's",
            "a\nb\n",
            "!x",
            "\\n",
            "\\\\",
            "\"$HOME\" `id`",
            "é",
            "",
            "%s %%",
            "\\\n",
        ];
        let cmd = Cmd::new("printf").arg("%s|").args(nasty);
        let text = format!("echo before; exec {}", cmd.shell_text(&Sudo::No).unwrap());
        for shell in ["sh", "bash", "dash", "tcsh", "fish", "zsh", "ksh"] {
            let run = std::process::Command::new(shell).args(["-c", &text]).output();
            match run {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && !["sh", "bash"].contains(&shell) => {}
                run => {
                    let expected = format!("before\n{}|", nasty.join("|"));
                    assert_eq!(
                        String::from_utf8(run.unwrap().stdout).unwrap(),
                        expected,
                        "{shell}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_failure_shows_command_status_and_the_end_of_stderr() {
        let cmd = Cmd::new("cp").args(["a", "b c"]);
        let stderr = format!("{}é the end\n", "x".repeat(2000));
        let output = Output {
            status: 2,
            signal: None,
            stdout: vec![],
            stderr: stderr.into(),
        };
        let report = Report::of(&output.clone().check(&cmd, "hv1").unwrap_err());
        assert_eq!(report.message, "'cp a 'b c'' failed with status 2 on 'hv1'");
        assert!(report.causes[0].ends_with("é the end") && report.causes[0].len() <= 1024);
        assert_eq!(report.exit_code, 1);
        let full = Output {
            stderr: b"cp: b: No space left on device".to_vec(),
            ..output
        };
        assert_eq!(Report::of(&full.check(&cmd, "hv1").unwrap_err()).exit_code, 4);
    }
}
