//! Which nodes are up, for how long, and which of them answer: one command on the hypervisor, for all of them at once.

use crate::commands::virsh::report::NodeReport;
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// What the nodes show of themselves.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Alive {
    /// Seconds since the emulator was started, by domain.
    pub uptimes: BTreeMap<String, u64>,
    /// The domains whose sshd speaks.
    pub answers: BTreeSet<String>,
    /// The domains that were asked.
    pub asked: BTreeSet<String>,
}

impl Alive {
    /// Asks the nodes that run. `reached` tells which of them the hypervisor itself reaches.
    ///
    /// # Errors
    /// When the command fails.
    pub fn ask(host: &Host, nodes: &[NodeReport], reached: impl Fn(&str) -> bool) -> Result<Alive> {
        let running = nodes.iter().filter(|node| node.state == "running");
        let mut lines = String::new();
        let mut asked = BTreeSet::new();
        for node in running {
            // One that never was ready is not ready by answering.
            let knock = node
                .ip
                .filter(|_| node.ready && node.has_seed && reached(&node.name));
            if knock.is_some() {
                asked.insert(node.name.clone());
            }
            let ip = knock.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
            lines.push_str(&format!("{ip} {}\n", node.name));
        }
        if lines.is_empty() {
            return Ok(Alive::default());
        }
        let said = host
            .text(&Cmd::script(include_str!("alive.sh"), &[]).stdin(lines))
            .context("asking the nodes whether they answer")?;
        Ok(Alive {
            asked,
            ..Alive::parse(&said)
        })
    }

    fn parse(said: &str) -> Alive {
        let mut alive = Alive::default();
        for line in said.lines() {
            if let Some(name) = line.strip_prefix("answers ") {
                alive.answers.insert(name.to_owned());
            } else if let Some((seconds, name)) = line.strip_prefix("up ").and_then(|l| l.split_once(' '))
                && let Ok(seconds) = seconds.parse()
            {
                alive.uptimes.insert(name.to_owned(), seconds);
            }
        }
        alive
    }

    /// Whether a node was asked and said nothing.
    pub fn is_silent(&self, name: &str) -> bool {
        self.asked.contains(name) && !self.answers.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Alive;

    #[test]
    fn who_was_not_asked_is_not_silent() {
        let mut alive = Alive::parse("up 12 a-0\nanswers a-0\nup x b-0\nnoise\n");
        alive.asked = ["a-0", "b-0"].map(str::to_owned).into();
        assert_eq!(
            alive.uptimes.into_iter().collect::<Vec<_>>(),
            [("a-0".to_owned(), 12)]
        );
        alive.uptimes = Default::default();
        assert!(alive.is_silent("b-0") && !alive.is_silent("a-0") && !alive.is_silent("c-0"));
    }
}
