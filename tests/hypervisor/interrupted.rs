//! Signals and lost connections in the middle of a run: what is said, and that the same command goes on.

mod terminal;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Lab, Run, RunExt, SIZES, difference};

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "it did not come about that {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs something on a machine by its shell.
pub fn sh(lab: &Lab, script: &str) -> Run {
    lab.enter(&["sh", "-c", script])
}

/// A run that is under way.
pub struct UnderWay {
    child: Option<Child>,
    folder: tempfile::TempDir,
    since: Instant,
}

impl UnderWay {
    pub fn start(mut command: Command) -> UnderWay {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| std::fs::File::create(folder.path().join(name)).expect("a file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("irs starts");
        UnderWay {
            child: Some(child),
            folder,
            since: Instant::now(),
        }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Waits until it has said something on stderr.
    #[track_caller]
    pub fn says(&self, text: &str) -> &UnderWay {
        self.says_times(text, 1)
    }

    /// Waits until it has said something on stderr for the second time.
    #[track_caller]
    pub fn says_twice(&self, text: &str) -> &UnderWay {
        self.says_times(text, 2)
    }

    #[track_caller]
    fn says_times(&self, text: &str, times: usize) -> &UnderWay {
        let end = Instant::now() + Duration::from_secs(60);
        while self.read("stderr").matches(text).count() < times {
            assert!(
                Instant::now() < end,
                "it does not say {text:?}: {}",
                self.read("stderr")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }

    pub fn signal(self, name: &str) -> UnderWay {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        Command::new("kill").args(["-s", name, &id]).run().ok();
        self
    }

    /// Waits for its end.
    pub fn end(mut self) -> Run {
        let mut child = self.child.take().expect("it runs");
        let status = child.wait().expect("it ends");
        Run {
            command: "irs in the background".into(),
            status: status.code(),
            stdout: self.read("stdout"),
            stderr: self.read("stderr"),
            time: self.since.elapsed(),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A qcow2 image without a boot sector's code, of about so many MiB.
pub fn image(folder: &std::path::Path, name: &str, mib: u64) {
    let raw = folder.join("raw");
    let noise: Vec<u8> = (0..mib << 20)
        .scan(1u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 24) as u8)
        })
        .collect();
    let bytes = [vec![0; 1 << 20], noise].concat();
    std::fs::write(&raw, bytes).expect("an image");
    let made = folder.join(name);
    Command::new("qemu-img")
        .args(["convert", "-O", "qcow2"])
        .args([&raw, &made])
        .run()
        .ok();
    std::fs::remove_file(raw).expect("the raw image goes");
}

/// The requests for a file, looks at its beginning not counted: the answer's status and the first byte.
pub fn sent(lab: &Lab, name: &str) -> Vec<String> {
    let log = std::fs::read_to_string(lab.state().join("http-8000.log")).expect("the server's log");
    let lines = log
        .lines()
        .filter(|line| line.contains("sent /") && line.contains(name));
    lines
        .filter_map(|line| Some(line.rsplit_once("from ")?.1.to_owned()))
        .collect()
}

const MAKE: &[&str] = &["--topology-nodes", "freeipa:1", "--start", "none"];
const PART: &str = "[ -s /var/lib/libvirt/images/irs-url-*.part ]";

/// The processes that serve the connections to the hypervisor, the oldest first.
fn sessions(lab: &Lab) -> Vec<String> {
    let list = sh(
        lab,
        "ps -eo pid=,comm= --sort start_time,pid | awk '$2 == \"sshd-session\" {print $1}'",
    );
    list.ok().stdout.split_whitespace().map(str::to_owned).collect()
}

/// Those of them that hold a lease.
fn leases(lab: &Lab) -> Vec<String> {
    let list = sh(
        lab,
        "ps -eo ppid=,comm=,args= | awk '$2 == \"bash\" && /--norc/ {print $1}'",
    );
    list.ok().stdout.split_whitespace().map(str::to_owned).collect()
}

fn kill_on(lab: &Lab, processes: &[String]) {
    // One that has just ended by itself is no matter.
    sh(lab, &format!("kill -KILL {}; true", processes.join(" "))).ok();
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_download_goes_on_without_us_and_is_joined() {
    let lab = Lab::up("interrupted-download", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    image(folder.path(), "slow.qcow2", 8);
    let base = lab.serve(folder.path());
    let before = lab.snapshot();
    let url = format!("{base}/slow.qcow2?hold=1000000");
    let go = folder.path().join("go");
    let make = [SIZES, MAKE, &["--image-url", &url]].concat();
    let has_part = || sh(&lab, PART).status == Some(0);

    // Killed outright; another run comes while it goes on, and loses all of its connections.
    let run = UnderWay::start(lab.virsh_command(&make));
    until("the download begins", has_part);
    assert_eq!(run.signal("KILL").end().status, None);
    assert_eq!(sh(&lab, "stat -c %a /run/irs/job-*").ok().stdout, "700\n");
    let run = UnderWay::start(lab.virsh_command(&make));
    run.says("an earlier run began this download");
    kill_on(&lab, &sessions(&lab));
    run.says("connecting again in")
        .says_twice("an earlier run began this download");
    std::fs::write(&go, "").expect("a file");
    run.end().ok();
    assert_eq!(sent(&lab, "slow"), ["0"]);
    assert_eq!(sh(&lab, "ls /run/irs").stdout, "");
    assert!(!has_part());

    // The connection of commands, which may be replaced between two of them; that of the lease; all.
    for n in 0..3 {
        lab.virsh(&["--kill"]).ok();
        std::fs::remove_file(&go).expect("it goes");
        let url = format!("{base}/slow.qcow2?hold=1000000&n={n}");
        let run = UnderWay::start(lab.virsh_command(&[SIZES, MAKE, &["--image-url", &url]].concat()));
        until("the download begins", has_part);
        let (sessions, leases) = (sessions(&lab), leases(&lab));
        assert!(
            sessions.len() >= 3 && !leases.is_empty(),
            "{sessions:?} {leases:?}"
        );
        kill_on(&lab, [&sessions[..1], &leases, &sessions][n]);
        std::thread::sleep(Duration::from_secs(1));
        std::fs::write(&go, "").expect("a file");
        let run = run.end().ok();
        assert!(
            n == 0 || run.stderr.contains("is lost: connecting again in"),
            "{}",
            run.transcript()
        );
        assert_eq!(sent(&lab, &format!("n={n}")), ["0"], "{}", run.transcript());
    }
    lab.virsh(&["--kill"]).ok();
    let cache = |line: &&str| line.contains("/irs-url-");
    let left = lab.snapshot_but_cache();
    let left: Vec<&str> = left.lines().filter(|line| !cache(line)).collect();
    assert_eq!(difference(&before, &left.join("\n")), "");
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_link_that_is_silent_and_an_sshd_that_is_away() {
    let lab = Lab::up("interrupted-link", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    image(folder.path(), "slow.qcow2", 4);
    let base = lab.serve(folder.path());
    let url = format!("{base}/slow.qcow2?hold=1000000");
    let go = folder.path().join("go");
    let make = [SIZES, MAKE, &["--image-url", &url]].concat();
    // Its end, not ours: without our route another machine could answer.
    let link = |state: &str| {
        lab.enter(&["ip", "link", "set", "eth0", state]).ok();
    };

    // Down until it is noticed, as nobody says that a link is down; the download does not hear of it.
    let run = UnderWay::start(lab.virsh_command(&make));
    until("the download begins", || sh(&lab, PART).status == Some(0));
    link("down");
    run.says("connecting again in");
    link("up");
    std::fs::write(&go, "").expect("a file");
    run.end().ok();
    assert_eq!(sent(&lab, "slow"), ["0"]);

    // Its listener and all of its sessions are killed, and it is started a moment later.
    let start = [SIZES, &["--topology-nodes", "freeipa:1", "--image-url", &url]].concat();
    let run = UnderWay::start(lab.virsh_command(&start));
    run.says("freeipa-0: ");
    // An image is fetched for nobody yet meanwhile.
    std::fs::remove_file(&go).expect("it goes");
    let pull = lab.cache_command(&["pull", &format!("{url}&n=pull"), "--force-image-download"]);
    let pull = UnderWay::start(pull);
    until("the download begins", || sh(&lab, PART).status == Some(0));
    sh(
        &lab,
        "kill -KILL $(ps -eo pid=,comm= | awk '$2 ~ /^sshd/ {print $1}')",
    )
    .ok();
    run.says("connecting again in 2 s");
    pull.says("connecting again in ");
    let log = lab.state().join("sshd.log").display().to_string();
    sh(&lab, &format!("/usr/sbin/sshd -E {log}")).ok();
    pull.says("an earlier run began this");
    std::fs::write(&go, "").expect("a file");
    pull.end().ok();
    assert_eq!(sent(&lab, "n=pull"), ["0"]);
    until("the node is waited for again", || {
        sh(&lab, "ls /run/irs/deployment-default.lock").status == Some(0)
    });
    run.signal("TERM").end().exits(130);
    lab.virsh(&make).ok();
    lab.virsh(&make).ok().prints(&["nothing to change"]);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn a_signal_stops_a_run_in_each_of_its_phases() {
    let lab = Lab::up("interrupted-signals", &["--default-network"]).warm();
    let folder = tempfile::tempdir().expect("a folder");
    image(folder.path(), "slow.qcow2", 4);
    let base = lab.serve(folder.path());
    let url = format!("{base}/slow.qcow2?hold=1000000");
    let go = folder.path().join("go");
    let make = [SIZES, MAKE, &["--image-url", &url]].concat();
    let run = UnderWay::start(lab.virsh_command(&make));
    until("the download begins", || sh(&lab, PART).status == Some(0));

    // One that waits for it has changed nothing.
    let waiting = UnderWay::start(lab.virsh_command(&[&make[..], &["--wait"]].concat()));
    waiting.says("waiting: deployment 'default'");
    let waiting = waiting.signal("TERM").end().exits(130);
    assert!(
        waiting
            .stderr
            .ends_with("error: interrupted: nothing was changed\nhint: the same command begins again\n"),
        "{}",
        waiting.transcript()
    );

    // A download ends, and goes on with the next run where it was.
    let run = run.signal("TERM").end().exits(130).says(&[
        "stopping at the next safe point; once more stops now\n",
        " changes are made, ",
        " are left: image http",
        ", volume freeipa-0-disk1.qcow2",
        "error: interrupted\nhint: the same command goes on from here\n",
    ]);
    assert!(!run.stderr.contains("caused by"), "{}", run.transcript());
    assert_eq!(sh(&lab, "ls /run/irs; ps -eo comm= | grep curl").stdout, "");
    let there: u64 = sh(&lab, "stat -c %s /var/lib/libvirt/images/irs-url-*.part")
        .ok()
        .stdout
        .trim()
        .parse()
        .expect("a size");
    std::fs::write(&go, "").expect("a file");
    lab.virsh(&make).ok();
    assert_eq!(sent(&lab, "slow"), ["0".to_owned(), there.to_string()]);

    // A node that never answers is not waited for any longer; twice is at once.
    let start = [SIZES, &["--topology-nodes", "freeipa:1", "--image-url", &url]].concat();
    let run = UnderWay::start(lab.virsh_command(&start));
    until("the node runs", || lab.state_of("freeipa-0") == "running");
    run.says("freeipa-0: ");
    let run = run.signal("HUP").end().exits(130).says(&["interrupted"]);
    assert!(run.stdout.contains("freeipa-0"), "{}", run.transcript());
    let run = UnderWay::start(lab.virsh_command(&start));
    std::thread::sleep(Duration::from_secs(2));
    let run = run.signal("TERM");
    std::thread::sleep(Duration::from_millis(100));
    run.signal("TERM").end().exits(130);
    lab.virsh(&["--kill"]).ok();

    // Nor is what came fetched again when its conversion is stopped.
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::remove_file(&go).expect("it goes");
    let slow = format!(
        "#!/bin/sh\n[ \"$1\" != convert ] || while [ ! -e {} ]; do sleep 0.1; done\nexec {} \"$@\"\n",
        go.display(),
        file("qemu-img")
    );
    std::fs::write(file("slow"), slow).expect("a program");
    let prepare = "cd \"$1\" && qemu-img convert -O vmdk slow.qcow2 other.vmdk && cp /usr/bin/qemu-img . && chmod +x slow \
        && mount --bind slow /usr/bin/qemu-img";
    lab.enter(&["sh", "-c", prepare, "sh", &file("")]).ok();
    let converts = || sh(&lab, "ps -eo args | grep -q '/[q]emu-img convert'").status == Some(0);
    let url = format!("{base}/other.vmdk");
    let pull = UnderWay::start(lab.cache_command(&["pull", &url]));
    until("it is converted", converts);
    pull.signal("INT").end().exits(130);
    assert!(!converts());
    std::fs::write(&go, "").expect("a file");
    lab.cache(&["pull", &url]).ok();
    assert_eq!(sent(&lab, "other"), ["0"]);
    sh(&lab, "umount /usr/bin/qemu-img").ok();
    assert_eq!(sh(&lab, "ls /run/irs").stdout, "");

    terminal::stopped_while_it_asks(&lab, folder.path());

    // Where a signal is ignored, as under nohup, it stays so.
    let mut command = Command::new("sh");
    let program = lab.virsh_command(&make);
    command
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args());
    for (key, value) in program.get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    let run = UnderWay::start(command);
    std::thread::sleep(Duration::from_millis(300));
    run.signal("HUP").end().ok();
}
