//! The variables that templates see.

use std::collections::BTreeMap;

use minijinja::Value as Jinja;

use crate::yaml::{Key, Place, Problems, Tree, Value};

use super::template::Context;
use super::{Request, Variables};

/// Node types that are switches; templates see the selected one as `vswitch_type`.
const VSWITCHES: [&str; 3] = ["vqfx", "veos", "ovsvswitch"];

/// Puts the variables of irs and those of `-e` together.
pub(super) fn context(request: &Request, variables: &Variables, problems: &mut Problems) -> Context {
    let place = Place::start_of("-e");
    let text = |text: &str| Tree::text(place.clone(), text);
    let map = |key: &str, tree: Tree| Tree {
        place: place.clone(),
        value: Value::Map(vec![(
            Key {
                name: key.to_owned(),
                place: place.clone(),
            },
            tree,
        )]),
    };
    let vswitch = request
        .nodes
        .iter()
        .map(|(name, _)| name.as_str())
        .chain(request.present.iter().map(String::as_str))
        .find(|n| VSWITCHES.contains(n));
    let mut own = vec![
        ("net", text(&variables.net)),
        ("data_net", text(&variables.data_net)),
        ("prefix", text(&variables.prefix)),
        ("vswitch_type", text(vswitch.unwrap_or("None"))),
    ];
    let mirror = match &request.image_mirror_url {
        Some(url) => map("url", text(url)),
        // There without a URL too, so that `default(…)` can stand in for it.
        None => Tree {
            place: place.clone(),
            value: Value::Map(Vec::new()),
        },
    };
    own.push(("provision", map("image", map("mirror", mirror))));
    let mut context = Context::new();
    for (key, tree) in &request.overrides.variables {
        if own
            .iter()
            .any(|(name, _)| *name == key.name && key.name != "provision")
        {
            problems
                .push(
                    key.place.clone(),
                    format!("the variable '{}' belongs to irs", key.name),
                )
                .hint("the subnets are chosen by --net_subnet and --data_subnet, the prefix by --prefix");
        }
        context.insert(key.name.clone(), jinja(tree));
    }
    for (name, mut tree) in own {
        if let Some((_, given)) = request
            .overrides
            .variables
            .iter()
            .find(|(key, _)| key.name == name)
        {
            tree.merge(given);
        }
        context.insert(name.to_owned(), jinja(&tree));
    }
    context
}

fn jinja(tree: &Tree) -> Jinja {
    match &tree.value {
        Value::Null | Value::Broken => Jinja::from(()),
        Value::Scalar { text, quoted: true } => Jinja::from(text.clone()),
        Value::Scalar { text, quoted: false } => match (text.parse::<i64>(), text.as_str()) {
            (Ok(number), _) => Jinja::from(number),
            (_, "true" | "True" | "yes") => Jinja::from(true),
            (_, "false" | "False" | "no") => Jinja::from(false),
            _ => Jinja::from(text.clone()),
        },
        Value::Seq(items) => items.iter().map(jinja).collect(),
        Value::Map(entries) => Jinja::from(
            entries
                .iter()
                .map(|(k, v)| (k.name.clone(), jinja(v)))
                .collect::<BTreeMap<_, _>>(),
        ),
    }
}
