//! `irs topology`, as a terminal shows it: nothing of it needs a hypervisor.

#![allow(clippy::unwrap_used)]

mod check;
mod graph;
mod list;
mod render;
mod show;
#[path = "../support/terminal.rs"]
#[allow(dead_code)]
mod terminal;

use serde_json::Value;
use terminal::irs;

/// Writes files below a new folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const OWN_NODE: &str =
    "# My own controller.\n{cpu: 1, memory: 1024, disks: {disk1: {size: 10G}, disk2: {size: 10G}}}\n";
const OWN_NETWORK: &str = "# yaml-language-server: $schema=network.schema.json\n# A wire and a way out.
networks:
  net1: {name: lan, forward: nat, ip_address: '10.{{ net }}.{{ lan }}.1', netmask: 24}
  net2: {name: wire}
nodes:
  default: {interfaces: [{network: wire}, {network: lan}], external_network: lan}
";

/// What `irs` prints on stdout; it must succeed.
fn stdout(line: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let output = terminal::output(home.path(), line);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`irs {line}`: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_names_what_can_be_done() {
    insta::assert_snapshot!(irs("topology -h"), @r#"
    ── stdout
    Look at topologies: list, show, check, render and draw them; needs no hypervisor

    Usage: irs topology [OPTIONS] <COMMAND>

    Commands:
      list    Show which node types and network files there are, what they are for and where they come
              from
      show    Show a file as irs reads it: rendered, overridden, with comments on all of its keys
      images  Show the base images that have names: for --image-url, and 'import_url' in topology files
      check   Say everything that is wrong with topology files, with place and hint
      schema  Print the JSON Schema of a kind of topology files, for editors
      render  Resolve nodes and networks as 'irs virsh' would, down to libvirt's XML
      graph   Draw networks as rails and the nodes that hang from them, with their addresses
      help    Print this message or the help of the given subcommand(s)

    Options:
          --format <FORMAT>  How results are printed on stdout; progress and errors go to stderr [env:
                             IRS_FORMAT=] [default: human] [possible values: human, json]
      -v, --verbose...       Tell more: -v what is done, -vv every remote command [env: IRS_VERBOSE=]
      -q, --quiet            Tell less: only warnings, errors and the result. The log in the workspace
                             has everything all the same [env: IRS_QUIET=]
      -h, --help             Print help (see more with '--help')
      -V, --version          Print version
    ── exit 0
    "#);
    assert!(irs("topology").contains("exit 2"));
    let schema: Value = serde_json::from_str(&stdout("topology schema node --format json")).unwrap();
    assert_eq!(schema["properties"]["memory"]["anyOf"][0]["minimum"], 64);
    let network = irs::topology::schema::render(irs::topology::files::Kind::Network);
    assert!(stdout("topology schema network") == network);
}
