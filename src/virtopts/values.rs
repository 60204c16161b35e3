//! The values of virt-install's options: `WORD,KEY=VALUE,…`.

use crate::yaml::shown;

/// A value, split; what was not asked for in the end is not known.
pub(super) struct Values<'a> {
    /// The words without a key, in their order.
    words: Vec<&'a str>,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Values<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut pairs = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((key, value)) => pairs.push((key, value)),
                None => words.push(part),
            }
        }
        Values { words, pairs }
    }

    /// Takes the first word, or the value under one of these keys.
    pub(super) fn first(&mut self, keys: &[&str]) -> Option<&'a str> {
        match self.key(keys) {
            Some(value) => Some(value),
            None if self.words.is_empty() => None,
            None => Some(self.words.remove(0)),
        }
    }

    /// Takes the value under one of these keys.
    pub(super) fn key(&mut self, keys: &[&str]) -> Option<&'a str> {
        let at = self.pairs.iter().position(|(key, _)| keys.contains(key))?;
        Some(self.pairs.remove(at).1)
    }

    /// Takes the value under one of these keys, and takes it for yes or no.
    pub(super) fn flag(&mut self, keys: &[&str]) -> Result<Option<bool>, String> {
        match self.key(keys) {
            None => Ok(None),
            Some("on" | "yes" | "1" | "true") => Ok(Some(true)),
            Some("off" | "no" | "0" | "false") => Ok(Some(false)),
            Some(other) => Err(format!("'{}' must be on or off", shown(other))),
        }
    }

    /// Takes the value under one of these keys, one of a closed set.
    pub(super) fn choice(&mut self, keys: &[&str], words: &[&str]) -> Result<Option<&'a str>, String> {
        match self.key(keys) {
            Some(value) => one_of(value, words).map(Some),
            None => Ok(None),
        }
    }

    /// Takes all words.
    pub(super) fn words(&mut self) -> Vec<&'a str> {
        std::mem::take(&mut self.words)
    }

    /// Nothing may be left: what is not understood is not ignored.
    pub(super) fn end(self) -> Result<(), String> {
        if let Some(word) = self.words.first() {
            return Err(format!("'{}' is not understood", shown(word)));
        }
        match self.pairs.first() {
            Some((key, value)) => Err(format!(
                "'{}' is not understood",
                shown(&format!("{key}={value}"))
            )),
            None => Ok(()),
        }
    }
}

/// A word of a closed set.
pub(super) fn one_of<'a>(value: &'a str, words: &[&str]) -> Result<&'a str, String> {
    if words.contains(&value) {
        return Ok(value);
    }
    Err(format!("'{}' is not one of {}", shown(value), words.join(", ")))
}
