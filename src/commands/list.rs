//! `irs list`: the environments on a hypervisor, and what irs does not own.

pub(super) mod listing;

use super::connection::{self, Silent, Way};
use super::virsh::{Session, blocking};
use crate::actual::{self, Actual};
use crate::cli::list::List;
use crate::deployment::Storage;
use crate::error::Report;
use crate::names::DEFAULT_DEPLOYMENT;
use crate::remote::{Cmd, Host};
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::facts;
use crate::steps::host::record::Record;
use crate::steps::host::record_path;
use crate::ui::Ui;
use anyhow::{Context, Result};
use listing::Listing;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Runs `irs list`.
///
/// # Errors
/// `Usage` for bad flags, `Unreachable` for a hypervisor that does not answer.
pub async fn run(args: &List, ui: &Ui) -> Result<()> {
    let ways = connection::looked_at(&args.connect, &args.workspace, ui)?;
    if let [way] = &ways[..] {
        let way = way.clone();
        let listing = blocking(move || read(&way)).await?;
        ui.result(&listing.to_string());
        return ui.json(&listing);
    }
    let read = blocking(move || {
        let read = |way: Way| read(&way).map_err(|error| (way.host, error));
        Ok(connection::at_once(ways, read))
    });
    let (mut hosts, mut silent) = (Vec::new(), Vec::new());
    for one in read.await? {
        match one {
            Ok(listing) => hosts.push(listing),
            Err((host, error)) => silent.push(Silent {
                host,
                error: Report::of(&error),
            }),
        }
    }
    for listing in &hosts {
        ui.result(&format!("on '{}':\n{}", listing.host(), listing.indented()));
    }
    let all = Listings { hosts, silent };
    match all.silent.is_empty() {
        true => ui.json(&all),
        false => ui.json_with_error(&all),
    }?;
    connection::incomplete(all.silent)
}

/// Several hypervisors' environments, in the shape of `--format json`.
#[derive(Serialize)]
struct Listings {
    /// Those that answer.
    hosts: Vec<Listing>,
    /// Those that do not.
    #[serde(rename = "no_answer", skip_serializing_if = "Vec::is_empty")]
    silent: Vec<Silent>,
}

fn read(way: &Way) -> Result<Listing> {
    let host = Host::connect(&way.host, &way.client)?;
    let session = Session::on(host.clone())?;
    let storage = Storage::default();
    let actual = actual::read(&host, &session.libvirt, &storage, DEFAULT_DEPLOYMENT)?;
    let records = records(&host, &actual, &storage)?;
    Ok(Listing::of(&way.host, &actual, &records))
}

/// The records of all deployments, by the deployments' names; one that cannot be read is left out with a warning.
pub(super) fn records(host: &Host, actual: &Actual, storage: &Storage) -> Result<BTreeMap<String, Record>> {
    let own = actual
        .pools
        .iter()
        .filter(|pool| is_deployment_pool(pool, actual.facts.uuid));
    let mut paths: BTreeSet<String> = own
        .filter_map(|pool| pool.target.as_deref())
        .map(record_path)
        .collect();
    // A folder whose pool is gone is an environment that a killed run left.
    let left = actual.facts.folders.iter();
    paths.extend(left.map(|name| record_path(&format!("{}/{name}", storage.folder))));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let script = r#"for file; do printf '\n#%s\n' "$file"; cat -- "$file" 2>/dev/null; done; true"#;
    let output = host
        .text(&Cmd::script(script, &paths))
        .context("reading the records of the environments")?;
    let mut records = BTreeMap::new();
    for (path, text) in facts::sections(&output) {
        match Record::parse(&text, &path) {
            Ok(Some(record)) => {
                records.insert(record.deployment.clone(), record);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!("{error}"),
        }
    }
    Ok(records)
}
