//! URLs with `{arch}` and `{version}` in them.

use crate::yaml::{Place, Problems, nearest, shown};

const KNOWN: [&str; 2] = ["arch", "version"];

/// The pattern with its words put in.
pub(super) fn fill(text: &str, arch: &str, version: &str) -> String {
    text.replace("{arch}", arch).replace("{version}", version)
}

/// The words of a pattern; those that are not known, and braces that do not match, are problems.
pub(super) fn words(what: &str, text: &str, place: &Place, problems: &mut Problems) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (brace, after) = rest[at..].split_at(1);
        let Some(end) = after
            .find(['{', '}'])
            .filter(|end| brace == "{" && after[*end..].starts_with('}'))
        else {
            problems
                .push(
                    place.clone(),
                    format!(
                        "{what} '{}' has a brace that is alone",
                        shown(&crate::url::shown(text))
                    ),
                )
                .hint("{arch} and {version} are replaced; a brace of the URL itself is written %7B or %7D");
            break;
        };
        let word = &after[..end];
        match KNOWN.into_iter().find(|known| *known == word) {
            Some(known) => found.push(known),
            None => {
                let hint = match nearest(word, KNOWN) {
                    Some(near) => format!("did you mean '{{{near}}}'?"),
                    None => "known are {arch} and {version}".to_owned(),
                };
                problems
                    .push(
                        place.clone(),
                        format!("{what} has '{{{}}}', which is not known", shown(word)),
                    )
                    .hint(hint);
            }
        }
        rest = &after[end + 1..];
    }
    found
}
