//! Doing it, by scripts that check before they change and can be run again.

use super::{Work, limits, stack, with};
use crate::error::{Exit, Fault, FaultContext};
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use crate::steps::host::apply::unless_deployed;
use crate::steps::host::facts::sections;
use anyhow::{Context, Result};

const SSHD: &str = include_str!("sshd.sh");
const POLKIT: &str = include_str!("polkit.sh");
const AUTHORIZE: &str = include_str!("authorize.sh");
const RELOAD: &str = include_str!("reload.sh");

/// Does one action.
///
/// # Errors
/// The hypervisor's, e.g. a configuration of sshd that was faulty before.
pub fn apply(work: &Work, libvirt: &Libvirt, host: &Host) -> Result<()> {
    let [user, made] = stack::MARKS;
    match work {
        Work::Stack { line } => {
            let script = with(&[SSHD, POLKIT, AUTHORIZE], include_str!("stack.sh"));
            host.text(&Cmd::script(&script, &[user, made]).stdin(format!("{line}\n")))
                .fault(|| {
                    Fault::new(Exit::Failed, "the user of Ironic is not ready").hint(
                        "--stack-user no goes on without it: then nobody powers the nodes without an OS",
                    )
                })?;
        }
        Work::RemoveStack { of } => {
            let end = of.map(|uuid| format!(":{uuid}")).unwrap_or_default();
            let script = with(&[SSHD, AUTHORIZE], include_str!("stack_remove.sh"));
            host.text(&Cmd::script(&script, &[user, made, &end]))?;
        }
        Work::Authorize { user, line, new } => {
            if let Some(new) = new {
                new.write()?;
            }
            let script = with(&[SSHD, AUTHORIZE], include_str!("contact.sh"));
            host.text(&Cmd::script(&script, &[user]).stdin(format!("{line}\n")))?;
        }
        Work::RaiseLimits => {
            // Another run may have raised them meanwhile.
            let script = format!(
                "section() {{ printf '\\n#%s\\n' \"$1\"; }}\n{}",
                super::facts::script()
            );
            let said = host.text(&Cmd::script(&script, &[]))?;
            let access = super::facts::Access::parse(&sections(&said));
            let (sessions, startups) = limits::raised(&access).context("sshd does not say how it runs")?;
            let script = with(&[SSHD, RELOAD], include_str!("limits.sh"));
            host.text(&Cmd::script(&script, &[&sessions, &startups]))
                .fault(|| {
                    Fault::new(Exit::Failed, "sshd's limits stay as they were")
                        .hint("--host-ssh-limits no goes on with them")
                })?;
        }
        Work::RestoreLimits { host: uuid } => unless_deployed(libvirt, host, *uuid, || {
            let script = with(&[SSHD, RELOAD], include_str!("limits_remove.sh"));
            host.text(&Cmd::script(&script, &[])).map(drop)
        })?,
    }
    Ok(())
}
