//! `-e`: overrides of the topology (`override.controller.memory=30720`) and variables for its templates.

use std::path::Path;

use crate::yaml::{Key, Place, Problems, Source, Tree, Value, nearest, parse as parse_yaml, shown};

use super::files;

/// What all `-e` together say.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// What stands below `override`: by node type, and `networks` and `nodes` for the network file.
    pub(super) entries: Vec<(Key, Tree)>,
    /// Variables for the templates, later ones win; dotted names nest.
    pub(super) variables: Vec<(Key, Tree)>,
}

/// Reads `key=value`, `@file.yml` and `{json: …}` arguments in their order; later ones win.
pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<Overrides, Problems> {
    let mut problems = Problems::default();
    let mut all = Tree {
        place: Place::start_of("-e"),
        value: Value::Map(Vec::new()),
    };
    for argument in arguments {
        if let Some(tree) = one(argument.as_ref().trim(), &mut problems) {
            all.merge(&tree);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut overrides = Overrides::default();
    let Value::Map(entries) = all.value else {
        return Ok(overrides);
    };
    for (key, tree) in entries {
        if key.name != "override" {
            let meant = nearest(&key.name, ["override"]).filter(|_| matches!(tree.value, Value::Map(_)));
            if let Some(meant) = meant {
                problems
                    .push(
                        key.place.clone(),
                        format!("'{}' overrides nothing", shown(&key.name)),
                    )
                    .hint(format!("did you mean '{meant}'?"));
            }
            overrides.variables.push((key, tree));
            continue;
        }
        match tree.value {
            Value::Map(entries) => overrides.entries = entries,
            Value::Null | Value::Broken => {}
            _ => {
                problems
                    .push(
                        tree.place.clone(),
                        format!("'override' must be a mapping, not {}", tree.kind()),
                    )
                    .hint("write -e override.controller.memory=30720");
            }
        }
    }
    if problems.is_empty() {
        Ok(overrides)
    } else {
        Err(problems)
    }
}

fn one(argument: &str, problems: &mut Problems) -> Option<Tree> {
    if let Some(path) = argument.strip_prefix('@') {
        let source = files::read(Path::new(path), problems)?;
        return mapping(parse_yaml(&source, problems)?, problems);
    }
    if argument.starts_with('{') {
        return mapping(parse_yaml(&Source::plain("-e", argument), problems)?, problems);
    }
    let place = Place::start_of(format!("-e {}", shown(argument)));
    let Some((path, value)) = argument.split_once('=') else {
        problems
            .push(
                None,
                format!("-e '{}' is neither key=value nor @file", shown(argument)),
            )
            .hint("write -e override.controller.memory=30720, or -e @file.yml");
        return None;
    };
    let path = path.trim();
    let place = Place {
        file: format!("-e {}", shown(path)).into(),
        ..place
    };
    let parts: Vec<&str> = path.split('.').collect();
    if parts
        .iter()
        .any(|part| part.is_empty() || part.contains(char::is_whitespace))
    {
        problems
            .push(
                None,
                format!("-e '{}': '{path}' is not a dotted name", shown(argument)),
            )
            .hint("write -e override.controller.memory=30720");
        return None;
    }
    if parts.len() > 20 {
        problems
            .push(place, "the name has more than 20 parts")
            .hint("names are like override.TYPE.disks.disk1.size");
        return None;
    }
    let tree = scalar(value.trim(), &place, problems)?;
    Some(parts.iter().rev().fold(tree, |inner, part| {
        let key = Key {
            name: (*part).to_owned(),
            place: place.clone(),
        };
        Tree {
            place: place.clone(),
            value: Value::Map(vec![(key, inner)]),
        }
    }))
}

/// A value of the command line: flow lists, mappings and quotes are YAML, all else is plain text.
fn scalar(text: &str, place: &Place, problems: &mut Problems) -> Option<Tree> {
    if text.starts_with("{{") || text.starts_with("{%") || !text.starts_with(['[', '{', '"', '\'']) {
        return Some(Tree::plain(place.clone(), text));
    }
    parse_yaml(&Source::plain(place.file.clone(), text), problems)
}

fn mapping(tree: Tree, problems: &mut Problems) -> Option<Tree> {
    match tree.value {
        Value::Map(_) => Some(tree),
        Value::Null | Value::Broken => None,
        _ => {
            let message = format!("variables must be a mapping, not {}", tree.kind());
            problems
                .push(tree.place, message)
                .hint("an override is written as override.TYPE.KEY=VALUE or override.networks.NET.KEY=VALUE");
            None
        }
    }
}

impl Overrides {
    /// What is said about the node type, or about `networks` and `nodes`.
    pub(super) fn get(&self, name: &str) -> Option<&Tree> {
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, tree)| tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_arguments_win_and_merge_deeply() {
        let overrides = parse(&[
            "override.controller.memory=30720",
            "override.controller.disks.disk1.size=10G",
            "override.controller.memory=4096",
            "override.controller.groups=[a, b]",
            "colour=red: blue",
            "{\"deep\": {\"x\": 1}}",
        ])
        .unwrap();
        let controller = overrides.get("controller").unwrap();
        let memory = controller.get("memory").unwrap();
        assert_eq!(memory.place.to_string(), "-e override.controller.memory");
        assert_eq!(
            memory.integer("m", 0..=99999, &mut Problems::default()),
            Some(4096)
        );
        assert!(controller.get("disks").unwrap().get("disk1").is_some());
        assert!(matches!(controller.get("groups").unwrap().value, Value::Seq(_)));
        assert_eq!(overrides.variables.len(), 2);
        assert!(matches!(&overrides.variables[0].1.value, Value::Scalar { text, .. } if text == "red: blue"));
    }

    #[test]
    fn bad_arguments_are_all_reported() {
        let problems =
            parse(&["novalue", "a..b=1", "override=5", "x=[1", "@/does/not/exist.yml"]).unwrap_err();
        let shown: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 4, "{shown:#?}");
        assert!(shown[0].starts_with("-e 'novalue' is neither key=value nor @file"));
        assert!(shown[3].contains("/does/not/exist.yml"));
        assert!(
            parse(&["override=5"]).unwrap_err().0[0]
                .message
                .contains("must be a mapping")
        );
    }
}
