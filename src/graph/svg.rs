//! A picture that needs nothing else: no fonts, no scripts, readable on light and dark pages.
//!
//! Nothing overlaps, since everything has a place of its own: the rails' names stand left of them, each NIC has a
//! column, its address stands along its wire below the last rail. Text has its length said, so that any font keeps
//! to it. Nodes that do not fit side by side hang from the same rails drawn again below.

use super::{Graph, Hanging, Wire, colour};
use std::fmt::Write as _;

/// Width of a character, and a line's height, of the font.
const CELL: f64 = 7.2;
const LINE: f64 = 16.0;
const PAD: f64 = 16.0;
/// From one wire to the next: a line of text along each of its sides.
const WIRE: f64 = 36.0;
/// Between the nodes.
const GAP: f64 = 18.0;
/// As wide as the nodes of one row may get.
const ROW: f64 = 1100.0;
const STYLE: &str = "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328}\
.b{font-weight:bold}.n{fill:#59636e}.paper{fill:#ffffff}.box{fill:#f3f5f7;stroke:#818b98}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.n{fill:#9aa4af}.paper{fill:#0d1117}.box{fill:#171d26;stroke:#656c76}}";

/// Draws a picture.
pub fn render(graph: &Graph) -> String {
    let names = graph
        .rails
        .iter()
        .flat_map(|rail| rail.notes.iter().chain([&rail.name]));
    let margin = PAD + names.map(|text| width(text)).fold(0.0, f64::max) + PAD;
    let rows = rows(&graph.nodes);
    let reach = rows
        .iter()
        .map(|row| row.iter().map(|node| breadth(node) + GAP).sum::<f64>())
        .fold(120.0, f64::max);
    let total = (margin + reach + PAD).max(width(&graph.title) + 2.0 * PAD);
    let mut body = String::new();
    let mut top = PAD;
    text(&mut body, PAD, top + 12.0, "b", &graph.title, "");
    top += LINE + PAD;
    for row in rows {
        top = draw_row(&mut body, graph, row, margin, reach, top);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total:.0} {top:.0}\" width=\"{total:.0}\" height=\"{top:.0}\" role=\"img\">\n\
<title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n{body}</svg>",
        escaped(&graph.title)
    )
}

/// Draws the rails and the nodes of one row below `top`; answers where it ends.
fn draw_row(body: &mut String, graph: &Graph, nodes: &[Hanging], margin: f64, reach: f64, top: f64) -> f64 {
    let mut y = top;
    let mut heights = Vec::new();
    for (index, rail) in graph.rails.iter().enumerate() {
        let height = LINE * (rail.notes.len() + 1) as f64;
        text(body, PAD, y + 12.0, "b", &rail.name, "");
        for (line, note) in rail.notes.iter().enumerate() {
            text(body, PAD, y + 12.0 + LINE * (line + 1) as f64, "n", note, "");
        }
        let middle = y + height / 2.0;
        let _ = writeln!(
            body,
            "<path d=\"M{margin:.1} {middle:.1}h{reach:.1}\" stroke=\"{}\" stroke-width=\"5\" stroke-linecap=\"round\"/>",
            colour(index)
        );
        heights.push(middle);
        y += height + PAD;
    }
    if nodes.is_empty() {
        return y;
    }
    let addresses = nodes.iter().flat_map(|node| &node.wires).flat_map(labels);
    let floor = y + addresses.map(|label| width(&label)).fold(0.0, f64::max) + PAD;
    let lines = nodes
        .iter()
        .map(|node| node.notes.len() + 1)
        .max()
        .unwrap_or_default();
    let box_height = LINE * lines as f64 + PAD;
    let mut x = margin + GAP / 2.0;
    for node in nodes {
        let breadth = breadth(node);
        let mut column = x + (breadth - WIRE * (node.wires.len() as f64 - 1.0)) / 2.0;
        for wire in &node.wires {
            let rail = heights.get(wire.rail).copied().unwrap_or(top);
            let colour = colour(wire.rail);
            let _ = writeln!(
                body,
                "<path d=\"M{column:.1} {rail:.1}V{floor:.1}\" stroke=\"{colour}\" stroke-width=\"1.6\"/>\
<circle cx=\"{column:.1}\" cy=\"{rail:.1}\" r=\"4.5\" fill=\"{colour}\"/>"
            );
            let bottom = floor - 7.0;
            for (side, label) in [12.0, -4.0].into_iter().zip(&labels(wire)) {
                let left = column + side;
                let turn = format!(" transform=\"rotate(-90 {left:.1} {bottom:.1})\"");
                text(body, left, bottom, "", label, &turn);
            }
            column += WIRE;
        }
        let _ = writeln!(
            body,
            "<rect class=\"box\" x=\"{x:.1}\" y=\"{floor:.1}\" width=\"{breadth:.1}\" height=\"{box_height:.1}\" rx=\"6\"/>"
        );
        let first = std::iter::once(("b", &node.name));
        for (line, (class, words)) in first.chain(node.notes.iter().map(|note| ("n", note))).enumerate() {
            let left = x + (breadth - width(words)) / 2.0;
            text(body, left, floor + 20.0 + LINE * line as f64, class, words, "");
        }
        x += breadth + GAP;
    }
    floor + box_height + PAD
}

/// The nodes in stretches that fit a row; without nodes one empty row, for the rails.
fn rows(nodes: &[Hanging]) -> Vec<&[Hanging]> {
    let mut rows = Vec::new();
    let (mut start, mut used) = (0, 0.0);
    for (index, node) in nodes.iter().enumerate() {
        let more = breadth(node) + GAP;
        if used + more > ROW && index > start {
            rows.push(&nodes[start..index]);
            (start, used) = (index, 0.0);
        }
        used += more;
    }
    rows.push(&nodes[start..]);
    rows
}

/// How wide a node is: its text and its wires fit.
fn breadth(node: &Hanging) -> f64 {
    let words = node.notes.iter().chain([&node.name]).map(|text| width(text));
    words.fold(WIRE * node.wires.len() as f64, f64::max) + PAD
}

/// What stands at the right and at the left of a wire.
fn labels(wire: &Wire) -> Vec<String> {
    match wire.labels.split_first() {
        None => Vec::new(),
        Some((first, [])) => vec![first.clone()],
        Some((first, rest)) => vec![first.clone(), rest.join(", ")],
    }
}

fn width(text: &str) -> f64 {
    CELL * text.chars().count() as f64
}

fn text(body: &mut String, x: f64, y: f64, class: &str, text: &str, attributes: &str) {
    if text.is_empty() {
        return;
    }
    let _ = writeln!(
        body,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\"{attributes}>{}</text>",
        width(text),
        escaped(text)
    );
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no word for these.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Rail, hostile};

    #[test]
    fn text_stays_text() {
        let graph = hostile();
        let picture = render(&graph);
        let document = roxmltree::Document::parse(&picture).unwrap();
        let texts: Vec<&str> = document
            .descendants()
            .filter(|n| n.has_tag_name("text") || n.tag_name().name() == "text")
            .filter_map(|n| n.text())
            .collect();
        let node = &graph.nodes[0];
        assert_eq!(
            texts,
            [
                &graph.title,
                &graph.rails[0].name,
                &graph.rails[0].notes[0],
                &node.wires[0].labels[0],
                &node.wires[0].labels[1],
                &node.name,
                &node.notes[0]
            ]
        );
    }

    #[test]
    fn many_nodes_hang_from_rails_drawn_again() {
        let node = Hanging {
            name: "x".repeat(40),
            notes: Vec::new(),
            wires: vec![Wire::default()],
        };
        let graph = Graph {
            title: "t".into(),
            rails: vec![Rail {
                name: "rail".into(),
                notes: Vec::new(),
            }],
            nodes: vec![node; 10],
        };
        let picture = render(&graph);
        assert_eq!(picture.matches(">rail<").count(), rows(&graph.nodes).len());
        assert!(rows(&graph.nodes).len() > 1);
        assert_eq!(picture.matches("<circle").count(), 10);
    }
}
