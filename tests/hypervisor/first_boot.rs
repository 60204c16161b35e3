//! What the guest of `main_road` was told at its first boot, and that its second boot leaves it alone.

use std::path::Path;
use std::process::Command;

use crate::main_road::ssh;
use crate::support::RunExt;

/// Files that a command line for the guest names.
pub struct Told {
    folder: tempfile::TempDir,
}

impl Told {
    /// A CA's certificate, with its key beside it, and what the node's file adds to its first boot.
    pub fn new() -> Told {
        let told = Told {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let new = [
            "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=lab", "-days", "2",
        ];
        Command::new("openssl")
            .args(new)
            .args(["-keyout", &told.path("ca.key"), "-out", &told.path("ca.pem")])
            .run()
            .ok();
        // cloud-init's own joining of lists, and its own of mappings.
        let adds = r#"
override:
  networks: {net2: {domain: lab.example}}
  undercloud:
    swap: 64
    cloud_init:
      ssh_pwauth: yes
      users:
        - {name: alice, shell: /bin/sh}
        - {name: cloud-user, groups: games, ssh_authorized_keys: ['ssh-ed25519 AAAA mine']}
      bootcmd: [echo boot >>/var/tmp/boots]
      runcmd: ["getent hosts controller-0 >>/var/tmp/runs"]
      write_files: [{path: /var/tmp/mode, permissions: '0640', content: "a: ü\n"}]
"#;
        std::fs::write(told.path("adds.yml"), adds).expect("a file");
        told
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The flags.
    pub fn flags(&self) -> Vec<String> {
        let adds = format!("@{}", self.path("adds.yml"));
        let flags = [
            "--tls-ca",
            &self.path("ca.pem"),
            "--topology-timezone",
            "Asia/Tokyo",
            "-e",
            &adds,
        ];
        flags.map(str::to_owned).to_vec()
    }
}

const ASK: &str = r"set -e; export PATH=$PATH:/usr/sbin:/sbin
hostname; hostname -f; date +%Z
sed -n '/^# begin irs/,/^# end irs/p' /etc/hosts | sort -k 2
getent hosts compute-0
ip -br -4 address | grep -v ^lo | tr -s ' ' | cut -d ' ' -f 1,3
df --output=size -BG / | tail -n 1 | tr -d ' '
swapon --show=NAME,SIZE --noheadings --bytes
openssl verify /usr/local/share/ca-certificates/irs-001.crt
stat -c %a /var/tmp/mode; sudo -n cat /var/tmp/mode /var/tmp/boots /var/tmp/runs
id -nG; getent passwd alice | cut -d : -f 7
grep -c mine ~/.ssh/authorized_keys
sudo -n cat /etc/ssh/ssh_host_ed25519_key.pub";

fn ask(config: &Path) -> Vec<String> {
    let run = ssh(config, "undercloud-0", ASK).ok();
    run.stdout.lines().map(str::to_owned).collect()
}

/// What the guest says of itself after its first boot.
pub fn is_as_told(config: &Path) -> Vec<String> {
    let said = ask(config);
    let expected = [
        "undercloud-0",
        "undercloud-0.lab.example",
        "JST",
        "# begin irs",
        "172.16.0.4 compute-0.lab.example compute-0",
        "172.16.0.3 controller-0.lab.example controller-0",
        "# end irs",
        "172.16.0.2 undercloud-0.lab.example undercloud-0",
        "172.16.0.4      compute-0.lab.example compute-0",
        "eth1 172.16.0.2/24",
        "99G",
        "/swap.img 67104768",
        "/usr/local/share/ca-certificates/irs-001.crt: OK",
        "640",
        "a: ü",
        "boot",
        "172.16.0.3      controller-0.lab.example controller-0",
        "cloud-user games",
        "/bin/sh",
        "1",
    ];
    let sorted = |lines: &[String]| {
        let mut lines = lines.to_vec();
        lines.sort();
        lines
    };
    let (key, facts) = said.split_last().expect("lines");
    assert_eq!(sorted(facts), sorted(&expected.map(str::to_owned)), "{said:#?}");
    assert!(key.starts_with("ssh-ed25519 "), "{key}");
    // What a person, or a server, changes later is theirs. A NIC that goes to another network gets another name there.
    let later = "echo 192.0.2.1 mine | sudo -n tee -a /etc/hosts; sudo -n dhclient -1 -q eth2; ip -br -4 address show eth2";
    let address = ssh(config, "undercloud-0", later).ok().stdout;
    assert!(address.contains(" 10.0.0."), "{address}");
    said
}

/// After another boot, with the third NIC on another network.
pub fn is_as_it_was(config: &Path, before: &[String]) {
    let moved =
        "sudo -n dhclient -1 -q eth2; ip -br -4 address show eth2; grep -c '^192.0.2.1 mine$' /etc/hosts";
    let moved = ssh(config, "undercloud-0", moved).ok().stdout;
    assert!(
        moved.contains(" 172.16.0.") && moved.ends_with("\n1\n"),
        "{moved}"
    );
    let mut after = ask(config);
    after.retain(|line| !line.starts_with("eth2 "));
    // 'bootcmd' is cloud-init's word for what every boot does; the disk is larger by now.
    let again = after.iter().filter(|line| *line == "boot").count();
    assert_eq!(again, 2, "{after:#?}");
    let but = |lines: &[String]| {
        let lines = lines
            .iter()
            .filter(|line| *line != "boot" && !line.ends_with('G'));
        lines.cloned().collect::<Vec<_>>()
    };
    assert_eq!(but(&after), but(before));
}
