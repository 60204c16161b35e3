//! The disks of domains that irs did not make, noted on the hypervisor before those domains go: they alone lead to them, and
//! there may be no environment whose record could name them. In `/run/irs`, which only root writes to, until they are gone.

use crate::remote::{Cmd, Host};
use anyhow::{Context, Result};
use std::collections::BTreeSet;

const SCRIPT: &str = include_str!("going.sh");

/// The files that an earlier `--cleanup --with-storage` was to remove and that are there still, plain ones.
///
/// # Errors
/// When the hypervisor cannot be asked.
pub fn noted(host: &Host) -> Result<BTreeSet<String>> {
    let text = host
        .text(&Cmd::script(SCRIPT, &["read"]))
        .context("looking for what an earlier cleanup left")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Notes files that are to go.
///
/// # Errors
/// When they cannot be written down.
pub fn note(host: &Host, files: &BTreeSet<String>) -> Result<()> {
    // A name of two lines would be read as two names.
    let plain = files.iter().filter(|file| !file.contains('\n'));
    let text: String = plain.map(|file| format!("{file}\n")).collect();
    if text.is_empty() {
        return Ok(());
    }
    let cmd = Cmd::script(SCRIPT, &["note"]).stdin(text.into_bytes());
    host.text(&cmd).context("noting what is to be removed")?;
    Ok(())
}

/// Forgets them: they are gone.
///
/// # Errors
/// When the hypervisor cannot be asked.
pub fn forget(host: &Host) -> Result<()> {
    host.text(&Cmd::script(SCRIPT, &["forget"]))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::SCRIPT;
    use std::process::{Command, Stdio};

    #[test]
    fn what_was_to_go_is_known_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let script = SCRIPT.replace("/run/irs", &path("run"));
        let run = |what: &str, stdin: &str| {
            let given = path("stdin");
            std::fs::write(&given, stdin).unwrap();
            let output = Command::new("sh")
                .args(["-c", &script, "sh", what])
                .stdin(Stdio::from(std::fs::File::open(&given).unwrap()))
                .output()
                .unwrap();
            assert!(output.status.success(), "{what}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(run("read", ""), "");
        std::fs::write(path("a disk"), "").unwrap();
        std::os::unix::fs::symlink(path("a disk"), path("link")).unwrap();
        let all = ["a disk", "link", "gone"].map(path).join("\n");
        run("note", &format!("{all}\nrelative\n"));
        assert_eq!(run("read", ""), path("a disk") + "\n");
        run("forget", "");
        assert_eq!(run("read", ""), "");
        assert!(!folder.path().join("run").exists());
    }
}
