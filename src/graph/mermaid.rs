//! Mermaid's language, which Markdown viewers draw.

use super::Graph;
use std::fmt::Write as _;

/// Draws a flow chart.
pub fn render(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart TB\n", title(&graph.title));
    for (index, rail) in graph.rails.iter().enumerate() {
        let _ = writeln!(out, "  r{index}[[\"{}\"]]", titled(&rail.name, &rail.notes));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let _ = writeln!(out, "  n{index}[\"{}\"]", titled(&node.name, &node.notes));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        for wire in &node.wires {
            let _ = match wire.labels.is_empty() {
                true => writeln!(out, "  r{} --- n{index}", wire.rail),
                false => writeln!(out, "  r{} ---|\"{}\"| n{index}", wire.rail, lines(&wire.labels)),
            };
        }
    }
    out.trim_end().to_owned()
}

/// YAML, where JSON's strings are at home.
fn title(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn titled(name: &str, notes: &[String]) -> String {
    lines(&[&[name.to_owned()], notes].concat())
}

fn lines(lines: &[String]) -> String {
    let parts: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
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
