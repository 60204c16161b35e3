//! What is wrong with the input: collected, placed, and reported together.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::error::{Exit, Fault, Listed};

/// How many problems one report shows; a broken file of a megabyte must not flood the terminal.
const SHOWN: usize = 100;
/// How many problems a program is told.
const LISTED: usize = 1000;
/// How many characters of what the user wrote a message repeats.
const LONGEST_SHOWN: usize = 80;
/// The longest word that is compared with others, in bytes.
const LONGEST_WORD: usize = 200;

/// Where in the input something stands; lines and columns count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// A path, `built-in:nodes/controller.yml`, or the flag that carried the text.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The first character of `file`.
    pub fn start_of(file: impl Into<Arc<str>>) -> Self {
        Place {
            file: file.into(),
            line: 1,
            column: 1,
        }
    }

    /// Whether it is a whole value of the command line.
    fn is_flag(&self) -> bool {
        self.file.starts_with('-') && (self.line, self.column) == (1, 1)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A value of the command line has no lines; what counts is the flag.
        if self.is_flag() {
            return f.write_str(&self.file);
        }
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, when it stands somewhere.
    pub place: Option<Place>,
    /// What is wrong: lower case, no full stop, quoting what the user wrote.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// All problems found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds a problem; the returned reference takes a hint.
    pub fn push(&mut self, place: impl Into<Option<Place>>, message: impl Into<String>) -> &mut Problem {
        self.0.push(Problem {
            place: place.into(),
            message: message.into(),
            hint: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Takes over the problems of `other`.
    pub fn append(&mut self, mut other: Problems) {
        self.0.append(&mut other.0);
    }

    /// Takes over the problems of `other` that are not there already.
    pub fn append_new(&mut self, other: Problems) {
        for problem in other.0 {
            if !self
                .0
                .iter()
                .any(|known| known.to_string() == problem.to_string())
            {
                self.0.push(problem);
            }
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many problems there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Orders by file (as first met), line and column, and drops what is said twice of one place.
    pub fn sort(&mut self) {
        let mut files: Vec<Arc<str>> = Vec::new();
        for place in self.0.iter().filter_map(|p| p.place.as_ref()) {
            if !files.contains(&place.file) {
                files.push(place.file.clone());
            }
        }
        self.0.sort_by_key(|p| {
            p.place
                .as_ref()
                .map(|at| (files.iter().position(|f| *f == at.file), at.line, at.column))
        });
        let mut said: HashSet<(Option<Place>, String)> = HashSet::new();
        self.0
            .retain(|p| said.insert((p.place.clone(), p.message.clone())));
    }

    /// One fault with exit code 2 that lists every problem on a line of its own.
    pub fn into_fault(mut self) -> anyhow::Error {
        self.sort();
        let problems = self.0.iter().take(LISTED).map(Problem::listed).collect();
        if self.0.len() == 1 {
            let problem = self.0.remove(0);
            let mut fault = Fault::new(
                Exit::Usage,
                Problem {
                    hint: None,
                    ..problem.clone()
                }
                .to_string(),
            );
            fault.hint = problem.hint;
            fault.problems = problems;
            return fault.into();
        }
        Fault {
            problems,
            ..Fault::new(Exit::Usage, self.to_string())
        }
        .into()
    }
}

impl Problem {
    /// Says what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    fn listed(&self) -> Listed {
        let lines = self.place.as_ref().filter(|place| !place.is_flag());
        Listed {
            file: self.place.as_ref().map(|place| place.file.to_string()),
            line: lines.map(|place| place.line),
            column: lines.map(|place| place.column),
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} problem{plural} in the input", self.0.len())?;
        for problem in self.0.iter().take(SHOWN) {
            write!(f, "\n{problem}")?;
        }
        if self.0.len() > SHOWN {
            write!(f, "\n… and {} more", self.0.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// What the user wrote, fit for a message: one line, not too long, and nothing in it that a terminal obeys.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST_SHOWN {
            shown.push('…');
            break;
        }
        match c {
            '\'' | '"' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison takes time and memory of length times length.
    if word.len() > LONGEST_WORD {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|c| c.len() <= LONGEST_WORD)
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= (c.chars().count() / 3).max(1))
        // Of two that are as near, the one that begins alike: people mistype the end of a word.
        .min_by_key(|(distance, c)| (*distance, Reverse(alike(&lower, c))))
        .map(|(_, c)| c)
}

/// How many characters two words have in common at their beginning.
fn alike(lower: &str, candidate: &str) -> usize {
    let other = candidate.to_lowercase();
    let pairs = lower.chars().zip(other.chars());
    pairs.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Report;

    fn at(file: &str, line: usize) -> Place {
        Place {
            file: file.into(),
            line,
            column: 3,
        }
    }

    #[test]
    fn several_problems_are_one_fault_in_the_order_of_the_file() {
        let mut problems = Problems::default();
        problems.push(at("b.yml", 9), "late").hint("try again");
        problems.push(at("a.yml", 1), "other file");
        problems.push(at("b.yml", 2), "early");
        let report = Report::of(&problems.into_fault());
        assert_eq!(report.exit_code, 2);
        assert_eq!(
            report.message,
            "3 problems in the input\nb.yml:2:3: early\nb.yml:9:3: late\n  hint: try again\na.yml:1:3: other file"
        );
        let listed: Vec<_> = report
            .problems
            .iter()
            .map(|p| (p.file.as_deref(), p.line, p.message.as_str(), p.hint.as_deref()))
            .collect();
        assert_eq!(
            listed,
            [
                (Some("b.yml"), Some(2), "early", None),
                (Some("b.yml"), Some(9), "late", Some("try again")),
                (Some("a.yml"), Some(1), "other file", None)
            ]
        );
    }

    #[test]
    fn a_single_problem_is_the_fault_itself() {
        let mut problems = Problems::default();
        problems.push(at("a.yml", 4), "bad").hint("do good");
        let report = Report::of(&problems.into_fault());
        assert_eq!(
            (report.message.as_str(), report.hint.as_deref()),
            ("a.yml:4:3: bad", Some("do good"))
        );
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(shown("a'b\"c<&;é"), "a'b\"c<&;é");
        assert_eq!(shown("a\u{1b}[31m\n\u{202e}b"), "a\\u{1b}[31m\\n\\u{202e}b");
        assert_eq!(shown(&"x".repeat(5000)).chars().count(), LONGEST_SHOWN + 1);
    }

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("memeory", ["cpu", "memory"]), Some("memory"));
        assert_eq!(
            nearest("contoller", ["compute", "controller"]),
            Some("controller")
        );
        assert_eq!(nearest("3_net", ["1_net", "3_nets"]), Some("3_nets"));
        assert_eq!(nearest("zebra", ["compute", "controller"]), None);
        let long = "a".repeat(500_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }
}
