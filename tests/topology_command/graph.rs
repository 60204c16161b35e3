//! `irs topology graph`.

use super::stdout;
use super::terminal::irs;

const PICTURED: &str = "--topology-nodes undercloud:1,controller:3,compute:2";

#[test]
fn the_picture_in_the_documents_is_what_irs_draws() {
    let picture = std::fs::read_to_string("docs/3_nets.svg").unwrap();
    assert!(
        picture == stdout(&format!("topology graph {PICTURED} --format svg")),
        "docs/3_nets.svg is out of date: 'just graph' draws it anew"
    );
    let document = roxmltree::Document::parse(&picture).unwrap();
    let texts: Vec<&str> = document.descendants().filter_map(|n| n.text()).collect();
    for text in ["management", "172.16.0.1/24", "controller-2", "172.16.0.5"] {
        assert!(texts.contains(&text), "{text}");
    }
}

#[test]
fn port_groups_stand_on_their_wires() {
    let flags = "--topology-nodes controller:1 --topology-network 3_net_openvswitch --format mermaid";
    let text = stdout(&format!("topology graph {flags}"));
    let rail = "[[\"data<br/>openvswitch<br/>2001:db80:1::f:ff/64<br/>2620:dead:beef:5::f:ff/64, VLAN 5<br/>";
    assert!(text.contains(rail), "{text}");
    assert!(text.contains("|\"trunk\"|"), "{text}");
}

#[test]
fn graphs_for_other_programs() {
    insta::assert_snapshot!(stdout("topology graph --topology-nodes controller:2 --topology-network 3_nets_ipv4 --prefix a"), @r##"
    graph "deployment a on local" {
      graph [ranksep=0.4, nodesep=0.15, newrank=true, splines=line];
      node [fontname="monospace", fontsize=10];
      edge [fontname="monospace", fontsize=9];
      r0 [shape=plaintext, label="a-data\nisolated\n192.168.24.254/24"];
      p0_0 [group=g0_0, shape=point, color="#2f7fd3"];
      p1_0 [group=g1_0, shape=point, color="#2f7fd3"];
      { rank=same; r0 -- p0_0 -- p1_0 [color="#2f7fd3", penwidth=4]; }
      r1 [shape=plaintext, label="a-management\nnat\n172.16.10.1/24"];
      p0_1 [group=g0_1, shape=point, color="#d07c1f"];
      p1_1 [group=g1_1, shape=point, color="#d07c1f"];
      { rank=same; r1 -- p0_1 -- p1_1 [color="#d07c1f", penwidth=4]; }
      r2 [shape=plaintext, label="a-external\nnat\n10.0.10.1/24"];
      p0_2 [group=g0_2, shape=point, color="#2a9a58"];
      p1_2 [group=g1_2, shape=point, color="#2a9a58"];
      { rank=same; r2 -- p0_2 -- p1_2 [color="#2a9a58", penwidth=4]; }
      n0 [shape=box, style="rounded,filled", fillcolor="#f3f5f7", label="a-controller-0\n8 CPUs, 32 GiB\n64 GiB, blank"];
      n1 [shape=box, style="rounded,filled", fillcolor="#f3f5f7", label="a-controller-1\n8 CPUs, 32 GiB\n64 GiB, blank"];
      a0_0 [group=g0_0, shape=point, width=0.01, color="#2f7fd3"];
      p0_0 -- a0_0 -- n0 [color="#2f7fd3"];
      a0_1 [group=g0_1, shape=plaintext, label="172.16.10.2", color="#d07c1f"];
      p0_1 -- a0_1 -- n0 [color="#d07c1f"];
      a0_2 [group=g0_2, shape=plaintext, label="10.0.10.2", color="#2a9a58"];
      p0_2 -- a0_2 -- n0 [color="#2a9a58"];
      a1_0 [group=g1_0, shape=point, width=0.01, color="#2f7fd3"];
      p1_0 -- a1_0 -- n1 [color="#2f7fd3"];
      a1_1 [group=g1_1, shape=plaintext, label="172.16.10.3", color="#d07c1f"];
      p1_1 -- a1_1 -- n1 [color="#d07c1f"];
      a1_2 [group=g1_2, shape=plaintext, label="10.0.10.3", color="#2a9a58"];
      p1_2 -- a1_2 -- n1 [color="#2a9a58"];
      { rank=same; a0_0 -- a0_1 -- a0_2 -- a1_0 -- a1_1 -- a1_2 [style=invis]; }
      { rank=same; n0 -- n1 [style=invis]; }
      r0 -- r1 -- r2 -- a0_0 -- n0 [style=invis];
    }
    "##);
    insta::assert_snapshot!(stdout("topology graph --topology-nodes controller:2 --prefix a --format mermaid"), @r#"
    ---
    title: "deployment a on local"
    ---
    flowchart TB
      r0[["a-data<br/>isolated<br/>192.168.24.254/24"]]
      r1[["a-management<br/>nat<br/>172.16.10.1/24"]]
      r2[["a-external<br/>nat<br/>10.0.10.1/24<br/>2620:52:10:13b8::fe/64"]]
      n0["a-controller-0<br/>8 CPUs, 32 GiB<br/>64 GiB, blank"]
      n1["a-controller-1<br/>8 CPUs, 32 GiB<br/>64 GiB, blank"]
      r0 --- n0
      r1 ---|"172.16.10.2"| n0
      r2 ---|"10.0.10.2<br/>2620:52:10:13b8::fe:1"| n0
      r0 --- n1
      r1 ---|"172.16.10.3"| n1
      r2 ---|"10.0.10.3<br/>2620:52:10:13b8::fe:2"| n1
    "#);
    insta::assert_snapshot!(irs("topology graph --format json --topology-nodes controller:1"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "see '--help'",
        "message": "invalid value 'json' for '--format <FORMAT>' [possible values: dot, mermaid, svg]"
      }
    }
    ── stderr
    error: invalid value 'json' for '--format <FORMAT>'
      [possible values: dot, mermaid, svg]

    For more information, try '--help'.
    ── exit 2
    "#);
    insta::assert_snapshot!(irs("--format json topology graph --topology-nodes controller:1"), @r#"
    ── stdout
    {
      "error": {
        "causes": [],
        "exit_code": 2,
        "hint": "use --format dot, mermaid or svg; 'irs topology render' has JSON",
        "message": "a graph cannot be JSON"
      }
    }
    ── stderr
    error: a graph cannot be JSON
    hint: use --format dot, mermaid or svg; 'irs topology render' has JSON
    ── exit 2
    "#);
}
