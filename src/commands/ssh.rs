//! `irs ssh` and `irs scp`: OpenSSH's own programs with the workspace's configuration.

pub(super) mod operand;

use super::hand_over;
use crate::cli::environment::EnvironmentFlags;
use crate::cli::handed;
use crate::cli::ssh::{Scp, Ssh};
use crate::error::{Exit, Fault};
use crate::workspace::{Logins, choice};
use anyhow::Result;
use operand::Operand;
use std::ffi::{OsStr, OsString};
use std::process::Command;

/// What to do where ssh is missing.
pub(super) const INSTALL: &str = "install OpenSSH's client (package openssh-client or openssh-clients)";

/// Who can be logged in to in the environment that is meant.
pub(super) fn logins(flags: &EnvironmentFlags) -> Result<Logins> {
    Logins::of(&choice::known(
        flags.prefix.as_deref(),
        flags.workspace.as_deref(),
    )?)
}

/// Runs `irs ssh`: hands over to ssh.
///
/// # Errors
/// `Usage`, for a node that nobody knows.
pub fn ssh(args: &Ssh) -> Result<()> {
    let split = handed::ssh(&args.words, args.host, |_| false);
    let logins = logins(&args.environment)?;
    let mut command = split.command;
    let given = split.node.map(|node| (node.to_string_lossy().into_owned(), node));
    let login = match given {
        Some((given, _)) if !args.host => {
            let operand = Operand::login(&given);
            operand.with(&logins.find(operand.host)?.name)
        }
        None if !args.host => {
            let fault = Fault::new(Exit::Usage, "which node? none is named");
            return Err(fault
                .hint(format!("there is {}; --host is the hypervisor", logins.listed()))
                .into());
        }
        given => {
            let known = given.as_ref().map(|(given, _)| Operand::login(given));
            let known = known.filter(|operand| logins.known(operand.host).is_some());
            if known.is_none() {
                // It is the command that begins here.
                command.splice(..0, given.as_ref().map(|(_, word)| word.clone()));
            }
            if logins.hypervisors.is_empty() && logins.local {
                return here(&split.options, &command);
            }
            let host = logins.hypervisor(known.as_ref().map(|operand| operand.host))?;
            known.map_or_else(|| host.name.clone(), |operand| operand.with(&host.name))
        }
    };
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(&logins.config).args(&split.options).arg(login);
    if !command.is_empty() {
        ssh.arg("--").args(&command);
    }
    match hand_over::to(&mut ssh, INSTALL)? {}
}

/// On the hypervisor itself there is nothing to log in to: a shell, as ssh would start it.
fn here(options: &[OsString], command: &[OsString]) -> Result<()> {
    if let Some(option) = options.first() {
        let message = format!(
            "the hypervisor is this very machine, which is used without ssh: '{}' has no meaning",
            option.to_string_lossy()
        );
        return Err(Fault::new(Exit::Usage, message).into());
    }
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut shell = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()));
    match command.is_empty() {
        true => shell.arg("-l"),
        false => shell.arg("-c").arg(command.join(OsStr::new(" "))),
    };
    match hand_over::to(&mut shell, "set SHELL to a shell that is there")? {}
}

/// Runs `irs scp`: hands over to scp.
///
/// # Errors
/// `Usage`, for a node that nobody knows.
pub fn scp(args: &Scp) -> Result<()> {
    let split = handed::scp(&args.words, |_| false);
    if split.operands.len() < 2 {
        let message = "scp needs what to copy, and where to";
        let hint = "irs scp FILE… NODE:PATH, or irs scp NODE:PATH… FOLDER";
        return Err(Fault::new(Exit::Usage, message).hint(hint).into());
    }
    let logins = logins(&args.environment)?;
    let mut operands = Vec::new();
    for given in &split.operands {
        operands.push(match given.to_str().and_then(Operand::file) {
            Some(operand) => operand.with(&logins.find(operand.host)?.name).into(),
            None => given.clone(),
        });
    }
    let mut scp = Command::new("scp");
    scp.arg("-F")
        .arg(&logins.config)
        .args(&split.options)
        .arg("--")
        .args(operands);
    match hand_over::to(&mut scp, INSTALL)? {}
}
