//! Files that are too large, no text, or no files: made anew for each run, not kept.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use super::Case;

const NODE: &str = "cpu: 2\nmemory: 4096\ndisks:\n  disk1: {size: 20G}\n";
const WIRING: &str =
    "nodes:\n  default:\n    interfaces: [{network: management}]\n    external_network: management\n";

/// UTF-16, little-endian, with its mark.
fn utf16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

/// The contents of the files by their names.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let with = |text: String| format!("{NODE}{text}").into_bytes();
    let mut nul = NODE.as_bytes().to_vec();
    nul.extend(b"name: a\0b\n");
    let mut latin1 = NODE.as_bytes().to_vec();
    latin1.extend(b"# gr\xfc\xdfe\n");
    let mut cut = NODE.as_bytes().to_vec();
    cut.extend(b"# \xe2\x82");
    let surrogate = [NODE.as_bytes(), b"name: \"\xed\xa0\x80\"\n"].concat();
    let overlong = [NODE.as_bytes(), b"name: \"\xc0\xaf\"\n"].concat();
    let wide = |item: &str, times: usize| vec![item; times].join(",");
    let anchored: String = (0..45).map(|i| format!("&a{i} [")).collect();
    vec![
        ("nul_byte", nul),
        ("only_nul_bytes", vec![0; 4096]),
        ("latin_1", latin1),
        ("utf_16", utf16(NODE)),
        ("utf_8_cut_short", cut),
        ("utf_8_surrogate", surrogate),
        ("utf_8_overlong", overlong),
        ("escape_sequence", with("# \u{1b}[2J\n".to_owned())),
        ("compressed", b"\x1f\x8b\x08\0\0\0\0\0\0\x03cpu".to_vec()),
        ("ten_megabytes_of_comments", with("# nothing\n".repeat(1 << 20))),
        ("ten_megabytes_in_a_line", with(format!("name: {}\n", "x".repeat(10 << 20)))),
        ("ten_megabytes_of_blanks", vec![b' '; 10 << 20]),
        ("brackets", "[".repeat(100_000).into_bytes()),
        ("braces", "{a: ".repeat(100_000).into_bytes()),
        ("dashes", "- ".repeat(100_000).into_bytes()),
        ("question_marks", "? ".repeat(100_000).into_bytes()),
        ("indentation", (0..1000).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>().into_bytes()),
        ("exclamation_marks", with(format!("name: {}\n", "!".repeat(500_000)))),
        ("asterisks", with(format!("groups: [{}]\n", wide("*a", 100_000)))),
        ("ampersands", with(format!("groups: [{}]\n", wide("&a a", 100_000)))),
        ("long_name", with(format!("name: {}\n", "x".repeat(900_000)))),
        ("long_key", with(format!("{}: 1\n", "x".repeat(900)))),
        ("long_quoted_key", with(format!("? \"{}\"\n: 1\n", "x".repeat(900_000)))),
        ("long_cpu", format!("cpu: {}\nmemory: 4096\ndisks: {{d: {{size: 1G}}}}\n", "9".repeat(900_000)).into_bytes()),
        ("long_size", with(format!("  disk2: {{size: {}G}}\n", "9".repeat(900_000)))),
        ("long_list_in_a_line", with(format!("groups: [{}]\n", wide("a", 300_000)))),
        ("keys_without_number", with((0..60_000).map(|i| format!("k{i}: 1\n")).collect())),
        ("unknown_keys", with((0..40_000).map(|i| format!("k{i}: 1\n")).collect())),
        ("the_same_key", with("groups: []\n".repeat(40_000))),
        ("aliases_of_a_long_text", with(format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), wide("*a", 40_000)))),
        ("anchors_in_anchors", with(format!("a: {anchored}{}{}\n", wide("1", 40_000), "]".repeat(45)))),
        ("merge_keys", with(format!("a: &a {{{}}}\nb:\n  <<: [{}]\n", (0..1000).map(|i| format!("k{i}: 1,")).collect::<String>(), wide("*a", 1000)))),
        ("disks_without_number", with((2..30_000).map(|i| format!("  disk{i}: {{size: 1G}}\n")).collect())),
        ("interfaces_without_number", with(format!("interfaces: [{}]\n", wide("{network: data}", 10_000)))),
        ("template_line_without_end", with(format!("groups: [{}] # {{{{ net }}}}\ncolour: red\n", wide("a", 40_000)))),
        ("template_lines_without_number", format!("# {{{{ net }}}}\n{}{NODE}colour: red\n", "\n".repeat(900_000)).into_bytes()),
        ("template_brackets", with(format!("name: {{{{ {} }}}}\n", "[".repeat(100_000)))),
        ("template_blocks", with("{% if net %}".repeat(50_000))),
        ("template_undefined", with((0..5000).map(|i| format!("k{i}: {{{{ v{i} }}}}\n")).collect())),
        ("template_slow", with("{% set a = 'x' * 9999999 %}{% for i in range(99999) %}{% set b = a | upper | lower %}{% endfor %}\n".to_owned())),
    ]
}

fn networks() -> Vec<(&'static str, String)> {
    let many = |entry: fn(usize) -> String| {
        let entries: String = (0..12_000).map(entry).collect();
        format!("networks:\n  net1: {{name: management}}\n{entries}{WIRING}")
    };
    vec![
        ("networks_without_number", many(|i| format!("  n{i}: {{}}\n"))),
        (
            "networks_on_one_subnet",
            many(|i| format!("  n{i}: {{ip_address: 10.0.0.1, netmask: 24}}\n")),
        ),
        (
            "long_names",
            format!(
                "networks:\n  ? {0}x\n  : {{}}\nnodes:\n  default:\n    interfaces: [{{network: {0}y}}]\n",
                "x".repeat(400_000)
            ),
        ),
    ]
}

/// Makes the files below `home`; `said` is the folder of what is to be said.
pub fn make(home: &Path, said: &Path) -> Vec<Case> {
    let folder = home.join("invalid");
    for kind in ["nodes", "network"] {
        fs::create_dir_all(folder.join(kind)).unwrap();
    }
    let case = |name: &str, words: String| Case {
        name: format!("hostile/{name}"),
        arguments: shlex::split(&words).unwrap(),
        folder: home.to_owned(),
        said: said.join(name).with_extension("stderr"),
    };
    let node =
        |name: &str| format!("--topology-dir invalid --topology-nodes {name}:1 --topology-network 3_nets");
    let network = |path: &str| format!("--topology-nodes compute:1 --topology-network {path}");
    let mut cases = Vec::new();
    for (name, content) in files() {
        fs::write(folder.join("nodes").join(name).with_extension("yml"), content).unwrap();
        cases.push(case(name, node(name)));
    }
    for (name, content) in networks() {
        fs::write(folder.join("network").join(name).with_extension("yml"), content).unwrap();
        cases.push(case(name, network(&format!("invalid/network/{name}.yml"))));
    }
    // What is no file.
    fs::create_dir(folder.join("nodes/folder.yml")).unwrap();
    symlink("loop.yml", folder.join("nodes/loop.yml")).unwrap();
    symlink("nowhere.yml", folder.join("nodes/dangling.yml")).unwrap();
    symlink("/dev/zero", folder.join("nodes/device.yml")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("nodes/pipe.yml"), 0o600.into()).unwrap();
    File::create(folder.join("nodes/file")).unwrap();
    for name in ["folder", "loop", "dangling", "device", "pipe"] {
        cases.push(case(&format!("node_is_a_{name}"), node(name)));
    }
    for name in ["folder", "loop", "pipe", "device"] {
        let words = network(&format!("invalid/nodes/{name}.yml"));
        cases.push(case(&format!("network_is_a_{name}"), words));
    }
    let below = network("invalid/nodes/file/x.yml");
    cases.push(case("network_below_a_file", below));
    let variables = |path: &str| format!("{} -e @{path}", network("3_nets"));
    cases.push(case("variables_are_a_pipe", variables("invalid/nodes/pipe.yml")));
    cases.push(case(
        "variables_are_a_folder",
        variables("invalid/nodes/folder.yml"),
    ));
    cases
}
