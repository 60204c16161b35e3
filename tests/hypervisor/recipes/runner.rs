//! A runner of CI jobs, as the recipes see it.

use crate::support::{self, Lab, Run, RunExt};
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a recipe's job sees of the world.
pub(super) struct Runner<'a> {
    lab: &'a Lab,
    folder: tempfile::TempDir,
    path: String,
}

/// How a job ended, and what was said.
pub(super) struct Ended {
    pub(super) good: bool,
    pub(super) said: String,
}

impl<'a> Runner<'a> {
    /// A checkout with a playbook that ends well, or not.
    pub(super) fn new(lab: &'a Lab, good: bool) -> Runner<'a> {
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

    pub(super) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(super) fn temp(&self) -> PathBuf {
        self.folder.path().join("temp")
    }

    /// Runs a shell script as a runner does, without anything of this process's environment.
    pub(super) fn shell(&self, script: &str, variables: &BTreeMap<String, String>) -> Run {
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.work())
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("LC_ALL", "C.UTF-8")
            // What makes nodes small and quick enough for a lab.
            .env("IRS_VIRT_TYPE", "qemu")
            .env("IRS_VIRTOPTS", support::BOOT_DISK)
            .env("IRS_TOPOLOGY_NETWORK", "1_net")
            .env("IRS_EXTRA_VARS", "override.compute.memory=64")
            .envs(variables);
        command.run()
    }

    /// What `${{ … }}` means; what is not known here is a mistake.
    pub(super) fn expand(&self, text: &str, run_id: &str) -> String {
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
    pub(super) fn github(&self, job: &str, run_id: &str, dies_after: Option<&str>) -> Ended {
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
    pub(super) fn gitlab(&self, job: &str, id: &str) -> Ended {
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
    pub(super) fn artifacts(&self) -> Vec<String> {
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
    pub(super) fn keys(&self) -> Vec<PathBuf> {
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
