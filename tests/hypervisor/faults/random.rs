//! irs killed at a random moment of whatever it does: the same command made again ends what it began, a third one finds
//! nothing to do, and the removal leaves the hypervisor as it was.
//!
//! `FAULT_SEEDS` says how many seeds there are, `FAULT_SEED` names a single one: what it does, to what, and at which part
//! of the time that this takes, follows from its number alone.

mod case;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::on;
use crate::support::{Lab, Run, RunExt, difference};
use case::{Case, Deed, Numbers, Shape};

/// How many seeds when nobody says how many: what CI has time for.
const SEEDS: u64 = 8;
/// What is sent of an image: long enough to be killed in the middle.
const IMAGE: usize = 48 << 20;

/// Runs the command for so long, then kills it; says whether it was still at work.
fn kill_after(mut command: Command, delay: Duration) -> bool {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("irs starts");
    std::thread::sleep(delay);
    let running = child.try_wait().expect("a child").is_none();
    child.kill().expect("a child");
    child.wait().expect("a child");
    running
}

/// An image that no cache has: zeros where a boot sector would be, then noise.
fn image(case: &Case, folder: &Path) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new_in(folder).expect("a file");
    let length = if case.is_large() { IMAGE } else { 4096 };
    let mut numbers = Numbers(case.noise);
    let mut bytes = vec![0; 512];
    while bytes.len() < length {
        bytes.extend(numbers.next().to_le_bytes());
    }
    std::fs::write(file.path(), &bytes[..length]).expect("an image");
    let other = match case.shape {
        _ if !case.is_large() => return file,
        Shape::Plain => return file,
        Shape::Packed => "zstd -q",
        Shape::Foreign => "qemu-img convert -f raw -O vmdk",
    };
    let made = tempfile::NamedTempFile::new_in(folder).expect("a file");
    let script = format!(
        "rm \"$2\" && {other} \"$1\" {} \"$2\"",
        if case.shape == Shape::Packed { "-o" } else { "" }
    );
    let make = ["-c", &script, "sh"];
    Command::new("sh")
        .args(make)
        .args([file.path(), made.path()])
        .run()
        .ok();
    made
}

/// A hypervisor, and a folder whose files it can fetch.
struct Place {
    lab: Lab,
    folder: tempfile::TempDir,
    url: String,
}

impl Place {
    fn up(name: &str) -> Place {
        let lab = Lab::up(name, &["--default-network", "--sudoer"]).warm();
        let folder = tempfile::tempdir().expect("a folder");
        let url = lab.serve(folder.path());
        Place { lab, folder, url }
    }
}

/// What was found out about the deeds.
#[derive(Default)]
struct Known {
    /// How long each takes when nobody kills it.
    lengths: BTreeMap<(Deed, Shape), Duration>,
    /// How many seeds were tried, and how many of them were still at work when they were killed.
    tried: usize,
    at_work: usize,
}

/// One seed, from an empty hypervisor to an empty one.
fn try_seed(place: &Place, case: &Case, known: &mut Known) {
    let lab = &place.lab;
    let before = lab.snapshot();
    let image = image(case, place.folder.path());
    let name = image.path().file_name().expect("a name").to_string_lossy();
    let url = format!("{}/{name}", place.url);
    let image = image.path().display().to_string();
    let run = |args: &[&str]| -> Run { case.command(lab, args).run() };
    let (mut first, mut then) = case.commands();
    for words in first.iter_mut().chain([&mut then]) {
        if words[0] == "pull" {
            words.push(&url);
        }
    }
    let prepare = || {
        if let Some(first) = &first {
            run(first).ok();
        }
    };
    if matches!(case.deed, Deed::Upload | Deed::Wait) {
        // A node without an OS never gets ready: only its waiting is of interest.
        then.extend(["--image-url", &image, "--timeout", "5"]);
    }
    let make = || -> Run {
        let done = run(&then);
        match case.deed {
            Deed::Wait => done.exits(1).says(&["'freeipa-0' did not get ready"]),
            _ => done.ok(),
        }
    };
    let kind = (case.deed, case.shape);
    if super::long() && !known.lengths.contains_key(&kind) {
        prepare();
        known.lengths.insert(kind, make().time);
        remove(lab, case, &before);
    }
    prepare();
    let length = known.lengths.get(&kind).copied().unwrap_or(case.guess());
    let at_work = kill_after(case.command(lab, &then), length.mul_f64(case.moment));
    known.tried += 1;
    known.at_work += usize::from(at_work);
    eprintln!("  {}", if at_work { "it was at work" } else { "it had ended" });

    let rerun = match case.deed {
        Deed::RemoveNodes => removed_at_last(lab, run(&then)),
        _ => make(),
    };
    check_converged(lab, case, &rerun, &then);
    remove(lab, case, &before);
}

/// A removal of nodes ends what was begun. One that was killed when all was done and written down, and that had only to leave,
/// finds no such node.
fn removed_at_last(lab: &Lab, rerun: Run) -> Run {
    if rerun.status != Some(2) {
        return rerun.ok();
    }
    let listed = std::fs::read_to_string(lab.home().join("default/hosts-prov")).expect("the inventory");
    assert!(!listed.contains("compute-1"), "{}", rerun.transcript());
    rerun.says(&["has no node 'compute-1'"])
}

/// Takes away what a seed made; nothing of it is left then.
fn remove(lab: &Lab, case: &Case, before: &str) {
    if case.is_cache() {
        // The folder of images is libvirt's from the first image on, and stays so.
        on(lab, "virsh -q pool-destroy images; virsh -q pool-undefine images");
    } else if !matches!(case.deed, Deed::Kill | Deed::Cleanup) {
        lab.virsh(&[&case.flags()[..], &["--kill", "yes"]].concat()).ok();
    }
    assert_eq!(
        difference(before, &lab.snapshot_but_cache()),
        "",
        "after the removal"
    );
    let folder = "/var/lib/libvirt/images";
    let parts = lab.enter(&["find", folder, "-name", "*.part*"]).ok().stdout;
    assert_eq!(parts, "", "no part of a file is left");
    // The next image is another one.
    on(lab, &format!("rm -f {folder}/irs-base-* {folder}/irs-url-*"));
}

/// The nodes are what was asked for, and a further run finds nothing to do.
fn check_converged(lab: &Lab, case: &Case, rerun: &Run, then: &[&str]) {
    let nodes: &[&str] = match case.deed {
        Deed::Create | Deed::Change => &["compute-0", "compute-1"],
        Deed::Extend => &["compute-0", "compute-1", "compute-2", "compute-3"],
        Deed::RemoveNodes => &["compute-0"],
        Deed::Upload | Deed::Wait => &["freeipa-0"],
        Deed::Kill | Deed::Cleanup | Deed::Pull | Deed::Prune => &[],
    };
    if case.is_cache() {
        let kept = on(
            lab,
            "ls /var/lib/libvirt/images | grep -c '^irs-base-.*[^l]$'; true",
        );
        assert_eq!(
            kept.trim() == "1",
            case.deed == Deed::Pull,
            "{kept}{}",
            rerun.transcript()
        );
        let third = case.command(lab, then).run().ok();
        let did = third.json();
        let nothing =
            [&did["changed"], &did["freed"]].map(|value| value.as_bool() == Some(false) || *value == 0);
        assert!(nothing.contains(&true), "{}", third.transcript());
        return;
    }
    assert_eq!(lab.domains(), nodes, "{}", rerun.transcript());
    for node in nodes {
        let state = if case.runs() { "running" } else { "shut off" };
        assert_eq!(lab.state_of(node), state, "{}", rerun.transcript());
    }
    // Each of these is a step further when it is said again.
    let then: Vec<&str> = match case.deed {
        Deed::Extend => vec!["--topology-nodes", "compute:4"],
        Deed::RemoveNodes => vec!["--topology-nodes", "compute:1"],
        _ => then.to_vec(),
    };
    let flags = case.flags();
    let third = match case.deed {
        Deed::Wait => lab
            .virsh(&[&flags[..], &then, &["--dry-run"]].concat())
            .ok()
            .list("planned"),
        _ => lab.virsh(&[&flags[..], &then].concat()).ok().list("changes"),
    };
    assert_eq!(
        third,
        [] as [serde_json::Value; 0],
        "a third run finds nothing to do"
    );
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

/// The seeds of one of two tests, which run side by side.
fn try_seeds(name: &str, turn: u64) {
    let seeds: Vec<u64> = match number("FAULT_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("FAULT_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let start = Instant::now();
    let seeds = seeds.into_iter().filter(|seed| (seed / 8 + seed) % 2 == turn);
    let mut place = None;
    let mut known = Known::default();
    let mut failed = Vec::new();
    for seed in seeds {
        let case = Case::of(seed);
        eprintln!(
            "seed {seed}: {:?} killed at {:.3} of its time; sudoer: {}, {}, running: {}, image: {:?}",
            case.deed, case.moment, case.sudoer, case.network, case.running, case.shape
        );
        let up = place.get_or_insert_with(|| Place::up(name));
        let tried = catch_unwind(AssertUnwindSafe(|| try_seed(up, &case, &mut known)));
        if let Err(panic) = tried {
            let why = panic
                .downcast::<String>()
                .map_or_else(|_| String::new(), |why| *why);
            eprintln!("seed {seed} failed: {why}");
            failed.push(seed);
            // What it left must not be found by the next one.
            place = None;
        }
    }
    let Known { tried, at_work, .. } = known;
    let took = start.elapsed().as_secs();
    eprintln!("{name}: {tried} seeds in {took} s, {at_work} of them killed at work, failed: {failed:?}");
    assert!(
        failed.is_empty(),
        "seeds {failed:?}: FAULT_SEED={} tests/faults random",
        failed[0]
    );
    assert!(
        at_work * 2 >= tried || tried < 8,
        "{at_work} of {tried} seeds killed anything"
    );
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn killed_at_a_random_moment() {
    try_seeds("faults-random-a", 0);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn killed_at_another_random_moment() {
    try_seeds("faults-random-b", 1);
}
