//! Which indexes of each node type there must be.

use super::Wanted;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::topology::Topology;
use std::collections::{BTreeMap, BTreeSet};

/// The indexes of the nodes of each file.
#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<String, BTreeSet<u32>>);

impl Counts {
    /// The indexes of one file's nodes, in order.
    pub fn indexes(&self, file_name: &str) -> Vec<u32> {
        self.0.get(file_name).into_iter().flatten().copied().collect()
    }

    /// How many of each file.
    pub fn totals(&self) -> BTreeMap<String, u32> {
        self.0
            .iter()
            .map(|(name, indexes)| (name.clone(), indexes.len() as u32))
            .collect()
    }
}

/// What there must be: at least the counts asked for, or that many more with an extend, unless an extend of these
/// types was interrupted: then its target. New nodes take the lowest gaps among all nodes that are called the same,
/// also by another file.
pub fn targets(wanted: &Wanted, topology: &Topology, id: &Identity, actual: &Actual) -> Counts {
    let unfinished = actual
        .facts
        .record
        .as_ref()
        .and_then(|record| record.extend.as_ref())
        .filter(|_| wanted.extend);
    let mut taken: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    let mut counts = Counts::default();
    for mark in actual
        .domains_of(id.uuid)
        .filter_map(|domain| domain.mark.as_ref())
    {
        taken.entry(&mark.node_type).or_default().insert(mark.index);
        let of_file = counts.0.entry(mark.file_name.clone()).or_default();
        of_file.insert(mark.index);
    }
    let asked = |name: &String| topology.node_types.iter().any(|t| t.file_name == *name);
    counts.0.retain(|name, _| asked(name));
    for node_type in &topology.node_types {
        let taken = taken.entry(&node_type.name).or_default();
        let indexes = counts.0.entry(node_type.file_name.clone()).or_default();
        let target = match unfinished.and_then(|targets| targets.get(&node_type.file_name)) {
            Some(target) => *target as usize,
            None if wanted.extend => indexes.len() + node_type.count as usize,
            None => node_type.count as usize,
        };
        let free = (0..).filter(|index| !taken.contains(index));
        let new: Vec<u32> = free.take(target.saturating_sub(indexes.len())).collect();
        taken.extend(&new);
        indexes.extend(new);
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
        .filter_map(|t| {
            targets
                .get(&t.file_name)
                .map(|count| format!("{}:{count}", t.file_name))
        })
        .collect();
    (!list.is_empty()).then(|| {
        format!(
            "an interrupted extend to {} in all is completed; nothing is added beyond it",
            list.join(",")
        )
    })
}
