//! Users, names, keys, and what a node's file adds to them.

use super::*;

#[test]
fn meta_data_and_user_data_are_what_cloud_init_expects() {
    let volume = with_seed(|seed| image(seed)).unwrap();
    let meta: serde_json::Value = serde_json::from_str(&read(&volume, "meta-data")).unwrap();
    assert_eq!(
        meta,
        serde_json::json!({"instance-id": "i-1", "local-hostname": "a-undercloud-0"})
    );
    let mut lines: Vec<String> = read(&volume, "user-data").lines().map(str::to_owned).collect();
    let script = lines
        .iter()
        .position(|line| line.contains("\"bootcmd\""))
        .unwrap()
        + 1;
    assert!(lines[script].contains("unset new_host_name"), "{}", lines[script]);
    lines[script] = "    (what is done first)".to_owned();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    #cloud-config
    {
      "hostname": "a-undercloud-0",
      "fqdn": "a-undercloud-0",
      "preserve_hostname": false,
      "ssh_deletekeys": true,
      "ssh_genkeytypes": [
        "ed25519"
      ],
      "ssh_keys": {
        "ed25519_private": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        "ed25519_public": "ssh-ed25519 CCCC a-undercloud-0"
      },
      "manage_etc_hosts": false,
      "disable_root": false,
      "ssh_pwauth": false,
      "growpart": {
        "mode": "auto",
        "devices": [
          "/"
        ]
      },
      "resize_rootfs": true,
      "users": [
        {
          "name": "root",
          "lock_passwd": true,
          "ssh_authorized_keys": [
            "ssh-ed25519 AAAA one",
            "ssh-rsa BBBB two: #3"
          ]
        },
        {
          "name": "cloud-user",
          "sudo": "ALL=(ALL) NOPASSWD:ALL",
          "shell": "/bin/bash",
          "lock_passwd": true,
          "ssh_authorized_keys": [
            "ssh-ed25519 AAAA one",
            "ssh-rsa BBBB two: #3"
          ]
        }
      ],
      "bootcmd": [
        (what is done first)
      ]
    }
    "#);
}

#[test]
fn what_is_not_asked_for_is_not_there_and_what_is_asked_for_is() {
    let text = with_seed(|seed| {
        seed.timezone = Some("Europe/Berlin");
        seed.swap_mib = Some(512);
        seed.username = None;
        seed.hostname = "uc";
        seed.fqdn = "uc.example.org";
        user_data::render(seed).unwrap()
    });
    assert!(text.contains("\"hostname\": \"uc\",\n  \"fqdn\": \"uc.example.org\""));
    assert!(text.contains(r#""timezone": "Europe/Berlin""#));
    assert!(text.contains(r#""size": 536870912"#));
    assert!(!text.contains("sudo") && !text.contains("locale"));
    assert!(!text.contains("begin irs") && !text.contains("ca-trust"));
    let text = with_seed(|seed| {
        seed.locale = Some("de_DE.UTF-8");
        seed.hosts = Some("10.0.0.1 a");
        seed.certificates = &[];
        user_data::render(seed).unwrap()
    });
    assert!(text.contains(r#""locale": "de_DE.UTF-8""#) && text.contains("begin irs"));
    assert!(text.contains("/etc/locale.gen"), "{text}");
    let text = with_seed(|seed| {
        seed.swap_mib = Some(0);
        user_data::render(seed).unwrap()
    });
    assert!(!text.contains("swap") && !text.contains("timezone"));
}

#[test]
fn hostile_text_stays_a_value() {
    let text = with_seed(|seed| {
        seed.username = Some("x\",\nruncmd: [reboot]");
        user_data::render(seed).unwrap()
    });
    let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(value["users"][1]["name"], "x\",\nruncmd: [reboot]");
    assert!(value.get("runcmd").is_none());
}

#[test]
fn a_seed_has_a_key_for_power_only_when_it_is_given_one() {
    let plain = read(&with_seed(|seed| image(seed)).unwrap(), "user-data");
    assert!(
        !plain.contains("runcmd") && !plain.contains("RSA PRIVATE"),
        "{plain}"
    );
    let handed = Handed {
        key: crate::secret::Secret::new(
            "-----BEGIN RSA PRIVATE KEY-----\nAA$A'\n-----END RSA PRIVATE KEY-----\n",
        ),
        known_hosts: "172.16.0.1 ssh-ed25519 AAAA\n".into(),
    };
    assert!(!format!("{handed:?}").contains("PRIVATE"));
    let volume = with_seed(|seed| {
        let given = Seed {
            handed: Some(&handed),
            ..*seed
        };
        image(&given)
    });
    let text = read(&volume.unwrap(), "user-data");
    let config: serde_json::Value = serde_json::from_str(text.trim_start_matches("#cloud-config\n")).unwrap();
    let script = config["runcmd"][0][2].as_str().unwrap();
    assert_eq!(config["runcmd"][0][0], "sh");
    // A real shell, in a home of its own, as `getent` would give it; two runs leave one line and one key.
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display();
    let known = folder.path().join("known");
    let me = String::from_utf8(
        std::process::Command::new("id")
            .arg("-un")
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();
    let script = script
        .replace("/etc/ssh/ssh_known_hosts", &known.display().to_string())
        .replace(
            "for user in root cloud-user",
            &format!("for user in {}", me.trim()),
        )
        .replace("$(getent passwd \"$user\")", &format!("x:x:0:0::{home}:/bin/sh"));
    for _ in 0..2 {
        let run = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    assert_eq!(
        std::fs::read_to_string(known).unwrap(),
        "172.16.0.1 ssh-ed25519 AAAA\n"
    );
    let key = folder.path().join(".ssh/id_rsa");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), handed.key.reveal());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join(".ssh/irs_stack").exists());
}

#[test]
fn what_a_nodes_file_adds_is_a_part_of_its_own_between_irs_own() {
    let added = CloudInit {
        text: r#"{"packages": [tcpdump], "users": [default, {"name": "cloud-user", "groups": "x", "ssh_authorized_keys": ["ssh-rsa MINE"]}], "runcmd": ["echo hü"], "bootcmd": ["echo boot"], "ssh_pwauth": yes, "merge_how": "dict(recurse_list)+list(append)"}"#.into(),
        keys: [("cloud-user".to_owned(), vec!["ssh-rsa MINE".to_owned()])].into(),
        place: crate::yaml::Place::start_of("a file"),
    };
    let handed = Handed {
        key: crate::secret::Secret::new("KEY\n"),
        known_hosts: String::new(),
    };
    let text = with_seed(|seed| {
        let seed = Seed {
            cloud_init: Some(&added),
            handed: Some(&handed),
            timezone: Some("UTC"),
            hosts: Some("10.0.0.1 a"),
            ..*seed
        };
        user_data::render(&seed).unwrap()
    });
    let archive: serde_json::Value =
        serde_json::from_str(text.strip_prefix("#cloud-config-archive\n").unwrap()).unwrap();
    let parts: Vec<&str> = archive
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            assert_eq!(part["type"], "text/cloud-config");
            part["content"]
                .as_str()
                .unwrap()
                .strip_prefix("#cloud-config\n")
                .unwrap()
        })
        .collect();
    assert_eq!(parts[1].trim_end(), added.text);
    let part = |at: usize| serde_json::from_str::<serde_json::Value>(parts[at]).unwrap();
    assert_eq!(part(0)["timezone"], "UTC");
    assert_eq!(
        part(2)["merge_how"],
        "list(prepend)+dict(no_replace,recurse_list)+str()"
    );
    assert_eq!(
        part(2)["users"],
        serde_json::json!([{"name": "cloud-user", "ssh_authorized_keys": ["ssh-ed25519 AAAA one", "ssh-rsa BBBB two: #3", "ssh-rsa MINE"]}])
    );
    assert_eq!(part(2)["runcmd"].as_array().unwrap().len(), 1);
    assert_eq!(part(3)["users"][1]["name"], "cloud-user");
    assert!(part(3)["merge_how"].as_str().unwrap().starts_with("list(append)"));
    assert_eq!(part(4)["fqdn"], "a-undercloud-0");
    assert_eq!(
        part(4).as_object().unwrap().len(),
        6,
        "irs's own and nothing else"
    );
}
