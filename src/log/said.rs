//! The command line as a log may have it: without passwords.

use crate::url;
use std::ffi::OsString;

/// Flags whose value is a secret.
const SECRETS: [&str; 2] = ["--vnc-password", "--image-proxy"];
/// What tells that a value has a secret in it.
const TELLS: [&str; 5] = ["passw", "secret", "token", "_key", "apikey"];
/// Flags that take values of others' making.
const FREE: [&str; 3] = ["-e", "--extra-vars", "--virtopts"];

/// The words, quoted as a shell would take them.
pub(super) fn shown(arguments: &[OsString]) -> String {
    let mut before = String::new();
    let mut words = Vec::new();
    for (at, argument) in arguments.iter().enumerate() {
        let argument = argument.to_string_lossy();
        let word = match at {
            0 => "irs".to_owned(),
            _ => word(&before, &argument),
        };
        words.push(shlex::try_quote(&word).map_or(word.clone(), |quoted| quoted.into_owned()));
        before = argument.into_owned();
    }
    words.join(" ")
}

/// A word after another one.
fn word(before: &str, word: &str) -> String {
    if SECRETS.contains(&before) {
        return "…".to_owned();
    }
    let (flag, value) = match word.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") && !FREE.contains(&before) => (Some(flag), value),
        _ => (None, word),
    };
    if flag.is_some_and(|flag| SECRETS.contains(&flag)) {
        return format!("{}=…", flag.unwrap_or_default());
    }
    let is_free = FREE.contains(&flag.unwrap_or(before)) || word.starts_with("-e");
    let value = match is_free && has_secret(value) {
        true => format!("{}=…", value.split('=').next().unwrap_or_default()),
        false if value.contains("://") => url::shown(value),
        false => value.to_owned(),
    };
    match flag {
        Some(flag) => format!("{flag}={value}"),
        None => value,
    }
}

fn has_secret(value: &str) -> bool {
    let value = value.to_lowercase();
    TELLS.iter().any(|tell| value.contains(tell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_flag_that_takes_a_secret_is_known() {
        let mut command = crate::cli::Cli::command();
        command.build();
        let mut commands = vec![&command];
        let mut seen = 0;
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands());
            let hidden = command.get_arguments().filter(|arg| arg.is_hide_env_values_set());
            for long in hidden.filter_map(clap::Arg::get_long) {
                seen += 1;
                assert!(SECRETS.contains(&&*format!("--{long}")), "--{long}");
            }
        }
        assert!(seen > 1);
    }

    #[test]
    fn secrets_stay_out() {
        for (line, expected) in [
            (
                "virsh --topology-nodes compute:2 -v",
                "irs virsh --topology-nodes compute:2 -v",
            ),
            (
                "virsh --vnc-password sesame --kill",
                "irs virsh --vnc-password … --kill",
            ),
            ("virsh --vnc-password=sesame", "irs virsh '--vnc-password=…'"),
            (
                "virsh --image-url https://me:hush@h/x.qcow2",
                "irs virsh --image-url 'https://h/x.qcow2?…'",
            ),
            (
                "virsh --image-url=https://h/x?sig=hush",
                "irs virsh '--image-url=https://h/x?…'",
            ),
            (
                "virsh -e override.controller.memory=8192",
                "irs virsh -e override.controller.memory=8192",
            ),
            ("virsh -e admin_password=hush", "irs virsh -e 'admin_password=…'"),
            (
                "virsh -emirror=https://me:hush@h/",
                "irs virsh '-emirror=https://h/?…'",
            ),
            (
                "virsh --virtopts '--graphics vnc,password=hush'",
                "irs virsh --virtopts '--graphics vnc,password=…'",
            ),
            ("virsh --prefix 'a b'", "irs virsh --prefix 'a b'"),
        ] {
            let words = shlex::split(&format!("/usr/bin/irs {line}")).unwrap();
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            let shown = shown(&words);
            assert!(!shown.contains("hush") && !shown.contains("sesame"), "{shown}");
            assert_eq!(shlex::split(&shown), shlex::split(expected), "{shown}");
        }
    }
}
