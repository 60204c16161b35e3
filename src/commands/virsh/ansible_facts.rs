//! `--collect-ansible-facts`: what Ansible finds out about the nodes and hypervisors, as JSON in the workspace.

use super::blocking;
use crate::apply;
use crate::error::{Exit, Fault, FaultContext};
use crate::interrupt;
use crate::outputs;
use crate::ui::Ui;
use crate::workspace::{FACTS, INVENTORY, Workspace};
use crate::yaml::Problems;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The program that runs playbooks.
const ANSIBLE: &str = "ansible-playbook";
/// Where it looks, and what it writes.
const PLAY: &str = include_str!("ansible_facts.yml");
/// How long between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How much of what it says of a host is shown.
const SHOWN: usize = 300;

/// Complains when Ansible is not installed.
pub(super) fn check(problems: &mut Problems) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join(ANSIBLE).is_file()) {
        let message =
            format!("--collect-ansible-facts needs '{ANSIBLE}', which is not on this machine's PATH");
        problems
            .push(None, message)
            .hint("install Ansible, e.g. 'pipx install ansible-core'");
    }
}

/// Asks these nodes and the hypervisors, and puts what they say into the workspace's folder of facts, a file for each; facts of hosts that
/// are no more go.
///
/// # Errors
/// `Failed`, naming the hosts that gave none; what the others said is there then.
pub(super) async fn collect(workspace: &Workspace, nodes: Vec<String>, ui: &Ui) -> Result<()> {
    // A signal is to reach Ansible, rather than leave it behind.
    interrupt::changing();
    let (workspace, ui) = (workspace.clone(), ui.clone());
    blocking(move || collect_now(&workspace, &nodes, &ui)).await
}

fn collect_now(workspace: &Workspace, nodes: &[String], ui: &Ui) -> Result<()> {
    let view = outputs::load(workspace)?.context("the workspace has no inventory")?;
    let hypervisors: Vec<String> = (0..view.hosts.len()).map(|at| view.alias(at)).collect();
    let hosts: BTreeSet<&str> = nodes.iter().chain(&hypervisors).map(String::as_str).collect();
    ui.note(&format!("asking {} hosts for their facts", hosts.len()));
    let made = tempfile::Builder::new()
        .prefix(".irs-facts-")
        .tempdir_in(workspace.path())?;
    let mut output = tempfile::tempfile()?;
    let status = ask(workspace, &hosts, made.path(), &output)?;
    let facts = workspace.path().join(FACTS);
    let mut silent = Vec::new();
    let mut kept = BTreeSet::new();
    make_folder(&facts)?;
    for host in hosts {
        let name = format!("{host}.json");
        let file = made.path().join(&name);
        match std::fs::read(&file).ok().filter(|bytes| is_object(bytes)) {
            Some(_) => {
                std::fs::rename(&file, facts.join(&name))?;
                kept.insert(name);
            }
            // What it said another day is not what it is.
            None => silent.push(host),
        }
    }
    forget_others(&facts, &kept)?;
    if silent.is_empty() {
        let count = kept.len();
        ui.note(&format!(
            "the facts of {count} hosts are in '{}'",
            facts.display()
        ));
        return Ok(());
    }
    let mut said = String::new();
    output.rewind()?;
    output.read_to_string(&mut said).ok();
    let list = silent.join("', '");
    let fault = Fault::new(Exit::Failed, format!("Ansible got no facts of '{list}'")).hint(
        "a node must have Python: 'irs ansible --ad-hoc -- NODE -m ansible.builtin.setup' shows what goes wrong",
    );
    Err(anyhow::anyhow!(reason(&said, silent[0], status)).context(fault))
}

/// Runs Ansible, which stops when the run is asked to stop.
fn ask(
    workspace: &Workspace,
    hosts: &BTreeSet<&str>,
    folder: &Path,
    output: &std::fs::File,
) -> Result<ExitStatus> {
    let (play, limit) = (folder.join("play"), folder.join("limit"));
    std::fs::write(&play, PLAY)?;
    let mut lines = std::fs::File::create(&limit)?;
    for host in hosts {
        writeln!(lines, "{host}")?;
    }
    let mut command = Command::new(ANSIBLE);
    // What the facts of this machine tell of the environment goes into files.
    crate::secret::keep_from(&mut command)
        .arg("-i")
        .arg(workspace.path().join(INVENTORY))
        .arg("--limit")
        .arg(format!("@{}", limit.display()))
        .arg(&play)
        .env("IRS_FACTS", folder)
        // Off, it would be switched off for the nodes as well, whose keys are known.
        .env("ANSIBLE_HOST_KEY_CHECKING", "True")
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_STDOUT_CALLBACK", "default")
        .env("ANSIBLE_RETRY_FILES_ENABLED", "False")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    tracing::info!("{command:?}");
    let child = command.spawn();
    let child = child.fault(|| Fault::new(Exit::Failed, format!("cannot start '{ANSIBLE}'")))?;
    end_of(child)
}

fn end_of(mut child: Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return match interrupt::requested() {
                true => Err(apply::stopped()),
                false => Ok(status),
            };
        }
        if interrupt::requested() {
            // It ends its own connections; at a terminal it heard Ctrl-C itself.
            if let Some(pid) = Pid::from_raw(i32::try_from(child.id())?) {
                let _ = kill_process(pid, Signal::TERM);
            }
            child.wait()?;
            return Err(apply::stopped());
        }
        std::thread::sleep(LOOK);
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.with_context(|| format!("making '{}'", folder.display()))
}

fn forget_others(folder: &Path, kept: &BTreeSet<String>) -> Result<()> {
    let entries = std::fs::read_dir(folder)?.flatten();
    let others = entries.filter(|entry| !kept.contains(&*entry.file_name().to_string_lossy()));
    let files: Vec<PathBuf> = others.map(|entry| entry.path()).collect();
    for file in files.iter().filter(|file| file.is_file()) {
        std::fs::remove_file(file).with_context(|| format!("removing '{}'", file.display()))?;
    }
    Ok(())
}

fn is_object(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|value| value.is_object())
}

/// What Ansible says of a host that failed, else its last line.
fn reason(said: &str, host: &str, status: ExitStatus) -> String {
    let of_host = |line: &&str| {
        ["fatal", "failed"]
            .iter()
            .any(|word| line.starts_with(&format!("{word}: [{host}]")))
    };
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(of_host).or_else(|| lines().next_back());
    let line = line.map(|line| line.chars().take(SHOWN).collect::<String>());
    line.unwrap_or_else(|| format!("{ANSIBLE} said nothing: {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_host_that_failed_is_told_in_ansibles_words() {
        let status = ExitStatus::from_raw(0x200);
        let said = "PLAY [all] ***\n\nfatal: [a-0]: UNREACHABLE! => {\"msg\": \"no route\"}\nPLAY RECAP\na-0 : ok=0\n";
        assert_eq!(
            reason(said, "a-0", status),
            "fatal: [a-0]: UNREACHABLE! => {\"msg\": \"no route\"}"
        );
        assert_eq!(reason(said, "b-0", status), "a-0 : ok=0");
        assert!(reason("\n", "a-0", status).contains("exit status: 2"));
        assert_eq!(reason(&"x".repeat(1000), "a-0", status).len(), SHOWN);
    }

    #[test]
    fn only_facts_count_and_old_ones_go() {
        assert!(is_object(b"{\"ansible_system\": \"Linux\"}"));
        assert!(!is_object(b"[]") && !is_object(b"") && !is_object(b"{"));
        let folder = tempfile::tempdir().unwrap();
        for name in ["a-0.json", "b-0.json"] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
        }
        forget_others(folder.path(), &BTreeSet::from(["a-0.json".to_owned()])).unwrap();
        let left = std::fs::read_dir(folder.path()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["a-0.json"]);
    }
}
