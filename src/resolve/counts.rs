//! Which indexes of each node type there must be.

use super::Wanted;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::topology::Topology;
use crate::yaml::Problems;
use std::collections::{BTreeMap, BTreeSet};

/// The indexes of each type.
#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<String, BTreeSet<u32>>);

impl Counts {
    /// The indexes of one type, in order.
    pub fn indexes(&self, node_type: &str) -> Vec<u32> {
        self.0.get(node_type).into_iter().flatten().copied().collect()
    }

    /// How many of each type.
    pub fn totals(&self) -> BTreeMap<String, u32> {
        self.0
            .iter()
            .map(|(name, indexes)| (name.clone(), indexes.len() as u32))
            .collect()
    }
}

/// What there must be: at least the counts asked for, or that many more with an extend, unless an extend of these
/// types was interrupted: then its target. New nodes take the lowest gaps.
pub fn targets(
    wanted: &Wanted,
    topology: &Topology,
    id: &Identity,
    actual: &Actual,
    problems: &mut Problems,
) -> Counts {
    let mut counts = Counts::default();
    let unfinished = actual
        .facts
        .record
        .as_ref()
        .and_then(|record| record.extend.as_ref())
        .filter(|_| wanted.extend);
    for node_type in &topology.node_types {
        if counts.0.contains_key(&node_type.name) {
            problems
                .push(
                    None,
                    format!(
                        "two of the node types asked for make nodes called '{}'",
                        node_type.name
                    ),
                )
                .hint("ask for one of them only");
            continue;
        }
        let mut indexes: BTreeSet<u32> = actual
            .domains_of(id.uuid)
            .filter_map(|domain| domain.mark.as_ref())
            .filter(|mark| mark.node_type == node_type.name)
            .map(|mark| mark.index)
            .collect();
        let target = match unfinished.and_then(|targets| targets.get(&node_type.name)) {
            Some(target) => *target as usize,
            None if wanted.extend => indexes.len() + node_type.count as usize,
            None => node_type.count as usize,
        };
        let mut lowest = 0;
        while indexes.len() < target {
            indexes.insert(lowest);
            lowest += 1;
        }
        counts.0.insert(node_type.name.clone(), indexes);
    }
    counts
}

/// Whether an extend of the same types was interrupted and is now completed.
pub fn resumes(wanted: &Wanted, topology: &Topology, actual: &Actual) -> Option<String> {
    let targets = actual
        .facts
        .record
        .as_ref()?
        .extend
        .as_ref()
        .filter(|_| wanted.extend)?;
    let list: Vec<String> = topology
        .node_types
        .iter()
        .filter_map(|t| targets.get(&t.name).map(|count| format!("{}:{count}", t.name)))
        .collect();
    (!list.is_empty()).then(|| {
        format!(
            "an interrupted extend to {} in all is completed; nothing is added beyond it",
            list.join(",")
        )
    })
}
