//! Changing bridges, so that a mistake takes itself back.

use super::program::Program;
use super::{Work, lasting, program, read};
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result, anyhow};
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a change waits for us to come back, in seconds.
const PATIENCE: u64 = 30;
/// How long we try to come back: until after the change has been taken back.
const TRYING: Duration = Duration::from_secs(PATIENCE + 45);

/// How long an answer may take, the making of profiles included.
const ANSWER: Duration = Duration::from_secs(10);

/// Does one action.
///
/// # Errors
/// What went wrong on the hypervisor; the change is taken back then.
pub fn apply(work: &Work, host: &Host) -> Result<()> {
    match work {
        Work::TakeOver(wanted) => {
            let links = read::read(host)?;
            let (program, mark) = program::take_over(&links, wanted).map_err(|why| anyhow!(why))?;
            let program = match links.rulers.get(&wanted.nic) {
                Some(ruler) => lasting::take_over(host, ruler, &links, wanted, &mark)?,
                None => program,
            };
            carry_out(host, &wanted.name, &wanted.nic, &program)
        }
        Work::Release(mark) => {
            let links = read::read(host)?;
            let program = program::release(&links, mark).map_err(|why| {
                Fault::new(Exit::Failed, why)
                    .hint("take them out, or settle what stands in the way, then run the same command again")
            })?;
            let program = match links.rulers.get(&mark.nic) {
                Some(ruler) if links.lasting.contains_key(&mark.bridge) => {
                    lasting::release(host, ruler, mark)?
                }
                _ => program,
            };
            carry_out(host, &mark.bridge, &mark.nic, &program)
        }
        Work::Unfilter => script(host, include_str!("unfilter.sh")),
        Work::Refilter => script(host, include_str!("refilter.sh")),
    }
}

fn script(host: &Host, text: &str) -> Result<()> {
    host.check(&Cmd::script(text, &[])).map(drop)
}

/// Hands the change over to a process on the hypervisor, and confirms it over a connection made afterwards.
fn carry_out(host: &Host, bridge: &str, nic: &str, program: &Program) -> Result<()> {
    if program.apply.is_empty() {
        return Ok(());
    }
    let start = Cmd::script(include_str!("guard.sh"), &[bridge, &PATIENCE.to_string()]);
    host.check(&start.stdin(shown(program)))
        .context("handing the change over")?;
    interrupt::point("takeover");
    let end = Instant::now() + TRYING;
    let mut last = None;
    while Instant::now() < end {
        // The first look may go over a connection that was made before the change: it proves nothing.
        let outcome = look(host, bridge, "look").and_then(|seen| match seen.trim() {
            "applied" => look(host, bridge, "confirm"),
            _ => Ok(seen),
        });
        match outcome {
            Ok(outcome) => return judge(host, nic, &outcome),
            Err(error) => last = Some(error),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let fault = Fault::new(
        Exit::Unreachable,
        format!(
            "'{}' is out of reach since bridge '{bridge}' was changed",
            host.name()
        ),
    )
    .hint(format!(
        "the change takes itself back within {PATIENCE} seconds; look at the host's console if it does not come back"
    ));
    Err(last.unwrap_or_else(|| anyhow!("no answer")).context(fault))
}

fn judge(host: &Host, nic: &str, outcome: &str) -> Result<()> {
    let (word, detail) = outcome.trim().split_once(' ').unwrap_or((outcome.trim(), ""));
    match word {
        "kept" => Ok(()),
        "failed" => {
            Err(anyhow!(detail.to_owned())
                .context("it failed half-way and was taken back: nothing is changed"))
        }
        // The process is gone, and with it the knowledge of how it ended: the next run looks again.
        _ => {
            let fault = Fault::new(
                Exit::Unreachable,
                format!(
                    "'{}' could not be reached over a new connection for {PATIENCE} seconds: the change was taken back",
                    host.name()
                ),
            );
            Err(fault
                .hint(format!(
                    "is there a firewall that knows '{nic}' and not the bridge, or a switch that takes one MAC only? Settle that, then run the same command again"
                ))
                .into())
        }
    }
}

/// Asks over a new connection how the change stands, and confirms it with `confirm`.
fn look(host: &Host, bridge: &str, what: &str) -> Result<String> {
    let confirm = Cmd::script(include_str!("confirm.sh"), &[bridge, what]);
    let mut stream = host.duplex(&confirm, &Arc::default())?;
    stream.set_read_timeout(Some(ANSWER))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.trim() {
        "" => Err(anyhow!("the new connection broke off")),
        _ => Ok(answer),
    }
}

/// The program as the script reads it.
fn shown(program: &Program) -> String {
    let mut text = format!(
        "#section apply\n{}\n#section undo\n{}\n",
        program.apply.join("\n"),
        program.undo.join("\n")
    );
    for (number, file) in program.files.iter().enumerate() {
        text += &format!("#section {number}\n{}\n", file.trim_end());
    }
    text
}
