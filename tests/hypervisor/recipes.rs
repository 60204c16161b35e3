//! The CI recipes of docs/ci, run as their runners would, and `irs cleanup`, which takes what dead jobs left.

use crate::support::{self, Lab, Run, RunExt, SIZES};
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a recipe's job sees of the world.
struct Runner<'a> {
    lab: &'a Lab,
    folder: tempfile::TempDir,
    path: String,
}

/// How a job ended, and what was said.
struct Ended {
    good: bool,
    said: String,
}

impl<'a> Runner<'a> {
    /// A checkout with a playbook that ends well, or not.
    fn new(lab: &'a Lab, good: bool) -> Runner<'a> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("work/tests")).expect("a folder");
        std::fs::create_dir_all(folder.path().join("temp")).expect("a folder");
        let play = format!(
            "- hosts: hypervisor\n  gather_facts: false\n  tasks:\n    - ping:\n    - assert: {{that: \"groups['compute'] | length == 1 and {good}\"}}\n"
        );
        std::fs::write(folder.path().join("work/tests/lab.yml"), play).expect("a playbook");
        let irs = Path::new(env!("CARGO_BIN_EXE_irs")).parent().expect("its folder");
        let ansible = support::ansible();
        let path = std::env::var("PATH").expect("a PATH");
        Runner {
            lab,
            path: format!("{}:{}:{path}", irs.display(), ansible.display()),
            folder,
        }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn temp(&self) -> PathBuf {
        self.folder.path().join("temp")
    }

    /// Runs a shell script as a runner does, without anything of this process's environment.
    fn shell(&self, script: &str, variables: &BTreeMap<String, String>) -> Run {
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.work())
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("LC_ALL", "C.UTF-8")
            // What makes nodes small enough for a lab.
            .env("IRS_VIRT_TYPE", "qemu")
            .env("IRS_TOPOLOGY_NETWORK", "1_net")
            .env("IRS_EXTRA_VARS", "override.compute.memory=64")
            .envs(variables);
        command.run()
    }

    /// What `${{ … }}` means; what is not known here is a mistake.
    fn expand(&self, text: &str, run_id: &str) -> String {
        let mut parts = text.split("${{");
        let mut all = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once("}}").expect("the end of an expression");
            let read = |path: &str| std::fs::read_to_string(path).expect("a file of the lab");
            all += &match name.trim() {
                "vars.IRS_HOST_ADDRESS" => self.lab.address().to_owned(),
                "vars.IRS_DEB_URL" => String::new(),
                // The last newline of a secret is often lost on the way.
                "secrets.IRS_HOST_KEY" => read(self.lab.key()).trim_end().to_owned(),
                "secrets.IRS_KNOWN_HOSTS" => read(self.lab.known_hosts()).trim_end().to_owned(),
                "github.repository" => "Some-Org/a.repository_with_a_long_name".to_owned(),
                "github.run_id" => run_id.to_owned(),
                "github.run_attempt" => "1".to_owned(),
                "github.job" => "lab".to_owned(),
                other => panic!("what is '{other}'?"),
            };
            all += rest;
        }
        all
    }

    /// Runs a job of the GitHub recipe. A step that fails lets only those go on that always do; `dies_after` is the name of
    /// the step with which the runner itself is gone.
    fn github(&self, job: &str, run_id: &str, dies_after: Option<&str>) -> Ended {
        let recipe = recipe("github.yml");
        let job = &recipe["jobs"][job];
        let variables = |of: &Value| -> Vec<(String, String)> {
            let all = of["env"].as_mapping().into_iter().flatten();
            all.map(|(name, value)| (text(name).to_owned(), self.expand(text(value), run_id)))
                .collect()
        };
        let file = self.temp().join(format!("env-{run_id}"));
        std::fs::write(&file, "").expect("a file");
        let mut ended = Ended {
            good: true,
            said: String::new(),
        };
        for step in job["steps"].as_sequence().expect("steps") {
            let condition = step["if"].as_str();
            assert!(condition.is_none_or(|said| said == "always()"), "{condition:?}");
            let Some(script) = step["run"].as_str() else {
                let uses = text(&step["uses"]);
                assert!(
                    uses.starts_with("actions/checkout@v") || uses.starts_with("actions/upload-artifact@v"),
                    "{uses}"
                );
                continue;
            };
            assert!(
                !script.contains("${{"),
                "a script gets its values by its environment: {script}"
            );
            if !ended.good && condition.is_none() {
                continue;
            }
            let mut all = BTreeMap::from([
                ("RUNNER_TEMP".to_owned(), self.temp().display().to_string()),
                ("GITHUB_ENV".to_owned(), file.display().to_string()),
            ]);
            all.extend(variables(&recipe));
            all.extend(variables(job));
            all.extend(job["env"]["LAB_NODES"].as_str().map(|_| nodes()));
            let set = std::fs::read_to_string(&file).expect("what steps set");
            let set = set.lines().filter_map(|line| line.split_once('='));
            all.extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
            all.extend(variables(step));
            let run = self.shell(script, &all);
            ended.good &= run.status == Some(0);
            ended.said += &run.transcript();
            if dies_after.is_some_and(|name| step["name"] == name) {
                break;
            }
        }
        ended
    }

    /// Runs a job of the GitLab recipe: its script, then whatever became of that `after_script` in a shell of its own.
    fn gitlab(&self, job: &str, id: &str) -> Ended {
        let recipe = recipe("gitlab.yml");
        let job = &recipe[job];
        let mut all = BTreeMap::from(
            [
                ("CI_PROJECT_DIR", self.work().display().to_string()),
                ("CI_PROJECT_PATH", "some-group/project".to_owned()),
                ("CI_JOB_ID", id.to_owned()),
                ("CI_JOB_NAME", "lab: [a, b]".to_owned()),
                ("IRS_HOST_ADDRESS", self.lab.address().to_owned()),
                ("IRS_HOST_KEY_FILE", self.lab.key().to_owned()),
                ("IRS_KNOWN_HOSTS_FILE", self.lab.known_hosts().to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        for of in [&recipe, job] {
            let variables = of["variables"].as_mapping().into_iter().flatten();
            all.extend(variables.map(|(name, value)| (text(name).to_owned(), text(value).to_owned())));
        }
        all.extend(job["variables"]["LAB_NODES"].as_str().map(|_| nodes()));
        let script = self.shell(&lines(&job["script"]), &all);
        let mut ended = Ended {
            good: script.status == Some(0),
            said: script.transcript(),
        };
        if !job["after_script"].is_null() {
            ended.said += &self.shell(&lines(&job["after_script"]), &all).ok().transcript();
        }
        ended
    }

    /// What a job leaves for people to look at, and that no key is among it.
    fn artifacts(&self) -> Vec<String> {
        let folder = self.work().join("lab-artifacts");
        let secret = std::fs::read_to_string(self.lab.key()).expect("the key");
        let secret = secret.lines().nth(1).expect("its first line").to_owned();
        let mut names = Vec::new();
        for entry in folder.read_dir().expect("artifacts") {
            let entry = entry.expect("an artifact");
            let text = std::fs::read_to_string(entry.path()).expect("its text");
            assert!(
                !text.contains("PRIVATE KEY") && !text.contains(&secret),
                "{entry:?}"
            );
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        names
    }

    /// The keys that are still there: none after a job's end.
    fn keys(&self) -> Vec<PathBuf> {
        let places = [self.temp().join("irs-keys"), self.work().join(".irs-keys")];
        places.into_iter().filter(|path| path.exists()).collect()
    }
}

fn nodes() -> (String, String) {
    ("LAB_NODES".to_owned(), "compute:1".to_owned())
}

fn recipe(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(name);
    let text = std::fs::read_to_string(path).expect("the recipe");
    serde_yaml::from_str(&text).expect("the recipe is YAML")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

/// The lines of a script, which lists may stand in for.
fn lines(script: &Value) -> String {
    match script {
        Value::Sequence(parts) => parts.iter().map(lines).collect(),
        _ => format!("{}\n", text(script)),
    }
}

/// The environments on the hypervisor.
fn there(lab: &Lab) -> Vec<String> {
    let all = lab.on_host(&["list", "--format", "json"]).ok().json();
    let all = all["deployments"].as_array().expect("deployments").iter();
    all.map(|one| one["deployment"].as_str().expect("a name").to_owned())
        .collect()
}

/// Has the record of an environment say that it was made three days earlier.
fn age(lab: &Lab, deployment: &str) {
    let file = format!("/var/lib/libvirt/images/irs-{deployment}/record.json");
    let script = r#"old=$(sed -n 's/.*"created_at": \([0-9]*\).*/\1/p' "$1"); sed -i "s/$old/$((old - 259200))/" "$1""#;
    lab.enter(&["bash", "-euc", script, "bash", &file]).ok();
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn recipes_make_use_and_take_down_and_the_reaper_takes_what_is_left() {
    let lab = Lab::up("pack-recipes", &["--default-network"]).warm();
    let before = lab.snapshot();
    let all = [
        "ansible.ssh.config",
        "deployment.json",
        "hosts-prov",
        "known_hosts",
        "status.txt",
    ];

    let good = Runner::new(&lab, true);
    let ended = good.github("lab", "1001", None);
    assert!(ended.good && ended.said.contains("ok=2"), "{}", ended.said);
    assert_eq!(lab.snapshot(), before, "{}", ended.said);
    assert!(
        all.iter()
            .all(|name| good.artifacts().iter().any(|is| is == name)),
        "{:?}",
        good.artifacts()
    );
    assert_eq!(good.keys(), Vec::<PathBuf>::new());
    let bad = Runner::new(&lab, false);
    let ended = bad.github("lab", "1002", None);
    assert!(!ended.good && ended.said.contains("failed=1"), "{}", ended.said);
    assert_eq!(lab.snapshot(), before, "{}", ended.said);
    let bad = Runner::new(&lab, false);
    let ended = bad.gitlab("lab", "2001");
    assert!(!ended.good && ended.said.contains("failed=1"), "{}", ended.said);
    assert_eq!(lab.snapshot(), before, "{}", ended.said);
    assert!(
        all.iter().all(|name| bad.artifacts().iter().any(|is| is == name)),
        "{:?}",
        bad.artifacts()
    );
    assert_eq!(bad.keys(), Vec::<PathBuf>::new());

    // Two runners that die, and somebody's own environment of the same age.
    let dead = Runner::new(&lab, true);
    for run_id in ["1003", "1004"] {
        let ended = dead.github("lab", run_id, Some("Create"));
        assert!(ended.good, "{}", ended.said);
    }
    let mine = [
        &["--topology-nodes", "compute:1", "--topology-network", "1_net"],
        SIZES,
    ]
    .concat();
    lab.virsh(&[&mine[..], &["--prefix", "mine"]].concat()).ok();
    let left = there(&lab);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(
        left[..2]
            .iter()
            .all(|name| name.starts_with("ci-some-org-a-repository-")),
        "{left:?}"
    );
    age(&lab, &left[0]);
    age(&lab, "mine");
    let ended = dead.github("reaper", "1005", None);
    assert!(ended.good, "{}", ended.said);
    assert_eq!(there(&lab), left[1..], "{}", ended.said);
    age(&lab, &left[1]);
    let ended = dead.gitlab("reaper", "2002");
    assert!(ended.good, "{}", ended.said);
    assert_eq!(there(&lab), ["mine"], "{}", ended.said);
    lab.virsh(&["--kill", "--prefix", "mine"]).ok();
    assert_eq!(lab.snapshot(), before);
}

#[test]
#[ignore = "in the lab: tests/run lab"]
fn cleanup_takes_the_old_that_nobody_uses_and_goes_on_after_a_failure() {
    let lab = Lab::up("pack-cleanup", &["--default-network"]).warm();
    let before = lab.snapshot();
    let old = |args: &[&str]| lab.on_host(&[&["cleanup", "--older-than", "24h"], args].concat());
    let shell = |script: &str| lab.enter(&["bash", "-euc", script]).ok().stdout;
    old(&["--yes"]).ok().prints(&["no environments of irs"]);
    let make = |args: &[&str]| {
        let flags = [
            "--topology-nodes",
            "compute:1",
            "--topology-network",
            "1_net",
            "--workspace",
        ];
        lab.virsh(&[&flags[..], args, SIZES].concat()).ok();
    };
    make(&["default"]);
    for prefix in ["busy", "extended", "lost", "used", "young"] {
        make(&[prefix, "--prefix", prefix]);
    }
    for name in ["default", "busy", "extended", "lost", "used"] {
        let folder = if name == "default" { "default" } else { name };
        age(&lab, folder);
    }
    make(&["extended", "--prefix", "extended", "--topology-extend"]);
    shell("rm /var/lib/libvirt/images/irs-lost/record.json");
    // A machine of somebody else's on a disk of ours, which its removal cannot take.
    shell(
        "disk=$(virsh -c qemu:///system domblklist --details used-compute-0 | awk '$2 == \"disk\" { print $4; exit }')
        echo \"<domain type='qemu'><name>theirs</name><memory>65536</memory><os><type>hvm</type></os><devices>
        <disk type='file'><driver name='qemu' type='qcow2'/><source file='$disk'/><target dev='vda'/></disk></devices></domain>\" >/run/theirs.xml
        virsh -q -c qemu:///system define /run/theirs.xml; rm /run/theirs.xml",
    );
    // Another run holds it.
    let hold = "mkdir -p -m 0700 /run/irs; exec 9>/run/irs/deployment-busy.lock; flock 9
        echo 'bob@pc, since noon' >&9; echo $$ >/run/holder; exec sleep 600";
    let mut holder = lab
        .enter_command(&["bash", "-euc", hold])
        .spawn()
        .expect("a holder");
    while lab.enter(&["test", "-s", "/run/holder"]).status != Some(0) {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }

    let asked = old(&[]).exits(2);
    asked.says(&["default, used would be removed, and there is no terminal to ask on"]);
    let dry = old(&["--dry-run", "--format", "json"]).ok().json();
    let became = |said: &serde_json::Value| -> Vec<String> {
        let all = said["environments"].as_array().expect("environments").iter();
        all.map(|one| {
            let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", word("deployment"), word("became"), word("reason"))
        })
        .collect()
    };
    let said = became(&dry);
    assert_eq!(
        said[0], "busy kept it is being changed by bob@pc, since noon",
        "{said:?}"
    );
    assert_eq!(
        said[1..],
        [
            "default old ",
            "extended young ",
            "lost kept its record is lost, and with it its age",
            "used old ",
            "young young ",
        ]
    );
    assert_eq!(there(&lab).len(), 6);
    let some = old(&["--prefix", "ex*,y*", "--yes"]).ok();
    assert!(
        some.stdout.contains("extended") && !some.stdout.contains("used"),
        "{}",
        some.transcript()
    );

    let all = old(&["--yes", "--format", "json"]).exits(1);
    let all = all.says(&[
        "'used' could not be removed",
        "domain 'theirs', which stays, uses it",
    ]);
    let said = became(&all.json());
    assert_eq!(said[1], "default removed ", "{said:?}");
    assert!(said[4].starts_with("used failed "), "{said:?}");
    assert_eq!(there(&lab), ["busy", "extended", "lost", "used", "young"]);
    // Its files on this machine went along, and nobody else's.
    let kept = |name: &str| lab.home().join(name).join("hosts-prov").exists();
    assert!(!kept("default") && kept("busy") && kept("lost") && kept("young"));

    shell("kill $(cat /run/holder); rm -r /run/holder /run/irs; virsh -q -c qemu:///system undefine theirs");
    let _ = holder.wait();
    lab.on_host(&["cleanup", "--older-than", "0s", "--yes"]).ok();
    assert_eq!(there(&lab), ["lost"]);
    lab.virsh(&["--kill", "--prefix", "lost"]).ok();
    assert_eq!(lab.snapshot(), before);
}
