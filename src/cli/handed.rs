//! Command lines that are handed over to ssh and scp: which of their words are irs's flags, and which are theirs.
//!
//! ssh and scp have options of one letter only, irs's own flags here are the long ones: so both may stand in one line,
//! in any order, up to where a remote command begins.

use clap::{Command, CommandFactory};
use std::ffi::{OsStr, OsString};

/// The options of OpenSSH's ssh and scp that take a value.
const SSH_VALUED: &str = "bceilmopBDEFIJLOPQRSwW";
const SCP_VALUED: &str = "cDFiJlMoPSX";

/// The words of a line of `irs ssh`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshWords {
    /// Flags of irs.
    pub ours: Vec<OsString>,
    /// Options of ssh.
    pub options: Vec<OsString>,
    /// Who to log in to.
    pub node: Option<OsString>,
    /// What to run there.
    pub command: Vec<OsString>,
}

/// The words of a line of `irs scp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScpWords {
    /// Flags of irs.
    pub ours: Vec<OsString>,
    /// Options of scp.
    pub options: Vec<OsString>,
    /// What to copy, and where to.
    pub operands: Vec<OsString>,
}

/// Splits a line as ssh does: options may stand before and right after the node. With `host` the first operand may be the
/// node or the command already, and nothing after it is an option.
pub fn ssh(words: &[OsString], mut host: bool, is_valued: impl Fn(&str) -> bool) -> SshWords {
    let mut split = SshWords::default();
    let mut words = words.iter().cloned();
    while let Some(word) = words.next() {
        match kind(&word) {
            Kind::End if split.node.is_some() => {
                split.command = words.collect();
                break;
            }
            // As with ssh, what comes first after it is the node all the same.
            Kind::End => {}
            Kind::Long(name) => {
                host |= name == "host";
                let more = is_valued(&name).then(|| words.next()).flatten();
                split.ours.push(word);
                split.ours.extend(more);
            }
            Kind::Help => split.ours.push(word),
            Kind::Short => take(&mut split.options, word, SSH_VALUED, &mut words),
            Kind::Operand if split.node.is_none() => {
                split.node = Some(word);
                if host {
                    let rest: Vec<OsString> = words.collect();
                    let begin = usize::from(rest.first().is_some_and(|word| word == "--"));
                    split.command = rest[begin..].to_vec();
                    break;
                }
            }
            Kind::Operand => {
                split.command = std::iter::once(word).chain(words).collect();
                break;
            }
        }
    }
    split
}

/// Splits a line as scp does: its options stand before the first operand.
pub fn scp(words: &[OsString], is_valued: impl Fn(&str) -> bool) -> ScpWords {
    let mut split = ScpWords::default();
    let mut words = words.iter().cloned();
    while let Some(word) = words.next() {
        match kind(&word) {
            Kind::End => {
                split.operands.extend(words);
                break;
            }
            Kind::Long(name) => {
                let more = is_valued(&name).then(|| words.next()).flatten();
                split.ours.push(word);
                split.ours.extend(more);
            }
            Kind::Help if split.operands.is_empty() => split.ours.push(word),
            Kind::Short if split.operands.is_empty() => {
                take(&mut split.options, word, SCP_VALUED, &mut words);
            }
            Kind::Help | Kind::Short | Kind::Operand => split.operands.push(word),
        }
    }
    split
}

enum Kind {
    /// `--`.
    End,
    /// `--name` or `--name=value`; the name, with a `=` at its end when the value is there already.
    Long(String),
    /// `-h`, which neither program has.
    Help,
    /// One or more options of one letter.
    Short,
    Operand,
}

fn kind(word: &OsStr) -> Kind {
    let text = word.to_string_lossy();
    if text == "--" {
        Kind::End
    } else if let Some(name) = text.strip_prefix("--") {
        Kind::Long(name.find('=').map_or(name, |at| &name[..=at]).to_owned())
    } else if text == "-h" {
        Kind::Help
    } else if text.len() > 1 && text.starts_with('-') {
        Kind::Short
    } else {
        Kind::Operand
    }
}

/// Takes letters, and the next word when the last of them wants a value.
fn take(
    options: &mut Vec<OsString>,
    word: OsString,
    valued: &str,
    rest: &mut impl Iterator<Item = OsString>,
) {
    let text = word.to_string_lossy().into_owned();
    let is_open = text[1..].find(|letter| valued.contains(letter)) == text.len().checked_sub(2);
    options.push(word);
    if is_open {
        options.extend(rest.next());
    }
}

/// Puts irs's flags of a line of `irs ssh` or `irs scp` first, and a `--` between them and all else, so that clap reads its
/// own flags only. Other lines stay as they are.
pub fn arrange(arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(at) = subcommand(&arguments) else {
        return arguments;
    };
    let words = &arguments[at + 1..];
    let is_valued = |name: &str| takes_value(&arguments[at], name);
    let (ours, theirs) = match arguments[at].to_str() {
        Some("ssh") => {
            let split = ssh(words, false, is_valued);
            (split.ours.clone(), split.theirs())
        }
        Some("scp") => {
            let split = scp(words, is_valued);
            let end = OsString::from("--");
            (split.ours, [split.options, vec![end], split.operands].concat())
        }
        Some("ansible") => {
            let ours = ours(words, &command_of(&arguments[at]));
            let rest = &words[ours..];
            let begin = usize::from(rest.first().is_some_and(|word| word == "--"));
            (words[..ours].to_vec(), rest[begin..].to_vec())
        }
        _ => return arguments,
    };
    let end = OsString::from("--");
    [&arguments[..=at], &ours, &[end], &theirs].concat()
}

impl SshWords {
    /// ssh's own words, from which [`ssh`] gives the same again.
    fn theirs(self) -> Vec<OsString> {
        let end = (!self.command.is_empty()).then(|| OsString::from("--"));
        let node = self.node.into_iter();
        self.options
            .into_iter()
            .chain(node)
            .chain(end)
            .chain(self.command)
            .collect()
    }
}

/// Where the subcommand stands: only flags of every command come before it.
fn subcommand(arguments: &[OsString]) -> Option<usize> {
    let command = crate::cli::Cli::command();
    let mut at = 1;
    while let Some(word) = arguments.get(at) {
        match kind(word) {
            Kind::Operand => return Some(at),
            Kind::Long(name) if is_open(&command, &name) => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// How many of the first words are long flags that irs knows, and their values.
fn ours(words: &[OsString], commands: &[Command]) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let Kind::Long(name) = kind(word) else {
            return at + usize::from(word == "-h");
        };
        let bare = name.trim_end_matches('=');
        let mut args = commands.iter().flat_map(Command::get_arguments);
        let Some(arg) = args.find(|arg| arg.get_long() == Some(bare)) else {
            return at + usize::from(bare == "help");
        };
        at += 1 + usize::from(name == bare && arg.get_action().takes_values());
    }
    words.len()
}

/// A subcommand, and the program with the flags of all.
fn command_of(subcommand: &OsStr) -> Vec<Command> {
    let program = crate::cli::Cli::command();
    let of_it = program.find_subcommand(subcommand).cloned();
    of_it.into_iter().chain([program]).collect()
}

fn takes_value(subcommand: &OsStr, name: &str) -> bool {
    command_of(subcommand)
        .iter()
        .any(|command| is_open(command, name))
}

/// Whether a flag is known to want the next word as its value.
fn is_open(command: &Command, name: &str) -> bool {
    let mut args = command.get_arguments();
    args.any(|arg| arg.get_long() == Some(name) && arg.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        shlex::split(line)
            .unwrap()
            .into_iter()
            .map(OsString::from)
            .collect()
    }

    fn shown(words: &[OsString]) -> String {
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    fn split(line: &str) -> String {
        let split = ssh(&words(line), false, |name| name == "prefix");
        let node = split.node.unwrap_or_default();
        format!(
            "{} | {} | {} | {}",
            shown(&split.ours),
            shown(&split.options),
            node.to_string_lossy(),
            shown(&split.command)
        )
    }

    #[test]
    fn options_of_ssh_stand_before_and_after_the_node() {
        assert_eq!(split("n"), " |  | n | ");
        assert_eq!(
            split("-t -L 80:a:80 n top -d 1"),
            " | -t -L 80:a:80 | n | top -d 1"
        );
        assert_eq!(split("-tvL80:a:80 n -p 22 x"), " | -tvL80:a:80 -p 22 | n | x");
        assert_eq!(split("-to A=b n"), " | -to A=b | n | ");
        assert_eq!(
            split("--prefix p -t n --host -A ls --all"),
            "--prefix p --host | -t -A | n | ls --all"
        );
        assert_eq!(split("-t --prefix=p n ls"), "--prefix=p | -t | n | ls");
        assert_eq!(split("-- n -- -x y"), " |  | n | -x y");
        assert_eq!(split("n -- a -- b"), " |  | n | a -- b");
        assert_eq!(split("-h"), "-h |  |  | ");
    }

    #[test]
    fn with_host_the_command_may_come_first() {
        assert_eq!(split("--host ls -l x"), "--host |  | ls | -l x");
        assert_eq!(split("--host -t n -- ls -l"), "--host | -t | n | ls -l");
        assert_eq!(split("--host -- ls -l"), "--host |  | ls | -l");
    }

    #[test]
    fn a_line_is_arranged_and_read_the_same_again() {
        let arranged = |line: &str| shown(&arrange(words(line)));
        assert_eq!(
            arranged("irs --format json ssh -v n --prefix p ls -l"),
            "irs --format json ssh --prefix p -- -v n -- ls -l"
        );
        assert_eq!(
            arranged("irs scp -r a --prefix p n:b"),
            "irs scp --prefix p -- -r -- a n:b"
        );
        assert_eq!(arranged("irs scp -- -a n:b"), "irs scp -- -- -a n:b");
        assert_eq!(
            arranged("irs ansible --prefix p -v a.yml --prefix q"),
            "irs ansible --prefix p -- -v a.yml --prefix q"
        );
        assert_eq!(
            arranged("irs ansible --ad-hoc -- all -m ping"),
            "irs ansible --ad-hoc -- all -m ping"
        );
        assert_eq!(
            arranged("irs ansible --limit x a.yml"),
            "irs ansible -- --limit x a.yml"
        );
        assert_eq!(arranged("irs ansible --help"), "irs ansible --help --");
        assert_eq!(arranged("irs virsh --prefix ssh -v"), "irs virsh --prefix ssh -v");
        assert_eq!(arranged("irs"), "irs");
        let line = words("-v n -- ls -l");
        let again = ssh(&ssh(&line, false, |_| false).theirs(), false, |_| false);
        assert_eq!(again, ssh(&line, false, |_| false));
        let line = words("-- -a n:b");
        assert_eq!(shown(&scp(&line, |_| false).operands), "-a n:b");
    }
}
