//! The topology files: their keys, and the built-in ones with their pictures, from what the program itself says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use irs::units::format_size;
use serde_json::Value;

use super::commands::cell;

/// The nodes that hang from the networks in the pictures.
const NODES: &str = "undercloud:1,controller:1,compute:1";

/// What the program prints, in an environment without variables of its own.
pub fn irs(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_irs"));
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("IRS_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    let output = command.args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "irs {args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The pages and pictures: file name and text.
pub fn pages() -> BTreeMap<String, String> {
    let listed: Value = serde_json::from_str(&irs(&["topology", "list", "--format", "json"])).unwrap();
    let mut files = BTreeMap::new();
    files.insert("topology.md".to_owned(), keys());
    files.insert("nodes.md".to_owned(), nodes(&listed["nodes"]));
    files.insert("networks.md".to_owned(), networks(&listed["networks"]));
    for network in listed["networks"].as_array().unwrap() {
        let name = text(&network["name"]);
        let drawn = irs(&[
            "topology",
            "graph",
            "--topology-network",
            name,
            "--topology-nodes",
            NODES,
            "--format",
            "svg",
        ]);
        files.insert(format!("networks-{name}.svg"), drawn);
    }
    files
}

/// topology/README.md, with its links from here; what it says of the folder is of the repository.
fn keys() -> String {
    let readme = std::fs::read_to_string("topology/README.md").unwrap();
    let mut page = readme.replace("](../docs/", "](../");
    for schema in ["node.schema.json", "network.schema.json"] {
        page = page.replace(&format!("[{schema}]({schema})"), &format!("`topology/{schema}`"));
    }
    page
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn words(value: &Value) -> String {
    let words = value
        .as_array()
        .into_iter()
        .flatten()
        .map(|word| format!("`{}`", text(word)));
    words.collect::<Vec<_>>().join(", ")
}

fn nodes(listed: &Value) -> String {
    let mut out = String::from(
        "# Node types\n\n\
What is built in, for `--topology-nodes`. `irs topology show TYPE` prints a file with comments on all of its keys; each value can be \
changed by `-e override.TYPE.KEY=VALUE`, and a folder of yours comes first with `--topology-dir`.\n\n\
| type | is | CPUs | memory | disks | operating system | groups |\n|---|---|---|---|---|---|---|\n",
    );
    for node in listed.as_array().unwrap() {
        let disks = node["disks"].as_array().unwrap();
        let sizes = disks
            .iter()
            .map(|disk| format_size(disk["size_bytes"].as_u64().unwrap()));
        let has_os = node["deploy_os"].as_bool().unwrap();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} |",
            text(&node["name"]),
            cell(text(&node["purpose"])),
            node["cpus"],
            format_size(node["memory_mib"].as_u64().unwrap() << 20),
            sizes.collect::<Vec<_>>().join(", "),
            if has_os { "yes" } else { "no" },
            words(&node["groups"]),
        );
    }
    out
}

fn networks(listed: &Value) -> String {
    let mut out = format!(
        "# Network files\n\n\
What is built in, for `--topology-network`; `3_nets` is the default. The pictures show `--topology-nodes {NODES}` on each, made by \
`irs topology graph --format svg`.\n"
    );
    for file in listed.as_array().unwrap() {
        let name = text(&file["name"]);
        let _ = write!(
            out,
            "\n## {name}\n\n{}\n\n",
            super::commands::prose(text(&file["purpose"]))
        );
        out.push_str("| network | key for overrides | kind |\n|---|---|---|\n");
        for network in file["networks"].as_array().unwrap() {
            let (key, kind) = (text(&network["key"]), text(&network["kind"]));
            let _ = writeln!(out, "| `{}` | `{key}` | {kind} |", text(&network["name"]));
        }
        let _ = write!(
            out,
            "\n![the networks of {name}, and nodes on them](networks-{name}.svg)\n"
        );
    }
    out
}
