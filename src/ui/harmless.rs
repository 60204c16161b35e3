//! Text from elsewhere must not steer the terminal, nor show itself in another order than it has.

/// Whether a terminal obeys it: control characters of both sets, and marks that turn the writing's direction.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Several lines of text, in which nothing steers the terminal.
pub fn clean(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if steers(c) && c != '\n' { ' ' } else { c })
        .collect();
    text.trim_end().to_owned()
}

/// One line of text, in which nothing steers the terminal.
pub fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// At most so many characters of [`one_line`].
pub fn short_line(text: &str, most: usize) -> String {
    let line = one_line(text);
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A finished text for the terminal: colours, line breaks and tabs stay.
pub fn coloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = colour(rest).unwrap_or(c.len_utf8());
        let (piece, after) = rest.split_at(length);
        match steers(c) && length == c.len_utf8() && !matches!(c, '\n' | '\t') {
            true => out.push(' '),
            false => out.push_str(piece),
        }
        rest = after;
    }
    out
}

/// A text without its colours.
pub fn uncoloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (piece, after) = match colour(rest) {
            Some(length) => ("", &rest[length..]),
            None => rest.split_at(c.len_utf8()),
        };
        out.push_str(piece);
        rest = after;
    }
    out
}

/// The length of the colour sequence that `text` begins with: `ESC [ 1 ; 32 m`.
fn colour(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\x1b[")?;
    let end = numbers.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    numbers[end..].starts_with('m').then_some(end + 3)
}

/// JSON that says the same without a character that steers.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) && c != '\n' {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What terminals obey, said in another way: C0, DEL, C1, and the marks of direction.
    fn obeyed(c: char) -> bool {
        let code = u32::from(c);
        let ranges = [0..=0x1f, 0x7f..=0x9f, 0x202a..=0x202e, 0x2066..=0x2069];
        ranges.iter().any(|range| range.contains(&code))
    }

    #[test]
    fn colours_stay_and_all_else_that_steers_goes() {
        assert_eq!(coloured("\x1b[1;32m+\x1b[0m a\tb\n"), "\x1b[1;32m+\x1b[0m a\tb\n");
        for hostile in [
            "\x1b[2J",
            "\x1b]0;title\x07",
            "\u{9b}2J",
            "\x1b[31",
            "\x1bc",
            "\r",
            "\u{202e}",
            "\x1b[?1049h",
        ] {
            assert!(!coloured(hostile).contains(obeyed), "{hostile:?}");
            assert!(!one_line(hostile).contains(obeyed), "{hostile:?}");
        }
        assert_eq!(short_line("a\nbcdef", 3), "a b…");
        assert_eq!(short_line("abc", 3), "abc");
    }

    #[test]
    fn json_says_the_same() {
        let text = "a\u{9b}2J\u{202e}b\u{7f}é";
        let written = json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert!(written.chars().all(|c| !obeyed(c) || c == '\n'), "{written:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&written).unwrap(), [text]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_steers_whatever_comes(text in "(\\PC|\\pC|\x1b\\[|;|[0-9]|m|\n){0,40}") {
            let shown = coloured(&text);
            // What is left of the escape character begins a colour.
            for (at, _) in shown.match_indices('\x1b') {
                prop_assert!(colour(&shown[at..]).is_some());
            }
            let without = shown.replace('\x1b', "");
            prop_assert!(!without.contains(|c| obeyed(c) && c != '\n' && c != '\t'));
        }
    }
}
