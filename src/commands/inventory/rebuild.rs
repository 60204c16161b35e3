//! A workspace written anew from the hypervisors, which are only looked at: what a lost laptop takes with it is nothing.

use crate::actual::{self, Actual};
use crate::cli::inventory::Inventory;
use crate::commands::connection::{self, Silent, Way, Ways};
use crate::commands::nowhere::nowhere;
use crate::commands::virsh::facts::{self, Part, Place};
use crate::commands::virsh::{Session, blocking};
use crate::deployment::{Identity, Storage};
use crate::error::{Exit, Fault, Report};
use crate::fleet::{self, Found};
use crate::interrupt;
use crate::outputs::View;
use crate::remote::Host;
use crate::steps::host::pools;
use crate::ui::Ui;
use crate::workspace::choice::Choice;
use crate::workspace::{KEY, again};
use crate::{apply, keys};
use anyhow::Result;

/// Who logs in to nodes when none of them says it: the default of `--topology-username`.
const USER: &str = "cloud-user";

/// One hypervisor, and what is there.
struct Site {
    at: usize,
    session: Session,
    actual: Actual,
    id: Identity,
}

impl Site {
    fn is_home(&self, name: &str) -> bool {
        self.actual.facts.record.is_some() || self.actual.deployments().contains(name)
    }

    fn found(&self) -> Found<'_> {
        Found {
            host: &self.id.host,
            uuid: self.id.uuid,
            record: self.actual.facts.record.as_ref(),
            is_marked: true,
        }
    }
}

/// Writes the workspace anew; gives what is in it, and what is to be said of hypervisors that do not answer.
///
/// # Errors
/// `Usage` for an environment that is not there, or not there alone; `Unreachable` when no hypervisor answers.
pub(super) async fn run(args: &Inventory, choice: Choice, ui: &Ui) -> Result<(View, Result<()>)> {
    let ways = named(connection::ways(&args.connect, choice.record.as_ref()));
    let ui = ui.clone();
    let work = blocking(move || write(&ways, &choice, &ui));
    let done = interrupt::unless_stopped(work).await;
    done.unwrap_or_else(|| Err(apply::stopped()))
}

/// Those that are named, in the order of the last run where there was one.
fn named(ways: Ways) -> Ways {
    let mut dealt = ways.dealt;
    dealt.sort_unstable();
    let all: Vec<Way> = dealt.into_iter().map(|at| ways.all[at].clone()).collect();
    Ways {
        dealt: (0..all.len()).collect(),
        all,
    }
}

fn write(ways: &Ways, choice: &Choice, ui: &Ui) -> Result<(View, Result<()>)> {
    let (name, prefix) = (choice.deployment(), choice.prefix());
    let items: Vec<(usize, &Way)> = ways.all.iter().enumerate().collect();
    let looked = connection::at_once(items, |(at, way)| look(at, way, &name, prefix.as_deref()));
    let (mut sites, mut silent) = (Vec::new(), Vec::new());
    for (way, looked) in ways.all.iter().zip(looked) {
        match looked {
            Ok(site) => sites.push(site),
            Err(error) if ways.all.len() == 1 => return Err(error),
            Err(error) => silent.push(Silent {
                host: way.host.clone(),
                error: Report::of(&error),
            }),
        }
    }
    if sites.is_empty() {
        connection::incomplete(silent)?;
        return Err(Fault::new(Exit::Usage, "no hypervisor is named").into());
    }
    if let Some(stranger) = sites.iter().find(|site| !site.is_home(&name)) {
        let hosts = [stranger.id.host.as_str()];
        return Err(nowhere(&name, &hosts, &stranger.actual.deployments()).into());
    }
    complete(&name, &sites, &silent, ways)?;
    for site in &sites {
        if let Some(fault) = &site.actual.facts.record_fault {
            ui.warn(fault);
        }
    }
    let pool = pool(&sites, choice);
    let username = username(&sites, choice);
    let place = Place {
        ways,
        workspace: &choice.workspace,
        deployment: &name,
        known: choice.record.as_ref(),
        pool: &pool,
        username: &username,
    };
    let parts: Vec<Part<'_>> = sites
        .iter()
        .map(|site| Part {
            at: site.at,
            host: &site.session.host,
            id: &site.id,
            actual: &site.actual,
            record: site.actual.facts.record.as_ref(),
        })
        .collect();
    let view = facts::write_outputs(place, &parts)?;
    tell(&view, choice, &sites, ui);
    Ok((view, connection::incomplete(silent)))
}

fn look(at: usize, way: &Way, name: &str, prefix: Option<&str>) -> Result<Site> {
    let session = Session::on(Host::connect(&way.host, &way.client)?)?;
    let mut storage = Storage::default();
    if let Some(folder) = pools::images_of(&session.libvirt, name)? {
        storage.folder = folder;
    }
    let actual = actual::read(&session.host, &session.libvirt, &storage, name)?;
    let id = actual.identity(name, prefix, &way.host);
    Ok(Site {
        at,
        session,
        actual,
        id,
    })
}

/// Makes sure that it is one environment, and that all of its hypervisors are named: an inventory of a part of it would
/// take the place of the whole.
fn complete(name: &str, sites: &[Site], silent: &[Silent], ways: &Ways) -> Result<()> {
    let found: Vec<Found<'_>> = sites.iter().map(Site::found).collect();
    fleet::one_environment(name, &found)?;
    let mut absent = fleet::absent(&found);
    absent.retain(|member| !silent.iter().any(|one| one.host == member.address));
    if absent.is_empty() || !silent.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = absent
        .iter()
        .map(|member| format!("'{}'", member.address))
        .collect();
    let mut all: Vec<&str> = ways.all.iter().map(|way| way.host.as_str()).collect();
    all.extend(absent.iter().map(|member| member.address.as_str()));
    let message = format!("the environment '{name}' lives on {}, too", list.join(" and "));
    let hint = format!("name all of them: --host-address {}", all.join(","));
    Err(Fault::new(Exit::Usage, message).hint(hint).into())
}

/// The pool of base images: what the last run noted, else the one of that folder, unless it is libvirt's own.
fn pool(sites: &[Site], choice: &Choice) -> String {
    if let Some(pool) = choice.record.as_ref().and_then(|record| record.pool.clone()) {
        return pool;
    }
    let usual = Storage::default();
    let pools = sites.iter().flat_map(|site| &site.actual.pools);
    let mut at_folder =
        pools.filter(|pool| pool.target.as_deref() == Some(&usual.folder) && pool.name != "default");
    at_folder.next().map_or(usual.pool, |pool| pool.name.clone())
}

fn username(sites: &[Site], choice: &Choice) -> String {
    if let Some(user) = choice.record.as_ref().and_then(|record| record.username.clone()) {
        return user;
    }
    let domains = sites.iter().flat_map(|site| site.actual.domains_of(site.id.uuid));
    let mut marks = domains.filter_map(|domain| domain.mark.as_ref());
    let seeded = marks.find(|mark| mark.has_seed);
    seeded.map_or_else(|| USER.to_owned(), |mark| mark.user.clone())
}

/// Says what was written, and what of it may not work.
fn tell(view: &View, choice: &Choice, sites: &[Site], ui: &Ui) {
    let hosts: Vec<&str> = sites.iter().map(|site| site.id.host.as_str()).collect();
    let folder = choice.workspace.path();
    let count = match view.nodes.len() {
        1 => "1 node".to_owned(),
        count => format!("{count} nodes"),
    };
    ui.note(&format!(
        "the workspace '{}' is as on '{}': {count}",
        folder.display(),
        hosts.join("' and '")
    ));
    let first = view
        .nodes
        .iter()
        .find(|node| node.has_os && node.address.is_some());
    if let Some(node) = first {
        let flags = again::flags(&choice.workspace);
        ui.note(&format!("log in: irs ssh{flags} {}", node.name));
    }
    // The key is derived from the record: without that it can come from nowhere.
    let has_key = keys::load(&folder.join(KEY)).is_some();
    if first.is_some() && !has_key {
        ui.warn(
            "the record of the environment is lost, and with it the key of its own: the nodes accept the key by which their \
             hypervisor is reached; 'irs virsh' makes the record anew",
        );
    }
}
