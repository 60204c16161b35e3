//! The hypervisors of an environment, as each one's record has them.

use super::Share;
use super::share::shares;
use crate::error::{Exit, Fault};
use crate::steps::host::record::Record;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A node, as far as counting goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seat {
    /// The name of its node file.
    pub file: String,
    /// Its number among the nodes of its type.
    pub index: u32,
    /// What its type's nodes are called.
    #[serde(rename = "type")]
    pub node_type: String,
}

/// One hypervisor of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The UUID of the deployment there.
    pub uuid: Uuid,
    /// What it is called, as somebody typed it.
    pub address: String,
    /// Its part of the DHCP ranges.
    pub share: Share,
    /// The nodes that live there: nobody makes them elsewhere while it cannot be asked.
    #[serde(default)]
    pub nodes: Vec<Seat>,
}

/// A hypervisor of a run.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// What it is called.
    pub host: &'a str,
    /// The UUID of the deployment there.
    pub uuid: Uuid,
    /// What it remembers of the deployment.
    pub record: Option<&'a Record>,
    /// Whether irs's marks are on something there.
    pub is_marked: bool,
}

/// Makes sure that it is one environment on different machines.
///
/// # Errors
/// `Usage`, naming the two that do not go together.
pub fn one_environment(name: &str, found: &[Found<'_>]) -> Result<(), Fault> {
    let mut first: BTreeMap<Uuid, &str> = BTreeMap::new();
    for one in found {
        if let Some(other) = first.insert(one.uuid, one.host) {
            let message = format!(
                "'{other}' and '{}' are one machine: they have the same UUID",
                one.host
            );
            return Err(Fault::new(Exit::Usage, message).hint(
                "name it once; a clone of another machine needs a UUID of its own: \
                 host_uuid in /etc/libvirt/libvirtd.conf, or a new /etc/machine-id",
            ));
        }
    }
    let with_record = || found.iter().filter_map(|one| Some((one.host, one.record?)));
    let Some((host, record)) = with_record().next() else {
        return Ok(());
    };
    match with_record().find(|(_, other)| other.secret != record.secret) {
        None => Ok(()),
        Some((other, _)) => Err(Fault::new(
            Exit::Usage,
            format!("'{host}' and '{other}' have an environment '{name}' each: they are two, not one"),
        )
        .hint("name one of the two hypervisors alone, or choose another --prefix for what is to be on both")),
    }
}

/// The hypervisors that the environment lives on, as the records say, and that the run does not know.
pub fn absent(found: &[Found<'_>]) -> Vec<Member> {
    let mut absent: Vec<Member> = Vec::new();
    for member in found
        .iter()
        .filter_map(|one| one.record)
        .flat_map(|record| &record.fleet)
    {
        let known = found.iter().any(|one| one.uuid == member.uuid);
        if !known && !absent.iter().any(|other| other.uuid == member.uuid) {
            absent.push(member.clone());
        }
    }
    absent
}

/// What the records must say of the hypervisors; nothing of a single one. `nodes` are each one's; `asked` is how many there
/// are to be, with those that cannot be asked.
pub fn members(found: &[Found<'_>], nodes: &[Vec<Seat>], absent: Vec<Member>, asked: usize) -> Vec<Member> {
    let count = asked.max(found.len() + absent.len());
    if count < 2 {
        return Vec::new();
    }
    let known = || {
        found
            .iter()
            .filter_map(|one| one.record)
            .flat_map(|record| &record.fleet)
    };
    let before = |uuid: Uuid| known().find(|member| member.uuid == uuid);
    let share = |one: &Found<'_>| match before(one.uuid) {
        Some(member) => Some(member.share),
        // It was there alone, or lost its record: its networks have the whole ranges.
        None => (one.record.is_some() || one.is_marked).then_some(Share::WHOLE),
    };
    let mut present: Vec<Option<Share>> = found.iter().map(share).collect();
    present.extend(absent.iter().map(|member| Some(member.share)));
    present.resize(count, None);
    let shares = shares(&present);
    let mut members: Vec<Member> = found
        .iter()
        .zip(nodes)
        .map(|(one, nodes)| Member {
            uuid: one.uuid,
            // Whoever calls it otherwise need not write that down.
            address: before(one.uuid)
                .map_or(one.host, |member| &member.address)
                .to_owned(),
            share: Share::WHOLE,
            nodes: nodes.clone(),
        })
        .chain(absent)
        .collect();
    for (member, share) in members.iter_mut().zip(shares) {
        member.share = share;
        member.nodes.sort();
    }
    members.sort_by_key(|member| (member.share, member.uuid));
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Slot;

    fn record(uuid: u128, fleet: Vec<Member>) -> Record {
        let slot = Slot {
            net: "0".into(),
            data_net: "24".into(),
        };
        let mut record = Record::new("default", Uuid::from_u128(uuid), slot, "me@laptop".into()).unwrap();
        record.fleet = fleet;
        record
    }

    fn found<'a>(host: &'a str, uuid: u128, record: Option<&'a Record>) -> Found<'a> {
        Found {
            host,
            uuid: Uuid::from_u128(uuid),
            record,
            is_marked: false,
        }
    }

    fn of(node: u32) -> Vec<Seat> {
        vec![Seat {
            file: "web".into(),
            index: node,
            node_type: "web".into(),
        }]
    }

    #[test]
    fn what_others_remember_of_a_hypervisor_that_cannot_be_asked_stays() {
        let both = members(
            &[found("a", 1, None), found("b", 2, None)],
            &[of(0), of(1)],
            vec![],
            2,
        );
        let (mut one, two) = (record(1, both.clone()), record(2, both.clone()));
        one.secret = two.secret.clone();
        assert_eq!(
            absent(&[found("a", 1, Some(&one)), found("b", 2, Some(&two))]),
            []
        );
        let lost = absent(&[found("a", 1, Some(&one))]);
        assert_eq!(
            (lost.len(), lost[0].address.as_str(), &lost[0].nodes),
            (1, "b", &of(1))
        );
        // Somebody calls it by another name; the other one stays as it is.
        let again = members(&[found("a.example", 1, Some(&one))], &[of(0)], lost, 1);
        assert_eq!(again, both);
        assert_eq!(
            one_environment("default", &[found("a", 1, Some(&one)), found("b", 2, Some(&two))])
                .err()
                .map(|f| f.message),
            None
        );
    }

    #[test]
    fn a_single_hypervisor_writes_nothing_and_one_more_takes_half() {
        let alone = record(1, vec![]);
        assert_eq!(members(&[found("a", 1, Some(&alone))], &[of(0)], vec![], 1), []);
        let two = members(
            &[found("b", 2, None), found("a", 1, Some(&alone))],
            &[vec![], of(0)],
            vec![],
            2,
        );
        assert_eq!(
            two.iter()
                .map(|member| member.address.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(two[0].share.is_first() && two[0].share < two[1].share);
    }

    #[test]
    fn two_environments_and_one_machine_twice_are_refused() {
        let (one, two) = (record(1, vec![]), record(2, vec![]));
        let refused = |found: &[Found<'_>]| one_environment("lab1", found).unwrap_err().message;
        assert_eq!(
            refused(&[found("a", 1, Some(&one)), found("b", 2, Some(&two))]),
            "'a' and 'b' have an environment 'lab1' each: they are two, not one"
        );
        assert_eq!(
            refused(&[found("a", 1, None), found("b", 1, None)]),
            "'a' and 'b' are one machine: they have the same UUID"
        );
    }
}
