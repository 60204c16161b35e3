//! Which indexes of each node type there must be.

use super::Wanted;
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::fleet::Seat;
use crate::mark::NodeMark;
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

    /// The nodes among them for which that holds.
    pub fn only(&self, holds: impl Fn(&str, u32) -> bool) -> Counts {
        let of_file = |(name, indexes): (&String, &BTreeSet<u32>)| {
            let held = indexes.iter().copied().filter(|index| holds(name, *index));
            (name.clone(), held.collect())
        };
        Counts(self.0.iter().map(of_file).collect())
    }

    /// Whether that node is among them.
    pub fn has(&self, file_name: &str, index: u32) -> bool {
        self.0
            .get(file_name)
            .is_some_and(|indexes| indexes.contains(&index))
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
pub fn targets(
    wanted: &Wanted,
    topology: &Topology,
    present: &[Seat],
    unfinished: Option<&BTreeMap<String, u32>>,
) -> Counts {
    let unfinished = unfinished.filter(|_| wanted.extend);
    let mut taken: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    let mut counts = Counts::default();
    for seat in present {
        taken.entry(&seat.node_type).or_default().insert(seat.index);
        let of_file = counts.0.entry(seat.file.clone()).or_default();
        of_file.insert(seat.index);
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

/// The nodes of a deployment that a hypervisor has.
pub fn present(id: &Identity, actual: &Actual) -> Vec<Seat> {
    let marks = actual
        .domains_of(id.uuid)
        .filter_map(|domain| domain.mark.as_ref());
    let seat = |mark: &NodeMark| Seat {
        file: mark.file_name.clone(),
        index: mark.index,
        node_type: mark.node_type.clone(),
    };
    marks.map(seat).collect()
}

/// The target of an extend that is not complete, as its record says.
pub fn unfinished(actual: &Actual) -> Option<&BTreeMap<String, u32>> {
    actual.facts.record.as_ref()?.extend.as_ref()
}

/// Whether an extend of the same types was interrupted and is now completed.
pub fn resumes(
    wanted: &Wanted,
    topology: &Topology,
    unfinished: Option<&BTreeMap<String, u32>>,
) -> Option<String> {
    let targets = unfinished.filter(|_| wanted.extend)?;
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
