//! The pool of base images, which libvirt tells of once it runs.

use super::report::Row;
use crate::commands::virsh::Session;
use crate::deployment::Storage;
use crate::names::DEFAULT_DEPLOYMENT;
use crate::plan::Action;
use crate::remote::Host;
use crate::steps::host::prepare::State;
use crate::steps::host::{diff, facts, pools};
use anyhow::Result;

/// What makes the pool, when there is none, as a run would make it.
///
/// # Errors
/// When libvirt or the host cannot be asked.
pub fn missing(session: &Session, storage: &Storage) -> Result<Option<Action>> {
    let pools = pools::read(&session.libvirt, &|_| false)?;
    if diff::base_pool(storage, &pools).is_some() || pools.iter().any(|pool| pool.name == storage.pool) {
        return Ok(None);
    }
    let own = storage.deployment_folder(DEFAULT_DEPLOYMENT);
    let facts = facts::read(&session.host, &session.libvirt, &storage.folder, &own)?;
    Ok(Some(diff::new_base_pool(
        storage,
        session.host.name(),
        facts.uuid,
    )))
}

/// Whether the pool is there, as a row of the table; without libvirt there is none.
///
/// # Errors
/// As [`missing`].
pub fn row(host: &Host, storage: &Storage) -> Result<Row> {
    let is_there = match Session::on(host.clone()) {
        Ok(session) => missing(&session, storage)?.is_none(),
        Err(_) => false,
    };
    let Storage { pool, folder, .. } = storage;
    let fix = format!(
        "virsh pool-define-as {pool} dir --target {folder}; virsh pool-start {pool}; virsh pool-autostart {pool}"
    );
    Ok(Row {
        what: "pool of base images".into(),
        found: if is_there { "there" } else { "not there" }.into(),
        needed: format!("one of {folder}"),
        state: if is_there { State::Met } else { State::Missing },
        fix: (!is_there).then_some(fix),
        by_irs: !is_there,
    })
}
