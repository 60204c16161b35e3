//! A mapping whose keys are known: unknown ones are problems, null means the default.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::{Key, Place, Problems, Tree, Value, nearest, shown};

/// What stands under a misspelt key.
static BROKEN: LazyLock<Tree> = LazyLock::new(|| Tree::broken(Place::start_of("")));

/// The entries of one mapping, named for messages.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// What the mapping describes: `node 'controller'`.
    pub of: String,
    /// Where it stands.
    pub place: Place,
    /// Whether it is a mapping at all; what is none has been reported, and lacks nothing.
    pub readable: bool,
    entries: &'a [(Key, Tree)],
    /// Entries whose key is misspelt, by the key that was meant.
    misspelt: Vec<(String, &'a (Key, Tree))>,
}

impl<'a> Fields<'a> {
    /// Takes `tree` for a mapping with the keys `known`; what is no mapping, and every other key, is a problem.
    pub fn new(of: impl Into<String>, tree: &'a Tree, known: &[&str], problems: &mut Problems) -> Self {
        let of = of.into();
        let entries = tree.map(&of, problems).unwrap_or_default();
        let mut misspelt: Vec<(String, &(Key, Tree))> = Vec::new();
        for entry in entries
            .iter()
            .filter(|(key, _)| !known.contains(&key.name.as_str()))
        {
            let key = &entry.0;
            let message = format!("the key '{}' of {of} is not known", shown(&key.name));
            let hint = match nearest(&key.name, known.iter().copied()) {
                Some(near) => {
                    misspelt.push((near.to_owned(), entry));
                    format!("did you mean '{near}'?")
                }
                None => format!("known are {}", known.join(", ")),
            };
            problems.push(key.place.clone(), message).hint(hint);
        }
        Fields {
            of,
            place: tree.place.clone(),
            readable: matches!(tree.value, Value::Map(_) | Value::Null),
            entries,
            misspelt,
        }
    }

    /// The value under `key`, unless it is absent or null. What stands under a misspelt key is there, but as the
    /// key has been reported only what is in it is looked at.
    pub fn get(&self, key: &str) -> Option<&'a Tree> {
        let found = self.entries.iter().find(|(k, _)| k.name == key);
        if let Some((_, value)) = found {
            return Some(value).filter(|v| !v.is_null());
        }
        let (_, value) = self.meant(key)?;
        match value.value {
            Value::Map(_) => Some(value),
            _ => Some(&BROKEN),
        }
    }

    fn meant(&self, key: &str) -> Option<&'a (Key, Tree)> {
        self.misspelt.iter().find(|(k, _)| k == key).map(|(_, e)| *e)
    }

    /// Where `key` itself stands, null values included.
    pub fn key_place(&self, key: &str) -> Option<&'a Place> {
        let found = self.entries.iter().find(|(k, _)| k.name == key);
        found.or_else(|| self.meant(key)).map(|(k, _)| &k.place)
    }

    /// Whether what stands under `key` could not be read.
    pub fn is_broken(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| v.value == Value::Broken)
    }

    /// The value under `key`; that it is missing is a problem.
    pub fn required(&self, key: &str, problems: &mut Problems) -> Option<&'a Tree> {
        let found = self.get(key);
        if found.is_none() && self.readable {
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
        // A misspelt key is one fault, not one more that is missing.
        let cpu = fields.required("cpu", &mut problems).unwrap();
        assert!(cpu.integer("cpu", 1..=3, &mut problems).is_none());
        let shown: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "a.yml:1:1: the key 'cpus' of node 'x' is not known\n  hint: did you mean 'cpu'?",
                "a.yml:3:1: the key 'zzz' of node 'x' is not known\n  hint: known are cpu, memory",
            ]
        );
        assert!(fields.required("memory", &mut problems).is_none());
        assert_eq!(problems.len(), 3);
    }

    #[test]
    fn what_is_no_mapping_lacks_nothing() {
        let mut problems = Problems::default();
        let tree = parse(&Source::plain("a.yml", "[a]"), &mut problems).unwrap();
        let fields = Fields::new("node 'x'", &tree, &["cpu"], &mut problems);
        assert!(fields.required("cpu", &mut problems).is_none());
        assert_eq!(problems.len(), 1);
    }
}
