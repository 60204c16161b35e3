//! Which environments `irs cleanup` takes. Pure: it looks at what was read.

use crate::names::{self, DEFAULT_DEPLOYMENT};
use crate::steps::host::record::Record;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What a hypervisor has of environments.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    /// The hypervisor, as it was typed.
    pub(super) host: String,
    /// The names of all environments there.
    pub(super) names: BTreeSet<String>,
    /// Their records, by name.
    pub(super) records: BTreeMap<String, Record>,
    /// Who is changing them now, by name.
    pub(super) held: BTreeMap<String, String>,
}

/// An environment, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// The prefix, or `default`.
    pub(super) deployment: String,
    /// Its records, by hypervisor; empty when they are lost.
    pub(super) records: BTreeMap<String, Record>,
    /// Its hypervisors, among those that were looked at.
    pub(super) hosts: Vec<String>,
    /// For how many seconds nobody made or changed it.
    pub(super) age: Option<u64>,
    /// Whether it goes, and if not, why.
    pub(super) verdict: Verdict,
}

/// What becomes of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes.
    Old,
    /// It stays, as what it was asked for says.
    Young,
    /// It stays though it may be old enough.
    Kept(String),
}

/// What is asked for.
pub(super) struct Terms<'a> {
    /// Seconds since the epoch.
    pub(super) now: u64,
    /// In seconds.
    pub(super) older_than: u64,
    /// Any of them; none is all.
    pub(super) globs: &'a [String],
}

/// Judges the environments of all hypervisors; one on several of them is one.
pub(super) fn choose(sights: &[Sight], terms: &Terms<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let names: BTreeSet<&String> = sights.iter().flat_map(|sight| &sight.names).collect();
    let asked = |name: &str| terms.globs.is_empty() || terms.globs.iter().any(|glob| matches(glob, name));
    for name in names.into_iter().filter(|name| asked(name)) {
        let mut left: Vec<&Sight> = sights.iter().filter(|sight| sight.names.contains(name)).collect();
        while let Some(first) = left.first() {
            let fleet = first.records.get(name).map(members).unwrap_or_default();
            let (own, others): (Vec<&Sight>, Vec<&Sight>) = left.iter().partition(|sight| {
                let theirs = sight.records.get(name).map(members).unwrap_or_default();
                sight.host == first.host || !fleet.is_disjoint(&theirs)
            });
            cases.push(judge(name, &own, terms));
            left = others;
        }
    }
    cases
}

fn members(record: &Record) -> BTreeSet<Uuid> {
    record.fleet.iter().map(|member| member.uuid).collect()
}

fn judge(name: &str, sights: &[&Sight], terms: &Terms<'_>) -> Case {
    let of = |sight: &&Sight| Some((sight.host.clone(), sight.records.get(name)?.clone()));
    let records: BTreeMap<String, Record> = sights.iter().filter_map(of).collect();
    let touched = records.values().map(Record::touched_at).max();
    let age = touched.map(|touched| terms.now.saturating_sub(touched));
    let holder = sights.iter().find_map(|sight| sight.held.get(name));
    let lost = sights.iter().find(|sight| !sight.records.contains_key(name));
    let is_strange = name != DEFAULT_DEPLOYMENT && names::check_prefix(name).is_err();
    let verdict = match age {
        _ if is_strange => Verdict::Kept("its name is none that irs gives".into()),
        Some(age) if age < terms.older_than => Verdict::Young,
        _ if lost.is_some() => Verdict::Kept("its record is lost, and with it its age".into()),
        _ => match (holder, elsewhere(&records)) {
            (Some(who), _) => Verdict::Kept(format!("it is being changed by {who}")),
            (None, Some(others)) => Verdict::Kept(format!("it lives on {others}, too, where nobody looked")),
            (None, None) => Verdict::Old,
        },
    };
    Case {
        deployment: name.to_owned(),
        records,
        hosts: sights.iter().map(|sight| sight.host.clone()).collect(),
        age,
        verdict,
    }
}

/// The hypervisors of an environment that were not looked at, or did not answer; none when that were all.
fn elsewhere(records: &BTreeMap<String, Record>) -> Option<String> {
    let seen: BTreeSet<Uuid> = records.values().map(|record| record.uuid).collect();
    let all = records.values().flat_map(|record| &record.fleet);
    let others = all.filter(|member| !seen.contains(&member.uuid));
    let names: BTreeSet<String> = others.map(|member| format!("'{}'", member.address)).collect();
    (!names.is_empty()).then(|| Vec::from_iter(names).join(" and "))
}

/// Whether a name is what a glob of `*` and `?` says.
fn matches(glob: &str, name: &str) -> bool {
    let mut rest = glob.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => {
            let mut tails = name.char_indices().map(|(at, _)| &name[at..]);
            matches(rest.as_str(), "") || tails.any(|tail| matches(rest.as_str(), tail))
        }
        Some(wanted) => {
            let mut name = name.chars();
            let same = name.next().is_some_and(|c| wanted == '?' || c == wanted);
            same && matches(rest.as_str(), name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Slot;
    use crate::fleet::{Member, Share};

    fn record(name: &str, created: u64, changed: Option<u64>, fleet: &[u128]) -> Record {
        let slot = Slot {
            net: "0".into(),
            data_net: "24".into(),
        };
        let mut record = Record::new(name, Uuid::from_u128(1), slot, "me@laptop".into()).unwrap();
        record.created_at = created;
        record.changed_at = changed;
        let member = |uuid: &u128| Member {
            uuid: Uuid::from_u128(*uuid),
            address: "hv".into(),
            share: Share::WHOLE,
            nodes: Vec::new(),
        };
        record.fleet = fleet.iter().map(member).collect();
        record
    }

    fn sight(host: &str, records: &[Record]) -> Sight {
        let named = |record: &Record| (record.deployment.clone(), record.clone());
        let records: BTreeMap<String, Record> = records.iter().map(named).collect();
        Sight {
            host: host.into(),
            names: records.keys().cloned().collect(),
            records,
            held: BTreeMap::new(),
        }
    }

    fn chosen(sights: &[Sight], globs: &[&str]) -> Vec<String> {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let terms = Terms {
            now: 1000,
            older_than: 100,
            globs: &globs,
        };
        let said = |case: Case| {
            let verdict = match case.verdict {
                Verdict::Old => "old".to_owned(),
                Verdict::Young => "young".to_owned(),
                Verdict::Kept(why) => why,
            };
            format!("{} on {}: {verdict}", case.deployment, case.hosts.join(" "))
        };
        choose(sights, &terms).into_iter().map(said).collect()
    }

    #[test]
    fn what_was_made_and_changed_long_ago_is_old() {
        let mut one = sight(
            "a",
            &[
                record("ci-1", 800, None, &[]),
                record("ci-2", 950, None, &[]),
                record("ci-3", 100, Some(950), &[]),
                record("ci-4", 100, Some(900), &[]),
                record("default", 100, None, &[]),
                record("held", 100, None, &[]),
                // A clock that was ahead.
                record("later", 2000, None, &[]),
                record("../x", 100, None, &[]),
            ],
        );
        one.held.insert("held".into(), "bob@pc, since noon".into());
        one.names.insert("lost".into());
        let all = [
            "../x on a: its name is none that irs gives",
            "ci-1 on a: old",
            "ci-2 on a: young",
            "ci-3 on a: young",
            "ci-4 on a: old",
            "default on a: old",
            "held on a: it is being changed by bob@pc, since noon",
            "later on a: young",
            "lost on a: its record is lost, and with it its age",
        ];
        assert_eq!(chosen(std::slice::from_ref(&one), &[]), all);
        assert_eq!(chosen(std::slice::from_ref(&one), &["ci-?", "l*"]).len(), 6);
        assert_eq!(chosen(&[one], &["CI-*", "efault"]), Vec::<String>::new());
    }

    #[test]
    fn an_environment_of_several_hypervisors_is_one_and_as_young_as_its_youngest_part() {
        let a = sight("a", &[record("f", 1, None, &[1, 2]), record("s", 1, None, &[])]);
        let b = sight(
            "b",
            &[record("f", 1, Some(990), &[1, 2]), record("s", 990, None, &[])],
        );
        let all = ["f on a b: young", "s on a: old", "s on b: young"];
        assert_eq!(chosen(&[a, b], &[]), all);
    }

    #[test]
    fn one_that_lives_where_nobody_looked_stays() {
        let part = |host: &str, uuid: u128| {
            let mut record = record("f", 1, None, &[1, 2]);
            record.uuid = Uuid::from_u128(uuid);
            sight(host, &[record])
        };
        let (a, b) = (part("a", 1), part("b", 2));
        assert_eq!(
            chosen(std::slice::from_ref(&a), &[]),
            ["f on a: it lives on 'hv', too, where nobody looked"]
        );
        assert_eq!(chosen(&[a, b], &[]), ["f on a b: old"]);
    }

    #[test]
    fn globs_are_of_the_whole_name() {
        for (glob, name, is) in [
            ("*", "", true),
            ("ci-*", "ci-", true),
            ("ci-*", "ci-a-b", true),
            ("*-b", "ci-a-b", true),
            ("*a*b*", "xxaxxbxx", true),
            ("ci-?", "ci-12", false),
            ("ci", "ci-1", false),
            ("i-1", "ci-1", false),
        ] {
            assert_eq!(matches(glob, name), is, "{glob} {name}");
        }
    }
}
