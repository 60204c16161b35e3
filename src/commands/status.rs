//! `irs status`: an environment as it is.

mod alive;
mod drift;
mod view;

use super::connection::{self, Way};
use super::virsh::facts::is_direct;
use super::virsh::{Session, blocking, report};
use crate::actual;
use crate::cli::status::Status;
use crate::deployment::Storage;
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::remote::Host;
use crate::steps::host::pools;
use crate::ui::{Ui, colours_stdout};
use crate::workspace::Workspace;
use crate::yaml::Problems;
use alive::Alive;
use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use view::View;

/// How often `--watch` looks.
const EVERY: Duration = Duration::from_secs(2);

/// Which environment, and the way to it.
struct Asked {
    way: Way,
    prefix: Option<String>,
    workspace: Workspace,
}

/// Runs `irs status`.
///
/// # Errors
/// `Usage` for an environment that is not there; `Unreachable` for a hypervisor that does not answer.
pub async fn run(args: &Status, ui: &Ui) -> Result<()> {
    let asked = Arc::new(asked(args)?);
    if asked.way.is_default {
        ui.note("no --host-address: looking at this machine (local)");
    }
    let session = {
        let asked = Arc::clone(&asked);
        Arc::new(blocking(move || Session::on(Host::connect(&asked.way.host, &asked.way.client)?)).await?)
    };
    let look = || {
        let (asked, session) = (Arc::clone(&asked), Arc::clone(&session));
        blocking(move || look(&asked, &session))
    };
    let mut view = look().await?;
    if args.watch {
        let again = async {
            loop {
                ui.refresh(&shown(&view));
                ui.json(&view)?;
                tokio::time::sleep(EVERY).await;
                if reader_is_gone() {
                    return Ok(());
                }
                view = look().await?;
            }
        };
        return tokio::select! {
            ended = again => ended,
            heard = interrupt::listen(|| std::process::exit(0), || ()) => Ok(heard?),
        };
    }
    ui.result(shown(&view).trim_end());
    ui.json(&view)
}

/// Whether nobody reads what is printed any more, as after `| head -1`.
fn reader_is_gone() -> bool {
    let stdout = std::io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec::default();
    poll(&mut fds, Some(&at_once)).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

fn shown(view: &View) -> String {
    match colours_stdout() {
        true => format!("{view:#}"),
        false => view.to_string(),
    }
}

fn asked(args: &Status) -> Result<Asked> {
    let mut problems = Problems::default();
    connection::check_hosts(&args.connect.host_address, &mut problems);
    if let Some(prefix) = &args.prefix
        && let Err(why) = names::check_prefix(prefix)
    {
        problems
            .push(None, format!("--prefix '{prefix}' cannot be used: {why}"))
            .hint("'irs list' shows the environments of a hypervisor");
    }
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let name = args.workspace.as_deref().or(args.prefix.as_deref());
    let workspace = Workspace::named(name.unwrap_or(DEFAULT_DEPLOYMENT))?;
    let known = workspace.record()?;
    let remembered = || known.as_ref().and_then(|record| record.prefix.clone());
    Ok(Asked {
        way: connection::one(connection::ways(&args.connect, known.as_ref()))?,
        prefix: args.prefix.clone().or_else(remembered),
        workspace,
    })
}

fn look(asked: &Asked, session: &Session) -> Result<View> {
    let name = asked.prefix.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
    let mut storage = Storage::default();
    if let Some(folder) = pools::images_of(&session.libvirt, name)? {
        storage.folder = folder;
    }
    let actual = actual::read(&session.host, &session.libvirt, &storage, name)?;
    let id = actual.identity(name, asked.prefix.as_deref(), &asked.way.host);
    let known = actual.facts.record.is_some() || actual.deployments().contains(name);
    if !known {
        let names: Vec<&str> = actual.deployments().into_iter().collect();
        let there = match names.is_empty() {
            true => "there is none".to_owned(),
            false => format!("there are: {}", names.join(", ")),
        };
        bail!(
            Fault::new(
                Exit::Usage,
                format!("there is no environment '{name}' on '{}'", id.host)
            )
            .hint(format!("{there}; --prefix names one"))
        );
    }
    let ready = actual.facts.record.as_ref().map(|record| record.ready.clone());
    let mut nodes = report::nodes(&actual, &id, &ready.unwrap_or_default());
    // What somebody undefined is still a node of it.
    let blueprint = actual.facts.blueprint.as_ref();
    for node in blueprint.iter().flat_map(|blueprint| &blueprint.nodes) {
        if !nodes.iter().any(|there| there.name == node.name) {
            nodes.push(report::absent(node, &id.host));
        }
    }
    nodes.sort_by(|a, b| (&a.node_type, a.index).cmp(&(&b.node_type, b.index)));
    // What is on a LAN the hypervisor itself may not reach.
    let on_lan: BTreeSet<String> = actual
        .domains_of(id.uuid)
        .filter(|domain| is_direct(domain, &actual))
        .map(|domain| domain.name.clone())
        .collect();
    let alive = Alive::ask(&session.host, &nodes, |name| !on_lan.contains(name))?;
    for node in nodes.iter_mut().filter(|node| alive.is_silent(&node.name)) {
        node.ready = false;
    }
    let drift = drift::drift(&session.host, &storage, &actual, &id)?;
    let workspace = asked.workspace.path().display().to_string();
    Ok(View::new(&id, &actual, nodes, &alive, drift, workspace))
}
