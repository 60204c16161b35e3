//! Which hypervisor each node lives on: existing ones stay where they are, new ones are dealt. Pure.

use super::counts::Counts;
use crate::fleet::Seat;
use crate::topology::{NodeType, Topology};
use crate::units::MIB;
use crate::yaml::{Problems, nearest};
use std::collections::BTreeMap;

/// How new nodes are dealt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The node of number i to hypervisor i modulo their count.
    #[default]
    RoundRobin,
    /// Each to the hypervisor that has the most memory left.
    Memory,
}

/// A hypervisor, as far as nodes are dealt to it.
#[derive(Clone, Debug)]
pub struct Host<'a> {
    /// As it was typed.
    pub name: &'a str,
    /// The nodes that it has.
    pub present: Vec<Seat>,
    /// Bytes of memory for new guests; none of one that cannot be asked.
    pub memory: Option<u64>,
}

/// Where all nodes of a run are to be.
#[derive(Clone, Debug, Default)]
pub struct Seating {
    /// The nodes of each hypervisor.
    pub of: Vec<Counts>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Seats all nodes; `dealt` are the hypervisors that new ones may go to, in their order.
///
/// # Errors
/// Hypervisors that are not there, nodes that are in two places, wires between hypervisors.
pub fn seat(
    topology: &Topology,
    all: &Counts,
    hosts: &[Host<'_>],
    dealt: &[usize],
    placement: Placement,
) -> Result<Seating, Problems> {
    let mut problems = Problems::default();
    let mut notes = Vec::new();
    let mut left: Vec<Option<u64>> = hosts.iter().map(|host| host.memory).collect();
    let mut seats: BTreeMap<(String, u32), usize> = BTreeMap::new();
    for (at, host) in hosts.iter().enumerate() {
        for seat in &host.present {
            // Twice on one hypervisor is a domain under another name: that is told of the domain.
            if let Some(other) = seats.insert((seat.file.clone(), seat.index), at)
                && other != at
            {
                problems
                    .push(
                        None,
                        format!(
                            "node '{}-{}' is on '{}' and on '{}'",
                            seat.node_type, seat.index, hosts[other].name, host.name
                        ),
                    )
                    .hint("remove one of the two, with --host-address and --kill of what it belongs to");
            }
        }
    }
    for spec in &topology.node_types {
        let asked = match &spec.host {
            None => None,
            Some((name, place)) => match hosts.iter().position(|host| host.name == name) {
                Some(at) => Some(at),
                None => {
                    let names: Vec<&str> = hosts.iter().map(|host| host.name).collect();
                    let there = format!("there are {}", names.join(", "));
                    let message = format!(
                        "the nodes '{}' are to be on '{name}', which is none of the hypervisors",
                        spec.file_name
                    );
                    problems
                        .push(place.clone(), message)
                        .hint(match nearest(name, names.iter().copied()) {
                            Some(near) => format!("did you mean '{near}'? {there}"),
                            None => format!("name it with --host-address, too; {there}"),
                        });
                    continue;
                }
            },
        };
        let mut elsewhere: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for index in all.indexes(&spec.file_name) {
            let key = (spec.file_name.clone(), index);
            if let Some(at) = seats.get(&key) {
                if asked.is_some_and(|asked| asked != *at) {
                    elsewhere
                        .entry(*at)
                        .or_default()
                        .push(format!("{}-{index}", spec.name));
                }
                continue;
            }
            let at = asked.or_else(|| match placement {
                Placement::RoundRobin => dealt.get(index as usize % dealt.len().max(1)).copied(),
                Placement::Memory => roomiest(dealt, &left),
            });
            let at = at.unwrap_or_default();
            if let Some(left) = left.get_mut(at).and_then(Option::as_mut) {
                *left = left.saturating_sub(spec.memory_mib * MIB);
            }
            seats.insert(key, at);
        }
        for (at, nodes) in elsewhere {
            notes.push(format!(
                "note: {} {} on '{}' and stays there, though 'host' says '{}'",
                nodes.join(", "),
                if nodes.len() == 1 { "lives" } else { "live" },
                hosts[at].name,
                spec.host.as_ref().map_or("", |(name, _)| name)
            ));
        }
    }
    let of: Vec<Counts> = (0..hosts.len())
        .map(|at| all.only(|file, index| seats.get(&(file.to_owned(), index)) == Some(&at)))
        .collect();
    check_wires(topology, &of, hosts, &mut problems);
    match problems.is_empty() {
        true => Ok(Seating { of, notes }),
        false => Err(problems),
    }
}

/// The hypervisor with the most memory left; of equal ones the first.
fn roomiest(dealt: &[usize], left: &[Option<u64>]) -> Option<usize> {
    let with_room = dealt.iter().filter_map(|at| Some((*at, (*left.get(*at)?)?)));
    let most = with_room.reduce(|best, one| if one.1 > best.1 { one } else { best });
    most.map(|(at, _)| at).or_else(|| dealt.first().copied())
}

/// A wire joins nodes of one hypervisor.
fn check_wires(topology: &Topology, of: &[Counts], hosts: &[Host<'_>], problems: &mut Problems) {
    let seats = |spec: &NodeType| -> BTreeMap<usize, u32> {
        let first = |counts: &Counts| counts.indexes(&spec.file_name).first().copied();
        let with_nodes = of.iter().enumerate();
        with_nodes
            .filter_map(|(at, counts)| Some((at, first(counts)?)))
            .collect()
    };
    for spec in &topology.node_types {
        for interface in &spec.interfaces {
            let Some(target) = &interface.connect_to else {
                continue;
            };
            let near = seats(spec);
            let mut far: BTreeMap<usize, String> = BTreeMap::new();
            for other in topology
                .node_types
                .iter()
                .filter(|t| t.name == *target || t.file_name == *target)
            {
                far.extend(
                    seats(other)
                        .into_iter()
                        .map(|(at, index)| (at, format!("{}-{index}", other.name))),
                );
            }
            for (at, host) in hosts.iter().enumerate() {
                let of_host = host
                    .present
                    .iter()
                    .filter(|s| s.node_type == *target || s.file == *target);
                far.extend(of_host.map(|seat| (at, format!("{}-{}", seat.node_type, seat.index))));
            }
            let apart = near.iter().find_map(|(at, index)| {
                let (other, name) = far.iter().find(|(other, _)| *other != at)?;
                Some((*at, *index, *other, name))
            });
            let Some((at, index, other, name)) = apart else {
                continue;
            };
            let message = format!(
                "'{}-{index}' on '{}' is wired to '{name}' on '{}': a wire joins nodes of one hypervisor",
                spec.name, hosts[at].name, hosts[other].name
            );
            problems.push(interface.place.clone(), message).hint(format!(
                "put both on one: -e override.{}.host={} -e override.{target}.host={1}",
                spec.file_name, hosts[other].name
            ));
        }
    }
}

/// What is said of nodes that are dealt to a hypervisor that fails.
pub fn left_out(host: &str, counts: &Counts, present: &[Seat], topology: &Topology) -> Option<String> {
    let mut names = Vec::new();
    for spec in &topology.node_types {
        let new = counts.indexes(&spec.file_name).into_iter().filter(|index| {
            let is = |seat: &Seat| seat.file == spec.file_name && seat.index == *index;
            !present.iter().any(is)
        });
        names.extend(new.map(|index| format!("{}-{index}", spec.name)));
    }
    (!names.is_empty()).then(|| format!("not made, since they are to be on '{host}': {}", names.join(", ")))
}

#[cfg(test)]
mod tests;
