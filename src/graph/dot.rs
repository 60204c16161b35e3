//! Graphviz's language. A rail is a rank: its name, then a point for each NIC that hangs from it, in a row.

use super::Graph;
use std::fmt::Write as _;

/// Draws for `dot`.
pub fn render(graph: &Graph) -> String {
    let mut out = format!("graph {} {{\n", quoted(&graph.title));
    out.push_str("  graph [ranksep=0.4, nodesep=0.15, newrank=true, splines=line];\n");
    out.push_str("  node [fontname=\"monospace\", fontsize=10];\n");
    out.push_str("  edge [fontname=\"monospace\", fontsize=9];\n");
    for (index, rail) in graph.rails.iter().enumerate() {
        draw_rail(&mut out, graph, index, &titled(&rail.name, &rail.notes));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let _ = writeln!(
            out,
            "  n{index} [shape=box, style=\"rounded,filled\", fillcolor=\"#f3f5f7\", label={}];",
            titled(&node.name, &node.notes)
        );
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        for (nic, wire) in node.wires.iter().enumerate() {
            let look = match wire.labels.is_empty() {
                true => "shape=point, width=0.01".to_owned(),
                false => format!("shape=plaintext, label={}", lines(&wire.labels)),
            };
            let (name, line) = (format!("{index}_{nic}"), colour(wire.rail));
            let _ = writeln!(out, "  a{name} [group=g{name}, {look}, color={line}];");
            let _ = writeln!(out, "  p{name} -- a{name} -- n{index} [color={line}];");
        }
    }
    let wires = |index: usize| (0..graph.nodes[index].wires.len()).map(move |nic| format!("a{index}_{nic}"));
    let ends: Vec<String> = (0..graph.nodes.len()).flat_map(wires).collect();
    row(&mut out, &ends);
    let nodes: Vec<String> = (0..graph.nodes.len()).map(|index| format!("n{index}")).collect();
    row(&mut out, &nodes);
    // The rails one below the other, and all nodes below the last one.
    let rails: Vec<String> = (0..graph.rails.len()).map(|index| format!("r{index}")).collect();
    let column = rails.iter().chain(ends.first()).chain(nodes.first());
    let column: Vec<&str> = column.map(String::as_str).collect();
    if column.len() > 1 {
        let _ = writeln!(out, "  {} [style=invis];", column.join(" -- "));
    }
    out.push('}');
    out
}

/// The name and the points of a rail, from left to right, joined by a thick line.
fn draw_rail(out: &mut String, graph: &Graph, rail: usize, label: &str) {
    let _ = writeln!(out, "  r{rail} [shape=plaintext, label={label}];");
    let mut points = vec![format!("r{rail}")];
    for (index, node) in graph.nodes.iter().enumerate() {
        for nic in (0..node.wires.len()).filter(|nic| node.wires[*nic].rail == rail) {
            let line = colour(rail);
            let _ = writeln!(
                out,
                "  p{index}_{nic} [group=g{index}_{nic}, shape=point, color={line}];"
            );
            points.push(format!("p{index}_{nic}"));
        }
    }
    let _ = writeln!(
        out,
        "  {{ rank=same; {} [color={}, penwidth=4]; }}",
        points.join(" -- "),
        colour(rail)
    );
}

/// Keeps these in a row, from left to right.
fn row(out: &mut String, names: &[String]) {
    if !names.is_empty() {
        let _ = writeln!(out, "  {{ rank=same; {} [style=invis]; }}", names.join(" -- "));
    }
}

fn colour(rail: usize) -> String {
    quoted(super::colour(rail))
}

fn titled(name: &str, notes: &[String]) -> String {
    lines(&[&[name.to_owned()], notes].concat())
}

fn lines(lines: &[String]) -> String {
    let parts: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    format!("\"{}\"", parts.join("\\n"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Within quotes only these two mean something; a backslash would begin an escape of the layout's own.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_stays_text() {
        insta::assert_snapshot!(super::render(&crate::graph::hostile()));
    }
}
