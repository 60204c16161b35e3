//! The Ansible inventory: hosts with variables, and groups; as the file `hosts-prov`, laid out as infrared's users know it, and
//! in Ansible's other forms.

mod dynamic;
mod ini;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use super::{HostView, NodeView, View, checked};
use crate::error::{Exit, Fault};
use crate::workspace::{KEY, SSH_CONFIG};
use crate::yaml::shown;
use anyhow::Context;

pub use dynamic::{all, variables_of};
pub use yaml::render as yaml;

/// Where the inventory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// In the workspace, wherever that is: paths begin at Ansible's `inventory_dir`.
    Workspace,
    /// Anywhere: paths are absolute.
    Anywhere,
}

/// The inventory as a file of the workspace.
pub(super) fn render(view: &View) -> anyhow::Result<String> {
    Ok(ini::render(&Inventory::of(view, At::Workspace)?))
}

/// The inventory in INI form, to be read from anywhere.
///
/// # Errors
/// A name or value that an inventory cannot have.
pub fn ini(view: &View) -> anyhow::Result<String> {
    Ok(ini::render(&Inventory::of(view, At::Anywhere)?))
}

/// A value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// This text, whatever Ansible would make of it.
    Text(String),
    /// A template of Ansible's.
    Template(String),
    /// A number.
    Number(u16),
}

impl Value {
    /// A text as Ansible must be given it, which expands templates in all values.
    fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }
}

type Variables = Vec<(&'static str, Value)>;

/// Hosts and groups.
#[derive(Debug)]
pub(super) struct Inventory<'a> {
    deployment: &'a str,
    hosts: Vec<(String, Variables)>,
    groups: BTreeMap<&'a str, Vec<String>>,
}

impl<'a> Inventory<'a> {
    pub(super) fn of(view: &'a View, at: At) -> anyhow::Result<Inventory<'a>> {
        // `local` and `hypervisor` are there even when empty, so that plays can name them.
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut hosts = vec![("localhost".to_owned(), here())];
        groups.entry("local").or_default().push("localhost".to_owned());
        groups.entry("hypervisor").or_default();
        for (index, host) in view.hosts.iter().enumerate() {
            let alias = view.alias(index);
            hosts.push((alias.clone(), host_variables(view, host, &alias, at)?));
            groups.entry("hypervisor").or_default().push(alias);
        }
        for node in view.sorted() {
            checked("node", &node.name)?;
            hosts.push((node.name.clone(), node_variables(view, node, at)?));
            for group in &node.groups {
                let members = groups.entry(checked("group", group)?).or_default();
                if !members.contains(&node.name) {
                    members.push(node.name.clone());
                }
            }
        }
        for (name, value) in hosts.iter().flat_map(|(_, variables)| variables) {
            check(name, value)?;
        }
        Ok(Inventory {
            deployment: &view.deployment,
            hosts,
            groups,
        })
    }
}

/// Refuses what would be another variable, another host, or a template.
fn check(name: &str, value: &Value) -> anyhow::Result<()> {
    let (Value::Text(text) | Value::Template(text)) = value else {
        return Ok(());
    };
    // What ends the raw text would begin a template, which Ansible runs.
    let ends_raw = matches!(value, Value::Text(_)) && has_template(text) && text.contains("endraw");
    if text.contains(char::is_control) || ends_raw {
        let message = format!("{name} cannot be '{}' in an inventory", shown(text));
        return Err(Fault::new(Exit::Usage, message).into());
    }
    Ok(())
}

fn here() -> Variables {
    vec![
        ("ansible_connection", Value::text("local")),
        (
            "ansible_python_interpreter",
            Value::Template("{{ ansible_playbook_python }}".to_owned()),
        ),
    ]
}

/// How ssh is called: with the workspace's configuration.
fn common_args(view: &View, at: At) -> anyhow::Result<Value> {
    Ok(match at {
        At::Workspace => Value::Template(format!("-F {{{{ (inventory_dir ~ '/{SSH_CONFIG}') | quote }}}}")),
        At::Anywhere => {
            let path = view.workspace.join(SSH_CONFIG);
            let path = path.to_string_lossy();
            let quoted = shlex::try_quote(&path).context("quoting for a shell")?;
            Value::text(format!("-F {quoted}"))
        }
    })
}

/// A private key. Ansible hands its path to ssh as an option, where a percent sign begins a token.
fn key_file(view: &View, path: &Path, at: At) -> Value {
    match path.strip_prefix(&view.workspace) {
        // A template, so that the file is the same in every workspace.
        Ok(name) if at == At::Workspace => Value::Template(format!(
            "{{{{ inventory_dir | replace('%', '%%') }}}}/{}",
            name.display()
        )),
        _ => Value::text(path.to_string_lossy().replace('%', "%%")),
    }
}

fn host_variables(view: &View, host: &HostView, alias: &str, at: At) -> anyhow::Result<Variables> {
    if host.local {
        return Ok(here());
    }
    let mut variables = vec![
        ("ansible_host", reached_as(view, alias, &host.address)),
        ("ansible_port", Value::Number(host.port)),
        ("ansible_connection", Value::text("ssh")),
        ("ansible_user", Value::text(&host.user)),
    ];
    if let Some(key) = &host.key {
        variables.push(("ansible_ssh_private_key_file", key_file(view, key, at)));
    }
    variables.push(("ansible_python_interpreter", Value::text("auto_silent")));
    variables.push(("ansible_ssh_common_args", common_args(view, at)?));
    Ok(variables)
}

fn node_variables(view: &View, node: &NodeView, at: At) -> anyhow::Result<Variables> {
    let Some(address) = node.address.filter(|_| node.has_os) else {
        return Ok(vec![("ansible_host", Value::text("NA"))]);
    };
    Ok(vec![
        ("ansible_host", reached_as(view, &node.name, &address.to_string())),
        ("ansible_connection", Value::text(&node.ansible_connection)),
        ("ansible_user", Value::text(&node.user)),
        (
            "ansible_ssh_private_key_file",
            key_file(view, &view.workspace.join(KEY), at),
        ),
        (
            "ansible_python_interpreter",
            Value::text(node.python.as_deref().unwrap_or("auto_silent")),
        ),
        ("ansible_ssh_common_args", common_args(view, at)?),
    ])
}

/// The address where it means one machine, else the name, which the ssh configuration resolves.
fn reached_as(view: &View, name: &str, address: &str) -> Value {
    match view.is_unique(address) {
        true => Value::text(address),
        false => Value::text(name),
    }
}

fn has_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

/// A text so that Ansible expands nothing in it.
fn raw(text: &str) -> String {
    match has_template(text) {
        true => format!("{{% raw %}}{text}{{% endraw %}}"),
        false => text.to_owned(),
    }
}
