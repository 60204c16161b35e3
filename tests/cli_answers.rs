//! Flags from answers files, ours and infrared's: what wins, what is refused, what is written.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A host that nobody has, so that a run whose input is fine ends with exit code 3.
const NOWHERE: &str = "nowhere.invalid";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn irs(&self, line: &str, environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_irs"))
            .args(shlex::split(line).unwrap())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .env("IRS_HOME", self.path().join("home"))
            .envs(environment.iter().copied())
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    /// What the run was told, as it writes it down.
    fn told(&self, line: &str, environment: &[(&str, &str)]) -> serde_yaml::Value {
        let output = self.irs(&format!("virsh {line} --output told.yml"), environment);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{line}: {said}");
        serde_yaml::from_str(&self.read("told.yml")).unwrap()
    }

    /// The message of a run whose input is wrong.
    fn refused(&self, line: &str, environment: &[(&str, &str)]) -> String {
        let output = self.irs(line, environment);
        assert_eq!(output.status.code(), Some(2), "{line}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn the_command_line_wins_over_the_file_and_the_file_over_the_environment() {
    let place = Place::new();
    let file = format!(
        "host-address: {NOWHERE}\ntopology-nodes: undercloud:1\nhost-validate: no\nprefix: file\nextra-vars: [a=1, b=1]\nhost-key: ~/key\n"
    );
    place.write("a.yml", &file);
    let environment = [
        ("IRS_PREFIX", "env"),
        ("IRS_TOPOLOGY_USERNAME", "envuser"),
        ("IRS_TOPOLOGY_NODES", "compute:9"),
        ("IRS_START", ""),
    ];
    let told = place.told("--from-file a.yml", &environment);
    assert_eq!(told["prefix"], "file");
    assert_eq!(told["topology-nodes"], "undercloud:1");
    assert_eq!(told["topology-username"], "envuser");
    assert_eq!(told["host-validate"], false);
    assert_eq!(told["start"], "all");
    assert_eq!(told["host-key"], place.path().join("key").to_str().unwrap());
    let line =
        "--prefix flag --topology-nodes compute:1,controller:3 --host-validate --from-file a.yml -e b=2";
    let told = place.told(line, &environment);
    assert_eq!(told["prefix"], "flag");
    assert_eq!(told["topology-nodes"], "compute:1,controller:3");
    assert_eq!(told["host-validate"], true);
    assert_eq!(
        told["extra-vars"],
        serde_yaml::from_str::<serde_yaml::Value>("[a=1, b=1, b=2]").unwrap()
    );
}

#[test]
fn what_is_written_is_read_again() {
    let place = Place::new();
    place.write(
        "a.yml",
        &format!(
            "virsh:\n  host-address: [{NOWHERE}]\n  topology-nodes: {{undercloud: 1, compute: 2}}\n  prefix: 010\n  net_subnet: 30\n  serial-files: Yes\n  yes: no\n  extra-vars: {{override: {{compute: {{memory: 4096}}}}, word: 'no', other: no, number: 010}}\n"
        ),
    );
    place.told("--from-file a.yml --dry-run", &[]);
    let first = place.read("told.yml");
    let mode = place
        .path()
        .join("told.yml")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    place.write("b.yml", &first);
    let told = place.told("--from-file b.yml", &[]);
    assert_eq!(place.read("told.yml"), first);
    assert_eq!(told["prefix"], "010");
    assert_eq!(told["net_subnet"], 30);
    assert_eq!(
        told["extra-vars"][0],
        r#"{"override": {"compute": {"memory": 4096}}, "word": "no", "other": no, "number": 010}"#
    );
    assert_eq!(told["topology-nodes"], "undercloud:1,compute:2");
    assert_eq!(told["dry-run"], serde_yaml::Value::Null, "a dry run is no answer");
}

#[test]
fn passwords_are_not_written() {
    let place = Place::new();
    let line = format!(
        "--host-address {NOWHERE} --topology-nodes compute:1 --image-url https://me:hush@host/x.qcow2 --image-mirror-url https://host/me@home"
    );
    let told = place.told(&line, &[]);
    assert_eq!(told["image-url"], serde_yaml::Value::Null);
    assert_eq!(told["image-mirror-url"], "https://host/me@home");
    let output = place.irs(&format!("virsh --generate-answers-file g.yml {line}"), &[]);
    assert_eq!(output.status.code(), Some(0));
    for file in ["told.yml", "g.yml"] {
        assert!(!place.read(file).contains("hush"), "{file}");
    }
    assert!(
        place
            .read("told.yml")
            .contains("# image-url: a secret, not written")
    );
}

#[test]
fn a_generated_file_has_every_flag_and_is_an_answers_file() {
    let place = Place::new();
    let output = place.irs(
        &format!("virsh --generate-answers-file g.yml --prefix lab1 --host-address {NOWHERE}"),
        &[("IRS_TIMEOUT", "77")],
    );
    assert_eq!(output.status.code(), Some(0));
    let text = place.read("g.yml");
    let help = String::from_utf8(place.irs("virsh --help", &[]).stdout).unwrap();
    let flags = help.split_whitespace().filter_map(|word| word.strip_prefix("--"));
    let of_a_run = [
        "dry-run",
        "forget-host",
        "format",
        "from-file",
        "generate-answers-file",
        "help",
        "output",
        "quiet",
        "verbose",
        "version",
        "yes",
    ];
    let aliases = [
        "extend",
        "net-subnet",
        "data-subnet",
        "image-ssh-user",
        "image-ansible-connection",
        // Options of virt-install in the words about --virtopts.
        "memballoon",
        "tpm",
        "rng",
        "boot",
        "cpu",
        "graphics",
        "hostdev",
        "filesystem",
        "watchdog",
    ];
    let mut seen = 0;
    for flag in flags.map(|flag| flag.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())) {
        if of_a_run.contains(&flag) || aliases.contains(&flag) {
            continue;
        }
        let lines = [format!("\n{flag}: "), format!("\n# {flag}: ")];
        assert!(lines.iter().any(|line| text.contains(line)), "{flag}:\n{text}");
        seen += 1;
    }
    assert!(seen > 25, "only {seen} flags were found");
    assert!(!home_exists(&place), "nothing but the file is made");
    let told = place.told("--from-file g.yml --topology-nodes compute:1", &[]);
    assert_eq!(told["prefix"], "lab1");
    assert_eq!(told["timeout"], 77);
}

fn home_exists(place: &Place) -> bool {
    place.path().join("home").exists()
}

#[test]
fn infrareds_files_are_read() {
    let place = Place::new();
    let file = format!(
        "# written by infrared\n[virsh]\n\
         # Address of the hypervisor\n\
         host-address: {NOWHERE}\n\
         host-key = Required argument. Edit with any value, OR override with CLI: --host-key=<option>\n\
         host-user = $WHO\n\
         host-mtu-size = False\n\
         host-validate = True\n\
         topology-nodes = undercloud:1,\n    controller:3\n\
         Prefix = lab1\n\
         image-url = https://%(host-user)s.example/a%%20b.qcow2\n\
         extra-vars = ['override.controller.memory=4096', 'x=1']\n\
         dry-run = False\n\
         verbose = 0\n\
         virtopts =\n\
         image-ssh_user = root\n\
         virsh-snapshot-servers = .*\n\
         generate-answers-file = a.ini\n\
         \n[ospd]\nversion = 13\n"
    );
    place.write("a.ini", &file);
    let told = place.told("--from-file a.ini", &[("WHO", "stack")]);
    assert_eq!(told["host-user"], "stack");
    assert_eq!(told["host-key"], serde_yaml::Value::Null);
    assert_eq!(told["prefix"], "lab1");
    assert_eq!(told["topology-nodes"], "undercloud:1,controller:3");
    assert_eq!(told["image-url"], "https://stack.example/a%20b.qcow2");
    assert_eq!(told["extra-vars"][0], "override.controller.memory=4096");
    let said = place.refused("virsh --from-file a.ini", &[]);
    insta::assert_snapshot!(said, @r"
    error: 2 problems in the input
    a.ini:6:13: the environment has no variable 'WHO' in '$WHO'
      hint: set it, or write $$ for a dollar sign
    a.ini:12:13: the environment has no variable 'WHO' in 'https://%(host-user)s.example/a%%20b.qcow2'
      hint: set it, or write $$ for a dollar sign
    ");
}

#[test]
fn every_mistake_of_a_file_is_told_with_its_place() {
    let place = Place::new();
    place.write(
        "a.yml",
        "topology-nodse: x\ntopology-nodes: [a, {b: 1}]\nhost-validate: maybe\nnet_subnet: 999\nstart: [all]\nbootmode: bioss\ntimeout: 5\ntimeout: 6\ninventory: x\n",
    );
    insta::assert_snapshot!("answers_yaml", place.refused("virsh --from-file a.yml", &[]));
    place.write(
        "a.ini",
        "[virsh]\nhost-adress = x\njust words\nprefix = 50%\nprefix = b\ntopology-extend = perhaps\nvirsh-snapshot-create = True\nimage-url = %(nothing)s\n[virsh]\n",
    );
    insta::assert_snapshot!("answers_ini", place.refused("virsh --from-file a.ini", &[]));
    for (name, text, said) in [
        (
            "b.yml",
            "- a\n",
            "b.yml:1:1: an answers file must be a mapping, not a list",
        ),
        (
            "c.ini",
            "[ospd]\na = b\n",
            "c.ini:1:1: the file has no section [virsh], only [ospd]",
        ),
        ("d.yml", "a: [\n", "d.yml:"),
        ("e.yml", "a\0: b\n", "control character U+0000"),
    ] {
        place.write(name, text);
        let message = place.refused(&format!("virsh --from-file {name}"), &[]);
        assert!(message.contains(said), "{name}: {message}");
    }
    let references: String = (0..20)
        .map(|n| format!("k{n} = %(k{})s%(k{})s\n", n + 1, n + 1))
        .collect();
    let file = format!("[virsh]\n{references}prefix = %(k0)s\nnet_subnet = %(net_subnet)s\n");
    place.write("f.ini", &file);
    let message = place.refused("virsh --from-file f.ini", &[]);
    assert!(message.contains("leads nowhere in '%(k0)s'"), "{message}");
    assert!(message.contains("leads nowhere in '%(net_subnet)s'"), "{message}");
    let message = place.refused("virsh --from-file missing.yml", &[]);
    assert!(
        message.starts_with("error: cannot read 'missing.yml': "),
        "{message}"
    );
    assert!(!home_exists(&place));
}

#[test]
fn a_removal_does_not_mind_the_nodes_of_file_and_environment() {
    let place = Place::new();
    place.write(
        "a.yml",
        &format!("host-address: {NOWHERE}\nprefix: lab1\ntopology-nodes: compute:1\ntopology-extend: yes\nrestart: yes\n"),
    );
    let environment = [
        ("IRS_TOPOLOGY_NODES", "compute:1"),
        ("IRS_TOPOLOGY_EXTEND", "yes"),
        ("IRS_RESTART", "yes"),
    ];
    for removal in ["--kill", "--cleanup", "--remove-nodes compute-0"] {
        let told = place.told(&format!("--from-file a.yml {removal}"), &environment);
        for key in ["topology-extend", "topology-nodes", "restart"] {
            assert_eq!(told[key], serde_yaml::Value::Null, "{removal}: {key}");
        }
        let told = place.told(
            &format!("{removal} --prefix lab1 --host-address {NOWHERE}"),
            &environment,
        );
        assert_eq!(told["host-address"], NOWHERE);
    }
    let said = place.refused("virsh --from-file a.yml --kill --topology-nodes compute:1", &[]);
    assert!(
        said.contains("--kill and --topology-nodes do not go together"),
        "{said}"
    );
}

#[test]
fn what_a_file_would_make_is_shown_without_a_hypervisor() {
    let place = Place::new();
    place.write(
        "a.yml",
        "host-address: hv7\ntopology-nodes: controller:2\nprefix: file\ntopology-network: 1_net\nkill: yes\ntimeout: 9\nformat: human\n",
    );
    place.write("a.ini", "[virsh]\ntopology-nodes = compute:1\ncleanup = False\n");
    let rendered = |line: &str| -> serde_json::Value {
        let environment = [
            ("IRS_PREFIX", "env"),
            ("IRS_TOPOLOGY_NET_URL", "http://127.0.0.1:1/x"),
        ];
        let output = place.irs(&format!("topology render --format json {line}"), &environment);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let shown = rendered("--from-file a.yml");
    assert_eq!(shown["deployment"], "file");
    assert_eq!(shown["networks"].as_array().unwrap().len(), 1);
    assert_eq!(shown["nodes"][1]["name"], "file-controller-1");
    assert_eq!(shown["nodes"][1]["host"], "hv7");
    let shown = rendered("--prefix flag --topology-network 3_nets --from-file a.yml --from-file a.ini");
    assert_eq!(shown["networks"].as_array().unwrap().len(), 3);
    assert_eq!(shown["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(shown["nodes"][0]["name"], "flag-compute-0");
    let output = place.irs("topology graph --from-file a.yml --format mermaid", &[]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("file-controller-1"));

    place.write("bad.yml", "prefix: lab\nhost-adress: hv1\n");
    let said = place.refused("topology render --from-file bad.yml", &[]);
    assert_eq!(
        said,
        "error: bad.yml:2:1: the key 'host-adress' is not known\nhint: did you mean 'host-address'?\n"
    );
}

#[test]
fn files_that_cannot_be_written_stop_the_run_before_it_begins() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("folder")).unwrap();
    for line in [
        "virsh --topology-nodes compute:1 -o folder",
        "virsh --topology-nodes compute:1 -o missing/a.yml",
        "virsh --generate-answers-file folder",
    ] {
        let said = place.refused(line, &[]);
        assert!(said.contains("cannot be written"), "{said}");
    }
    let output = place.irs("virsh --generate-answers-file /dev/stdout", &[]);
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("\n# topology-nodes: ")
    );
    assert!(
        Path::new("/dev/stdout").is_symlink(),
        "a stream is not replaced by a file"
    );
}
