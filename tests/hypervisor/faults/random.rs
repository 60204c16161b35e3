//! irs killed at a random moment of whatever it does: the same command made again ends what it began, a third one finds
//! nothing to do, and the removal leaves the hypervisor as it was.
//!
//! `FAULT_SEEDS` says how many seeds there are, `FAULT_SEED` names a single one: what it does, to what, and at which part
//! of the time that this takes, follows from its number alone.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Lab, Run, SIZES, difference};

/// How many seeds when nobody says how many: what CI has time for.
const SEEDS: u64 = 8;
/// What is sent of an image: long enough to be killed in the middle.
const IMAGE: usize = 48 << 20;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Create,
    Extend,
    Change,
    RemoveNodes,
    Kill,
    Cleanup,
    Upload,
    Wait,
}

const DEEDS: [Deed; 8] = [
    Deed::Create,
    Deed::Extend,
    Deed::Change,
    Deed::RemoveNodes,
    Deed::Kill,
    Deed::Cleanup,
    Deed::Upload,
    Deed::Wait,
];

/// Numbers that follow from a seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, less than 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What follows from a seed.
struct Case {
    deed: Deed,
    /// When it is killed, as a part of the time that it takes.
    moment: f64,
    sudoer: bool,
    network: &'static str,
    /// Whether its nodes run.
    running: bool,
    noise: u64,
}

impl Case {
    /// Of consecutive seeds each does something else.
    fn of(seed: u64) -> Case {
        let mut numbers = Numbers(seed);
        Case {
            deed: DEEDS[usize::try_from(seed).expect("a small seed") % DEEDS.len()],
            moment: numbers.part(),
            sudoer: numbers.next().is_multiple_of(4),
            network: if numbers.next().is_multiple_of(2) {
                "1_net"
            } else {
                "3_nets"
            },
            running: numbers.next().is_multiple_of(2),
            noise: numbers.next(),
        }
    }

    /// How long it takes, more or less, where there is no time to find out.
    fn guess(&self) -> Duration {
        Duration::from_secs(match self.deed {
            Deed::Wait => 7,
            _ => 2,
        })
    }

    fn runs(&self) -> bool {
        match self.deed {
            Deed::Wait => true,
            Deed::Upload => false,
            _ => self.running,
        }
    }

    /// The flags of every run.
    fn flags(&self) -> Vec<&'static str> {
        let mut flags = SIZES.to_vec();
        flags.extend(["--format", "json", "--wait", "--topology-network", self.network]);
        flags.extend(["--start", if self.runs() { "all" } else { "none" }]);
        if self.sudoer {
            flags.extend(["--host-user", "operator"]);
        }
        flags
    }

    /// What is there before, and what is killed.
    fn commands(&self) -> (Option<Vec<&'static str>>, Vec<&'static str>) {
        let two = vec!["--topology-nodes", "compute:2"];
        match self.deed {
            Deed::Create => (None, two),
            Deed::Extend => (
                Some(two),
                vec!["--topology-extend", "yes", "--topology-nodes", "compute:2"],
            ),
            Deed::Change => {
                let memory = "override.compute.memory=96";
                (Some(two.clone()), [&two[..], &["-e", memory]].concat())
            }
            Deed::RemoveNodes => (Some(two), vec!["--remove-nodes", "compute-1"]),
            Deed::Kill => (Some(two), vec!["--kill", "yes"]),
            Deed::Cleanup => (Some(two), vec!["--cleanup", "yes", "--yes"]),
            Deed::Upload | Deed::Wait => (None, vec!["--topology-nodes", "freeipa:1"]),
        }
    }
}

/// Runs the command for so long, then kills it; says whether it was still at work.
fn kill_after(lab: &Lab, args: &[&str], delay: Duration) -> bool {
    let mut child = lab
        .virsh_command(args)
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
fn image(noise: u64, length: usize) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut numbers = Numbers(noise);
    let mut bytes = vec![0; 512];
    while bytes.len() < length {
        bytes.extend(numbers.next().to_le_bytes());
    }
    std::fs::write(file.path(), &bytes[..length]).expect("an image");
    file
}

/// What was found out about the deeds.
#[derive(Default)]
struct Known {
    /// How long each takes when nobody kills it.
    lengths: BTreeMap<Deed, Duration>,
    /// How many seeds were tried, and how many of them were still at work when they were killed.
    tried: usize,
    at_work: usize,
}

/// One seed, from an empty hypervisor to an empty one.
fn try_seed(lab: &Lab, case: &Case, known: &mut Known) {
    let before = lab.snapshot();
    let image = image(case.noise, if case.deed == Deed::Upload { IMAGE } else { 4096 });
    let image = image.path().display().to_string();
    let run = |args: &[&str]| -> Run { lab.virsh(&[&case.flags()[..], args].concat()) };
    let (first, then) = case.commands();
    let prepare = || {
        if let Some(first) = &first {
            run(first).ok();
        }
    };
    let mut then = then;
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
    if super::long() && !known.lengths.contains_key(&case.deed) {
        prepare();
        known.lengths.insert(case.deed, make().time);
        remove(lab, case, &before);
    }
    prepare();
    let length = known.lengths.get(&case.deed).copied().unwrap_or(case.guess());
    let killed = [&case.flags()[..], &then].concat();
    let at_work = kill_after(lab, &killed, length.mul_f64(case.moment));
    known.tried += 1;
    known.at_work += usize::from(at_work);
    eprintln!("  {}", if at_work { "it was at work" } else { "it had ended" });

    let rerun = make();
    check_converged(lab, case, &rerun, &then);
    remove(lab, case, &before);
}

/// Takes away what a seed made; nothing of it is left then.
fn remove(lab: &Lab, case: &Case, before: &str) {
    if !matches!(case.deed, Deed::Kill | Deed::Cleanup) {
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
    lab.enter(&["find", folder, "-type", "f", "-name", "irs-base-*", "-delete"])
        .ok();
}

/// The nodes are what was asked for, and a further run finds nothing to do.
fn check_converged(lab: &Lab, case: &Case, rerun: &Run, then: &[&str]) {
    let nodes: &[&str] = match case.deed {
        Deed::Create | Deed::Change => &["compute-0", "compute-1"],
        Deed::Extend => &["compute-0", "compute-1", "compute-2", "compute-3"],
        Deed::RemoveNodes => &["compute-0"],
        Deed::Upload | Deed::Wait => &["freeipa-0"],
        Deed::Kill | Deed::Cleanup => &[],
    };
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
    let mut lab = None;
    let mut known = Known::default();
    let mut failed = Vec::new();
    for seed in seeds {
        let case = Case::of(seed);
        eprintln!(
            "seed {seed}: {:?} killed at {:.3} of its time; sudoer: {}, {}, running: {}",
            case.deed, case.moment, case.sudoer, case.network, case.running
        );
        let up = lab.get_or_insert_with(|| Lab::up(name, &["--default-network", "--sudoer"]).warm());
        let tried = catch_unwind(AssertUnwindSafe(|| try_seed(up, &case, &mut known)));
        if let Err(panic) = tried {
            let why = panic
                .downcast::<String>()
                .map_or_else(|_| String::new(), |why| *why);
            eprintln!("seed {seed} failed: {why}");
            failed.push(seed);
            // What it left must not be found by the next one.
            lab = None;
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
