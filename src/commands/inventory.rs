//! `irs inventory`: an environment's inventory in Ansible's forms, from the workspace, or written anew from the hypervisor.

mod rebuild;

use super::connection;
use crate::cli::format::Form;
use crate::cli::inventory::Inventory;
use crate::error::{Exit, Fault};
use crate::names;
use crate::outputs::{self, View, inventory};
use crate::ui::Ui;
use crate::workspace::choice::{self, Choice};
use crate::yaml::Problems;
use crate::yaml::nearest;
use anyhow::Result;

/// Runs `irs inventory`.
///
/// # Errors
/// `Usage` when there is nothing to print, and for an environment that is not there; `Unreachable` for a hypervisor that does
/// not answer.
pub async fn run(args: &Inventory, ui: &Ui) -> Result<()> {
    let mut problems = Problems::default();
    connection::check_hosts(&args.connect.host_address, &mut problems);
    names::check_said(args.environment.prefix.as_deref(), &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let environment = &args.environment;
    let choice = choice::choose(environment.prefix.as_deref(), environment.workspace.as_deref())?;
    let is_asked_by_ansible = args.list || args.host.is_some();
    let is_named = !args.connect.host_address.is_empty();
    let stored = match is_named && !is_asked_by_ansible {
        true => None,
        false => outputs::load(&choice.workspace)?,
    };
    let (view, result) = match stored {
        Some(view) => (view, Ok(())),
        None if is_named => rebuild::run(args, choice, ui).await?,
        None => return Err(nothing(choice)),
    };
    ui.document(text(args, &view)?.trim_end());
    result
}

fn text(args: &Inventory, view: &View) -> Result<String> {
    if let Some(name) = &args.host {
        let Some(variables) = inventory::variables_of(view, name)? else {
            return Err(stranger(view, name).into());
        };
        return Ok(serde_json::to_string_pretty(&variables)?);
    }
    Ok(match args.format {
        _ if args.list => serde_json::to_string_pretty(&inventory::all(view)?)?,
        Form::Json => serde_json::to_string_pretty(&inventory::all(view)?)?,
        Form::Yaml => inventory::yaml(view)?,
        _ => inventory::ini(view)?,
    })
}

fn stranger(view: &View, name: &str) -> Fault {
    let message = format!(
        "there is no host '{name}' in the inventory of '{}'",
        view.deployment
    );
    let names = view.nodes.iter().map(|node| node.name.as_str());
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean '{near}'? 'irs workspace node-list' shows all"),
        None => "'irs workspace node-list' shows all".to_owned(),
    };
    Fault::new(Exit::Usage, message).hint(hint)
}

/// What is wrong with a workspace that has no inventory.
fn nothing(choice: Choice) -> anyhow::Error {
    match choice.known() {
        Err(error) => error,
        Ok(known) => {
            let message = format!(
                "the workspace '{}' has no list of its nodes yet",
                known.workspace.name()
            );
            let hosts: Vec<&str> = known
                .record
                .hosts
                .iter()
                .map(|host| host.address.as_str())
                .collect();
            let hint = format!(
                "'irs inventory --workspace {} --host-address {}' writes it, as the next run of 'irs virsh' does",
                known.workspace.name(),
                hosts.join(",")
            );
            Fault::new(Exit::Usage, message).hint(hint).into()
        }
    }
}
