//! What `irs cleanup` says.

use super::choose::{Case, Verdict};
use crate::commands::connection::Silent;
use crate::ui::table::{self, table};
use crate::units::{format_duration, format_time};
use serde::Serialize;
use std::fmt;

/// What became of everything, in the shape of `--format json`.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    /// The environments that --prefix names, and what became of each.
    environments: Vec<Told>,
    /// The hypervisors that do not answer.
    #[serde(rename = "no_answer", skip_serializing_if = "Vec::is_empty")]
    pub(super) silent: Vec<Silent>,
}

/// What became of an environment.
#[derive(Debug, Serialize)]
struct Told {
    /// The prefix, or `default`.
    deployment: String,
    /// The hypervisors that it is on, among those that were looked at.
    hosts: Vec<String>,
    /// user@machine; none when the record is lost.
    created_by: Option<String>,
    /// RFC 3339.
    created_at: Option<String>,
    /// When a later run changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    /// For how many seconds nobody made or changed it.
    age: Option<u64>,
    /// What became of it.
    became: Became,
    /// Why it was kept, or what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What an environment became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Became {
    /// It would be removed; this is a dry run.
    Old,
    /// It is gone.
    Removed,
    /// It is not old enough.
    Young,
    /// It stays though it may be old enough.
    Kept,
    /// Its removal failed.
    Failed,
}

impl Outcome {
    /// Nothing is removed yet.
    pub(super) fn new(cases: &[Case], silent: Vec<Silent>) -> Outcome {
        Outcome {
            environments: cases.iter().map(told).collect(),
            silent,
        }
    }

    /// Whether there is nothing to tell of.
    pub(super) fn is_empty(&self) -> bool {
        self.environments.is_empty()
    }

    /// Notes what became of one.
    pub(super) fn note(&mut self, at: usize, became: Became, reason: Option<String>) {
        if let Some(told) = self.environments.get_mut(at) {
            (told.became, told.reason) = (became, reason);
        }
    }

    /// The names of those of which that became.
    pub(super) fn which(&self, became: Became) -> Vec<&str> {
        let of = self.environments.iter().filter(|told| told.became == became);
        of.map(|told| told.deployment.as_str()).collect()
    }
}

fn told(case: &Case) -> Told {
    let (became, reason) = match &case.verdict {
        Verdict::Old => (Became::Old, None),
        Verdict::Young => (Became::Young, None),
        Verdict::Kept(why) => (Became::Kept, Some(why.clone())),
    };
    let record = case.records.values().next();
    let changed = case.records.values().filter_map(|record| record.changed_at).max();
    Told {
        deployment: case.deployment.clone(),
        hosts: case.hosts.clone(),
        created_by: record.map(|record| record.created_by.clone()),
        created_at: record.map(|record| format_time(record.created_at)),
        changed_at: changed.map(format_time),
        age: case.age,
        became,
        reason,
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = table::row(&["ENVIRONMENT", "ON", "MADE BY", "UNCHANGED FOR", ""]);
        let shown = self.environments.iter().map(|told| {
            let became = match told.became {
                Became::Old => "would be removed",
                Became::Removed => "removed",
                Became::Young => "stays",
                Became::Kept => "kept",
                Became::Failed => "failed",
            };
            let reason = told.reason.iter().map(|reason| format!(": {reason}"));
            let age = told.age.map(format_duration);
            vec![
                told.deployment.clone(),
                told.hosts.join(","),
                told.created_by.clone().unwrap_or_else(|| "(record lost)".into()),
                age.unwrap_or_default(),
                became.to_owned() + &reason.collect::<String>(),
            ]
        });
        let rows: Vec<_> = std::iter::once(header).chain(shown).collect();
        match rows.len() {
            1 => Ok(()),
            _ => f.write_str(&table(&rows)),
        }
    }
}
