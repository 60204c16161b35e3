//! Passwords: by both of ssh's methods, from the environment and typed, and as the second of two things.

use crate::accounts::{FREE, PASSWORD, sshd};
use crate::sshd::{Sshd, child};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// The lines for a server that takes a password in its plain form, and for one that asks.
const PLAIN: &str = "Match User tester\n  PasswordAuthentication yes\n  KbdInteractiveAuthentication no";
const ASKS: &str = "UsePAM yes\nMatch User tester\n  KbdInteractiveAuthentication yes";

fn connect(sshd: &Sshd, variables: &[(&str, &str)]) -> String {
    let output = child("connect", sshd, variables).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_password_from_the_environment() {
    for lines in [PLAIN, &format!("UsePAM yes\n{PLAIN}"), ASKS] {
        let sshd = sshd(FREE, lines);
        let said = connect(&sshd, &[("IRS_HOST_PASSWORD", PASSWORD)]);
        assert!(
            said.contains("connected, by a password"),
            "{lines}: {said}{}",
            sshd.log()
        );
        let said = connect(&sshd, &[("IRS_HOST_PASSWORD", "wrong")]);
        assert!(
            said.contains("'tester@hv' refused the password of $IRS_HOST_PASSWORD"),
            "{lines}: {said}"
        );
        assert!(!said.contains("wrong"), "{said}");
        let said = connect(&sshd, &[]);
        assert!(
            said.contains("there is no key to log in to 'tester@hv' with")
                && said.contains("it takes a password too: set $IRS_HOST_PASSWORD, or run irs on a terminal"),
            "{said}"
        );
    }
}

#[test]
fn a_server_that_takes_no_keys_says_so() {
    let sshd = sshd(FREE, &format!("{PLAIN}\n  PubkeyAuthentication no"));
    let said = connect(&sshd, &[]);
    assert!(
        said.contains("'tester@hv' may not log in by a key, only by a password, and there is none"),
        "{said}"
    );
    assert!(connect(&sshd, &[("IRS_HOST_PASSWORD", PASSWORD)]).contains("connected"));
    sshd.write_client("  User tester\n  PasswordAuthentication no\n  KbdInteractiveAuthentication no");
    let said = connect(&sshd, &[("IRS_HOST_PASSWORD", PASSWORD)]);
    assert!(
        !said.contains("connected"),
        "the ssh configuration forbids it: {said}"
    );
}

#[test]
fn a_key_and_then_a_password() {
    let sshd = sshd(
        FREE,
        &format!("{PLAIN}\n  AuthenticationMethods publickey,password"),
    );
    std::fs::rename(sshd.path("kept"), sshd.path("login")).unwrap();
    let said = connect(&sshd, &[("IRS_HOST_PASSWORD", PASSWORD)]);
    assert!(said.contains("connected, by a key"), "{said}{}", sshd.log());
    let said = connect(&sshd, &[]);
    assert!(
        said.contains("'tester@hv' takes the key, and wants more: password"),
        "{said}"
    );
}

/// Types into a terminal what it is asked for, and gives back all that it showed.
pub fn at_a_terminal(command: &Command, answers: &[(&str, &str)]) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &shlex::try_join(words).unwrap(), "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    'talk: for (question, answer) in answers {
        let from = shown.len();
        while !String::from_utf8_lossy(&shown[from..]).contains(question) {
            let mut byte = [0];
            match screen.read(&mut byte).unwrap() {
                0 => break 'talk,
                _ => shown.push(byte[0]),
            }
        }
        keys.write_all(format!("{answer}\r").as_bytes()).unwrap();
    }
    screen.read_to_end(&mut shown).unwrap();
    drop(keys);
    child.wait().unwrap();
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn a_password_is_typed_without_an_echo() {
    for (lines, question) in [(PLAIN, "password of 'tester@hv': "), (ASKS, "tester@hv: ")] {
        let sshd = sshd(FREE, lines);
        let command = child("connect", &sshd, &[]);
        let shown = at_a_terminal(&command, &[(question, "wrong one"), (question, PASSWORD)]);
        assert!(
            shown.contains("permission denied") && shown.contains("connected"),
            "{shown}"
        );
        assert!(
            !shown.contains("wrong one") && !shown.contains(PASSWORD),
            "{shown}"
        );
    }
}
