//! `irs ansible`: Ansible with the environment's inventory.

use super::hand_over;
use crate::cli::ansible::Ansible;
use crate::error::{Exit, Fault};
use crate::workspace::{INVENTORY, choice};
use anyhow::Result;
use std::process::Command;

/// Runs `irs ansible`: hands over to ansible-playbook, or ansible.
///
/// # Errors
/// `Usage`, when there is no environment; when Ansible is not installed.
pub fn run(args: &Ansible) -> Result<()> {
    let flags = &args.environment;
    let known = choice::known(flags.prefix.as_deref(), flags.workspace.as_deref())?;
    let inventory = known.workspace.path().join(INVENTORY);
    if !inventory.exists() {
        let message = format!("'{}' is not there", inventory.display());
        let hint = "the next 'irs virsh' writes it, and 'irs inventory --host-address HOST' without changing anything";
        return Err(Fault::new(Exit::Usage, message).hint(hint).into());
    }
    let mut command = Command::new(match args.ad_hoc {
        true => "ansible",
        false => "ansible-playbook",
    });
    command.arg("-i").arg(inventory).args(&args.words);
    // Off, it would be switched off for the nodes as well, whose keys are known.
    command.env("ANSIBLE_HOST_KEY_CHECKING", "True");
    match hand_over::to(&mut command, "install Ansible, e.g. 'pipx install ansible-core'")? {}
}
