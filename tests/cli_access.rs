//! `irs ssh`, `scp`, `ansible`, `forward` and `ssh-config` on a workspace, without a hypervisor: what the other programs are
//! told, and what is refused.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A home with a workspace of the environment `lab1`, and programs that say with what they were started.
struct Home(tempfile::TempDir);

const CONFIG: &str = "Host hypervisor 192.0.2.1\n  HostName 192.0.2.1\n  HostKeyAlias hypervisor\n\n\
    Host lab1-undercloud-0 172.16.0.2\n  HostName 172.16.0.2\n  HostKeyAlias lab1-undercloud-0\n  User cloud-user\n  ProxyJump hypervisor\n\n\
    Host *\n  UserKnownHostsFile \"/w/known_hosts\"\n  StrictHostKeyChecking yes\n";

impl Home {
    fn new() -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        home.environment("lab1", Some("lab1"), CONFIG);
        let bin = home.path("bin");
        std::fs::create_dir(&bin).unwrap();
        for name in ["ssh", "scp", "ansible-playbook", "ansible"] {
            let file = bin.join(name);
            let script = format!(
                "#!/bin/sh\nprintf '%s' {name}\nfor word; do printf ' <%s>' \"$word\"; done\necho\nexit 37\n"
            );
            std::fs::write(&file, script).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        home
    }

    /// A workspace as a run leaves it.
    fn environment(&self, name: &str, prefix: Option<&str>, config: &str) {
        let workspace = self.path("irs").join(name);
        std::fs::create_dir_all(&workspace).unwrap();
        let record = serde_json::json!({
            "version": 1, "deployment": prefix.unwrap_or("default"), "prefix": prefix,
            "uuid": "6fa459ea-ee8a-5ca4-894e-db77e160355e", "hosts": [{"address": "hv1"}],
        });
        std::fs::write(workspace.join("deployment.json"), record.to_string()).unwrap();
        std::fs::write(workspace.join("ansible.ssh.config"), config).unwrap();
        let inventory =
            "localhost a=b\nhypervisor\nlab1-undercloud-0\nlab1-controller-0 ansible_host=NA\n\n[x]\n";
        std::fs::write(workspace.join("hosts-prov"), inventory).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn irs(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_irs"))
            .args(shlex::split(line).unwrap())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.0.path())
            .env("IRS_HOME", self.path("irs"))
            .output()
            .unwrap()
    }

    /// Exit code and what was said, on stdout before stderr, with the home as `~`.
    #[track_caller]
    fn says(&self, line: &str) -> (i32, String) {
        let output = self.irs(line);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        let home = self.0.path().display().to_string();
        (output.status.code().unwrap(), text.trim_end().replace(&home, "~"))
    }

    /// What the real ssh makes of a host with the user's configuration.
    fn ssh_g(&self, host: &str) -> String {
        let output = Command::new("/usr/bin/ssh")
            .arg("-F")
            .arg(self.path(".ssh/config"))
            .args(["-G", host])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn ssh_gets_its_options_the_node_and_the_command_and_its_status_is_ours() {
    let home = Home::new();
    let ssh = |words: &str| (37, format!("ssh <-F> <~/irs/lab1/ansible.ssh.config> {words}"));
    for line in [
        "ssh --prefix lab1 undercloud-0",
        "ssh undercloud-0 --prefix lab1",
        "ssh --workspace lab1 lab1-undercloud-0",
    ] {
        assert_eq!(home.says(line), ssh("<lab1-undercloud-0>"), "{line}");
    }
    assert_eq!(
        home.says("ssh -tv --prefix lab1 -L 80:localhost:80 root@undercloud-0 -- echo 'a  b' --prefix x"),
        ssh("<-tv> <-L> <80:localhost:80> <root@lab1-undercloud-0> <--> <echo> <a  b> <--prefix> <x>")
    );
    assert_eq!(home.says("ssh --prefix lab1 --host"), ssh("<hypervisor>"));
    assert_eq!(
        home.says("ssh --prefix lab1 --host ls -l"),
        ssh("<hypervisor> <--> <ls> <-l>")
    );
    assert_eq!(
        home.says("ssh --prefix lab1 --host operator@undercloud-0 id"),
        ssh("<operator@hypervisor> <--> <id>")
    );
    assert_eq!(
        home.says("ssh --prefix lab1 ssh://root@hv1"),
        ssh("<ssh://root@hypervisor>")
    );
    assert_eq!(
        home.says("scp -rp --prefix lab1 a ./b:c undercloud-0:/tmp root@undercloud-0:"),
        (
            37,
            "scp <-F> <~/irs/lab1/ansible.ssh.config> <-rp> <--> <a> <./b:c> <lab1-undercloud-0:/tmp> <root@lab1-undercloud-0:>".into()
        )
    );
    assert_eq!(
        home.says("ansible --prefix lab1 -v site.yml -l 'a b'"),
        (
            37,
            "ansible-playbook <-i> <~/irs/lab1/hosts-prov> <-v> <site.yml> <-l> <a b>".into()
        )
    );
    assert_eq!(
        home.says("ansible --prefix lab1 --ad-hoc all -m ping"),
        (
            37,
            "ansible <-i> <~/irs/lab1/hosts-prov> <all> <-m> <ping>".into()
        )
    );
}

#[test]
fn who_is_not_there_is_refused_with_who_is() {
    let home = Home::new();
    let refused = |line: &str, texts: &[&str]| {
        let (status, text) = home.says(line);
        assert_eq!(status, 2, "{line}\n{text}");
        for wanted in texts {
            assert!(text.contains(wanted), "{line}\n{text}");
        }
    };
    let there = "there is lab1-undercloud-0";
    for command in ["ssh", "scp -r /etc", "forward"] {
        let (before, after) = match command {
            "scp -r /etc" => ("", ":x"),
            "forward" => ("", ":80"),
            _ => ("", ""),
        };
        refused(
            &format!("{} --prefix lab1 {before}undercluod-0{after}", command),
            &[
                "there is no node 'undercluod-0' in the environment 'lab1'",
                "did you mean 'undercloud-0'",
                there,
            ],
        );
    }
    refused("ssh --prefix lab1", &["which node? none is named", there]);
    refused(
        "ssh --prefix lab1 controller-0",
        &["'lab1-controller-0' has no OS", "irs console"],
    );
    refused(
        "ssh undercloud-0",
        &["there is no workspace 'default'", "irs inventory", "irs virsh"],
    );
    refused("ssh --prefxi lab1 undercloud-0", &["--prefxi", "--prefix"]);
    refused("scp --prefix lab1 a", &["scp needs what to copy, and where to"]);
    refused(
        "forward --prefix lab1 undercloud-0:http 0:undercloud-0:1",
        &["2 problems", "'http' is no port", "'0' is no port"],
    );
    refused(
        "forward --prefix lab1 --local-port 1 undercloud-0:1 undercloud-0:2",
        &["--local-port is for one"],
    );
    refused("power up compute-0", &["up"]);
    std::fs::remove_file(home.path("irs/lab1/ansible.ssh.config")).unwrap();
    refused(
        "ssh --prefix lab1 undercloud-0",
        &["ansible.ssh.config' is not there", "irs inventory"],
    );
}

#[test]
fn a_program_that_is_missing_is_named() {
    let home = Home::new();
    std::fs::remove_file(home.path("bin/ansible-playbook")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_irs"))
        .args(["ansible", "--prefix", "lab1", "site.yml"])
        .env_clear()
        .env("PATH", home.path("bin"))
        .env("IRS_HOME", home.path("irs"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("'ansible-playbook' is not installed"), "{text}");
}

fn changed(before: &str, after: &str) -> Vec<String> {
    let before: Vec<&str> = before.lines().collect();
    let new = after.lines().filter(|line| !before.contains(line));
    new.map(str::to_owned).collect()
}

#[test]
fn plain_ssh_knows_the_nodes_and_no_other_host_notices() {
    let home = Home::new();
    let own = "Host other hv1 hypervisor\n  User me\n\nHost *\n  ForwardAgent yes\n  ProxyJump bastion\n";
    std::fs::create_dir(home.path(".ssh")).unwrap();
    std::fs::write(home.path(".ssh/config"), own).unwrap();
    let hosts = [
        "other",
        "hv1",
        "hypervisor",
        "192.0.2.1",
        "172.16.0.2",
        "example.com",
    ];
    let before: Vec<String> = hosts.iter().map(|host| home.ssh_g(host)).collect();
    let (status, text) = home.says("ssh-config --install --prefix lab1");
    assert_eq!(
        (status, text.as_str()),
        (0, "plain ssh knows the nodes of 'lab1' now: ssh undercloud-0")
    );
    for (host, before) in hosts.iter().zip(&before) {
        assert_eq!(changed(before, &home.ssh_g(host)), [] as [String; 0], "{host}");
    }
    for name in ["undercloud-0", "lab1-undercloud-0"] {
        let known = home.ssh_g(name);
        let config = home.path("irs/lab1/ansible.ssh.config");
        for line in [
            "hostname 172.16.0.2",
            "user cloud-user",
            "hostkeyalias lab1-undercloud-0",
            "stricthostkeychecking true",
            "userknownhostsfile /w/known_hosts",
            "forwardagent yes",
            &format!("proxycommand ssh -F {} -W '[%h]:%p' hypervisor", config.display()),
        ] {
            assert!(known.lines().any(|known| known == line), "{line}\n{known}");
        }
        assert!(!known.contains("\nproxyjump "), "{known}");
    }
    let mode = |name: &str| home.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode("irs/.ssh_config"), mode("irs/lab1/include.ssh.config")),
        (0o600, 0o600)
    );
    let (status, text) = home.says("ssh-config --install --prefix lab1");
    assert_eq!(
        (status, text.as_str()),
        (0, "plain ssh knows the nodes of 'lab1' already: ssh undercloud-0")
    );

    // A second environment takes over the names that both have, until it goes.
    let two = CONFIG.replace("172.16.0.2", "172.16.9.2").replace("lab1", "lab2");
    home.environment("lab2", Some("lab2"), &two);
    let (status, text) = home.says("ssh-config --install --prefix lab2");
    assert_eq!(status, 0);
    assert!(
        text.contains("'undercloud-0' mean the nodes of 'lab2' now, no longer those of 'lab1'"),
        "{text}"
    );
    let at = |name: &str, address: &str| home.ssh_g(name).contains(&format!("\nhostname {address}\n"));
    assert!(at("undercloud-0", "172.16.9.2") && at("lab1-undercloud-0", "172.16.0.2"));
    // Removed without a word to irs, or with it: ssh does not mind.
    std::fs::remove_dir_all(home.path("irs/lab2")).unwrap();
    assert!(at("undercloud-0", "172.16.0.2"));

    let (status, text) = home.says("ssh-config --uninstall --prefix lab1");
    assert_eq!(status, 0);
    assert!(
        text.contains("no more, and '~/.ssh/config' is as it was"),
        "{text}"
    );
    assert_eq!(std::fs::read_to_string(home.path(".ssh/config")).unwrap(), own);
    assert!(!home.path("irs/.ssh_config").exists() && !home.path("irs/lab1/include.ssh.config").exists());
    let (status, text) = home.says("ssh-config --uninstall --prefix lab1");
    assert_eq!((status, text.as_str()), (0, "plain ssh knows no nodes of 'lab1'"));
}

#[test]
fn the_configuration_is_printed_as_it_is() {
    let home = Home::new();
    assert_eq!(
        home.says("ssh-config --prefix lab1"),
        (0, CONFIG.trim_end().to_owned())
    );
    assert!(!Path::new(&home.path(".ssh")).exists());
}

#[test]
fn a_workspace_that_goes_is_no_longer_one_of_plain_ssh() {
    let home = Home::new();
    home.environment("lab2", Some("lab2"), &CONFIG.replace("lab1", "lab2"));
    for prefix in ["lab1", "lab2"] {
        home.says(&format!("ssh-config --install --prefix {prefix}"));
    }
    let list = || std::fs::read_to_string(home.path("irs/.ssh_config")).unwrap();
    assert!(list().contains("/lab1/") && list().contains("/lab2/"));
    home.says("workspace delete lab2");
    assert!(
        list().contains("/lab1/") && !list().contains("/lab2/"),
        "{}",
        list()
    );
    home.says("workspace cleanup lab1");
    assert!(!list().contains("Include"), "{}", list());
}

#[test]
fn a_workspace_that_is_not_there_does_not_mean_this_machine() {
    let home = Home::new();
    for line in [
        "status --workspace lab",
        "list --workspace lab",
        "cleanup --older-than 1h --yes --workspace lab",
        "virsh --kill --yes --workspace lab",
        "hypervisor check --workspace lab",
        "ssh --workspace lab undercloud-0",
    ] {
        let (status, text) = home.says(line);
        assert_eq!(status, 2, "{line}: {text}");
        assert!(
            text.contains("there is no workspace 'lab'") && text.contains("did you mean 'lab1'?"),
            "{line}: {text}"
        );
    }
}
