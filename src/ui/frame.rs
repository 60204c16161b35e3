//! The live lines as they fit a terminal of some size: pure text.

use super::cut;
use crate::units::{bytes, format_duration};
use std::time::Duration;

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// What is left for a text is told only when so many columns are.
const WORTH: usize = 6;

/// What a live line is about.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// A step, what it is at, and since when.
    Step {
        label: String,
        text: String,
        since: Duration,
    },
    /// A node and what it is at.
    Node { name: String, text: String },
    /// A transfer.
    Transfer {
        label: String,
        position: u64,
        total: Option<u64>,
        /// Bytes a second.
        rate: u64,
    },
}

/// The rows, at most so many and none wider than the screen: first steps, then what else is under way; what has no room is counted.
pub(super) fn rows(lines: &[Line], (rows, columns): (usize, usize), colours: bool) -> Vec<String> {
    // A full row would put the cursor somewhere between this row and the next.
    let columns = columns.saturating_sub(1).max(1);
    // What was said before stays in sight.
    let most = rows.saturating_sub(1).max(1);
    let is_step = |line: &&Line| matches!(line, Line::Step { .. });
    let steps = lines.iter().filter(is_step);
    let ordered: Vec<&Line> = steps.chain(lines.iter().filter(|line| !is_step(line))).collect();
    let shown = match ordered.len() > most {
        true => most - 1,
        false => most,
    };
    let mut all: Vec<String> = ordered
        .iter()
        .take(shown)
        .map(|line| row(line, columns, colours))
        .collect();
    if ordered.len() > most {
        all.push(dim(
            &cut::end(&format!("  … and {} more", ordered.len() - shown), columns),
            colours,
        ));
    }
    all
}

fn row(line: &Line, columns: usize, colours: bool) -> String {
    match line {
        Line::Step { label, text, since } => step(label, text, *since, columns, colours),
        Line::Node { name, text } => node(name, text, columns, colours),
        Line::Transfer {
            label,
            position,
            total,
            rate,
        } => transfer(label, (*position, *total, *rate), columns),
    }
}

fn step(label: &str, text: &str, since: Duration, columns: usize, colours: bool) -> String {
    let spinner = SPINNER[(since.as_millis() / 120) as usize % SPINNER.len()];
    let time = format_duration(since.as_secs());
    let label = cut::end(label, columns.saturating_sub(2));
    let mut left = columns.saturating_sub(2 + cut::width(&label));
    let time = match left > time.len() {
        true => format!(" {time}"),
        false => String::new(),
    };
    left -= time.len();
    let text = match left > WORTH && !text.is_empty() {
        true => format!(" {}", cut::end(text, left - 1)),
        false => String::new(),
    };
    let spinner = match colours {
        true => format!("\x1b[36m{spinner}\x1b[0m"),
        false => spinner.to_string(),
    };
    match columns > 2 {
        true => format!("{spinner} {label}{}", dim(&format!("{text}{time}"), colours)),
        false => spinner,
    }
}

fn node(name: &str, text: &str, columns: usize, colours: bool) -> String {
    let room = columns.saturating_sub(4);
    let name = match cut::width(name) + cut::width(text) <= room {
        true => name.to_owned(),
        // Long reasons are cut before long names are, down to half of the row.
        false => cut::middle(name, (room / 2).max(room.saturating_sub(cut::width(text)))),
    };
    let left = room.saturating_sub(cut::width(&name));
    let text = match left >= WORTH.min(cut::width(text)) {
        true => dim(&cut::end(text, left), colours),
        false => String::new(),
    };
    match columns > 4 {
        true if text.is_empty() => format!("  {name}"),
        true => format!("  {name}: {text}"),
        false => cut::end(&name, columns),
    }
}

fn transfer(label: &str, (position, total, rate): (u64, Option<u64>, u64), columns: usize) -> String {
    let rate_text = format!("{}/s", bytes(rate));
    let forms = match total.filter(|total| *total > 0) {
        Some(total) => {
            let share = (u128::from(position) * 100 / u128::from(total)).min(100) as usize;
            let left = total.saturating_sub(position).checked_div(rate);
            let left = left.map_or(String::new(), |seconds| {
                format!(", {} left", format_duration(seconds))
            });
            let amount = format!("{}/{}", bytes(position), bytes(total));
            vec![
                format!("{} {amount} {rate_text}{left}", bar(share, 24)),
                format!("{} {amount} {rate_text}", bar(share, 12)),
                format!("{share} % of {} {rate_text}", bytes(total)),
                format!("{share} %"),
            ]
        }
        None => vec![format!("{} {rate_text}", bytes(position)), bytes(position)],
    };
    let fits = |form: &&String| 3 + cut::width(label) + cut::width(form) <= columns;
    let shortest = forms.last().map_or("", String::as_str);
    let form = forms.iter().find(fits).map_or(shortest, String::as_str);
    let room = columns.saturating_sub(3 + cut::width(form));
    cut::end(&format!("  {} {form}", cut::middle(label, room)), columns)
}

fn bar(share: usize, columns: usize) -> String {
    let full = share * columns / 100;
    format!("{}{}", "█".repeat(full), "░".repeat(columns - full))
}

fn dim(text: &str, colours: bool) -> String {
    match colours && !text.is_empty() {
        true => format!("\x1b[2m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_of(text: &str) -> Line {
        Line::Step {
            label: "step 6/6 start the nodes".into(),
            text: text.into(),
            since: Duration::from_secs(75),
        }
    }

    fn node_of(name: &str) -> Line {
        Line::Node {
            name: name.into(),
            text: "waiting for ssh: no DHCP request yet".into(),
        }
    }

    fn transfer_of(total: Option<u64>) -> Line {
        Line::Transfer {
            label: "CentOS-Stream-GenericCloud-9-latest.x86_64.qcow2".into(),
            position: 300 << 20,
            total,
            rate: 10 << 20,
        }
    }

    #[test]
    fn at_eighty_columns_everything_is_told() {
        let lines = [
            node_of("lab1-compute-0"),
            step_of("3 of 7"),
            transfer_of(Some(1 << 30)),
        ];
        assert_eq!(
            rows(&lines, (24, 80), false),
            [
                "⠴ step 6/6 start the nodes 3 of 7 1m 15s",
                "  lab1-compute-0: waiting for ssh: no DHCP request yet",
                "  CentOS-Stream-GenericCloud-9-latest.x86_64.qcow2 29 % of 1.00 GiB 10.00 MiB/s",
            ]
        );
        assert_eq!(
            rows(&lines[2..], (24, 140), false),
            [
                "  CentOS-Stream-GenericCloud-9-latest.x86_64.qcow2 ██████░░░░░░░░░░░░░░░░░░ 300.00 MiB/1.00 GiB 10.00 MiB/s, 1m 12s left"
            ]
        );
    }

    #[test]
    fn what_has_less_room_is_cut() {
        let lines = [
            step_of("3 of 7"),
            node_of("lab1-overcloud-compute-117"),
            transfer_of(None),
        ];
        assert_eq!(
            rows(&lines, (24, 40), false),
            [
                "⠴ step 6/6 start the nodes 1m 15s",
                "  lab1-ove…pute-117: waiting for ssh: …",
                "  CentOS-Stream…x86_64.qcow2 300.00 MiB",
            ]
        );
    }

    #[test]
    fn no_row_is_wider_than_the_screen_and_they_are_never_more() {
        let mut lines = vec![
            step_of("something that goes on for rather long"),
            transfer_of(None),
            transfer_of(Some(1 << 40)),
        ];
        lines.extend((0..150).map(|index| node_of(&format!("lab1-日本-compute-{index}"))));
        for (height, columns) in [
            (10, 20),
            (10, 40),
            (24, 80),
            (50, 200),
            (1, 1),
            (2, 3),
            (3, 6),
            (5, 9),
            (200, 13),
        ] {
            for colours in [false, true] {
                let rows = rows(&lines, (height, columns), colours);
                assert!(rows.len() <= height.saturating_sub(1).max(1), "{rows:?}");
                for row in &rows {
                    assert!(cut::width_seen(row) < columns.max(2), "{columns}: {row:?}");
                }
            }
        }
        assert_eq!(
            rows(&lines, (4, 40), false).last().map(String::as_str),
            Some("  … and 151 more")
        );
    }
}
