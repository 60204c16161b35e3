//! Text in columns of a terminal: how wide it is, and what is left of it where there is less room.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that a text without colours takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The columns that a text takes, whose colours take none.
pub fn width_seen(text: &str) -> usize {
    let mut seen = String::new();
    let mut colour = false;
    for c in text.chars() {
        match c {
            '\x1b' => colour = true,
            'm' if colour => colour = false,
            _ if !colour => seen.push(c),
            _ => {}
        }
    }
    width(&seen)
}

/// The beginning of a text, at most so many columns of it, with a sign that it goes on.
pub fn end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    match columns {
        0 => String::new(),
        _ => beginning(text, columns - 1) + "…",
    }
}

/// Beginning and end of a text, at most so many columns: names differ in their last characters.
pub fn middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns < 4 {
        return end(text, columns);
    }
    let last = (columns - 1) / 2;
    let reversed: String = text.chars().rev().collect();
    let tail: String = beginning(&reversed, last).chars().rev().collect();
    format!("{}…{tail}", beginning(text, columns - 1 - last))
}

fn beginning(text: &str, columns: usize) -> String {
    let mut left = columns;
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_so_and_fits() {
        assert_eq!(end("compute", 7), "compute");
        assert_eq!(end("compute", 5), "comp…");
        assert_eq!(end("compute", 0), "");
        assert_eq!(middle("lab1-overcloud-compute-117", 12), "lab1-o…e-117");
        assert_eq!(middle("abc", 2), "a…");
        // Wide characters take two columns, combining ones none.
        assert_eq!(end("日本語", 5), "日本…");
        assert_eq!(end("日本語", 4), "日…");
        assert_eq!(end("e\u{301}e\u{301}e\u{301}", 3), "e\u{301}e\u{301}e\u{301}");
        for columns in 0..12 {
            for text in ["lab1-compute-0", "日本語の名前です", "a日b本c語"] {
                assert!(width(&end(text, columns)) <= columns, "{text} {columns}");
                assert!(width(&middle(text, columns)) <= columns, "{text} {columns}");
            }
        }
    }
}
