//! A text and the way back from its characters to where the user wrote them.

use std::sync::Arc;

use super::{Place, Problems};

/// The largest text that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// A YAML text with the name of its file, and, for a rendered template, the template's positions.
#[derive(Clone, Debug)]
pub struct Source {
    /// What messages call the file.
    pub file: Arc<str>,
    text: String,
    /// Ascending; none: positions are the text's own.
    marks: Vec<Mark>,
}

/// A character of a rendered text that is known to come from a place of the template.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Which character of the text, from 0.
    index: usize,
    /// Its line and column in the text, from 1.
    own: (usize, usize),
    /// Its line and column in the template, from 1.
    template: (usize, usize),
}

impl Source {
    /// A text whose positions are its own.
    pub fn plain(file: impl Into<Arc<str>>, text: impl Into<String>) -> Self {
        Source {
            file: file.into(),
            text: text.into(),
            marks: Vec::new(),
        }
    }

    /// A rendered text; each mark says which template line and column a character of it came from, ascending.
    pub fn rendered(file: Arc<str>, text: String, marks: Vec<(usize, usize, usize)>) -> Self {
        let mut at = (0, 1, 1);
        let mut chars = text.chars();
        let marks = marks
            .into_iter()
            .map(|(index, line, column)| {
                for c in chars.by_ref().take(index - at.0) {
                    at = if c == '\n' {
                        (at.0 + 1, at.1 + 1, 1)
                    } else {
                        (at.0 + 1, at.1, at.2 + 1)
                    };
                }
                Mark {
                    index,
                    own: (at.1, at.2),
                    template: (line, column),
                }
            })
            .collect();
        Source { file, text, marks }
    }

    /// Takes file contents for text: refuses what is too large, not UTF-8, or holds control characters.
    pub fn from_bytes(file: impl Into<Arc<str>>, bytes: Vec<u8>, problems: &mut Problems) -> Option<Self> {
        let file = file.into();
        if bytes.len() > MAX_BYTES {
            problems
                .push(
                    Place::start_of(file),
                    format!("the file is larger than {} KiB", MAX_BYTES / 1024),
                )
                .hint("is it the right file?");
            return None;
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
                problems
                    .push(end_of(&file, &valid), "the file is not UTF-8 text")
                    .hint("save it as UTF-8");
                return None;
            }
        };
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        if let Some((index, bad)) = text
            .char_indices()
            .find(|(_, c)| c.is_control() && !"\t\n\r".contains(*c))
        {
            let place = end_of(&file, &text[..index]);
            problems
                .push(
                    place,
                    format!("control character U+{:04X} in the file", u32::from(bad)),
                )
                .hint("remove it: YAML is plain text");
            return None;
        }
        Some(Source::plain(file, text))
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the user wrote the character `index`, which the text has at `line` and `column` (from 1).
    pub(super) fn place(&self, index: usize, line: usize, column: usize) -> Place {
        let after = self.marks.partition_point(|mark| mark.index <= index);
        let (line, column) = match after.checked_sub(1).and_then(|i| self.marks.get(i)) {
            None => (line, column),
            Some(mark) if mark.own.0 == line => (
                mark.template.0,
                (mark.template.1 + column).saturating_sub(mark.own.1),
            ),
            Some(mark) => ((mark.template.0 + line).saturating_sub(mark.own.0), column),
        };
        Place {
            file: self.file.clone(),
            line,
            column,
        }
    }
}

fn end_of(file: &Arc<str>, text: &str) -> Place {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place {
        file: file.clone(),
        line,
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let mut problems = Problems::default();
        assert!(Source::from_bytes("a.yml", bytes.to_vec(), &mut problems).is_none());
        problems.0[0].to_string()
    }

    #[test]
    fn what_is_not_text_is_refused_with_its_place() {
        assert_eq!(
            refusal(b"a: 1\nb: \xff"),
            "a.yml:2:4: the file is not UTF-8 text\n  hint: save it as UTF-8"
        );
        assert_eq!(
            refusal(b"a: 1\nb\0: 2"),
            "a.yml:2:2: control character U+0000 in the file\n  hint: remove it: YAML is plain text"
        );
        assert_eq!(
            refusal(&vec![b' '; MAX_BYTES + 1]),
            "a.yml:1:1: the file is larger than 1024 KiB\n  hint: is it the right file?"
        );
    }
}
