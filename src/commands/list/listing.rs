//! What `irs list` says. Pure: it looks at what was read.

use crate::actual::Actual;
use crate::commands::virsh::report::{self, NodeReport};
use crate::deployment::Identity;
use crate::names::DEFAULT_DEPLOYMENT;
use crate::steps::host::diff::is_deployment_pool;
use crate::steps::host::pools::base_uuid;
use crate::steps::host::record::Record;
use crate::ui::table::{self, table};
use crate::units::format_time;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A hypervisor's environments, in the shape of `--format json`.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// As it was typed.
    host: String,
    /// The environments on it.
    deployments: Vec<Environment>,
    /// What irs does not own.
    others: Others,
}

/// One environment.
#[derive(Clone, Debug, Serialize)]
struct Environment {
    /// Its name: the prefix, or `default`.
    deployment: String,
    /// user@machine; none when the record is lost.
    created_by: Option<String>,
    /// RFC 3339.
    created_at: Option<String>,
    /// When a later run changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    /// The network file.
    network: Option<String>,
    /// Its nodes on this hypervisor.
    nodes: Vec<NodeReport>,
    /// Its networks on this hypervisor.
    networks: Vec<NetworkReport>,
}

/// A network of an environment.
#[derive(Clone, Debug, Serialize)]
struct NetworkReport {
    /// libvirt's name of it.
    name: String,
    /// Whether it runs.
    active: bool,
    /// Its subnets, as `172.16.0.0/24`.
    subnets: Vec<String>,
}

/// What irs does not own.
#[derive(Clone, Debug, Serialize)]
struct Others {
    /// Names of virtual machines.
    domains: Vec<String>,
    /// Names of networks.
    networks: Vec<String>,
    /// Names of storage pools.
    pools: Vec<String>,
}

impl Listing {
    /// The hypervisor, as it was typed.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The text, as a part of a longer one.
    pub fn indented(&self) -> String {
        self.to_string()
            .lines()
            .map(|line| format!("  {line}\n"))
            .collect()
    }

    /// Sorts what is on a host by whose it is. An environment is what has a mark, a record or a pool of its own.
    pub fn of(host: &str, actual: &Actual, records: &BTreeMap<String, Record>) -> Listing {
        let deployments = names(actual, records)
            .into_iter()
            .map(|name| environment(name, host, actual, records.get(name)));
        Listing {
            host: host.to_owned(),
            deployments: deployments.collect(),
            others: others(actual),
        }
    }
}

/// The names of all environments.
pub(in crate::commands) fn names<'a>(
    actual: &'a Actual,
    records: &'a BTreeMap<String, Record>,
) -> BTreeSet<&'a str> {
    let pools = actual
        .pools
        .iter()
        .filter(|pool| is_deployment_pool(pool, actual.facts.uuid));
    let mut names: BTreeSet<&str> = actual.deployments();
    names.extend(records.keys().map(String::as_str));
    names.extend(pools.filter_map(|pool| pool.name.strip_prefix("irs-")));
    names
}

fn environment(name: &str, host: &str, actual: &Actual, record: Option<&Record>) -> Environment {
    let prefix = (name != DEFAULT_DEPLOYMENT).then_some(name);
    let derived = actual.identity(name, prefix, host);
    let id = Identity {
        uuid: record.map_or_else(
            || actual.marked_uuid(name).unwrap_or(derived.uuid),
            |record| record.uuid,
        ),
        ..derived
    };
    let ready = record.map(|record| record.ready.clone()).unwrap_or_default();
    let networks = actual.networks_of(id.uuid).map(|network| NetworkReport {
        name: network.name.clone(),
        active: network.active,
        subnets: network.addresses.iter().map(|a| a.net.to_string()).collect(),
    });
    Environment {
        deployment: name.to_owned(),
        created_by: record.map(|record| record.created_by.clone()),
        created_at: record.map(|record| format_time(record.created_at)),
        changed_at: record.and_then(|record| record.changed_at).map(format_time),
        network: record.and_then(|record| record.network.clone()),
        nodes: report::nodes(actual, &id, &ready),
        networks: networks.collect(),
    }
}

fn others(actual: &Actual) -> Others {
    let domains = actual.domains.iter().filter(|domain| domain.mark.is_none());
    let networks = actual.networks.iter().filter(|network| network.owner.is_none());
    let host = actual.facts.uuid;
    let pools = actual
        .pools
        .iter()
        .filter(|pool| !is_deployment_pool(pool, host) && pool.uuid != base_uuid(host, &pool.name));
    Others {
        domains: sorted(domains.map(|domain| &domain.name)),
        networks: sorted(networks.map(|network| &network.name)),
        pools: sorted(pools.map(|pool| &pool.name)),
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let names: BTreeSet<&String> = names.collect();
    names.into_iter().cloned().collect()
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deployments.is_empty() {
            writeln!(f, "no environments of irs on '{}'", self.host)?;
        } else {
            let rows = self.deployments.iter().map(Environment::row);
            let header = table::row(&["ENVIRONMENT", "MADE BY", "WHEN", "NODES", "NETWORKS"]);
            let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
            f.write_str(&table(&rows))?;
        }
        let kinds = [
            ("domains", &self.others.domains),
            ("networks", &self.others.networks),
            ("pools", &self.others.pools),
        ];
        for (kind, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
            writeln!(f, "{kind} that irs did not make: {}", names.join(", "))?;
        }
        Ok(())
    }
}

impl Environment {
    fn row(&self) -> Vec<String> {
        let lost = || "(record lost)".to_owned();
        let running = self.nodes.iter().filter(|node| node.state == "running").count();
        let nodes = match self.nodes.len() {
            0 => "none".to_owned(),
            all if all == running => format!("{all} running"),
            all => format!("{running} of {all} running"),
        };
        let subnets: Vec<&str> = self
            .networks
            .iter()
            .map(|network| {
                network
                    .subnets
                    .first()
                    .map_or(network.name.as_str(), String::as_str)
            })
            .collect();
        vec![
            self.deployment.clone(),
            self.created_by.clone().unwrap_or_else(lost),
            self.created_at.clone().unwrap_or_default(),
            nodes,
            if subnets.is_empty() {
                "none".into()
            } else {
                subnets.join(" ")
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Slot;
    use crate::steps::host::pools::ActualPool;
    use crate::steps::networks::read::parse;
    use uuid::Uuid;

    fn network(name: &str, owner: Option<(&str, Uuid)>) -> crate::steps::networks::read::ActualNetwork {
        let mark = owner.map_or_else(String::new, |(deployment, uuid)| {
            format!(
                "<metadata><irs:network xmlns:irs='{}' version='1' deployment='{deployment}' uuid='{uuid}'/></metadata>",
                crate::mark::NAMESPACE
            )
        });
        let uuid = Uuid::new_v5(&Uuid::nil(), name.as_bytes());
        parse(&format!(
            "<network><name>{name}</name><uuid>{uuid}</uuid>{mark}<ip address='10.0.0.1' prefix='24'/></network>"
        ))
        .unwrap()
    }

    #[test]
    fn environments_are_told_by_mark_record_or_pool_and_all_else_is_of_others() {
        let actual = Actual::default();
        let uuid = |name: &str| actual.identity(name, Some(name), "hv1").uuid;
        let slot = Slot {
            net: "10".into(),
            data_net: "34".into(),
        };
        let mut record = Record::new("a", uuid("a"), slot, "me@laptop".into()).unwrap();
        record.created_at = 1_795_266_300;
        let pool = |name: &str, uuid: Uuid| ActualPool {
            name: name.into(),
            uuid,
            target: None,
            active: true,
            autostart: true,
            volumes: BTreeMap::new(),
        };
        let actual = Actual {
            networks: vec![
                network("a-data", Some(("a", uuid("a")))),
                network("b-data", Some(("b", uuid("b")))),
                network("foreign", None),
            ],
            pools: vec![
                pool("irs-c", uuid("c")),
                pool("irs-d", Uuid::from_u128(1)),
                pool("images", base_uuid(actual.facts.uuid, "images")),
            ],
            ..actual
        };
        let records = BTreeMap::from([("a".to_owned(), record)]);
        let listing = Listing::of("hv1", &actual, &records);
        assert_eq!(
            listing.to_string(),
            "\
ENVIRONMENT  MADE BY        WHEN                  NODES  NETWORKS
a            me@laptop      2026-11-21T13:05:00Z  none   10.0.0.0/24
b            (record lost)                        none   10.0.0.0/24
c            (record lost)                        none   none
networks that irs did not make: foreign
pools that irs did not make: irs-d
"
        );
        let none = Listing::of("hv1", &Actual::default(), &BTreeMap::new());
        assert_eq!(none.to_string(), "no environments of irs on 'hv1'\n");
    }
}
