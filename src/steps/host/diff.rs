//! Which pools and records must be made or removed, and why.

use super::pools::{self, ActualPool};
use super::record::Record;
use super::{Work, record_path};
use crate::blueprint::Blueprint;
use crate::deployment::{Deployment, Storage};
use crate::names;
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::yaml::Problems;
use uuid::Uuid;

/// The actions that bring the record and the pools to the deployment; `record` is what it must say, `present` what it says,
/// `blueprint` the new one when that changes.
///
/// # Errors
/// Pools of others in the way.
pub fn converge(
    deployment: &Deployment,
    (record, present): (&Record, Option<&Record>),
    blueprint: Option<&Blueprint>,
    pools: &[ActualPool],
    host_uuid: Uuid,
) -> Result<Vec<Action>, Problems> {
    let mut actions = Vec::new();
    let mut problems = Problems::default();
    let host = &deployment.id.host;
    let folder = deployment.storage.deployment_folder(&deployment.id.name);
    if !present.is_some_and(|old| record.plans_the_same(old)) || blueprint.is_some() {
        let (verb, reason) = match present {
            None => (Verb::Create, "the deployment has no record"),
            Some(old) if old.says_the_same(record) => (Verb::Update, "what is asked for is noted first"),
            Some(old) if old.extend != record.extend => (Verb::Update, "the extend's target is noted first"),
            Some(_) => (Verb::Update, "the deployment changed"),
        };
        let work = Work::Record {
            folder: folder.clone(),
            record: Box::new(record.clone()),
            blueprint: blueprint.cloned().map(Box::new),
        };
        actions.push(Action::new(
            Step::Host,
            verb,
            Kind::File,
            &record_path(&folder),
            host,
            reason,
            work,
        ));
    }
    let own = names::pool(&deployment.id.name);
    match pools.iter().find(|pool| pool.name == own) {
        Some(pool) if pool.uuid != deployment.id.uuid || pool.target.as_deref() != Some(folder.as_str()) => {
            problems
                .push(
                    None,
                    format!(
                        "pool '{own}' exists on '{host}' with the folder '{}', and is not this deployment's",
                        pool.target.as_deref().unwrap_or("none")
                    ),
                )
                .hint("use the --disk-pool that the deployment was made with, or another --prefix")
        }
        Some(pool) => actions.extend(repair(pool, host, true)),
        None => actions.push(create(
            &own,
            deployment.id.uuid,
            &folder,
            host,
            "there is none for the deployment's disks and seeds",
        )),
    }
    match base_pool(&deployment.storage, pools) {
        Some(pool) => {
            let is_ours = pool.uuid == pools::base_uuid(host_uuid, &pool.name);
            actions.extend(repair(pool, host, is_ours));
        }
        None if pools.iter().any(|pool| pool.name == deployment.storage.pool) => problems
            .push(
                None,
                format!(
                    "pool '{}' exists on '{host}' with another folder than '{}'",
                    deployment.storage.pool, deployment.storage.folder
                ),
            )
            .hint("choose another --pool-name, or that pool's folder as --disk-pool"),
        None => actions.push(new_base_pool(&deployment.storage, host, host_uuid)),
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(problems)
    }
}

/// The action that makes the pool of base images.
pub fn new_base_pool(storage: &Storage, host: &str, host_uuid: Uuid) -> Action {
    let uuid = pools::base_uuid(host_uuid, &storage.pool);
    let reason = "no pool owns the folder of base images";
    create(&storage.pool, uuid, &storage.folder, host, reason)
}

/// The pool that owns the folder of base images, whatever its name.
pub fn base_pool<'a>(storage: &Storage, pools: &'a [ActualPool]) -> Option<&'a ActualPool> {
    pools
        .iter()
        .find(|pool| pool.target.as_deref() == Some(storage.folder.trim_end_matches('/')))
}

fn create(name: &str, uuid: Uuid, folder: &str, host: &str, reason: &str) -> Action {
    let work = Work::Pool {
        name: name.to_owned(),
        uuid,
        folder: folder.to_owned(),
    };
    Action::new(Step::Host, Verb::Create, Kind::Pool, name, host, reason, work)
}

/// Whether one that others made starts with the host is theirs to say.
fn repair(pool: &ActualPool, host: &str, is_ours: bool) -> Vec<Action> {
    let action = |reason, work| {
        Action::new(
            Step::Host,
            Verb::Update,
            Kind::Pool,
            &pool.name,
            host,
            reason,
            work,
        )
    };
    let mut actions = Vec::new();
    if !pool.active {
        actions.push(action("it is not started", Work::StartPool(pool.name.clone())));
    }
    if !pool.autostart && is_ours {
        actions.push(action(
            "it does not start with the host",
            Work::AutostartPool(pool.name.clone()),
        ));
    }
    actions
}

/// Whether irs made that pool for a deployment of this host: its name and UUID say so.
pub fn is_deployment_pool(pool: &ActualPool, host_uuid: Uuid) -> bool {
    let name = pool.name.strip_prefix("irs-");
    name.is_some_and(|name| pool.uuid == Uuid::new_v5(&host_uuid, name.as_bytes()))
}

/// The action that removes a pool; its folder stays.
pub fn remove(pool: &ActualPool, host: &str, reason: &str) -> Action {
    removal(pool, host, reason, Work::RemovePool(pool.name.clone()))
}

fn removal(pool: &ActualPool, host: &str, reason: &str, work: Work) -> Action {
    Action::new(
        Step::Host,
        Verb::Remove,
        Kind::Pool,
        &pool.name,
        host,
        reason,
        work,
    )
}

/// The actions that remove the pools of base images that irs made, when no deployment is left; the images stay as a cache.
pub fn remove_base<'a>(
    pools: &'a [ActualPool],
    host_uuid: Uuid,
    host: &'a str,
) -> impl Iterator<Item = Action> + 'a {
    let made = move |pool: &&ActualPool| pool.uuid == pools::base_uuid(host_uuid, &pool.name);
    let reason = "irs made it and no deployment is left; the base images in it stay";
    pools.iter().filter(made).map(move |pool| {
        let work = Work::RemoveBasePool {
            name: pool.name.clone(),
            host: host_uuid,
        };
        removal(pool, host, reason, work)
    })
}

/// The action that removes a deployment's folder with its record and the `files` in it; when it holds `others`, only those.
pub fn remove_folder(
    folder: &str,
    files: impl IntoIterator<Item = String>,
    others: bool,
    host: &str,
    reason: &str,
) -> Action {
    let name = match others {
        true => record_path(folder),
        false => folder.to_owned(),
    };
    let work = Work::RemoveFolder {
        folder: folder.to_owned(),
        files: files.into_iter().collect(),
    };
    Action::new(Step::Host, Verb::Remove, Kind::File, &name, host, reason, work)
}
