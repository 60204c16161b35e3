use super::*;
use std::path::Path;
use std::process::Command;

/// Three NICs: one for others to set up, the external one, one with addresses of its own.
fn nics() -> [SeedNic; 3] {
    let nic = |mac: &str| SeedNic {
        mac: mac.to_owned(),
        ..SeedNic::default()
    };
    [
        nic("52:54:00:AA:00:01"),
        SeedNic {
            dhcp4: true,
            external: true,
            mtu: Some(9000),
            ..nic("52:54:00:aa:00:02")
        },
        SeedNic {
            addresses: vec!["10.0.0.5/24".parse().unwrap(), "2001:db8::5/64".parse().unwrap()],
            gateways: vec!["10.0.0.1".parse().unwrap()],
            ..nic("52:54:00:aa:00:03")
        },
    ]
}

fn script(hostname: &str) -> String {
    super::super::tests::with_seed(|seed| {
        let (keys, nics) = (["ssh-ed25519 AAAA it's \"me\" $(id)".to_owned()], nics());
        render(&Seed {
            hostname,
            fqdn: "a.example.org",
            authorized_keys: &keys,
            swap_mib: Some(64),
            nics: &nics,
            hosts: Some("10.0.0.6 b"),
            ..seed.clone()
        })
    })
    .unwrap()
}

/// What the script writes below /etc on a system with that way of setting up a network, without what it does to the machine.
fn written(way: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let before = |line: &&str| {
        let does = [
            "try 'the host name'",
            "try users",
            "try 'users",
            "try growing",
            "try 'growing",
            "try swap",
            "finish i",
        ];
        !does.iter().any(|word| line.starts_with(word))
    };
    let kept: Vec<String> = script("a")
        .split("\ntask ")
        .next()
        .unwrap()
        .lines()
        .filter(before)
        .map(str::to_owned)
        .collect();
    let stand_ins = format!(
        "networks() {{ echo {way}; }}\nname_nic() {{ :; }}\nsystemctl() {{ :; }}\nnetplan() {{ :; }}\nbegin_networks"
    );
    let text = kept
        .join("\n")
        .replace("\nbegin_networks\n", &format!("\n{stand_ins}\n"))
        .replace("/etc/", &format!("{root}/etc/"))
        .replace("/var/lib/", &format!("{root}/var/"));
    for folder in ["network", "netplan", "sysconfig/network-scripts", "ssh"] {
        std::fs::create_dir_all(Path::new(&root).join("etc").join(folder)).unwrap();
    }
    let output = Command::new("sh").args(["-c", &text]).output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let find = format!("cd '{root}/etc' && find . -type f ! -path './ssh/*' | sort");
    let files = Command::new("sh").args(["-c", &find]).output().unwrap();
    let mut all = String::new();
    for file in String::from_utf8_lossy(&files.stdout).lines() {
        let text = std::fs::read_to_string(Path::new(&root).join("etc").join(file)).unwrap();
        let _ = write!(all, "== {file}\n{text}");
    }
    let key = std::fs::read_to_string(Path::new(&root).join("etc/ssh/ssh_host_ed25519_key")).unwrap();
    assert!(
        key.starts_with("-----BEGIN") && key.ends_with("KEY-----\n"),
        "{key}"
    );
    all
}

#[test]
fn what_a_node_is_told_stays_text() {
    let text = script("a");
    assert!(text.contains("\ntry 'the host name' call a\n"));
    let hostile = script("a'; reboot #");
    let check = Command::new("sh").args(["-n", "-c", &hostile]).status().unwrap();
    assert!(check.success());
    assert!(hostile.contains(r"call 'a'\''; reboot #'"), "{hostile}");
    assert!(text.contains(r#"'ssh-ed25519 AAAA it'\''s "me" $(id)'"#));
}

#[test]
fn network_manager_is_told_by_mac() {
    insta::assert_snapshot!(written("manager"));
}

#[test]
fn systemd_networkd_is_told_by_mac() {
    insta::assert_snapshot!(written("networkd"));
}

#[test]
fn ifupdown_is_told_by_name() {
    insta::assert_snapshot!(written("ifupdown"));
}

#[test]
fn red_hats_scripts_are_told_by_mac() {
    insta::assert_snapshot!(written("ifcfg"));
}

#[test]
fn netplan_gets_what_cloud_init_would_get() {
    let text = written("netplan");
    let (name, json) = text.split_once('\n').unwrap();
    assert_eq!(name, "== ./netplan/60-irs.yaml");
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(value["network"]["version"], 2);
    assert_eq!(
        value["network"]["ethernets"]["eth1"]["match"]["macaddress"],
        "52:54:00:aa:00:02"
    );
}
