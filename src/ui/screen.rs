//! A text in the place of the one before it, without a blank moment between the two and without remains.

use super::cut::width_seen as width;
use std::io::stdout;
use std::os::fd::AsFd;

/// Rows and columns of the terminal that stdout is.
pub(super) fn size() -> (usize, usize) {
    size_of(stdout())
}

/// Rows and columns of the terminal that a stream is.
pub(super) fn size_of(stream: impl AsFd) -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(stream).ok();
    let known = size.filter(|size| size.ws_row > 0 && size.ws_col > 0);
    known.map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into()))
}

/// What draws `text` from the first row on; what the screen has no room for is counted in its last line.
pub(super) fn frame(text: &str, (rows, columns): (usize, usize)) -> String {
    let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
    // The cursor comes to stand in the last row.
    let room = rows.saturating_sub(1).max(1);
    let mut frame = "\x1b[H".to_owned();
    let mut left = room;
    let mut all: usize = lines.iter().map(|line| height(line, columns)).sum();
    for (at, line) in lines.iter().enumerate() {
        let height = height(line, columns);
        if all > left && height + 1 > left {
            frame.push_str(&format!("… {} more lines\x1b[K\n", lines.len() - at));
            break;
        }
        frame.push_str(line);
        // At the end of a full row the cursor is still on its last character.
        if width(line) == 0 || !width(line).is_multiple_of(columns) {
            frame.push_str("\x1b[K");
        }
        frame.push('\n');
        left -= height;
        all -= height;
    }
    frame.trim_end_matches('\n').to_owned() + "\n\x1b[J"
}

fn height(line: &str, columns: usize) -> usize {
    width(line).div_ceil(columns).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_written_over_to_its_end() {
        assert_eq!(
            frame("ab\n\n\x1b[32m+\x1b[0m abc\n", (10, 5)),
            "\x1b[Hab\x1b[K\n\x1b[K\n\x1b[32m+\x1b[0m abc\n\x1b[J"
        );
    }

    #[test]
    fn what_has_no_room_is_counted() {
        assert_eq!(
            frame("a\nb\nc", (4, 5)),
            "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n\x1b[J"
        );
        assert_eq!(
            frame("a\nb\nc\nd", (4, 5)),
            "\x1b[Ha\x1b[K\nb\x1b[K\n… 2 more lines\x1b[K\n\x1b[J"
        );
        // The second line takes two rows.
        assert_eq!(
            frame("a\nbbbbbb\nc", (4, 5)),
            "\x1b[Ha\x1b[K\n… 2 more lines\x1b[K\n\x1b[J"
        );
    }
}
