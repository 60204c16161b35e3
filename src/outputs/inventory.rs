//! `hosts-prov`: the Ansible inventory, in INI form, laid out as infrared's users know it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{HostView, NodeView, View, checked};
use crate::error::{Exit, Fault};
use crate::workspace::{KEY, SSH_CONFIG};
use crate::yaml::shown;

/// The text of the file: one line a host with its variables, then the groups that name them.
pub(super) fn render(view: &View) -> anyhow::Result<String> {
    let mut text = format!(
        "# Written by irs for the deployment '{}'; the next run writes it anew.\n",
        view.deployment
    );
    // `local` and `hypervisor` are there even when empty, so that plays can name them.
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    text +=
        "localhost ansible_connection=local ansible_python_interpreter=\"{{ ansible_playbook_python }}\"\n";
    groups.entry("local").or_default().push("localhost".to_owned());
    groups.entry("hypervisor").or_default();
    for (index, host) in view.hosts.iter().enumerate() {
        let alias = view.alias(index);
        let _ = writeln!(text, "{alias}{}", variables(&host_variables(view, host, &alias))?);
        groups.entry("hypervisor").or_default().push(alias);
    }
    for node in view.sorted() {
        checked("node", &node.name)?;
        let _ = writeln!(text, "{}{}", node.name, variables(&node_variables(view, node))?);
        for group in &node.groups {
            let hosts = groups.entry(checked("group", group)?).or_default();
            if !hosts.contains(&node.name) {
                hosts.push(node.name.clone());
            }
        }
    }
    for (group, hosts) in groups {
        let _ = write!(text, "\n[{group}]\n");
        for host in hosts {
            let _ = writeln!(text, "{host}");
        }
    }
    Ok(text)
}

type Variables = Vec<(&'static str, String)>;

// Templates, so that the file is the same in every workspace. Ansible hands the key's path to ssh as an option,
// where a percent sign begins a token.
const INVENTORY_DIR: &str = "{{ inventory_dir | replace('%', '%%') }}";

fn common_args() -> String {
    format!("-F {{{{ (inventory_dir ~ '/{SSH_CONFIG}') | quote }}}}")
}

fn host_variables(view: &View, host: &HostView, alias: &str) -> Variables {
    if host.local {
        return vec![
            ("ansible_connection", "local".to_owned()),
            (
                "ansible_python_interpreter",
                "{{ ansible_playbook_python }}".to_owned(),
            ),
        ];
    }
    let mut variables = vec![
        ("ansible_host", reached_as(view, alias, &host.address)),
        ("ansible_port", host.port.to_string()),
        ("ansible_connection", "ssh".to_owned()),
        ("ansible_user", literal(&host.user)),
    ];
    if let Some(key) = &host.key {
        variables.push((
            "ansible_ssh_private_key_file",
            literal(&key.to_string_lossy().replace('%', "%%")),
        ));
    }
    variables.push(("ansible_python_interpreter", "auto_silent".to_owned()));
    variables.push(("ansible_ssh_common_args", common_args()));
    variables
}

fn node_variables(view: &View, node: &NodeView) -> Variables {
    let Some(address) = node.address.filter(|_| node.has_os) else {
        return vec![("ansible_host", "NA".to_owned())];
    };
    vec![
        ("ansible_host", reached_as(view, &node.name, &address.to_string())),
        ("ansible_connection", literal(&node.ansible_connection)),
        ("ansible_user", literal(&node.user)),
        ("ansible_ssh_private_key_file", format!("{INVENTORY_DIR}/{KEY}")),
        (
            "ansible_python_interpreter",
            literal(node.python.as_deref().unwrap_or("auto_silent")),
        ),
        ("ansible_ssh_common_args", common_args()),
    ]
}

/// The address where it means one machine, else the name, which the ssh configuration resolves.
fn reached_as(view: &View, name: &str, address: &str) -> String {
    match view.is_unique(address) {
        true => literal(address),
        false => name.to_owned(),
    }
}

fn variables(variables: &Variables) -> anyhow::Result<String> {
    let mut text = String::new();
    for (name, value) in variables {
        // What ends the raw text would begin a template, which Ansible runs.
        let ends_raw = value.starts_with(RAW.0) && value.matches("endraw").count() > 1;
        if value.contains(char::is_control) || ends_raw {
            let fault = Fault::new(
                Exit::Usage,
                format!("{name} cannot be '{}' in an inventory", shown(value)),
            );
            return Err(fault.into());
        }
        let _ = write!(text, " {name}={}", token(value));
    }
    Ok(text)
}

/// One word for the shell-like splitter that Ansible reads a host's line with; that one knows `\` only within
/// double quotes.
fn token(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    match !value.is_empty() && value.chars().all(plain) {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// Text between these is no template.
const RAW: (&str, &str) = ("{% raw %}", "{% endraw %}");

/// Text that must come out as it is: Ansible reads values as Python literals where it can, and expands
/// templates in them.
fn literal(text: &str) -> String {
    let text = match ["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
        true => format!("{}{text}{}", RAW.0, RAW.1),
        false => text.to_owned(),
    };
    let keyword = matches!(text.as_str(), "True" | "False" | "None");
    let number = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
        && text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.')
        && text.parse::<std::net::IpAddr>().is_err();
    match keyword || number || text.starts_with(['"', '\'', '[', '(', '{']) && !text.starts_with("{%") {
        true => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        false => text,
    }
}
