//! Columns of text.

use super::cut;

/// Rows in columns with two blanks between them; no blanks at the ends of lines.
pub fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cut::width_seen(cell)).max().unwrap_or_default()
    };
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let blanks = width(column).saturating_sub(cut::width_seen(cell));
                format!("{cell}{}", " ".repeat(blanks))
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A row from words.
pub fn row(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
