//! The inventory as a program of Ansible's prints it: `--list` with all variables in `_meta`, `--host NAME`.

use serde_json::{Map, Value as Json, json};

use super::{At, Inventory, Value, Variables, raw};
use crate::outputs::View;

/// What `--list` prints.
///
/// # Errors
/// A name or value that an inventory cannot have.
pub fn all(view: &View) -> anyhow::Result<Json> {
    let inventory = Inventory::of(view, At::Anywhere)?;
    let variables = inventory
        .hosts
        .iter()
        .map(|(host, variables)| (host.clone(), object(variables)));
    let mut all = Map::new();
    all.insert(
        "_meta".to_owned(),
        json!({ "hostvars": variables.collect::<Map<_, _>>() }),
    );
    let mut children: Vec<&str> = inventory.groups.keys().copied().collect();
    children.retain(|group| *group != "all");
    // Ansible finds them by itself, others that read this do not.
    let grouped = |host: &String| inventory.groups.values().flatten().any(|member| member == host);
    let ungrouped: Vec<&String> = inventory
        .hosts
        .iter()
        .map(|(host, _)| host)
        .filter(|host| !grouped(host))
        .collect();
    if !ungrouped.is_empty() {
        children.push("ungrouped");
        all.insert("ungrouped".to_owned(), json!({ "hosts": ungrouped }));
    }
    for (group, hosts) in &inventory.groups {
        all.insert((*group).to_owned(), json!({ "hosts": hosts }));
    }
    all.insert("all".to_owned(), json!({ "children": children }));
    Ok(Json::Object(all))
}

/// What `--host` prints; none when there is no such host.
///
/// # Errors
/// A name or value that an inventory cannot have.
pub fn variables_of(view: &View, name: &str) -> anyhow::Result<Option<Json>> {
    let inventory = Inventory::of(view, At::Anywhere)?;
    let found = inventory.hosts.iter().find(|(host, _)| host == name);
    Ok(found.map(|(_, variables)| object(variables)))
}

fn object(variables: &Variables) -> Json {
    let value = |value: &Value| match value {
        Value::Text(text) => Json::from(raw(text)),
        Value::Template(text) => Json::from(text.as_str()),
        Value::Number(number) => Json::from(*number),
    };
    let pairs = variables.iter().map(|(name, of)| ((*name).to_owned(), value(of)));
    Json::Object(pairs.collect())
}
