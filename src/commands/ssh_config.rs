//! `irs ssh-config`: the environment's ssh configuration, printed, or part of the user's own.

mod install;
mod user;

use crate::cli::ssh_config::SshConfig;
use crate::error::{Exit, Fault};
use crate::ui::Ui;
use crate::workspace::{Logins, Workspace, choice};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Runs `irs ssh-config`.
///
/// # Errors
/// `Usage`, when there is no environment; when a file cannot be written.
pub fn run(args: &SshConfig, ui: &Ui) -> Result<()> {
    let flags = &args.environment;
    let choice = choice::choose(flags.prefix.as_deref(), flags.workspace.as_deref())?;
    if args.uninstall {
        let file = file(args)?;
        let done = install::uninstall(&choice.workspace, &file)?;
        ui.result(&match (done.changed, done.last) {
            (false, _) => format!("plain ssh knows no nodes of '{}'", choice.workspace.name()),
            (true, false) => format!(
                "plain ssh knows the nodes of '{}' no more",
                choice.workspace.name()
            ),
            (true, true) => format!(
                "plain ssh knows the nodes of '{}' no more, and '{}' is as it was",
                choice.workspace.name(),
                file.display()
            ),
        });
        return ui.json(&Told::new(&file, false, done.changed, Vec::new()));
    }
    let known = choice.known()?;
    let logins = Logins::of(&known)?;
    if !args.install {
        let text = std::fs::read_to_string(&logins.config)
            .with_context(|| format!("reading '{}'", logins.config.display()))?;
        ui.document(text.trim_end());
        return Ok(());
    }
    let file = file(args)?;
    let installed = install::install(&known.workspace, &logins, &file)?;
    for (workspace, names) in &installed.taken {
        ui.note(&format!(
            "'{}' mean the nodes of '{}' now, no longer those of '{workspace}'",
            names.join("', '"),
            known.workspace.name()
        ));
    }
    let short = logins.nodes.first().map(|login| logins.short(&login.name));
    let try_it = short.map_or_else(String::new, |short| format!(": ssh {short}"));
    ui.result(&match installed.changed {
        true => format!(
            "plain ssh knows the nodes of '{}' now{try_it}",
            known.workspace.name()
        ),
        false => format!(
            "plain ssh knows the nodes of '{}' already{try_it}",
            known.workspace.name()
        ),
    });
    ui.json(&Told::new(&file, true, installed.changed, installed.names))
}

/// Makes plain ssh know no more of a workspace whose files are gone.
///
/// # Errors
/// When irs's list of such workspaces cannot be read or written.
pub fn forget(workspace: &Workspace) -> Result<()> {
    install::forget(workspace)
}

/// What became of it, in the shape of `--format json`.
#[derive(Serialize)]
struct Told {
    /// The user's configuration.
    file: String,
    /// Whether plain ssh knows the environment's nodes.
    installed: bool,
    /// Whether any file is different from before.
    changed: bool,
    /// The names by which it knows them.
    names: Vec<String>,
}

impl Told {
    fn new(file: &Path, installed: bool, changed: bool, names: Vec<String>) -> Told {
        Told {
            file: file.display().to_string(),
            installed,
            changed,
            names,
        }
    }
}

/// The user's configuration.
fn file(args: &SshConfig) -> Result<PathBuf> {
    if let Some(file) = &args.file {
        return Ok(std::path::absolute(file)?);
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| {
        Fault::new(Exit::Usage, "HOME is not set: where is your ssh configuration?").hint("--file names it")
    })?;
    Ok(PathBuf::from(home).join(".ssh/config"))
}
