//! Typed readings of a value: each reports what does not fit and answers None.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::{Key, Problems, Tree, Value, nearest, shown};
use crate::units;

impl Tree {
    /// Whether the value is null, which means "the default".
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Any scalar as text; `what` names the value in messages.
    pub fn string(&self, what: &str, problems: &mut Problems) -> Option<String> {
        self.scalar(what, "a single value", problems).map(str::to_owned)
    }

    /// A whole number, quoted or not, within `range`.
    pub fn integer(&self, what: &str, range: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
        let text = self.scalar(what, "a whole number", problems)?.trim();
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(number) if digits && range.contains(&number) => Some(number),
            Err(_) if !digits => {
                self.wrong(what, "a whole number", problems);
                None
            }
            _ => {
                problems
                    .push(self.place.clone(), format!("{what} cannot be {}", shown(text)))
                    .hint(format!("it must be from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    /// A boolean as YAML 1.1 writes it: yes, no, true, false, on, off, in any case; also 1 and 0.
    pub fn boolean(&self, what: &str, problems: &mut Problems) -> Option<bool> {
        match self
            .scalar(what, "yes or no", problems)?
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "yes" | "true" | "on" | "y" | "1" => Some(true),
            "no" | "false" | "off" | "n" | "0" => Some(false),
            _ => {
                self.wrong(what, "yes or no", problems);
                None
            }
        }
    }

    /// A size in bytes within `range`: `100G`, `512M`, plain bytes; units are powers of 1024.
    pub fn size(&self, what: &str, range: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
        let text = self.scalar(what, "a size", problems)?;
        let Some(bytes) = units::parse_size(text) else {
            let message = format!("{what} must be a size, not '{}'", shown(text));
            problems
                .push(self.place.clone(), message)
                .hint("write a number with a unit: 512M, 100G, 1T");
            return None;
        };
        if range.contains(&bytes) {
            return Some(bytes);
        }
        let limits = format!(
            "it must be from {} to {}",
            units::format_size(*range.start()),
            units::format_size(*range.end())
        );
        let mut hint = limits;
        let bare = text.trim().bytes().all(|b| b.is_ascii_digit());
        if bare && (1..*range.start()).contains(&bytes) {
            let _ = write!(
                hint,
                "; a number without a unit is bytes: did you mean '{}G'?",
                text.trim()
            );
        }
        problems
            .push(self.place.clone(), format!("{what} cannot be {}", shown(text)))
            .hint(hint);
        None
    }

    /// One word of a closed set.
    pub fn choice<T: Copy>(&self, what: &str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let text = self.scalar(what, "a single value", problems)?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let near = nearest(text, names.iter().copied());
            let hint = match near {
                Some(near) => format!("did you mean '{near}'? it is one of {}", names.join(", ")),
                None => format!("it is one of {}", names.join(", ")),
            };
            problems
                .push(self.place.clone(), format!("{what} cannot be '{}'", shown(text)))
                .hint(hint);
        }
        found
    }

    /// A list; null is an empty one.
    pub fn list(&self, what: &str, problems: &mut Problems) -> Option<&[Tree]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            Value::Null => Some(&[]),
            _ => {
                self.wrong(what, "a list", problems);
                None
            }
        }
    }

    /// A mapping; null is an empty one.
    pub fn map(&self, what: &str, problems: &mut Problems) -> Option<&[(Key, Tree)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            Value::Null => Some(&[]),
            _ => {
                self.wrong(what, "a mapping", problems);
                None
            }
        }
    }

    fn scalar(&self, what: &str, wanted: &str, problems: &mut Problems) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.wrong(what, wanted, problems);
                None
            }
        }
    }

    fn wrong(&self, what: &str, wanted: &str, problems: &mut Problems) {
        let found = match &self.value {
            Value::Broken => return,
            Value::Scalar { text, .. } => format!("'{}'", shown(text)),
            _ => self.kind().to_owned(),
        };
        let hint = match wanted {
            "yes or no" => "write yes or no",
            "a whole number" => "write a number without a unit, e.g. 4",
            "a size" => "write a number with a unit: 512M, 100G, 1T",
            _ if wanted.contains("list") => "write a list: [one, two], or a line with '- ' for each",
            _ if wanted.contains("mapping") => "write KEY: VALUE lines below it, indented",
            _ => "write one word or number, in quotes where it has other characters",
        };
        problems
            .push(
                self.place.clone(),
                format!("{what} must be {wanted}, not {found}"),
            )
            .hint(hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Place, Source, parse};

    fn tree(text: &str) -> Tree {
        parse(&Source::plain("a.yml", text), &mut Problems::default()).unwrap()
    }

    fn problem(read: impl Fn(&mut Problems)) -> String {
        let mut problems = Problems::default();
        read(&mut problems);
        problems.0[0].to_string()
    }

    #[test]
    fn numbers_may_be_quoted() {
        let mut problems = Problems::default();
        assert_eq!(tree("\"4\"").integer("cpu", 1..=8, &mut problems), Some(4));
        assert_eq!(tree("4").integer("cpu", 1..=8, &mut problems), Some(4));
        assert!(problems.is_empty());
        assert_eq!(
            problem(|p| assert!(tree("4.5").integer("cpu", 1..=8, p).is_none())),
            "a.yml:1:1: cpu must be a whole number, not '4.5'\n  hint: write a number without a unit, e.g. 4"
        );
        assert_eq!(
            problem(|p| assert!(tree("0").integer("cpu", 1..=8, p).is_none())),
            "a.yml:1:1: cpu cannot be 0\n  hint: it must be from 1 to 8"
        );
        let huge = "9".repeat(30);
        assert!(
            problem(|p| assert!(tree(&huge).integer("cpu", 1..=8, p).is_none())).contains("cannot be 999")
        );
        assert!(
            problem(|p| assert!(tree("[1]").integer("cpu", 1..=8, p).is_none()))
                .contains("not a list\n  hint: write a number")
        );
    }

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        let mut problems = Problems::default();
        for yes in ["yes", "YES", "True", "on", "1"] {
            assert_eq!(tree(yes).boolean("x", &mut problems), Some(true));
        }
        for no in ["no", "False", "OFF", "0"] {
            assert_eq!(tree(no).boolean("x", &mut problems), Some(false));
        }
        assert!(problems.is_empty());
        assert!(tree("maybe").boolean("x", &mut problems).is_none());
    }

    #[test]
    fn a_size_without_its_unit_is_explained() {
        let range = units::MIB..=units::GIB * 1024;
        assert_eq!(
            problem(|p| assert!(tree("40").size("size", range.clone(), p).is_none())),
            "a.yml:1:1: size cannot be 40\n  hint: it must be from 1 MiB to 1 TiB; a number without a unit is bytes: did you mean '40G'?"
        );
        assert!(problem(|p| assert!(tree("-4G").size("size", range.clone(), p).is_none())).contains("100G"));
    }

    #[test]
    fn words_of_a_closed_set_are_suggested() {
        let words = [("nat", 1), ("route", 2)];
        assert_eq!(
            problem(|p| assert!(tree("nta").choice("forward", &words, p).is_none())),
            "a.yml:1:1: forward cannot be 'nta'\n  hint: did you mean 'nat'? it is one of nat, route"
        );
        let place = Place::start_of("x");
        assert_eq!(
            Tree::text(place, "route").choice("f", &words, &mut Problems::default()),
            Some(2)
        );
    }
}
