//! A signal while somebody is asked for a passphrase.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Lab, RunExt};

/// One that only looks stops as others do, and the terminal has its echo back.
pub fn stopped_while_it_asks(lab: &Lab, folder: &Path) {
    let key = folder.join("key");
    std::fs::copy(lab.key(), &key).expect("a key");
    let key = key.display().to_string();
    let lock = ["-q", "-p", "-P", "", "-N", "secret", "-f", &key];
    Command::new("ssh-keygen").args(lock).run().ok();
    let pid = folder.join("pid");
    let mut list = lab.on_host_command(&["list"]);
    let words = list
        .args(["--host-key", &key])
        .get_args()
        .map(|word| word.to_str());
    let words = shlex::try_join(words.map(|word| word.expect("text"))).expect("words");
    let line = format!(
        "sh -c 'echo $$ >{}; exec {} {words}'; echo status $?; stty -a",
        pid.display(),
        env!("CARGO_BIN_EXE_irs")
    );
    let mut script = Command::new("script");
    let mut terminal = script
        .args(["-qec", &line, "/dev/null"])
        .env("IRS_HOME", lab.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a terminal");
    let mut shown = String::new();
    while !shown.contains("passphrase for ") {
        let mut some = [0; 256];
        let screen = terminal.stdout.as_mut().expect("its screen");
        let count = screen.read(&mut some).expect("it shows");
        assert_ne!(count, 0, "it does not ask: {shown}");
        shown.push_str(&String::from_utf8_lossy(&some[..count]));
    }
    let id = std::fs::read_to_string(&pid).expect("its number");
    Command::new("kill").args(["-s", "TERM", id.trim()]).run().ok();
    let rest = terminal.wait_with_output().expect("it ends").stdout;
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("interrupted: nothing was changed"), "{rest}");
    assert!(rest.contains("status 130") && rest.contains(" echo "), "{rest}");
}
