//! `irs workspace`: the folders on this machine, as infrared's users know them. No hypervisor is asked anything.

mod delete;
mod export;
mod group_list;
mod import;
mod inventory;
mod list;
mod node_list;

use super::ssh_config;
use crate::cli::workspace::{Command, Workspace as Flags};
use crate::error::{Exit, Fault};
use crate::ui::Ui;
use crate::workspace::{Record, Workspace, active, choice};
use anyhow::{Result, bail};
use serde::Serialize;

/// Runs `irs workspace`.
///
/// # Errors
/// `Usage` for a workspace that is not there, or there already.
pub fn run(args: &Flags, ui: &Ui) -> Result<()> {
    match &args.command {
        Command::Create(args) => create(&args.name, ui),
        Command::Checkout(args) => checkout(&args.name, args.create, ui),
        Command::List(args) => list::run(args.active, ui),
        Command::Delete(args) => delete::run(&args.names, ui),
        Command::Cleanup(args) => cleanup(&args.name, ui),
        Command::Inventory(args) => inventory::run(args.name.as_deref(), ui),
        Command::NodeList(args) => node_list::run(args, ui),
        Command::GroupList(args) => group_list::run(args, ui),
        Command::Export(args) => export::run(args, ui),
        Command::Import(args) => import::run(args, ui),
    }
}

/// A workspace, in the shape of `--format json`.
#[derive(Debug, Serialize)]
struct View {
    /// Its name.
    name: String,
    /// Its folder.
    path: String,
    /// Whether it is the active one.
    active: bool,
    /// The name of its environment, when it has one.
    deployment: Option<String>,
    /// The prefix of that, when it has one.
    prefix: Option<String>,
    /// The hypervisors of that, as they were typed.
    hosts: Vec<String>,
}

impl View {
    fn of(workspace: &Workspace, active: Option<&str>) -> View {
        // One that cannot be read is listed all the same.
        let record = workspace.record().ok().flatten();
        View {
            name: workspace.name().to_owned(),
            path: workspace.path().display().to_string(),
            active: active == Some(workspace.name()),
            deployment: record.as_ref().map(|record| record.deployment.clone()),
            prefix: record.as_ref().and_then(|record| record.prefix.clone()),
            hosts: record.iter().flat_map(addresses).map(str::to_owned).collect(),
        }
    }
}

fn addresses(record: &Record) -> impl Iterator<Item = &str> {
    record.hosts.iter().map(|host| host.address.as_str())
}

/// The workspace of that name, which must be there.
fn existing(name: &str) -> Result<Workspace> {
    let workspace = Workspace::named(name)?;
    match workspace.is_ours() {
        true => Ok(workspace),
        false => Err(missing(&workspace).into()),
    }
}

fn missing(workspace: &Workspace) -> Fault {
    let name = workspace.name();
    if workspace.exists() {
        let message = format!("'{}' is a folder, and no workspace", workspace.path().display());
        return Fault::new(Exit::Usage, message).hint("no file in it is irs's: it is left alone");
    }
    let hint = match workspace.near() {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("'irs workspace list' shows all, 'irs workspace checkout -c {name}' makes it"),
    };
    Fault::new(Exit::Usage, format!("there is no workspace '{name}'")).hint(hint)
}

/// The workspace that is named, else the one that is meant without a name.
fn meant(name: Option<&str>) -> Result<Workspace> {
    match name {
        Some(name) => existing(name),
        None => Ok(choice::choose(None, active::in_environment().as_deref())?.workspace),
    }
}

fn create(name: &str, ui: &Ui) -> Result<()> {
    let workspace = Workspace::named(name)?;
    if workspace.exists() {
        let message = format!("there is a workspace '{name}' already");
        bail!(
            Fault::new(Exit::Usage, message)
                .hint(format!("'irs workspace checkout {name}' makes it the active one"))
        );
    }
    workspace.keep()?;
    ui.result(&format!(
        "workspace '{name}' added; 'irs workspace checkout {name}' makes it the active one"
    ));
    ui.json(&View::of(&workspace, active::name()?.as_deref()))
}

fn checkout(name: &str, create: bool, ui: &Ui) -> Result<()> {
    may_check_out()?;
    let workspace = Workspace::named(name)?;
    if !workspace.exists() && create {
        workspace.keep()?;
        ui.result(&format!("workspace '{name}' added"));
    }
    activate(&existing(name)?, ui)?;
    ui.json(&View::of(&workspace, Some(name)))
}

fn may_check_out() -> Result<()> {
    let Some(name) = active::in_environment() else {
        return Ok(());
    };
    let message = format!("IRS_WORKSPACE says '{name}', so that no other workspace can be the active one");
    Err(Fault::new(Exit::Usage, message)
        .hint("unset IRS_WORKSPACE")
        .into())
}

fn activate(workspace: &Workspace, ui: &Ui) -> Result<()> {
    workspace.keep()?;
    active::set(workspace)?;
    ui.result(&format!("now using workspace '{}'", workspace.name()));
    Ok(())
}

fn cleanup(name: &str, ui: &Ui) -> Result<()> {
    let workspace = existing(name)?;
    still_there(&workspace, ui);
    was_strange(&workspace.delete()?, ui);
    ssh_config::forget(&workspace)?;
    workspace.keep()?;
    ui.result(&format!("workspace '{name}' emptied"));
    ui.json(&View::of(&workspace, active::name()?.as_deref()))
}

fn was_strange(names: &[String], ui: &Ui) {
    if !names.is_empty() {
        ui.note(&format!(
            "with it went what irs did not write: {}",
            names.join(", ")
        ));
    }
}

/// Says how an environment that a workspace knows is taken down, or taken up again.
fn still_there(workspace: &Workspace, ui: &Ui) {
    let Ok(Some(record)) = workspace.record() else {
        return;
    };
    let hosts: Vec<&str> = addresses(&record).collect();
    if hosts.is_empty() {
        return;
    }
    let (removal, which) = match &record.prefix {
        Some(prefix) => ("--cleanup", format!(" --prefix {prefix}")),
        None => ("--kill --yes", String::new()),
    };
    let at = format!("--host-address {}{which}", hosts.join(","));
    ui.note(&format!(
        "the environment '{}' on '{}' is not touched: 'irs virsh {at} {removal}' removes it, 'irs inventory {at}' brings its \
         files back",
        record.deployment,
        hosts.join("' and '")
    ));
}
