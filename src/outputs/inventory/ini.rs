//! The inventory in INI form, as infrared's users know it.

use std::fmt::Write;

use super::{Inventory, Value, Variables, raw};

/// The text: one line a host with its variables, then the groups that name them.
pub(super) fn render(inventory: &Inventory<'_>) -> String {
    let mut text = format!(
        "# Written by irs for the deployment '{}'; the next run writes it anew.\n",
        inventory.deployment
    );
    for (host, of) in &inventory.hosts {
        let _ = writeln!(text, "{host}{}", variables(of));
    }
    for (group, hosts) in &inventory.groups {
        let _ = write!(text, "\n[{group}]\n");
        for host in hosts {
            let _ = writeln!(text, "{host}");
        }
    }
    text
}

fn variables(variables: &Variables) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        let value = match value {
            Value::Text(text) => token(&literal(text)),
            Value::Template(text) => token(text),
            Value::Number(number) => number.to_string(),
        };
        let _ = write!(text, " {name}={value}");
    }
    text
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

/// A text that must come out as it is: in this form Ansible reads values as Python literals where it can.
fn literal(text: &str) -> String {
    let text = raw(text);
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
