//! Node files and network files, through the whole of `irs topology check` and `render`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser as _;
use irs::cli::{Cli, Command};
use irs::error::Report;
use irs::ui::{Format, Ui};
use proptest::prelude::*;
use proptest::sample::Index;

use super::config;
use super::words::{changed, changes, soup};

/// Collects what is written.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `irs topology` in this process; answers its result, or why it fails.
fn irs(words: &[&str]) -> Result<String, Report> {
    let cli = Cli::try_parse_from(["irs", "topology"].iter().chain(words)).unwrap();
    let Command::Topology(topology) = &cli.command else {
        panic!("{words:?}")
    };
    let out = Sink::default();
    let ui = Ui::plain(Format::Json, Box::new(out.clone()), Box::new(Sink::default()));
    let result = irs::commands::topology::run(topology, &ui);
    let out = out.0.lock().unwrap().clone();
    match result {
        Ok(()) => Ok(String::from_utf8(out).unwrap()),
        Err(error) => Err(Report::of(&error)),
    }
}

/// What is said of a bad file is short, clean text with exit code 2.
fn check_refusal(report: &Report) {
    assert_eq!(report.exit_code, 2, "{}", report.message);
    let hint = report.hint.as_deref().unwrap_or_default();
    for text in [report.message.as_str(), hint] {
        let bad = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(bad), "{text:?}");
        assert!(text.len() < 200_000);
    }
    assert!(!report.message.trim().is_empty());
    assert!(!report.message.contains(".yml:0:"), "{}", report.message);
}

/// The XML of what was taken is well-formed, and no two devices of a node are one.
fn check_result(text: &str) {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    for network in value["networks"].as_array().unwrap() {
        let xml = network["xml"].as_str().unwrap();
        let document = roxmltree::Document::parse(xml).unwrap_or_else(|why| panic!("{why}: {xml}"));
        let name = document.descendants().find(|n| n.has_tag_name("name")).unwrap();
        assert_eq!(name.text(), network["name"].as_str());
    }
    let mut macs = BTreeSet::new();
    for node in value["nodes"].as_array().unwrap() {
        let xml = node["xml"].as_str().unwrap();
        let document = roxmltree::Document::parse(xml).unwrap_or_else(|why| panic!("{why}: {xml}"));
        let mut targets = BTreeSet::new();
        for disk in document.descendants().filter(|n| n.has_tag_name("disk")) {
            let target = disk.children().find(|n| n.has_tag_name("target")).unwrap();
            assert!(targets.insert(target.attribute("dev").unwrap()), "{xml}");
        }
        for interface in node["interfaces"].as_array().unwrap() {
            assert!(
                macs.insert(interface["mac"].as_str().unwrap().to_owned()),
                "{xml}"
            );
        }
    }
}

fn look_at(words: &[&str]) {
    match irs(words) {
        Ok(text) => check_result(&text),
        Err(report) => check_refusal(&report),
    }
}

fn look(folder: &Path, kind: &str, bytes: &[u8]) {
    for kind in ["nodes", "network"] {
        fs::create_dir_all(folder.join(kind)).unwrap();
    }
    let path = folder.join(kind).join("case.yml");
    fs::write(&path, bytes).unwrap();
    let dir = folder.to_str().unwrap();
    match irs(&["check", path.to_str().unwrap()]) {
        Ok(_) => {}
        Err(report) => check_refusal(&report),
    }
    let common = ["render", "--format", "json", "--topology-dir", dir];
    let (nodes, network) = match kind {
        "nodes" => ("case:2", "3_nets"),
        _ => ("undercloud:1,controller:2", "case"),
    };
    let words = ["--topology-nodes", nodes, "--topology-network", network];
    look_at(&[&common[..], &words[..]].concat());
    look_at(
        &[
            &common[..],
            &words[..],
            &["--disk-bus", "scsi", "--prefix", "lab"],
        ]
        .concat(),
    );
}

/// A built-in file of the kind.
fn built_in(kind: &str, index: Index) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("topology").join(kind);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    fs::read_to_string(&paths[index.index(paths.len())]).unwrap()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn node_files_of_noise(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        look(tempfile::tempdir().unwrap().path(), "nodes", &bytes);
    }

    #[test]
    fn network_files_of_noise(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        look(tempfile::tempdir().unwrap().path(), "network", &bytes);
    }

    #[test]
    fn node_files_of_words(bytes in soup()) {
        look(tempfile::tempdir().unwrap().path(), "nodes", &bytes);
    }

    #[test]
    fn network_files_of_words(bytes in soup()) {
        look(tempfile::tempdir().unwrap().path(), "network", &bytes);
    }

    #[test]
    fn node_files_nearly_right(index in any::<Index>(), changes in changes()) {
        let bytes = changed(&built_in("nodes", index), &changes);
        look(tempfile::tempdir().unwrap().path(), "nodes", &bytes);
    }

    #[test]
    fn network_files_nearly_right(index in any::<Index>(), changes in changes()) {
        let bytes = changed(&built_in("network", index), &changes);
        look(tempfile::tempdir().unwrap().path(), "network", &bytes);
    }
}
