//! Files and devices of the hypervisor that a node file names: what is taken, and what it is taken for.

#![allow(clippy::unwrap_used)]

use clap::Parser as _;
use irs::actual::Actual;
use irs::cli::{Cli, Command, topology};
use irs::commands::topology::draft::{self, Draft};
use irs::deployment::Home;
use irs::remote::Host;
use irs::steps::disks::outside;
use irs::steps::domains::{read, template};
use irs::ui::{Format, Ui};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A node whose two disks are `first` and `second`.
fn draft(folder: &Path, first: &Path, second: &Path) -> Draft {
    let node = format!(
        "cpu: 1\nmemory: 64\ndeploy_os: no\ndisks:\n  disk1: {{size: 1M, path: {}}}\n  disk2: {{size: 1M, path: {}}}\n",
        first.display(),
        second.display()
    );
    std::fs::create_dir_all(folder.join("nodes")).unwrap();
    std::fs::write(folder.join("nodes/data.yml"), node).unwrap();
    let words = [
        "irs",
        "topology",
        "render",
        "--topology-nodes",
        "data:1",
        "--topology-network",
        "3_nets",
    ];
    let cli = Cli::try_parse_from(
        words
            .into_iter()
            .chain(["--topology-dir", folder.to_str().unwrap()]),
    )
    .unwrap();
    let Command::Topology(topology) = &cli.command else {
        panic!()
    };
    let topology::Command::Render(render) = &topology.command else {
        panic!()
    };
    let ui = Ui::plain(
        Format::Human,
        Box::new(std::io::sink()),
        Box::new(std::io::sink()),
    );
    draft::resolve(&render.drawn.host_address, &render.drawn.draft, &ui).unwrap()
}

/// What the two disks are taken for, and what is said of it; or what is wrong.
fn look(
    folder: &Path,
    first: &Path,
    second: &Path,
    actual: &Actual,
) -> Result<(Vec<String>, Vec<String>), String> {
    let Draft { mut deployment, .. } = draft(folder, first, second);
    let found = outside::look(&Host::here(), &mut deployment, actual).map_err(|error| error.to_string())?;
    let disks = deployment.nodes[0].disks.iter();
    let formats = disks.map(|disk| match &disk.home {
        Home::Existing { format, .. } => format.clone(),
        other => format!("{other:?}"),
    });
    Ok((formats.collect(), found.given))
}

fn qemu_img(arguments: &[&str], folder: &Path) {
    let done = std::process::Command::new("qemu-img")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}");
}

/// A header of another format that names a file, as a node can write it to its raw disk.
fn hostile(folder: &Path) -> Vec<u8> {
    qemu_img(&["create", "-q", "-f", "raw", "secret.raw", "1M"], folder);
    qemu_img(
        &[
            "create",
            "-q",
            "-f",
            "qcow2",
            "-b",
            "secret.raw",
            "-F",
            "raw",
            "h.qcow2",
        ],
        folder,
    );
    std::fs::read(folder.join("h.qcow2")).unwrap()
}

#[test]
fn an_existing_file_is_a_disk_that_names_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("raw"), vec![0; 1 << 20]).unwrap();
    std::fs::write(at("xfs"), [b"XFSB".to_vec(), vec![1; 4092]].concat()).unwrap();
    std::fs::write(at("text"), "root:$6$hash:19000:0:99999:7:::\n".repeat(64)).unwrap();
    std::fs::write(at("backed"), hostile(dir.path())).unwrap();
    qemu_img(&["create", "-q", "-f", "qcow2", "sound", "1M"], dir.path());
    let actual = Actual::default();
    let good = look(dir.path(), &at("raw"), &at("sound"), &actual).unwrap();
    assert_eq!(good.0, ["raw", "qcow2"]);
    assert!(
        good.1[0].contains("the hypervisor's own") && good.1.len() == 2,
        "{:?}",
        good.1
    );
    assert_eq!(
        look(dir.path(), &at("xfs"), &at("raw"), &actual).unwrap().0,
        ["raw", "raw"]
    );
    let why = look(dir.path(), &at("text"), &at("backed"), &actual).unwrap_err();
    assert!(why.contains("text' is not a disk image but a text"), "{why}");
    assert!(why.contains("backed' has a backing file"), "{why}");
}

#[test]
fn what_an_existing_file_says_of_itself_is_not_taken_for_what_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    std::fs::create_dir(&made).unwrap();
    // irs looks at a file of that name in the folder, whoever made it: its own text has the look of an answer.
    qemu_img(
        &["create", "-q", "-f", "qcow2", "made/data-0-disk1.qcow2", "1M"],
        dir.path(),
    );
    qemu_img(
        &[
            "rebase",
            "-u",
            "-f",
            "qcow2",
            "-b",
            "#absent\n#existing\n0\n",
            "-F",
            "raw",
            "made/data-0-disk1.qcow2",
        ],
        dir.path(),
    );
    std::fs::write(dir.path().join("raw"), vec![0; 1 << 20]).unwrap();
    let why = look(dir.path(), &made, &dir.path().join("raw"), &Actual::default()).unwrap_err();
    assert_eq!(why.lines().count(), 1, "{why}");
    assert!(why.contains("irs did not make it"), "{why}");
}

#[test]
fn a_node_cannot_change_what_its_raw_disk_is_taken_for() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    std::fs::write(&first, vec![0; 1 << 20]).unwrap();
    std::fs::write(&second, vec![0; 1 << 20]).unwrap();
    // The node as it is defined after the first run.
    let Draft {
        mut deployment,
        setting,
        ..
    } = draft(dir.path(), &first, &second);
    outside::look(&Host::here(), &mut deployment, &Actual::default()).unwrap();
    let xml = template::domain(&deployment.nodes[0], &deployment.id, &setting, None).unwrap();
    let actual = Actual {
        domains: vec![read::parse(&xml).unwrap()],
        ..Actual::default()
    };
    // Root in the node writes to its disk.
    std::fs::write(&second, hostile(dir.path())).unwrap();
    let (formats, given) = look(dir.path(), &first, &second, &actual).unwrap();
    assert_eq!(formats, ["raw", "raw"]);
    assert_eq!(given, Vec::<String>::new(), "nothing is new");
}

#[test]
fn a_disk_is_not_made_where_anybody_could_put_a_link() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("raw"), vec![0; 1 << 20]).unwrap();
    let raw = dir.path().join("raw");
    let open = dir.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let why = look(dir.path(), &open.join("made"), &raw, &Actual::default()).unwrap_err();
    let (open, made) = (open.display(), open.join("made"));
    let said = format!("disk vda of 'data-0' cannot be made in '{}'", made.display());
    assert!(why.contains(&said), "{why}");
    assert!(why.contains(&format!("may change what is in '{open}'")), "{why}");
    let made = look(dir.path(), &dir.path().join("made"), &raw, &Actual::default()).unwrap();
    assert!(made.0[0].starts_with("Folder"), "{made:?}");
}
