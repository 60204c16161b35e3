use std::io::{Cursor, Read};

use super::*;

fn keys() -> Vec<String> {
    vec![
        "ssh-ed25519 AAAA one".to_owned(),
        "ssh-rsa BBBB two: #3".to_owned(),
    ]
}

fn nic(mac: &str, dhcp4: bool, external: bool) -> SeedNic {
    SeedNic {
        mac: mac.to_owned(),
        dhcp4,
        external,
        ..SeedNic::default()
    }
}

pub(super) fn with_seed<T>(work: impl FnOnce(&mut Seed) -> T) -> T {
    let keys = keys();
    let nics = [
        nic("52:54:00:AA:00:01", false, false),
        nic("52:54:00:aa:00:02", true, true),
        nic("52:54:00:aa:00:03", true, false),
    ];
    work(&mut Seed {
        instance_id: "i-1",
        hostname: "a-undercloud-0",
        fqdn: "a-undercloud-0",
        locale: None,
        certificates: &[],
        hosts: None,
        cloud_init: None,
        username: Some("cloud-user"),
        authorized_keys: &keys,
        host_key_private: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        host_key_public: "ssh-ed25519 CCCC a-undercloud-0",
        timezone: None,
        swap_mib: None,
        nics: &nics,
        handed: None,
        first_boot: false,
    })
}

fn read(volume: &[u8], name: &str) -> String {
    let fs = fatfs::FileSystem::new(Cursor::new(volume.to_vec()), fatfs::FsOptions::new()).unwrap();
    let mut text = String::new();
    fs.root_dir()
        .open_file(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn the_volume_is_a_small_fat12_that_says_cidata_in_both_places() {
    let volume = with_seed(|seed| image(seed)).unwrap();
    assert_eq!(volume.len(), 64 * 1024);
    assert_eq!(&volume[510..512], [0x55, 0xaa]);
    assert_eq!(&volume[43..54], b"CIDATA     ");
    assert_eq!(&volume[54..62], b"FAT12   ");
    let fs = fatfs::FileSystem::new(Cursor::new(volume), fatfs::FsOptions::new()).unwrap();
    assert_eq!(
        &fs.read_volume_label_from_root_dir_as_bytes().unwrap().unwrap(),
        b"CIDATA     "
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let first = with_seed(|seed| image(seed)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert!(first == with_seed(|seed| image(seed)).unwrap());
    let other = with_seed(|seed| {
        seed.instance_id = "i-2";
        image(seed)
    });
    assert_ne!(
        first[39..43],
        other.unwrap()[39..43],
        "the volume id follows the contents"
    );
}

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
fn network_config_matches_by_mac_and_leaves_one_default_route() {
    let volume = with_seed(|seed| image(seed)).unwrap();
    insta::assert_snapshot!(read(&volume, "network-config"), @r#"
    {
      "version": 2,
      "ethernets": {
        "eth0": {
          "match": {
            "macaddress": "52:54:00:aa:00:01"
          },
          "set-name": "eth0",
          "dhcp4": false,
          "dhcp6": false,
          "accept-ra": false,
          "optional": true
        },
        "eth1": {
          "match": {
            "macaddress": "52:54:00:aa:00:02"
          },
          "set-name": "eth1",
          "dhcp4": true,
          "dhcp6": false,
          "dhcp4-overrides": {
            "use-hostname": false
          }
        },
        "eth2": {
          "match": {
            "macaddress": "52:54:00:aa:00:03"
          },
          "set-name": "eth2",
          "dhcp4": true,
          "dhcp6": false,
          "dhcp4-overrides": {
            "use-hostname": false,
            "use-routes": false,
            "route-metric": 1000
          },
          "accept-ra": false,
          "optional": true
        }
      }
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
fn fixed_addresses_mtu_and_dhcp6_are_written() {
    let nic = SeedNic {
        dhcp6: true,
        addresses: vec!["192.168.24.5/24".parse().unwrap()],
        mtu: Some(9000),
        ..nic("52:54:00:aa:00:01", true, false)
    };
    let text = network_config::render(&[nic]).unwrap();
    let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let eth0 = &value["ethernets"]["eth0"];
    assert_eq!(eth0["addresses"][0], "192.168.24.5/24");
    assert_eq!(eth0["mtu"], 9000);
    assert_eq!(eth0["dhcp4-overrides"], eth0["dhcp6-overrides"]);
}

#[test]
fn a_nic_without_dhcp_is_told_its_router_and_name_server() {
    let told = |dhcp4, external, gateways: &[&str]| {
        let nic = SeedNic {
            addresses: vec!["2001:db8::5/64".parse().unwrap()],
            gateways: gateways.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..nic("52:54:00:aa:00:01", dhcp4, external)
        };
        let text = network_config::render(&[nic]).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["ethernets"]["eth0"].clone()
    };
    let alone = told(false, true, &["2001:db8::1"]);
    assert_eq!(alone["gateway6"], "2001:db8::1");
    assert_eq!(
        alone["nameservers"]["addresses"],
        serde_json::json!(["2001:db8::1"])
    );
    assert_eq!(alone["accept-ra"], serde_json::Value::Null);
    let both = told(true, true, &["2001:db8::1"]);
    assert_eq!(both["nameservers"], serde_json::Value::Null);
    assert_eq!(
        both["dhcp4-overrides"],
        serde_json::json!({"use-hostname": false})
    );
    let inner = told(true, false, &[]);
    assert_eq!(inner["accept-ra"], false);
    assert_eq!(inner["gateway6"], serde_json::Value::Null);
}

#[test]
fn the_volume_grows_with_its_contents() {
    let volume = volume::build(&[("user-data", "x".repeat(200_000))]).unwrap();
    assert_eq!(volume.len(), 256 * 1024);
    assert_eq!(read(&volume, "user-data").len(), 200_000);
    // What has more clusters than FAT12 knows is FAT16, at the border and far from it.
    for (bytes, fat) in [
        (1_990_000, "FAT12   "),
        (2_000_000, "FAT16   "),
        (2_100_000, "FAT16   "),
        (9_000_000, "FAT16   "),
    ] {
        let volume = volume::build(&[("meta-data", "{}".into()), ("user-data", "x".repeat(bytes))]).unwrap();
        assert_eq!(&volume[54..62], fat.as_bytes(), "{bytes}");
        assert_eq!(read(&volume, "user-data").len(), bytes);
        // mtools count the clusters by themselves, as Linux does.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed.img");
        std::fs::write(&path, &volume).unwrap();
        let typed = std::process::Command::new("mtype")
            .arg("-i")
            .arg(&path)
            .arg("::user-data")
            .output()
            .unwrap();
        assert!(
            typed.status.success() && typed.stdout.len() == bytes,
            "{bytes}: {} {}",
            typed.stdout.len(),
            String::from_utf8_lossy(&typed.stderr)
        );
    }
    assert!(volume::build(&[("user-data", "x".repeat(17 << 20))]).is_err());
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
    if let Some(path) = std::env::var_os("SEED_DUMP") {
        std::fs::write(path, &text).unwrap();
    }
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
