//! `irs status`: an environment as it is.

pub mod alive;
mod drift;
mod view;

use super::connection::{self, Silent, Way};
use super::virsh::facts::is_direct;
use super::virsh::{Session, blocking, report};
use crate::actual;
use crate::cli::status::Status;
use crate::deployment::Storage;
use crate::error::{Exit, Fault, Report, chain_faults};
use crate::interrupt;
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::remote::Host;
use crate::steps::host::pools;
use crate::ui::{Ui, colours_stdout};
use crate::workspace::choice::{self, Choice};
use crate::yaml::Problems;
use alive::Alive;
use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use view::View;

/// How often `--watch` looks.
const EVERY: Duration = Duration::from_secs(2);

/// Which environment, and the ways to it.
struct Asked {
    ways: Vec<Way>,
    prefix: Option<String>,
    choice: Choice,
}

/// Runs `irs status`.
///
/// # Errors
/// `Usage` for an environment that is not there; `Unreachable` for a hypervisor that does not answer.
pub async fn run(args: &Status, ui: &Ui) -> Result<()> {
    let asked = Arc::new(asked(args)?);
    if asked.ways.iter().any(|way| way.is_default) {
        asked.choice.must_be_there()?;
        ui.note(&connection::here("looking at", &asked.choice));
    }
    let sessions = {
        let asked = Arc::clone(&asked);
        let open = |way: Way| Session::on(Host::connect(&way.host, &way.client)?);
        Arc::new(blocking(move || Ok(connection::at_once(asked.ways.clone(), open))).await?)
    };
    let look = || {
        let (asked, sessions) = (Arc::clone(&asked), Arc::clone(&sessions));
        blocking(move || look(&asked, &sessions))
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
    match view.silent.is_empty() {
        true => ui.json(&view),
        false => ui.json_with_error(&view),
    }?;
    connection::incomplete(view.silent)
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
    names::check_said(args.environment.prefix.as_deref(), &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let environment = &args.environment;
    let choice = choice::choose(environment.prefix.as_deref(), environment.workspace.as_deref())?;
    Ok(Asked {
        ways: connection::ways(&args.connect, choice.record.as_ref()).all,
        prefix: choice.prefix(),
        choice,
    })
}

/// All hypervisors at once; one that does not answer hides the others no more than it must.
fn look(asked: &Asked, sessions: &[Result<Session>]) -> Result<View> {
    let looks = asked.ways.iter().zip(sessions).collect();
    let looked = connection::at_once(looks, |(way, session): (&Way, &Result<Session>)| match session {
        Ok(session) => look_at(asked, way, session),
        // It is told at every look.
        Err(error) => Err(again(error)),
    });
    let mut views = Vec::new();
    let mut silent = Vec::new();
    let mut others = Vec::new();
    for (way, looked) in asked.ways.iter().zip(looked) {
        match looked {
            Ok(Look::There(view)) => views.push(*view),
            Ok(Look::Others(names)) => others.push((way.host.as_str(), names)),
            Err(error) if asked.ways.len() == 1 => return Err(error),
            Err(error) => silent.push(Silent {
                host: way.host.clone(),
                error: Report::of(&error),
            }),
        }
    }
    let Some(view) = View::joined(views, silent, asked.prefix.as_deref())? else {
        return Err(nowhere(asked, &others).into());
    };
    Ok(view)
}

/// An error that is shown more than once.
fn again(error: &anyhow::Error) -> anyhow::Error {
    let report = Report::of(error);
    let fault = chain_faults(error).next().cloned();
    let exit = fault.map_or(Exit::Failed, |fault| fault.exit);
    let fault = report
        .hint
        .into_iter()
        .fold(Fault::new(exit, report.message), |fault, hint| fault.hint(hint));
    let causes = report.causes.into_iter().rev();
    match causes
        .map(anyhow::Error::msg)
        .reduce(|inner, outer| inner.context(outer.to_string()))
    {
        Some(causes) => causes.context(fault),
        None => fault.into(),
    }
}

fn nowhere(asked: &Asked, others: &[(&str, Vec<String>)]) -> Fault {
    let name = asked.prefix.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
    let hosts: Vec<&str> = others.iter().map(|(host, _)| *host).collect();
    let names: BTreeSet<&str> = others
        .iter()
        .flat_map(|(_, names)| names)
        .map(String::as_str)
        .collect();
    let there = match names.is_empty() {
        true => "there is none".to_owned(),
        false => format!("there are: {}", names.into_iter().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("there is no environment '{name}' on '{}'", hosts.join("' and '"));
    Fault::new(Exit::Usage, message).hint(format!("{there}; --prefix names one"))
}

/// What is on one hypervisor.
enum Look {
    /// The environment.
    There(Box<View>),
    /// Others only.
    Others(Vec<String>),
}

fn look_at(asked: &Asked, way: &Way, session: &Session) -> Result<Look> {
    let name = asked.prefix.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
    let mut storage = Storage::default();
    if let Some(folder) = pools::images_of(&session.libvirt, name)? {
        storage.folder = folder;
    }
    let actual = actual::read(&session.host, &session.libvirt, &storage, name)?;
    let id = actual.identity(name, asked.prefix.as_deref(), &way.host);
    let known = actual.facts.record.is_some() || actual.deployments().contains(name);
    if !known {
        let names = actual.deployments().into_iter().map(str::to_owned);
        return Ok(Look::Others(names.collect()));
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
    let view = View::new(&id, &actual, nodes, &alive, drift, &asked.choice);
    Ok(Look::There(Box::new(view)))
}
