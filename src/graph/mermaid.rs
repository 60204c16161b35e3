//! Mermaid's language, which Markdown viewers draw.

use super::Graph;
use std::fmt::Write as _;

/// Draws a flow chart.
pub fn render(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart TB\n", title(&graph.title));
    for (index, rail) in graph.rails.iter().enumerate() {
        let _ = writeln!(out, "  r{index}[[\"{}\"]]", lines(&rail.name, &rail.notes));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let _ = writeln!(out, "  n{index}[\"{}\"]", lines(&node.name, &node.notes));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        for wire in &node.wires {
            let _ = match wire.label.is_empty() {
                true => writeln!(out, "  r{} --- n{index}", wire.rail),
                false => writeln!(out, "  r{} ---|\"{}\"| n{index}", wire.rail, escaped(&wire.label)),
            };
        }
    }
    out.trim_end().to_owned()
}

/// YAML, where JSON's strings are at home.
fn title(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn lines(name: &str, notes: &[String]) -> String {
    let parts = std::iter::once(name).chain(notes.iter().map(String::as_str));
    let parts: Vec<String> = parts.map(escaped).collect();
    match parts.join("<br/>") {
        // Mermaid takes no empty string.
        none if none.is_empty() => " ".to_owned(),
        lines => lines,
    }
}

/// Mermaid's entities: what could end the string, begin HTML or Markdown becomes a number.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || " .,:/_-".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_stays_text() {
        insta::assert_snapshot!(super::render(&crate::graph::hostile()));
    }
}
