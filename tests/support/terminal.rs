//! The program as a terminal shows it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `irs` with these words in an empty home, which must stay empty; shows both streams and the exit code.
pub fn irs(line: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let shown = irs_in(home.path(), line);
    assert_eq!(
        home.path().read_dir().unwrap().count(),
        0,
        "`irs {line}` left files"
    );
    shown
}

/// Runs `irs` with these words in a folder that is its home too; shows both streams and the exit code.
pub fn irs_in(folder: &Path, line: &str) -> String {
    let output = output(folder, line);
    let mut text = String::new();
    for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
        let stream = String::from_utf8(bytes).unwrap();
        if !stream.is_empty() {
            writeln!(text, "── {name}\n{}", stream.trim_end()).unwrap();
        }
    }
    writeln!(text, "── exit {}", output.status.code().unwrap()).unwrap();
    text
}

/// Runs `irs` with these words in a folder that is its home too.
pub fn output(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_irs"))
        .args(shlex::split(line).unwrap())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .env("IRS_HOME", folder)
        .current_dir(folder)
        .output()
        .unwrap()
}
