//! `ansible.ssh.config`: how to reach the hypervisors and, through them, the nodes.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

use super::{HostView, View, checked, is_literal};
use crate::error::{Exit, Fault};
use crate::workspace::{KEY, KNOWN_HOSTS, SSH_CONFIG};
use crate::yaml::shown;

/// The text of the file.
pub(super) fn render(view: &View) -> anyhow::Result<String> {
    let mut text = format!(
        "# Written by irs for the deployment '{}'; the next run writes it anew.\n",
        view.deployment
    );
    for (index, host) in view.hosts.iter().enumerate().filter(|(_, host)| !host.local) {
        let alias = view.alias(index);
        let _ = write!(
            text,
            "\nHost {}\n  HostName {}\n  Port {}\n  HostKeyAlias {alias}\n  User {}\n",
            pattern(view, &alias, &host.address),
            argument("address", &host.address)?,
            host.port,
            argument(USER, &host.user)?,
        );
        if let Some(key) = &host.key {
            let _ = write!(text, "  IdentityFile {}\n  IdentitiesOnly yes\n", quoted(key)?);
        }
        if let Some(command) = way_to(host)? {
            let _ = writeln!(text, "  ProxyCommand {command}");
        }
    }
    for (node, ip) in view.reachable() {
        let address = ip.to_string();
        let _ = write!(
            text,
            "\nHost {}\n  HostName {address}\n  HostKeyAlias {}\n  User {}\n  IdentityFile {}\n",
            pattern(view, checked("node", &node.name)?, &address),
            node.name,
            argument(USER, &node.user)?,
            quoted(&view.workspace.join(KEY))?,
        );
        let host = view
            .hosts
            .get(node.host)
            .context("a node on a hypervisor that is not in the view")?;
        // The user's own key too: in a workspace on another machine it is the one that the node trusts.
        // Where it lives in an agent only, the agent must stay in use.
        if let Some(key) = &host.key {
            let _ = write!(text, "  IdentityFile {}\n  IdentitiesOnly yes\n", quoted(key)?);
        }
        if !host.local && !node.direct {
            let _ = writeln!(text, "  {}", through(view, node.host)?);
        }
    }
    let known_hosts = quoted(&view.workspace.join(KNOWN_HOSTS))?;
    let _ = write!(
        text,
        "\nHost *\n  UserKnownHostsFile {known_hosts}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
    );
    Ok(text)
}

/// Where sshd forbids forwarding: a program there that connects, netcat or bash itself. Both shells that it passes
/// through, ours in single quotes and the hypervisor's in double ones, leave it as it is. It ends the line of what a login
/// shell has said by then: ssh passes over whole lines before the node's own.
const CONNECT: &str = r#"bash -c "echo; command -v nc >/dev/null && exec nc %h %p; exec 3<>/dev/tcp/%h/%p || exit 1; (cat <&3; kill 0) & cat >&3; kill 0""#;

/// The way through a hypervisor.
fn through(view: &View, host: usize) -> anyhow::Result<String> {
    let alias = view.alias(host);
    let path = view.workspace.join(SSH_CONFIG);
    let plain = path_text(&path)?;
    let config = percent(&shell(plain)?);
    Ok(match view.hosts[host].tcp_forwarding {
        // For a jump ssh starts an ssh with the same `-F`, and does not quote it.
        true if config == plain => format!("ProxyJump {alias}"),
        true => through_other(&path, &alias)?,
        false => format!("ProxyCommand ssh -F {config} {alias} '{CONNECT}'"),
    })
}

/// The way through a host of another configuration than the one in which this stands.
pub(super) fn through_other(config: &Path, alias: &str) -> anyhow::Result<String> {
    let config = percent(&shell(path_text(config)?)?);
    Ok(format!("ProxyCommand ssh -F {config} -W '[%h]:%p' {alias}"))
}

fn pattern(view: &View, name: &str, address: &str) -> String {
    match view.is_unique(address) && address != name && is_literal(address) {
        true => format!("{name} {address}"),
        false => name.to_owned(),
    }
}

/// The proxy of the user's own configuration. A jump host is an alias of that configuration, which `-F` hides:
/// an ssh of its own finds it there.
fn way_to(host: &HostView) -> anyhow::Result<Option<String>> {
    let none = |value: &&String| {
        !value.is_empty() && !value.eq_ignore_ascii_case("none") && !value.contains(char::is_control)
    };
    if let Some(command) = host.proxy_command.as_ref().filter(none) {
        return Ok(Some(command.clone()));
    }
    let Some(jumps) = host.proxy_jump.as_ref().filter(none) else {
        return Ok(None);
    };
    let (before, last) = match jumps.rsplit_once(',') {
        Some((before, last)) => (format!("-J {} ", percent(&shell(before)?)), last),
        None => (String::new(), jumps.as_str()),
    };
    let last = match last.contains("://") {
        true => last.to_owned(),
        false => format!("ssh://{last}"),
    };
    Ok(Some(format!(
        "ssh {before}-W '[%h]:%p' {}",
        percent(&shell(&last)?)
    )))
}

/// What a `User` is.
const USER: &str = "login user";

/// A user's or host's name as an argument of the configuration, without tokens. What ssh itself refuses in such a name
/// is refused here.
fn argument(what: &str, text: &str) -> anyhow::Result<String> {
    // Whether `User` knows tokens depends on ssh's version.
    let token = what == USER && text.contains('%');
    let odd = |c: char| c.is_control() || c.is_whitespace() || "'\"`$\\;&<>|(){},".contains(c);
    if text.is_empty() || token || text.starts_with('-') || text.contains(odd) {
        let message = format!(
            "the {what} '{}' cannot be written into an ssh configuration",
            shown(text)
        );
        return Err(Fault::new(Exit::Usage, message).into());
    }
    let text = percent(text);
    match text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.:@%+".contains(c))
    {
        true => Ok(text),
        false => Ok(format!("\"{text}\"")),
    }
}

/// A path as an argument of the configuration: quoted, and without tokens.
fn quoted(path: &Path) -> anyhow::Result<String> {
    let text = path_text(path)?.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{}\"", percent(&text)))
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .filter(|text| !text.contains(char::is_control) && !text.contains("${"))
        .ok_or_else(|| {
            Fault::new(
                Exit::Usage,
                format!("the path {path:?} cannot be written into an ssh configuration"),
            )
            .hint("use a path in UTF-8 without control characters and '${'")
            .into()
        })
}

fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

fn shell(text: &str) -> anyhow::Result<String> {
    Ok(shlex::try_quote(text)
        .context("quoting for a shell")?
        .into_owned())
}
