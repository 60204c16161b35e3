//! Who can be logged in to: the names that the workspace's ssh configuration knows, and what people call them.

use super::choice::Known;
use super::{INVENTORY, Record, SSH_CONFIG};
use crate::error::{Exit, Fault};
use crate::names::prefixed;
use crate::yaml::{nearest, shown};
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::PathBuf;

/// The workspace's ssh configuration, as far as names go.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    /// The configuration.
    pub config: PathBuf,
    /// The environment, for messages.
    pub environment: String,
    /// Its prefix.
    pub prefix: Option<String>,
    /// The hypervisors that ssh reaches; none that is this machine.
    pub hypervisors: Vec<Login>,
    /// Whether the environment is on this machine.
    pub local: bool,
    /// The nodes with an OS.
    pub nodes: Vec<Login>,
    /// All nodes of the inventory.
    pub all: Vec<String>,
}

/// A host of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Its name there.
    pub name: String,
    /// What else it answers to: its address, where that means one machine; for a hypervisor what was typed, too.
    pub other: Vec<String>,
    /// The hypervisor that a node is reached through.
    pub through: Option<String>,
}

impl Login {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.other.iter().any(|other| other == name)
    }
}

impl Logins {
    /// Reads the configuration of a workspace.
    ///
    /// # Errors
    /// `Usage`, when there is none.
    pub fn of(known: &Known) -> Result<Logins> {
        let config = known.workspace.path().join(SSH_CONFIG);
        let text = match std::fs::read_to_string(&config) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let message = format!("'{}' is not there", config.display());
                let hint = "the next 'irs virsh' writes it, and 'irs inventory --host-address HOST' without changing anything";
                return Err(Fault::new(Exit::Usage, message).hint(hint).into());
            }
            Err(e) => return Err(e).with_context(|| format!("reading '{}'", config.display())),
        };
        let inventory = std::fs::read_to_string(known.workspace.path().join(INVENTORY)).unwrap_or_default();
        Ok(Logins::parse(config, &text, &inventory, &known.record))
    }

    fn parse(config: PathBuf, text: &str, inventory: &str, record: &Record) -> Logins {
        let hosts = &record.hosts;
        let alias = |at: usize| match hosts.len() {
            0 | 1 => "hypervisor".to_owned(),
            _ => format!("hypervisor-{at}"),
        };
        let aliases: Vec<String> = (0..hosts.len().max(1)).map(alias).collect();
        let mut logins = Logins {
            config,
            environment: record.deployment.clone(),
            prefix: record.prefix.clone(),
            local: hosts.iter().any(|host| host.address == crate::remote::LOCAL),
            all: nodes_of(inventory, &aliases),
            ..Logins::default()
        };
        for block in blocks(text) {
            match aliases.iter().position(|alias| *alias == block.name) {
                Some(at) => {
                    let typed = hosts.get(at).map(|host| host.address.clone());
                    let other = block.other.into_iter().chain(typed).collect();
                    logins.hypervisors.push(Login {
                        other,
                        through: None,
                        ..block
                    });
                }
                None => {
                    let through = block.through.filter(|line| !line.is_empty()).and_then(|line| {
                        let mut words = line.split_whitespace();
                        words
                            .find(|word| aliases.iter().any(|alias| alias == word))
                            .map(str::to_owned)
                    });
                    logins.nodes.push(Login { through, ..block });
                }
            }
        }
        logins
    }

    /// The node or hypervisor of that name, with or without the prefix, or of that address.
    ///
    /// # Errors
    /// `Usage`, with the names that there are.
    pub fn find(&self, given: &str) -> Result<&Login, Fault> {
        self.known(given).ok_or_else(|| self.unknown(given))
    }

    /// The same, when there is one.
    pub fn known(&self, given: &str) -> Option<&Login> {
        let full = prefixed(self.prefix.as_deref(), given);
        let by = |name: &str| self.all_logins().find(|login| login.is_called(name));
        by(given).or_else(|| by(&full))
    }

    /// The hypervisor that is meant: by its name or address, as that of a node, or the only one.
    ///
    /// # Errors
    /// `Usage`, when several could be meant.
    pub fn hypervisor(&self, given: Option<&str>) -> Result<&Login, Fault> {
        let list = || listed(self.hypervisors.iter().map(hypervisor_in_words));
        if let Some(given) = given {
            let login = self.find(given)?;
            if self.hypervisors.contains(login) {
                return Ok(login);
            }
            if let Some(through) = &login.through {
                return self.find(through);
            }
        }
        match &self.hypervisors[..] {
            [only] => Ok(only),
            [] => Err(Fault::new(
                Exit::Usage,
                format!("no hypervisor of '{}' is reached by ssh", self.environment),
            )),
            _ => Err(Fault::new(
                Exit::Usage,
                format!(
                    "'{}' is on several hypervisors: which one is meant?",
                    self.environment
                ),
            )
            .hint(format!("name one of {}, or a node that lives there", list()))),
        }
    }

    /// The names of the nodes that can be logged in to, for messages.
    pub fn listed(&self) -> String {
        match self.nodes.is_empty() {
            true => "no node with an OS".to_owned(),
            false => listed(self.nodes.iter().map(|login| login.name.clone())),
        }
    }

    /// A name without the prefix.
    pub fn short(&self, name: &str) -> String {
        let prefix = self.prefix.as_deref();
        let short = prefix.and_then(|prefix| name.strip_prefix(prefix)?.strip_prefix('-'));
        short.unwrap_or(name).to_owned()
    }

    fn all_logins(&self) -> impl Iterator<Item = &Login> {
        self.nodes.iter().chain(&self.hypervisors)
    }

    fn unknown(&self, given: &str) -> Fault {
        let full = prefixed(self.prefix.as_deref(), given);
        if let Some(name) = self.all.iter().find(|name| *name == given || **name == full) {
            let message = format!("'{name}' has no OS of irs's, and so no ssh");
            return Fault::new(Exit::Usage, message).hint(format!(
                "'irs console {name}' shows its serial console, 'irs vnc {name}' its screen"
            ));
        }
        let message = format!(
            "there is no node '{}' in the environment '{}'",
            shown(given),
            self.environment
        );
        let shorts: Vec<String> = self.all_logins().map(|login| self.short(&login.name)).collect();
        let names = self.all_logins().map(|login| login.name.as_str());
        let near = nearest(given, shorts.iter().map(String::as_str).chain(names));
        let there = format!("there is {}", self.listed());
        Fault::new(Exit::Usage, message).hint(match near {
            Some(near) => format!("did you mean '{near}'? {there}"),
            None => there,
        })
    }
}

/// The nodes of an inventory: the hosts before its first group.
fn nodes_of(inventory: &str, aliases: &[String]) -> Vec<String> {
    let lines = inventory.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| !name.starts_with('#') && *name != "localhost")
        .filter(|name| !aliases.iter().any(|alias| alias == name))
        .map(str::to_owned)
        .collect()
}

/// The blocks of a configuration that irs wrote, without the last one, which is for all hosts; `through` is the whole
/// line of the way.
fn blocks(text: &str) -> Vec<Login> {
    let mut blocks: Vec<Login> = Vec::new();
    for line in text.lines() {
        if let Some(patterns) = line.strip_prefix("Host ") {
            let mut patterns = patterns.split_whitespace().map(str::to_owned);
            blocks.push(Login {
                name: patterns.next().unwrap_or_default(),
                other: patterns.collect(),
                through: None,
            });
        } else if let Some(block) = blocks.last_mut()
            && line.trim_start().starts_with("Proxy")
        {
            block.through = Some(line.to_owned());
        }
    }
    blocks.retain(|block| block.name != "*");
    blocks
}

fn hypervisor_in_words(login: &Login) -> String {
    match login.other.last() {
        Some(other) => format!("{} ({other})", login.name),
        None => login.name.clone(),
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    const MOST: usize = 20;
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::RecordHost;

    const CONFIG: &str = "# Written by irs\n\nHost hypervisor-0 hv1.lab\n  HostName hv1.lab\n\nHost hypervisor-1\n  HostName h2\n\n\
        Host lab1-undercloud-0 172.16.0.2\n  HostName 172.16.0.2\n  ProxyJump hypervisor-0\n\n\
        Host lab1-compute-0\n  HostName 172.16.0.9\n  ProxyCommand ssh -F '/a b/c' -W '[%h]:%p' hypervisor-1\n\n\
        Host lab1-compute-1\n  HostName 192.0.2.1\n\nHost *\n  StrictHostKeyChecking yes\n";
    const INVENTORY: &str = "# x\nlocalhost a=b\nhypervisor-0 c=d\nhypervisor-1\nlab1-undercloud-0 x\nlab1-controller-0 ansible_host=NA\n\n[compute]\nlab1-compute-0\n";

    fn logins() -> Logins {
        let host = |address: &str| RecordHost {
            address: address.into(),
            ..RecordHost::default()
        };
        let record = Record {
            deployment: "lab1".into(),
            prefix: Some("lab1".into()),
            hosts: vec![host("hv1"), host("hv2")],
            ..Record::default()
        };
        Logins::parse("/ws/ansible.ssh.config".into(), CONFIG, INVENTORY, &record)
    }

    #[test]
    fn a_node_is_found_by_name_short_name_and_address() {
        let logins = logins();
        for given in ["lab1-undercloud-0", "undercloud-0", "172.16.0.2"] {
            assert_eq!(logins.find(given).unwrap().name, "lab1-undercloud-0", "{given}");
        }
        for given in ["hypervisor-1", "hv2"] {
            assert_eq!(logins.find(given).unwrap().name, "hypervisor-1", "{given}");
        }
        assert_eq!(logins.find("hv1.lab").unwrap().name, "hypervisor-0");
    }

    #[test]
    fn a_hypervisor_is_that_of_a_node_or_the_one_that_is_named() {
        let logins = logins();
        let of = |given| logins.hypervisor(given).map(|login| login.name.clone());
        assert_eq!(of(Some("undercloud-0")).unwrap(), "hypervisor-0");
        assert_eq!(of(Some("compute-0")).unwrap(), "hypervisor-1");
        assert_eq!(of(Some("hv2")).unwrap(), "hypervisor-1");
        // One on a LAN is reached without its hypervisor.
        for given in [None, Some("compute-1")] {
            let fault = of(given).unwrap_err();
            assert_eq!(
                fault.message,
                "'lab1' is on several hypervisors: which one is meant?"
            );
            assert_eq!(
                fault.hint.unwrap(),
                "name one of hypervisor-0 (hv1), hypervisor-1 (hv2), or a node that lives there"
            );
        }
    }

    #[test]
    fn who_is_not_there_is_told_who_is() {
        let logins = logins();
        let told = |given| {
            let fault = logins.find(given).unwrap_err();
            assert_eq!(fault.exit, Exit::Usage);
            format!("{}; {}", fault.message, fault.hint.unwrap())
        };
        let there = "there is lab1-undercloud-0, lab1-compute-0, lab1-compute-1";
        assert_eq!(
            told("undercluod-0"),
            format!(
                "there is no node 'undercluod-0' in the environment 'lab1'; did you mean 'undercloud-0'? {there}"
            )
        );
        assert_eq!(
            told("x"),
            format!("there is no node 'x' in the environment 'lab1'; {there}")
        );
        assert!(
            told("controller-0")
                .starts_with("'lab1-controller-0' has no OS of irs's, and so no ssh; 'irs console")
        );
    }
}
