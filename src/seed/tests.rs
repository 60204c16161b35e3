//! What the tests of a seed begin with.

use std::io::{Cursor, Read};

use super::*;

mod cloud_config;
mod file_system;
mod nics;

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
