//! `include.ssh.config`: the nodes for the user's own ssh configuration, which has other hosts, too.
//!
//! It is made of `ansible.ssh.config`: names only, no addresses, no hypervisors, and what that says of all hosts stands at each
//! node. Ways lead through `ansible.ssh.config`, so that environments do not meet in each other's hypervisors.

use super::ssh_config::through_other;
use crate::names::{DEFAULT_DEPLOYMENT, prefixed};
use anyhow::Result;
use std::fmt::Write;
use std::path::Path;

/// The text of the file, of the deployment's nodes that `names` are. `text` is that of `config`, `ansible.ssh.config`. A node
/// with a prefix has its short name, too.
///
/// # Errors
/// `Usage`, for a path that cannot be written into such a file.
pub fn render(config: &Path, text: &str, deployment: &str, names: &[&str]) -> Result<String> {
    let mut include = format!(
        "# Written by irs: the nodes of '{deployment}' for plain ssh; 'irs ssh-config --uninstall' takes it away.\n"
    );
    let prefix = Some(deployment).filter(|name| *name != DEFAULT_DEPLOYMENT);
    let before = prefixed(prefix, "");
    let blocks = blocks(text);
    let for_all = blocks.iter().find(|(name, _)| *name == "*");
    for (name, lines) in &blocks {
        if !names.contains(name) {
            continue;
        }
        let called = match name.strip_prefix(&before).filter(|_| prefix.is_some()) {
            Some(short) => format!("{name} {short}"),
            None => (*name).to_owned(),
        };
        let _ = write!(include, "\nHost {called}\n");
        let mut is_direct = true;
        for line in lines.iter().chain(for_all.iter().flat_map(|(_, lines)| lines)) {
            is_direct &= !line.trim_start().starts_with("Proxy");
            match line.trim_start().strip_prefix("ProxyJump ") {
                Some(alias) => {
                    let _ = writeln!(include, "  {}", through_other(config, alias)?);
                }
                None => {
                    let _ = writeln!(include, "{line}");
                }
            }
        }
        if is_direct {
            // Whatever the user's configuration says of all other hosts.
            include.push_str("  ProxyCommand none\n");
        }
    }
    Ok(include)
}

/// The blocks of a configuration that irs wrote: the first name, and the lines.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if let Some(names) = line.strip_prefix("Host ") {
            blocks.push((names.split(' ').next().unwrap_or_default(), Vec::new()));
        } else if let Some((_, lines)) = blocks.last_mut()
            && !line.trim().is_empty()
        {
            lines.push(line);
        }
    }
    blocks
}

/// The names that such a file gives.
pub fn names(include: &str) -> Vec<&str> {
    let hosts = include.lines().filter_map(|line| line.strip_prefix("Host "));
    hosts.flat_map(|names| names.split(' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named_and_what_is_for_all_stands_at_each() {
        let config = "# x\n\nHost hypervisor hv1\n  HostName hv1\n\nHost lab1-a-0 172.16.0.2\n  HostName 172.16.0.2\n  ProxyJump hypervisor\n\n\
            Host lab1-b-0\n  HostName 192.0.2.1\n\nHost *\n  StrictHostKeyChecking yes\n";
        let path = Path::new("/w s/ansible.ssh.config");
        let text = render(path, config, "lab1", &["lab1-a-0", "lab1-b-0"]).unwrap();
        let (_, text) = text.split_once('\n').unwrap();
        assert_eq!(
            text,
            "\nHost lab1-a-0 a-0\n  HostName 172.16.0.2\n  ProxyCommand ssh -F '/w s/ansible.ssh.config' -W '[%h]:%p' hypervisor\n  StrictHostKeyChecking yes\n\
             \nHost lab1-b-0 b-0\n  HostName 192.0.2.1\n  StrictHostKeyChecking yes\n  ProxyCommand none\n"
        );
        assert_eq!(names(text), ["lab1-a-0", "a-0", "lab1-b-0", "b-0"]);
        let plain = render(path, "Host a-0\n  Port 1\n", "default", &["a-0"]).unwrap();
        assert!(
            plain.ends_with("\nHost a-0\n  Port 1\n  ProxyCommand none\n"),
            "{plain}"
        );
    }
}
