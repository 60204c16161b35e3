//! A mapping whose keys are known: unknown ones are problems, null means the default.

use std::ops::RangeInclusive;

use super::{Key, Place, Problems, Tree, Value, nearest};

/// The entries of one mapping, named for messages.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// What the mapping describes: `node 'controller'`.
    pub of: String,
    /// Where it stands.
    pub place: Place,
    entries: &'a [(Key, Tree)],
    /// What is none has been reported as that.
    is_mapping: bool,
}

impl<'a> Fields<'a> {
    /// Takes `tree` for a mapping with the keys `known`; what is no mapping, and every other key, is a problem.
    pub fn new(of: impl Into<String>, tree: &'a Tree, known: &[&str], problems: &mut Problems) -> Self {
        let of = of.into();
        let entries = tree.map(&of, problems).unwrap_or_default();
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| !known.contains(&key.name.as_str()))
        {
            let message = format!("the key '{}' of {of} is not known", key.name);
            let hint = match nearest(&key.name, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("known are {}", known.join(", ")),
            };
            problems.push(key.place.clone(), message).hint(hint);
        }
        Fields {
            of,
            place: tree.place.clone(),
            entries,
            is_mapping: matches!(tree.value, Value::Map(_) | Value::Null),
        }
    }

    /// The value under `key`, unless it is absent or null.
    pub fn get(&self, key: &str) -> Option<&'a Tree> {
        self.entries
            .iter()
            .find(|(k, _)| k.name == key)
            .map(|(_, v)| v)
            .filter(|v| !v.is_null())
    }

    /// Where `key` itself stands, null values included.
    pub fn key_place(&self, key: &str) -> Option<&'a Place> {
        self.entries
            .iter()
            .find(|(k, _)| k.name == key)
            .map(|(k, _)| &k.place)
    }

    /// The value under `key`; that it is missing is a problem.
    pub fn required(&self, key: &str, problems: &mut Problems) -> Option<&'a Tree> {
        let found = self.get(key);
        if found.is_none() && self.is_mapping {
            problems
                .push(self.place.clone(), format!("{} has no '{key}'", self.of))
                .hint(format!("add the key '{key}'"));
        }
        found
    }

    /// How messages call the value under `key`.
    pub fn what(&self, key: &str) -> String {
        format!("'{key}' of {}", self.of)
    }

    /// Text under `key`.
    pub fn string(&self, key: &str, problems: &mut Problems) -> Option<String> {
        self.get(key)?.string(&self.what(key), problems)
    }

    /// A whole number under `key`.
    pub fn integer(&self, key: &str, range: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
        self.get(key)?.integer(&self.what(key), range, problems)
    }

    /// A boolean under `key`.
    pub fn boolean(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        self.get(key)?.boolean(&self.what(key), problems)
    }

    /// One word of a closed set under `key`.
    pub fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        self.get(key)?.choice(&self.what(key), words, problems)
    }

    /// The list under `key`, empty when there is none.
    pub fn list(&self, key: &str, problems: &mut Problems) -> &'a [Tree] {
        self.get(key)
            .and_then(|t| t.list(&self.what(key), problems))
            .unwrap_or_default()
    }

    /// The mapping under `key`, empty when there is none.
    pub fn map(&self, key: &str, problems: &mut Problems) -> &'a [(Key, Tree)] {
        self.get(key)
            .and_then(|t| t.map(&self.what(key), problems))
            .unwrap_or_default()
    }

    /// Whether the mapping has nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|(_, v)| v.value == Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    #[test]
    fn unknown_keys_are_reported_with_the_key_that_was_meant() {
        let mut problems = Problems::default();
        let tree = parse(
            &Source::plain("a.yml", "cpus: 4\nmemory: ~\nzzz: 1"),
            &mut problems,
        )
        .unwrap();
        let fields = Fields::new("node 'x'", &tree, &["cpu", "memory"], &mut problems);
        assert!(fields.get("memory").is_none());
        assert!(fields.required("cpu", &mut problems).is_none());
        let shown: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "a.yml:1:1: the key 'cpus' of node 'x' is not known\n  hint: did you mean 'cpu'?",
                "a.yml:3:1: the key 'zzz' of node 'x' is not known\n  hint: known are cpu, memory",
                "a.yml:1:1: node 'x' has no 'cpu'\n  hint: add the key 'cpu'",
            ]
        );
    }
}
