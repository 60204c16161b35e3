//! What is refused, why, with which status, and that nothing was touched; one run at a time on a deployment.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Lab, Run, RunExt, SIZES, blank_image, difference, files};

const COMPUTE: &[&str] = &["--topology-nodes", "compute:1"];
const FREEIPA: &[&str] = &["--topology-nodes", "freeipa:1"];

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A key pair at this path; the answer is its public half, `type base64`.
fn new_key(path: &Path) -> String {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .run();
    made.ok();
    let public = std::fs::read_to_string(path.with_extension("pub")).expect("the public half");
    public.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Each fault's message and hint stand on standard error, and nothing on standard output.
#[track_caller]
fn refused(run: Run, status: i32, says: &[&str]) {
    let run = run.exits(status).says(&["error: ", "hint: "]).says(says);
    assert_eq!(run.stdout, "", "{}", run.transcript());
}

fn refuse_logins(lab: &Lab, folder: &Path) {
    let login = |address: &str, key: &str, known: &Path| {
        let to = [
            "virsh",
            "--host-address",
            address,
            "--host-key",
            key,
            "--known-hosts",
        ];
        let known = text(known);
        lab.irs(&[&to[..], &[&known], COMPUTE, SIZES].concat())
    };
    let print = |public: &Path| {
        let shown = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(public)
            .run()
            .ok()
            .stdout;
        shown.split(' ').nth(1).expect("a fingerprint").to_owned()
    };
    let own = print(&lab.state().join("etc/ssh/ssh_host_ed25519_key.pub"));

    let empty = folder.join("empty");
    std::fs::write(&empty, "").expect("a file");
    let unknown = login(lab.address(), lab.key(), &empty);
    refused(unknown, 3, &[lab.address(), "is not known", &own, "accept"]);
    assert_eq!(
        std::fs::read(&empty).expect("a file"),
        b"",
        "nothing was accepted silently"
    );

    let changed = folder.join("changed");
    let other = new_key(&folder.join("other-host"));
    std::fs::write(&changed, format!("{} {other}\n", lab.address())).expect("a file");
    let run = login(lab.address(), lab.key(), &changed);
    refused(run, 3, &["HAS CHANGED", &own, "ssh-keygen -R"]);

    let wrong = folder.join("wrong");
    new_key(&wrong);
    let run = login(lab.address(), &text(&wrong), Path::new(lab.known_hosts()));
    refused(run, 3, &["refused every key", &format!("root@{}", lab.address())]);

    let (net, _) = lab.address().rsplit_once('.').expect("an address");
    let nobody = format!("{net}.99");
    let run = login(&nobody, lab.key(), Path::new(lab.known_hosts()));
    assert!(run.time < Duration::from_secs(30), "{}", run.transcript());
    refused(run, 3, &["cannot reach", &nobody]);
}

fn refuse_input(lab: &Lab, folder: &Path) {
    let run = |args: &[&str]| lab.virsh(&[SIZES, args].concat());
    refused(
        run(&["--topology-nodes", "contoller:1"]),
        2,
        &["'contoller' is not known", "did you mean 'controller'"],
    );
    let nodes = folder.join("topology/nodes");
    std::fs::create_dir_all(&nodes).expect("a folder");
    std::fs::write(
        nodes.join("broken.yml"),
        "name: broken\ncpu: many\nmemory: 64\ndeploy_os: perhaps\ncolour: red\ndisks:\n  disk1:\n    size: 5 apples\n    \
         dev: /dev/vda\n  disk1:\n    size: 5G\n",
    )
    .expect("a file");
    std::fs::write(nodes.join("torn.yml"), "name: torn\ncpu: [1\nmemory: 64\n").expect("a file");
    let topology = text(&folder.join("topology"));
    refused(
        run(&["--topology-dir", &topology, "--topology-nodes", "broken:1"]),
        2,
        &[
            "broken.yml:2:",
            "'many'",
            "broken.yml:4:",
            "'perhaps'",
            "broken.yml:5:",
            "'colour'",
            "broken.yml:8:",
            "'5 apples'",
            "broken.yml:10:",
            "disk1",
        ],
    );
    refused(
        run(&["--topology-dir", &topology, "--topology-nodes", "torn:1"]),
        2,
        &["torn.yml:"],
    );

    // Each of these would be a command, an element or a path, were it not looked at.
    let evil = [
        "a;touch /tmp/irs-owned",
        "$(id)",
        "`id`",
        "<x/>",
        "a'b\"c",
        "a&b",
        "../a",
        "a b",
        "a\nb",
        "ä",
    ];
    // Anybody there could put a link in root's way.
    let open = folder.join("open");
    std::fs::create_dir(&open).expect("a folder");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("a mode");
    let open = open.display().to_string();
    refused(
        run(&[COMPUTE, &["--disk-pool", &format!("{open}/images")]].concat()),
        2,
        &[&format!("may change what is in '{open}'")],
    );
    for name in evil {
        refused(run(&[COMPUTE, &["--prefix", name]].concat()), 2, &["--prefix"]);
        refused(
            run(&["--topology-nodes", &format!("{name}:1")]),
            2,
            &["node type"],
        );
        refused(
            run(&[COMPUTE, &["--pool-name", name]].concat()),
            2,
            &["--pool-name"],
        );
        let folder = format!("/var/lib/{name}");
        refused(
            run(&[COMPUTE, &["--disk-pool", &folder]].concat()),
            2,
            &["--disk-pool"],
        );
        refused(
            run(&[COMPUTE, &["--topology-username", name]].concat()),
            2,
            &["--topology-username"],
        );
        refused(
            run(&[COMPUTE, &["--topology-timezone", name]].concat()),
            2,
            &["--topology-timezone"],
        );
        refused(run(&[COMPUTE, &["--workspace", name]].concat()), 2, &[]);
        refused(run(&["--remove-nodes", name]), 2, &["has no node"]);
        let network = format!("override.networks.net1.name={name}");
        refused(run(&[COMPUTE, &["-e", &network]].concat()), 2, &["net1"]);
    }
}

fn refuse_images(lab: &Lab, folder: &Path) {
    let images = folder.join("images");
    std::fs::create_dir(&images).expect("a folder");
    std::fs::write(images.join("page.qcow2"), "<!DOCTYPE html><html>not found</html>").expect("a file");
    let make = |args: &[&str]| {
        Command::new("qemu-img")
            .args(["create", "-q"])
            .args(args)
            .current_dir(&images)
            .run()
            .ok();
    };
    make(&["-f", "qcow2", "base.qcow2", "4M"]);
    make(&["-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "overlay.qcow2"]);
    make(&["-f", "qcow2", "-o", "data_file=data.raw", "data.qcow2", "1M"]);
    for place in [text(&images), lab.serve(&images)] {
        let from =
            |name: &str| lab.virsh(&[FREEIPA, SIZES, &["--image-url", &format!("{place}/{name}")]].concat());
        refused(
            from("page.qcow2"),
            2,
            &["page.qcow2", "is not a disk image", "web page"],
        );
        refused(
            from("overlay.qcow2"),
            2,
            &["overlay.qcow2", "has a backing file", "flatten"],
        );
        refused(
            from("data.qcow2"),
            2,
            &["data.qcow2", "external data file", "flatten"],
        );
        let missing = from("missing.qcow2");
        let status = missing.status.expect("a status");
        assert!([1, 2].contains(&status), "{}", missing.transcript());
        refused(missing, status, &["missing.qcow2"]);
    }
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn what_cannot_be_done_is_said_and_nothing_is_touched() {
    let lab = Lab::up("refusals", &["--default-network", "--disk", "64M"]);
    let image = lab.image();
    let folder = tempfile::tempdir().expect("a folder");
    let before = lab.snapshot();
    let untouched = |what: &str| {
        // The image server of the test itself is no change.
        let changes = difference(&before, &lab.snapshot());
        let changes: Vec<_> = changes
            .lines()
            .filter(|line| !line.starts_with("+ process python3"))
            .collect();
        assert_eq!(changes, [] as [&str; 0], "{what}");
        assert_eq!(files(lab.home()), Default::default(), "{what}");
    };

    refuse_logins(&lab, folder.path());
    untouched("logins");
    refuse_input(&lab, folder.path());
    untouched("input");
    assert!(!Path::new("/tmp/irs-owned").exists());

    let run = |args: &[&str]| lab.virsh(&[SIZES, args].concat());
    refused(
        run(&[
            "--topology-nodes",
            "compute:40",
            "-e",
            "override.compute.memory=8192",
        ]),
        4,
        &["lacks memory", "320.00 GiB", "--host-memory-overcommit"],
    );
    refused(
        run(&[FREEIPA, &["--image-url", &image]].concat()),
        4,
        &["disk: ", "are free in"],
    );
    untouched("resources");
    let link = |what: &str| {
        lab.enter(&["ip", "link", what, "dev", "management", "type", "bridge"])
            .ok()
    };
    link("add");
    refused(
        run(COMPUTE),
        2,
        &["network 'management' needs the device 'management'", "rename"],
    );
    link("delete");
    untouched("names");
    refuse_images(&lab, folder.path());
    untouched("images");
}

/// Runs irs in the background until it waits for its node, which never answers: its disk is blank.
fn waiting(lab: &Lab, image: &str, said: &Path) -> Child {
    let args = [FREEIPA, SIZES, &["--image-url", image]].concat();
    let child = lab
        .virsh_command(&args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(said).expect("a file"))
        .spawn()
        .expect("irs starts");
    await_true("the node runs", 60, || {
        lab.domains().iter().any(|name| name == "freeipa-0") && lab.state_of("freeipa-0") == "running"
    });
    child
}

/// Asks again and again, for so many seconds.
fn await_true(what: &str, seconds: u64, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !holds() {
        assert!(Instant::now() < end, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn one_run_at_a_time_and_a_cut_link_frees_its_lease() {
    let lab = Lab::up("lease", &["--default-network"]).warm();
    let before = lab.snapshot();
    let image = blank_image();
    let image = text(image.path());
    let said = tempfile::NamedTempFile::new().expect("a file");
    let mut first = waiting(&lab, &image, said.path());

    let held = crate::support::but_leases(&lab.snapshot());
    assert!(held.contains("lock /run/irs/deployment-default.lock"), "{held}");
    let busy = [
        "deployment 'default'",
        "is being changed by",
        "since 20",
        "--wait to wait until that run has ended",
    ];
    refused(lab.virsh(&[COMPUTE, SIZES].concat()), 5, &busy);
    refused(lab.virsh(&["--kill"]), 5, &busy);
    refused(lab.virsh(&["--remove-nodes", "freeipa-0"]), 5, &busy);
    refused(lab.virsh(&["--cleanup", "--yes"]), 5, &busy);
    assert_eq!(
        difference(&held, &crate::support::but_leases(&lab.snapshot())),
        ""
    );
    // Another deployment is another matter, and so is looking.
    lab.virsh(&[COMPUTE, SIZES, &["--prefix", "other", "--start", "none"]].concat())
        .ok();
    lab.virsh(&["--kill", "--prefix", "other"]).ok();
    lab.virsh(&[COMPUTE, SIZES, &["--dry-run"]].concat()).ok();

    let link = |state: &str| {
        Command::new("ip")
            .args(["link", "set", lab.link(), state])
            .run()
            .ok()
    };
    let locked = || {
        let lock = ["test", "-e", "/run/irs/deployment-default.lock"];
        lab.enter(&lock).status == Some(0)
    };
    link("down");
    await_true("the lease ends after its client", 15, || !locked());
    // The client notices by itself, connects again, and goes on to wait for its node.
    link("up");
    await_true("the client has the lease again", 60, locked);
    let said = std::fs::read_to_string(said.path()).expect("what it said");
    assert!(said.contains("connecting again in 1 s"), "{said}");
    let id = first.id().to_string();
    Command::new("kill").args(["-TERM", &id]).run().ok();
    let status = first.wait().expect("a child");
    assert_eq!(status.code(), Some(130), "it stops at a safe point");

    lab.virsh(&["--kill"]).ok();
    assert_eq!(difference(&before, &lab.snapshot_but_cache()), "");
}
