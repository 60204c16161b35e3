//! `irs status`: an environment as it is.

pub mod alive;
mod drift;
mod site;
mod view;
mod watch;

use super::connection::{self, Silent, Way};
use super::nowhere::nowhere;
use super::virsh::facts::is_direct;
use super::virsh::{Session, blocking, report};
use super::{leave, stoppable};
use crate::cli::status::Status;
use crate::deployment::Storage;
use crate::error::Report;
use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::steps::host::pools;
use crate::ui::{Ui, colours_stdout};
use crate::workspace::choice::{self, Choice};
use crate::yaml::Problems;
use crate::{actual, interrupt, lease};
use alive::Alive;
use anyhow::Result;
use site::Site;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use view::View;
use watch::watch;

/// Which environment, and how it is reached.
struct Asked {
    prefix: Option<String>,
    choice: Choice,
}

/// Runs `irs status`.
///
/// # Errors
/// `Usage` for an environment that is not there; `Unreachable` for a hypervisor that does not answer.
pub async fn run(args: &Status, ui: &Ui) -> Result<()> {
    let (asked, ways) = asked(args)?;
    let asked = Arc::new(asked);
    if ways.iter().any(|way| way.is_default) {
        asked.choice.must_be_there()?;
        ui.note(&connection::here("looking at", &asked.choice));
    }
    let sites: Vec<Site> = ways.into_iter().map(Site::new).collect();
    let sites = Arc::new(Mutex::new(sites));
    let look = async || {
        let (asked, sites) = (Arc::clone(&asked), Arc::clone(&sites));
        blocking(move || look(&asked, &mut sites.lock().unwrap_or_else(|e| e.into_inner()))).await
    };
    if args.watch {
        let watching = async { watch(look().await?, ui, look).await };
        return tokio::select! {
            ended = watching => ended,
            heard = interrupt::listen(leave, || ()) => Ok(heard?),
        };
    }
    let view = stoppable(look()).await?;
    ui.result(shown(&view).trim_end());
    match view.silent.is_empty() {
        true => ui.json(&view),
        false => ui.json_with_error(&view),
    }?;
    connection::incomplete(view.silent)
}

fn shown(view: &View) -> String {
    match colours_stdout() {
        true => format!("{view:#}"),
        false => view.to_string(),
    }
}

fn asked(args: &Status) -> Result<(Asked, Vec<Way>)> {
    let mut problems = Problems::default();
    connection::check_hosts(&args.connect.host_address, &mut problems);
    names::check_said(args.environment.prefix.as_deref(), &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let environment = &args.environment;
    let choice = choice::choose(environment.prefix.as_deref(), environment.workspace.as_deref())?;
    let ways = connection::ways(&args.connect, choice.record.as_ref()).all;
    let prefix = choice.prefix();
    Ok((Asked { prefix, choice }, ways))
}

/// All hypervisors at once; one that does not answer hides the others no more than it must.
fn look(asked: &Asked, sites: &mut [Site]) -> Result<View> {
    let looked = connection::at_once(sites.iter_mut().collect(), |site: &mut Site| site.look(asked));
    let mut views = Vec::new();
    let mut silent = Vec::new();
    let mut others = BTreeSet::new();
    let mut maker = None;
    for (site, looked) in sites.iter().zip(looked) {
        match looked {
            Ok(Look::There(view)) => views.push(*view),
            Ok(Look::Others(names, who)) => {
                others.extend(names);
                maker = maker.or(who);
            }
            Err(error) if sites.len() == 1 => return Err(error),
            Err(error) => silent.push(Silent {
                host: site.way.host.clone(),
                error: Report::of(&error),
            }),
        }
    }
    let answer = sites.iter().map(|site| site.way.host.as_str());
    let answer = answer.filter(|host| !silent.iter().any(|one| one.host == *host));
    let answer: Vec<&str> = answer.collect();
    let name = asked.prefix.as_deref().unwrap_or(DEFAULT_DEPLOYMENT);
    if let Some(view) = View::joined(views, silent, asked.prefix.as_deref())? {
        return Ok(view);
    }
    let fault = nowhere(name, &answer, &others.iter().map(String::as_str).collect());
    Err(match maker {
        Some(who) => fault.hint(format!(
            "a run of irs may be making it: {who}; look again in a moment"
        )),
        None => fault,
    }
    .into())
}

/// What is on one hypervisor.
enum Look {
    /// The environment.
    There(Box<View>),
    /// Others only, and who may be making it now.
    Others(Vec<String>, Option<String>),
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
    let held_by = match actual.facts.leased.iter().any(|leased| leased == name) {
        true => lease::holder(&session.host, name)?,
        false => None,
    };
    if !known {
        let names = actual.deployments().into_iter().map(str::to_owned);
        return Ok(Look::Others(names.collect(), held_by));
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
    let view = View::new(&id, &actual, nodes, &alive, drift, held_by, &asked.choice);
    Ok(Look::There(Box::new(view)))
}
