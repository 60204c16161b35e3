//! The inventory in the YAML form that Ansible's plugin of that name reads.

use std::fmt::Write;

use super::{At, Inventory, Value, raw};
use crate::outputs::View;

/// The text, to be read from anywhere.
///
/// # Errors
/// A name or value that an inventory cannot have.
pub fn render(view: &View) -> anyhow::Result<String> {
    let inventory = Inventory::of(view, At::Anywhere)?;
    let mut text = format!(
        "# Written by irs for the deployment '{}'.\nall:\n  hosts:\n",
        inventory.deployment
    );
    for (host, variables) in &inventory.hosts {
        let _ = writeln!(text, "    {}:", scalar(host));
        for (name, value) in variables {
            let value = match value {
                Value::Text(text) => scalar(&raw(text)),
                Value::Template(text) => scalar(text),
                Value::Number(number) => number.to_string(),
            };
            let _ = writeln!(text, "      {name}: {value}");
        }
    }
    text += "  children:\n";
    for (group, hosts) in &inventory.groups {
        let _ = writeln!(text, "    {}:", scalar(group));
        match hosts.is_empty() {
            true => text += "      hosts: {}\n",
            false => text += "      hosts:\n",
        }
        for host in hosts {
            let _ = writeln!(text, "        {}: {{}}", scalar(host));
        }
    }
    Ok(text)
}

/// A text that is nothing else to YAML 1.1, which Ansible reads: plain where nobody doubts it, else in double quotes, as JSON
/// has them.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_plain = begins && text.chars().all(plain) && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    match is_plain {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn what_yaml_takes_for_something_else_is_quoted() {
        for text in [
            "no",
            "Off",
            "1",
            "1e3",
            "",
            "a: b",
            "{{ x }}",
            "-",
            "172.16.0.1",
            "a #",
            "é",
            "~",
        ] {
            let scalar = scalar(text);
            assert!(scalar.starts_with('"'), "{scalar}");
            let read: String = serde_yaml::from_str(&scalar).unwrap();
            assert_eq!(read, text);
        }
        assert_eq!(scalar("a-undercloud-0"), "a-undercloud-0");
        assert_eq!(scalar("/home/me/x"), "/home/me/x");
    }
}
