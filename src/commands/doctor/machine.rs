//! What of this machine irs works with.

use super::report::Check;
use crate::cli::host::ConnectFlags;
use crate::workspace;
use std::io::{ErrorKind, IsTerminal};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Looks at all of it.
pub(super) fn checks(connect: &ConnectFlags) -> Vec<Check> {
    let mut all = vec![library(), ssh(), configuration(), agent()];
    let home = std::env::home_dir().map(|home| home.join(".ssh"));
    all.extend(match &connect.host_key {
        Some(file) => Some(named_key(file)),
        None => home.as_deref().map(keys),
    });
    let usual = home.map(|folder| folder.join("known_hosts"));
    all.extend(
        connect
            .known_hosts
            .clone()
            .or(usual)
            .map(|file| known_hosts(&file)),
    );
    all.extend([workspaces(), ansible(), terminal(), locale()]);
    all
}

/// What a program says, stdout first; `None` where there is no such program.
fn said(program: &str, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((
                output.status.code(),
                String::from_utf8_lossy(&text).trim().to_owned(),
            ))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some((None, error.to_string())),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

fn library() -> Check {
    match virt::connect::Connect::version() {
        Ok(version) => Check::ok(
            "libvirt library",
            format!(
                "{}.{}.{}",
                version / 1_000_000,
                version / 1000 % 1000,
                version % 1000
            ),
        ),
        Err(error) => Check::failed(
            "libvirt library",
            error.message().to_owned(),
            "install libvirt's client library",
        ),
    }
}

fn ssh() -> Check {
    match said("ssh", &["-V"]) {
        Some((Some(0), version)) => Check::ok("ssh", first_line(&version)),
        Some((_, words)) => Check::warning(
            "ssh",
            first_line(&words).to_owned(),
            "'ssh -V' should say its version",
        ),
        None => Check::warning(
            "ssh",
            "not there",
            "install OpenSSH's client: irs reaches hypervisors without it, but the ssh configuration of an environment is for it",
        ),
    }
}

fn configuration() -> Check {
    match said("ssh", &["-G", "--", "localhost"]) {
        Some((Some(0), _)) => Check::ok("ssh configuration", "ssh accepts it"),
        Some((_, words)) => Check::failed(
            "ssh configuration",
            words.replace('\n', ": "),
            "mend the file that is named: ssh refuses it too",
        ),
        None => Check::ok("ssh configuration", "irs reads it by itself"),
    }
}

fn agent() -> Check {
    let start = "eval \"$(ssh-agent)\" starts one, ssh-add gives it your key";
    if std::env::var_os("SSH_AUTH_SOCK").is_none_or(|socket| socket.is_empty()) {
        return Check::warning("agent", "none is running: keys are read from files", start);
    }
    match said("ssh-add", &["-l"]) {
        Some((Some(0), keys)) => match keys.lines().count() {
            1 => Check::ok("agent", "has 1 key"),
            count => Check::ok("agent", format!("has {count} keys")),
        },
        Some((Some(1), _)) => Check::warning("agent", "has no keys", "ssh-add gives it your key"),
        Some(_) => Check::warning("agent", "SSH_AUTH_SOCK is set, and no agent answers there", start),
        None => Check::ok("agent", "SSH_AUTH_SOCK is set"),
    }
}

/// The key that a flag names: nothing else is tried then.
fn named_key(file: &Path) -> Check {
    let what = "keys";
    match std::fs::File::open(file) {
        Ok(_) => Check::ok(what, format!("'{}' by --host-key", file.display())),
        Err(error) => Check::failed(
            what,
            format!("'{}': {error}", file.display()),
            "give the path of a private key with --host-key",
        ),
    }
}

/// The folder of keys, and those in it that ssh would refuse.
fn keys(folder: &Path) -> Check {
    let what = "keys";
    let Ok(metadata) = folder.metadata() else {
        return Check::warning(
            what,
            format!("there is no '{}'", folder.display()),
            "ssh-keygen -t ed25519 makes a key",
        );
    };
    if metadata.permissions().mode() & 0o022 != 0 {
        let shown = folder.display();
        return Check::failed(
            what,
            format!("others may write to '{shown}'"),
            format!("chmod 700 {shown}"),
        );
    }
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| is_key(path))
        .collect();
    files.sort();
    let open = files
        .iter()
        .find(|path| path.metadata().is_ok_and(|it| it.mode() & 0o077 != 0));
    match open {
        Some(path) => Check::warning(
            what,
            format!("others may read '{}': ssh does not use it", path.display()),
            format!("chmod 600 {}", path.display()),
        ),
        None if files.is_empty() => Check::warning(
            what,
            format!("there are none in '{}'", folder.display()),
            "ssh-keygen -t ed25519 makes one, unless an agent or --host-key has yours",
        ),
        None => {
            let names = files
                .iter()
                .filter_map(|path| path.file_name())
                .map(|name| name.to_string_lossy());
            Check::ok(what, names.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether ssh takes a file for a key of the user's.
fn is_key(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    name.starts_with("id_") && !name.ends_with(".pub") && path.is_file()
}

fn known_hosts(file: &Path) -> Check {
    let what = "known hosts";
    match std::fs::read(file) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines = text
                .lines()
                .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
            Check::ok(what, format!("{} in '{}'", lines.count(), file.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Check::warning(
            what,
            format!("there is no '{}'", file.display()),
            "ssh to the hypervisor once, or let irs remember its key: --strict-host-key-checking accept-new",
        ),
        Err(error) => Check::failed(
            what,
            format!("'{}': {error}", file.display()),
            "make it readable, or name another one with --known-hosts",
        ),
    }
}

fn workspaces() -> Check {
    let what = "workspaces";
    let base = match workspace::base() {
        Ok(base) => base,
        Err(error) => return Check::of_error(what, &error),
    };
    // What is not there yet is made below what is.
    let there = base
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    match tempfile::tempfile_in(there) {
        Ok(_) => Check::ok(what, format!("in '{}'", base.display())),
        Err(error) => Check::failed(
            what,
            format!("'{}' cannot be written: {error}", there.display()),
            "set IRS_HOME to a folder that you may write to",
        ),
    }
}

fn ansible() -> Check {
    match said("ansible-playbook", &["--version"]) {
        Some((Some(0), version)) => Check::ok("ansible", first_line(&version)),
        Some((_, words)) => Check::warning(
            "ansible",
            first_line(&words).to_owned(),
            "'ansible-playbook --version' should work",
        ),
        None => Check::ok("ansible", "not there, and only wanted for playbooks"),
    }
}

fn terminal() -> Check {
    let what = "terminal";
    if !std::io::stderr().is_terminal() {
        return Check::ok(what, "stderr is none: plain lines");
    }
    match std::env::var("TERM") {
        Ok(term) if !term.is_empty() && term != "dumb" => {
            let (rows, columns) = crate::ui::size();
            Check::ok(what, format!("{term}, {columns} columns, {rows} rows"))
        }
        _ => Check::warning(
            what,
            "TERM is not set, or dumb: plain lines",
            "export TERM=xterm-256color",
        ),
    }
}

fn locale() -> Check {
    let said = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(said);
    let is_wide = |name: &String| {
        let name = name.to_lowercase();
        name.contains("utf-8") || name.contains("utf8")
    };
    match name {
        Some(name) if is_wide(&name) => Check::ok("locale", name),
        name => Check::warning(
            "locale",
            format!(
                "{} has no UTF-8: signs may show as others",
                name.as_deref().unwrap_or("C")
            ),
            "export LANG=C.UTF-8",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn keys_that_others_may_read_are_pointed_out() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".ssh");
        assert_eq!(keys(&folder).state, State::Warning);
        std::fs::create_dir(&folder).unwrap();
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
        };
        mode(&folder, 0o700);
        for name in ["id_rsa", "id_rsa.pub", "config"] {
            std::fs::write(folder.join(name), "").unwrap();
            mode(&folder.join(name), 0o644);
        }
        let check = keys(&folder);
        assert!(
            check.state == State::Warning && check.found.contains("id_rsa'"),
            "{check:?}"
        );
        mode(&folder.join("id_rsa"), 0o600);
        assert_eq!(
            (keys(&folder).state, keys(&folder).found.as_str()),
            (State::Ok, "id_rsa")
        );
        mode(&folder, 0o777);
        assert_eq!(keys(&folder).state, State::Failed);
    }

    #[test]
    fn the_library_has_a_version() {
        let check = library();
        assert!(
            check.state == State::Ok && check.found.split('.').count() == 3,
            "{check:?}"
        );
    }
}
