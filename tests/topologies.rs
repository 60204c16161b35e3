//! Topology files as a user may write them, given to the program itself. All of `tests/topologies/valid` is taken; each
//! file of `tests/topologies/invalid` is named for its fault and has exactly what `irs` says of it beside it, in a
//! `.stderr`. Files of `nodes` and `network` are loaded by name; a `.flags` is a command line. What is too large, not
//! text or no file at all is made by `hostile`. `IRS_BLESS=1` writes what is said: read the difference.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[path = "topologies/hostile.rs"]
mod hostile;

/// What a run may take: KiB of address space, seconds of processor time.
const LIMITS: &str = "ulimit -v 4000000; ulimit -t 60; exec \"$0\" \"$@\"";

/// One command line and what it must say.
struct Case {
    name: String,
    arguments: Vec<String>,
    folder: PathBuf,
    said: PathBuf,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topologies")
}

/// Standard error of `irs virsh --dry-run` with these arguments, and its exit code.
fn irs(arguments: &[String], folder: &Path) -> (String, Option<i32>) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", LIMITS, env!("CARGO_BIN_EXE_irs")])
        .args(["virsh", "--dry-run", "--host-address", "192.0.2.1"])
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("IRS_HOME", home.path())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

/// How a file is asked for.
fn arguments(kind: &str, name: &str, file: &Path) -> Vec<String> {
    let words = match kind {
        "nodes" => format!("--topology-dir invalid --topology-nodes {name}:1 --topology-network 3_nets"),
        "network" => format!(
            "--topology-nodes undercloud:1,controller:3 --topology-network invalid/network/{name}.yml"
        ),
        _ => std::fs::read_to_string(file).unwrap(),
    };
    shlex::split(&words).unwrap()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ["nodes", "network", "flags"] {
        for entry in root().join("invalid").join(kind).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            match path.extension().and_then(|e| e.to_str()) {
                Some("stderr") => continue,
                Some("yml" | "flags") => {}
                _ => panic!("{} is no case", path.display()),
            }
            cases.push(Case {
                arguments: arguments(kind, &name, &path),
                folder: root(),
                said: path.with_extension("stderr"),
                name: format!("{kind}/{name}"),
            });
        }
    }
    cases
}

/// Runs the cases side by side; answers what is not as it should be.
fn check(cases: &[Case]) -> String {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(String::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (said, code) = irs(&case.arguments, &case.folder);
            if std::env::var_os("IRS_BLESS").is_some() {
                std::fs::write(&case.said, &said).unwrap();
            }
            let wanted = std::fs::read_to_string(&case.said).unwrap_or_default();
            if said != wanted || code != Some(2) {
                let mut wrong = wrong.lock().unwrap();
                let _ = writeln!(
                    wrong,
                    "# {} ended with {code:?} and said\n{said}instead of\n{wanted}",
                    case.name
                );
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    wrong.into_inner().unwrap()
}

/// Files that `irs` takes as they are.
#[test]
fn valid_files_are_taken() {
    for kind in ["nodes", "network"] {
        for entry in root().join("valid").join(kind).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let words = match kind {
                "nodes" => format!("--topology-nodes {name}:2 --topology-network 3_nets"),
                _ => format!("--topology-nodes undercloud:1,controller:3 --topology-network {name}"),
            };
            let output = Command::new(env!("CARGO_BIN_EXE_irs"))
                .args([
                    "topology",
                    "render",
                    "--format",
                    "json",
                    "--topology-dir",
                    "valid",
                ])
                .args(shlex::split(&words).unwrap())
                .current_dir(root())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{kind}/{name}: {said}");
            assert!(output.stdout.starts_with(b"{"), "{kind}/{name}");
        }
    }
}

#[test]
fn faults_are_explained() {
    let cases = cases();
    assert!(cases.len() > 100);
    let wrong = check(&cases);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn hostile_files_are_refused_in_time() {
    let home = tempfile::tempdir().unwrap();
    let cases = hostile::make(home.path(), &root().join("invalid/hostile"));
    let wrong = check(&cases);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_answer_belongs_to_a_fault() {
    let home = tempfile::tempdir().unwrap();
    let mut known: Vec<PathBuf> = cases().into_iter().map(|case| case.said).collect();
    let hostile = root().join("invalid/hostile");
    known.extend(
        hostile::make(home.path(), &hostile)
            .into_iter()
            .map(|case| case.said),
    );
    for kind in ["nodes", "network", "flags", "hostile"] {
        for entry in root().join("invalid").join(kind).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let answer = path.extension().is_some_and(|e| e == "stderr");
            assert!(!answer || known.contains(&path), "{}", path.display());
        }
    }
}

/// A file's name says how many faults are in it: `five_faults_…`, else one.
#[test]
fn one_fault_is_one_message() {
    const NUMBERS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    for case in cases() {
        let name = case.name.rsplit('/').next().unwrap();
        let faults = match name.split_once("_faults") {
            Some((number, _)) => NUMBERS.iter().position(|n| *n == number).unwrap(),
            None => 1,
        };
        let said = std::fs::read_to_string(&case.said).unwrap();
        let first = said.lines().next().and_then(|line| line.strip_prefix("error: "));
        let found = match first.unwrap().split_once(" problems in the input") {
            Some((count, _)) => count.parse().unwrap(),
            None => 1,
        };
        assert_eq!(found, faults, "{}:\n{said}", case.name);
    }
}
