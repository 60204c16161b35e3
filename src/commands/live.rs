//! The nodes of an environment as they are now, on all its hypervisors.

use super::connection::{self, Way};
use super::virsh::Session;
use super::virsh::report::{self, NodeReport};
use crate::actual::{self, Actual};
use crate::cli::environment::EnvironmentFlags;
use crate::cli::host::ConnectFlags;
use crate::deployment::{Identity, Storage};
use crate::error::{Exit, Fault};
use crate::names;
use crate::remote::Host;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::pools;
use crate::workspace::choice;
use crate::yaml::{Problems, nearest, shown};
use anyhow::{Context, Result, anyhow};
use virt::domain::Domain;

/// An environment with its hypervisors open.
pub struct Live {
    /// Its name.
    pub name: String,
    /// Its prefix.
    pub prefix: Option<String>,
    /// The hypervisors that answer.
    pub places: Vec<Place>,
    /// Those that do not, and why.
    pub silent: Vec<(String, anyhow::Error)>,
}

/// A hypervisor, and what is on it.
pub struct Place {
    /// The way in.
    pub session: Session,
    /// What is there.
    pub actual: Actual,
    /// Who the environment is there.
    pub id: Identity,
    /// Its nodes there.
    pub nodes: Vec<NodeReport>,
}

/// A node, and where it is.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    /// Its hypervisor.
    pub place: &'a Place,
    /// It.
    pub node: &'a NodeReport,
}

impl Found<'_> {
    /// libvirt's handle of it.
    ///
    /// # Errors
    /// When it is gone meanwhile.
    pub fn domain(&self) -> Result<Domain> {
        let name = &self.node.name;
        let domain = self.place.session.libvirt.domain(name)?;
        domain.with_context(|| format!("'{name}' is gone"))
    }

    /// What was read of it.
    pub fn actual(&self) -> Option<&ActualDomain> {
        self.place
            .actual
            .domains
            .iter()
            .find(|domain| domain.name == self.node.name)
    }
}

impl Live {
    /// Opens the hypervisors of the environment that the flags mean, and looks at its nodes. Blocks.
    ///
    /// # Errors
    /// `Usage` for flags that are wrong, and for an environment that is nowhere; `Unreachable`, when no hypervisor answers.
    pub fn open(connect: &ConnectFlags, flags: &EnvironmentFlags) -> Result<Live> {
        let mut problems = Problems::default();
        connection::check_hosts(&connect.host_address, &mut problems);
        if !problems.is_empty() {
            return Err(problems.into_fault());
        }
        let choice = choice::choose(flags.prefix.as_deref(), flags.workspace.as_deref())?;
        if choice.record.is_none() && connect.host_address.is_empty() {
            return Err(choice
                .known()
                .err()
                .unwrap_or_else(|| anyhow!("no hypervisor is named")));
        }
        let (prefix, name) = (choice.prefix(), choice.deployment());
        let ways = connection::ways(connect, choice.record.as_ref()).all;
        let hosts: Vec<String> = ways.iter().map(|way| way.host.clone()).collect();
        let looked = connection::at_once(ways, |way: Way| look(&way, &name, prefix.as_deref()));
        let (mut places, mut silent) = (Vec::new(), Vec::new());
        for (host, looked) in hosts.iter().zip(looked) {
            match looked {
                Ok(place) => places.push(place),
                Err(error) => silent.push((host.clone(), error)),
            }
        }
        if places.is_empty()
            && let Some((_, error)) = silent.pop()
        {
            return Err(error);
        }
        let live = Live {
            name,
            prefix,
            places,
            silent,
        };
        if live.nodes().next().is_none() && live.silent.is_empty() {
            let message = format!(
                "the environment '{}' has no nodes on '{}'",
                live.name,
                hosts.join("' and '")
            );
            return Err(Fault::new(Exit::Usage, message)
                .hint("'irs list' shows the environments of a hypervisor; --prefix and --host-address say which one is meant")
                .into());
        }
        Ok(live)
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = Found<'_>> {
        let of = |place| move |node| Found { place, node };
        self.places
            .iter()
            .flat_map(move |place| place.nodes.iter().map(of(place)))
    }

    /// The node of that name, with or without the prefix.
    ///
    /// # Errors
    /// `Usage`, with the names that there are; `Unreachable`, when it may be on a hypervisor that does not answer.
    pub fn node(&self, given: &str) -> Result<Found<'_>> {
        let full = names::prefixed(self.prefix.as_deref(), given);
        let by = |name: &str| self.nodes().find(|found| found.node.name == name);
        by(given).or_else(|| by(&full)).ok_or_else(|| self.unknown(given))
    }

    /// The nodes that several words mean: names, types, patterns, `all`.
    ///
    /// # Errors
    /// As of [`Live::node`], for all words at once.
    pub fn select(&self, words: &[String]) -> Result<Vec<Found<'_>>> {
        let mut problems = Problems::default();
        let mut chosen = vec![false; self.nodes().count()];
        for word in words.iter().map(|word| word.trim()) {
            let nodes: Vec<Found<'_>> = self.nodes().collect();
            let full = names::prefixed(self.prefix.as_deref(), word);
            let fits: [&dyn Fn(&NodeReport) -> bool; 5] = [
                &|node| node.name == word,
                &|node| node.name == full,
                &|node| node.node_type == word,
                &|_| word == "all",
                &|node| is_pattern(word) && (matches(word, &node.name) || matches(&full, &node.name)),
            ];
            let Some(fit) = fits.iter().find(|fit| nodes.iter().any(|found| fit(found.node))) else {
                if let Some(error) = self.unasked() {
                    return Err(error);
                }
                let (message, hint) = self.nobody(word);
                problems.push(None, message).hint(hint);
                continue;
            };
            // What else they mean may be where nobody looked.
            if (word == "all" || is_pattern(word) || nodes.iter().any(|found| found.node.node_type == word))
                && let Some(error) = self.unasked()
            {
                return Err(error);
            }
            for (chosen, found) in chosen.iter_mut().zip(&nodes) {
                *chosen |= fit(found.node);
            }
        }
        match problems.is_empty() {
            true => {
                let chosen = self.nodes().zip(chosen).filter(|(_, chosen)| *chosen);
                Ok(chosen.map(|(found, _)| found).collect())
            }
            false => Err(problems.into_fault()),
        }
    }

    fn unknown(&self, given: &str) -> anyhow::Error {
        self.unasked().unwrap_or_else(|| {
            let (message, hint) = self.nobody(given);
            Fault::new(Exit::Usage, message).hint(hint).into()
        })
    }

    /// The fault of a look that did not go everywhere.
    fn unasked(&self) -> Option<anyhow::Error> {
        let (host, error) = self.silent.first()?;
        let report = crate::error::Report::of(error);
        let fault = Fault::new(
            report.exit(),
            format!("no answer from '{host}': {}", report.message),
        );
        Some(
            report
                .hint
                .into_iter()
                .fold(fault, |fault, hint| fault.hint(hint))
                .into(),
        )
    }

    fn nobody(&self, given: &str) -> (String, String) {
        let short = |name: &str| {
            let rest = self
                .prefix
                .as_deref()
                .and_then(|prefix| name.strip_prefix(prefix)?.strip_prefix('-'));
            rest.unwrap_or(name).to_owned()
        };
        let names: Vec<String> = self.nodes().map(|found| found.node.name.clone()).collect();
        let shorts: Vec<String> = names.iter().map(|name| short(name)).collect();
        let near = nearest(given, shorts.iter().chain(&names).map(String::as_str));
        let there = match names.len() {
            0 => "there is none".to_owned(),
            1..=20 => format!("there is {}", names.join(", ")),
            more => format!("there is {} and {} more", names[..20].join(", "), more - 20),
        };
        let what = match is_pattern(given) {
            true => "like ",
            false => "",
        };
        let message = format!(
            "there is no node {what}'{}' in the environment '{}'",
            shown(given),
            self.name
        );
        match near {
            Some(near) => (message, format!("did you mean '{near}'? {there}")),
            None => (message, there),
        }
    }
}

fn look(way: &Way, name: &str, prefix: Option<&str>) -> Result<Place> {
    let session = Session::on(Host::connect(&way.host, &way.client)?)?;
    let mut storage = Storage::default();
    if let Some(folder) = pools::images_of(&session.libvirt, name)? {
        storage.folder = folder;
    }
    let actual = actual::read(&session.host, &session.libvirt, &storage, name)?;
    let id = actual.identity(name, prefix, &way.host);
    let ready = actual.facts.record.as_ref().map(|record| record.ready.clone());
    let nodes = report::nodes(&actual, &id, &ready.unwrap_or_default());
    Ok(Place {
        session,
        actual,
        id,
        nodes,
    })
}

fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?'])
}

/// Whether a name fits a pattern of `*`, any text, and `?`, any letter.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut on) = (0, 0);
    // Where the last star stands, and what it was tried with last.
    let mut star: Option<(usize, usize)> = None;
    while on < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, on));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[on] => {
                at += 1;
                on += 1;
            }
            _ => match star {
                Some((there, tried)) => {
                    star = Some((there, tried + 1));
                    at = there + 1;
                    on = tried + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name) in [
            ("*", "a-0"),
            ("compute-*", "compute-10"),
            ("compute-?", "compute-1"),
            ("*-0", "a-b-0"),
            ("c*t*-*", "controller-0"),
            ("a", "a"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("compute-?", "compute-10"),
            ("compute-*", "lab1-compute-1"),
            ("*-0", "a-01"),
            ("", "a"),
            ("a?", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
