//! A YAML value that knows where it stands.

use super::Place;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Where the value starts.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// What a YAML value can be; scalars stay text until someone asks for a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// What could not be read: reported already, so nothing more is said of it.
    Broken,
    /// Any other scalar.
    Scalar {
        /// The text, unquoted.
        text: String,
        /// Whether it stood in quotes or in a block.
        quoted: bool,
    },
    /// A list.
    Seq(Vec<Tree>),
    /// A mapping in the order of the file.
    Map(Vec<(Key, Tree)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's text.
    pub name: String,
    /// Where the key stands.
    pub place: Place,
}

impl Tree {
    /// A scalar that counts as quoted.
    pub fn text(place: Place, text: impl Into<String>) -> Self {
        Tree {
            place,
            value: Value::Scalar {
                text: text.into(),
                quoted: true,
            },
        }
    }

    /// What could not be read, and has been reported.
    pub fn broken(place: Place) -> Self {
        Tree {
            place,
            value: Value::Broken,
        }
    }

    /// An unquoted scalar, or null for the words that YAML takes for it.
    pub fn plain(place: Place, text: &str) -> Self {
        let value = match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            _ => Value::Scalar {
                text: text.to_owned(),
                quoted: false,
            },
        };
        Tree { place, value }
    }

    /// The value under `key` of a mapping, null included.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Puts `over` on top: mappings are merged deeply, everything else is replaced.
    pub fn merge(&mut self, over: &Tree) {
        match (&mut self.value, &over.value) {
            (Value::Map(mine), Value::Map(theirs)) => {
                for (key, value) in theirs {
                    match mine.iter_mut().find(|(k, _)| k.name == key.name) {
                        Some((_, old)) => old.merge(value),
                        None => mine.push((key.clone(), value.clone())),
                    }
                }
            }
            _ => *self = over.clone(),
        }
    }

    /// What the value is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Broken => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}
