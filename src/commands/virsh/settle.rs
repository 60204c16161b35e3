//! After the changes: waiting for the nodes, noting who is ready, writing the outputs.

use super::facts::{login_key, write_outputs};
use super::input::Request;
use super::report::{self, Report};
use super::{Session, blocking};
use crate::actual::{self, Actual};
use crate::apply::{self, Tools};
use crate::deployment::{Deployment, Identity};
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::ready::{self, Target};
use crate::ssh::node::NodeKey;
use crate::steps;
use crate::steps::domains::read::State;
use crate::steps::host::record::Record;
use anyhow::Result;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// After the changes: waits for the nodes, notes who is ready, writes the outputs.
///
/// `unchanged` is what was read before a run that changed nothing: then it is not read again.
pub async fn settle(
    request: &Request,
    session: &Session,
    deployment: &Deployment,
    tools: &Arc<Tools>,
    unchanged: Option<Actual>,
) -> Result<(Report, Result<()>)> {
    let id = &deployment.id;
    let read = || {
        let (host, libvirt) = (session.host.clone(), session.libvirt.clone());
        let (storage, name) = (deployment.storage.clone(), id.name.clone());
        blocking(move || actual::read(&host, &libvirt, &storage, &name))
    };
    let mut actual = match unchanged {
        Some(actual) => actual,
        None => read().await?,
    };
    let mut record = match &actual.facts.record {
        Some(record) => record.clone(),
        None => return Err(Fault::new(Exit::Failed, "the deployment's record is gone").into()),
    };
    write_outputs(request, &session.host, id, &actual, &record)?;
    interrupt::point("outputs");
    let targets = targets(deployment, &actual, id, &record);
    let waited = !targets.is_empty();
    let key = NodeKey::new(login_key(&record)?.private_openssh);
    let (ready, mut result) = ready::wait(targets, tools, &key, request.timeout).await;
    record.ready.extend(ready);
    let names: BTreeSet<String> = actual
        .domains_of(id.uuid)
        .map(|domain| domain.name.clone())
        .collect();
    record.ready.retain(|name| names.contains(name));
    if result.is_ok() && request.wanted.extend {
        record.extend = None;
    }
    if Some(&record) != actual.facts.record.as_ref() {
        let (host, folder, record) = (session.host.clone(), tools.setting.folder.clone(), record.clone());
        blocking(move || steps::host::apply::write_record(&host, &folder, &record)).await?;
    }
    if waited {
        actual = read().await?;
    }
    if result.is_ok() && interrupt::requested() {
        result = Err(apply::stopped());
    }
    Ok((
        Report::new(request, &id.name, report::nodes(&actual, id, &record.ready)),
        result,
    ))
}

/// The nodes to wait for: those with an OS that run and were never ready since they were last started.
fn targets(deployment: &Deployment, actual: &Actual, id: &Identity, record: &Record) -> Vec<Target> {
    let wanted = |name: &str| deployment.nodes.iter().any(|node| node.name == name);
    actual
        .domains_of(id.uuid)
        .filter(|domain| wanted(&domain.name) && !record.ready.contains(&domain.name))
        .filter(|domain| domain.state != State::ShutOff)
        .filter_map(|domain| {
            let mark = domain.mark.as_ref().filter(|mark| mark.has_os)?;
            let (mac, network) = domain.nics.get(mark.external?)?;
            Some(Target {
                name: domain.name.clone(),
                address: IpAddr::from(report::address(domain, actual)?),
                network: network.clone()?,
                mac: mac.to_string(),
                user: mark.user.clone(),
                host_key: mark.host_key.clone()?,
                serial_file: mark.serial_file.clone(),
            })
        })
        .collect()
}
