//! Names go into XML, shell commands, file names and host names: only harmless ones are let in.

use crate::yaml::{Place, Problems, shown};

/// The longest name that is taken; a host name's label has 63 characters.
const MAX: usize = 60;

/// Whether `text` is a name that is safe everywhere; if not, says so about the `what`.
pub fn check(what: &str, text: &str, place: &Place, problems: &mut Problems) -> bool {
    let good = is_name(text);
    if !good {
        problems.push(place.clone(), format!("'{}' is not a good name for a {what}", shown(text))).hint(
            format!(
                "use letters, digits, '_', '.' and '-', beginning with a letter or digit, at most {MAX} characters"
            ),
        );
    }
    good
}

/// Whether `text` consists of letters, digits, `_`, `.`, `-`, begins with a letter or digit, and is not too long.
pub fn is_name(text: &str) -> bool {
    text.len() <= MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metacharacters_are_refused() {
        for good in ["a", "br-ctlplane", "openshift-infra", "3_nets", "v1.2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "", "-a", ".a", "a b", "a<", "a&", "a\"", "a'", "a;", "$(a)", "a{b}", "a/b", "a\n", "é",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_name(&"a".repeat(61)));
    }
}
