//! Which hypervisors a command works on, and how they are reached: as the flags say, else as the workspace remembers.

use crate::cli::environment::WorkspaceFlag;
use crate::cli::host::{ConnectFlags, HostKeyChecking};
use crate::error::{Exit, Fault, Report};
use crate::ssh::config::{ClientOptions, Strictness};
use crate::ui::Ui;
use crate::workspace::Record;
use crate::workspace::choice::{self, Choice, Why};
use crate::yaml::Problems;
use anyhow::Result;
use serde::Serialize;

/// A hypervisor and the way to it.
#[derive(Clone, Debug)]
pub struct Way {
    /// The hypervisor, as it was typed.
    pub host: String,
    /// Whether nobody named it, so that it is this machine.
    pub is_default: bool,
    /// How it is reached.
    pub client: ClientOptions,
}

/// The hypervisors of an environment.
#[derive(Clone, Debug)]
pub struct Ways {
    /// All of them: those of the workspace's last run in its order, then those that are new.
    pub all: Vec<Way>,
    /// Those that new nodes may go to, in the order in which they were named.
    pub dealt: Vec<usize>,
}

/// The ways that the flags name; what they leave open is as in the workspace's last run. An environment that lives on
/// others, too, goes on living there.
pub fn ways(flags: &ConnectFlags, known: Option<&Record>) -> Ways {
    let named = named(&flags.host_address);
    let remembered = known.map_or(&[][..], |record| &record.hosts);
    let mut hosts: Vec<&str> = remembered.iter().map(|host| host.address.as_str()).collect();
    hosts.extend(
        named
            .iter()
            .filter(|host| !hosts.contains(host))
            .collect::<Vec<_>>(),
    );
    let is_default = hosts.is_empty();
    if is_default {
        hosts.push("local");
    }
    let dealt = match named.is_empty() {
        true => (0..hosts.len()).collect(),
        false => named
            .iter()
            .filter_map(|name| hosts.iter().position(|host| host == name))
            .collect(),
    };
    let way = |host: &&str| {
        let last = remembered.iter().find(|known| known.address == **host);
        Way {
            client: ClientOptions {
                user: flags.host_user.clone().or_else(|| last?.user.clone()),
                key: flags.host_key.clone().or_else(|| last?.key.clone()),
                known_hosts: flags.known_hosts.clone().or_else(|| last?.known_hosts.clone()),
                strictness: flags.strict_host_key_checking.map(|mode| match mode {
                    HostKeyChecking::Yes => Strictness::Refuse,
                    HostKeyChecking::AcceptNew => Strictness::AcceptNew,
                }),
                ..ClientOptions::default()
            },
            host: (*host).to_owned(),
            is_default,
        }
    };
    Ways {
        all: hosts.iter().map(way).collect(),
        dealt,
    }
}

/// What is said when nobody named a hypervisor, and so this machine is meant.
pub fn here(doing: &str, choice: &Choice) -> String {
    let workspace = match choice.why {
        Why::Default => String::new(),
        _ => format!(", and the workspace {} knows none", choice.shown()),
    };
    format!("no --host-address{workspace}: {doing} this machine (local)")
}

/// The hypervisors that are named, else the workspace's, else this machine, which is said.
///
/// # Errors
/// `Usage` for an empty name, and for a workspace that is not there.
pub fn looked_at(flags: &ConnectFlags, workspace: &WorkspaceFlag, ui: &Ui) -> Result<Vec<Way>> {
    let mut problems = Problems::default();
    check_hosts(&flags.host_address, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let choice = choice::choose(None, workspace.workspace.as_deref())?;
    let Ways { all, dealt } = ways(flags, choice.record.as_ref());
    let ways: Vec<Way> = dealt.iter().map(|at| all[*at].clone()).collect();
    if ways.iter().any(|way| way.is_default) {
        choice.must_be_there()?;
        ui.note(&here("looking at", &choice));
    }
    Ok(ways)
}

/// Reports a `--host-address` without a name.
pub fn check_hosts(named: &[String], problems: &mut Problems) {
    if named.iter().any(|address| address.trim().is_empty()) {
        problems
            .push(None, "--host-address is empty")
            .hint("name the hypervisor, e.g. --host-address hv1");
    }
}

/// The hypervisors that are named, each once.
pub fn named(addresses: &[String]) -> Vec<&str> {
    let mut hosts: Vec<&str> = Vec::new();
    for address in addresses.iter().map(|address| address.trim()) {
        if !hosts.contains(&address) {
            hosts.push(address);
        }
    }
    hosts
}

/// Does the same for several things at once.
pub fn at_once<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = &work;
    let join = |thread: std::thread::ScopedJoinHandle<'_, R>| {
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = items
            .into_iter()
            .map(|item| scope.spawn(move || work(item)))
            .collect();
        threads.into_iter().map(join).collect()
    })
}

/// A hypervisor that was only to be looked at, and that does not answer.
#[derive(Clone, Debug, Serialize)]
pub struct Silent {
    /// As it was typed.
    pub host: String,
    /// Why.
    pub error: Report,
}

/// The end of a look at several hypervisors: what was found was told, and still it is not all.
pub fn incomplete(silent: Vec<Silent>) -> Result<()> {
    let names: Vec<String> = silent.iter().map(|one| format!("'{}'", one.host)).collect();
    let Some(first) = silent.into_iter().next() else {
        return Ok(());
    };
    let fault = Fault::new(Exit::Unreachable, format!("no answer from {}", names.join(", ")));
    let fault = first
        .error
        .hint
        .into_iter()
        .fold(fault, |fault, hint| fault.hint(hint));
    Err(anyhow::anyhow!(first.error.message).context(fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::RecordHost;

    fn flags(hosts: &[&str]) -> ConnectFlags {
        ConnectFlags {
            host_address: hosts.iter().map(|host| (*host).to_owned()).collect(),
            host_user: None,
            host_key: Some("/k".into()),
            known_hosts: None,
            strict_host_key_checking: None,
        }
    }

    #[test]
    fn what_the_environment_lives_on_stays_and_new_nodes_go_where_it_is_said() {
        let host = |address: &str, user: &str| RecordHost {
            address: address.into(),
            user: Some(user.into()),
            key: Some("/old".into()),
            ..RecordHost::default()
        };
        let known = Record {
            hosts: vec![host("a", "one"), host("b", "two")],
            ..Record::default()
        };
        let of = |hosts: &[&str], known: Option<&Record>| {
            let ways = ways(&flags(hosts), known);
            let all: Vec<String> = ways.all.iter().map(|way| way.host.clone()).collect();
            (all.join(" "), ways.dealt)
        };
        assert_eq!(of(&[], None), ("local".into(), vec![0]));
        assert_eq!(of(&["b", " a", "b"], None), ("b a".into(), vec![0, 1]));
        assert_eq!(of(&[], Some(&known)), ("a b".into(), vec![0, 1]));
        assert_eq!(of(&["b"], Some(&known)), ("a b".into(), vec![1]));
        assert_eq!(of(&["c", "a"], Some(&known)), ("a b c".into(), vec![2, 0]));
        let ways = ways(&flags(&["b"]), Some(&known));
        let b = &ways.all[1].client;
        assert_eq!(
            (b.user.as_deref(), b.key.as_deref()),
            (Some("two"), Some("/k".as_ref()))
        );
    }
}
