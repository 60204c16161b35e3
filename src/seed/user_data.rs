//! `user-data`: who may log in, by which host key the node is known, how it is called.

use serde::Serialize;

use super::Seed;
use crate::ironic::Handed;

#[derive(Serialize)]
struct UserData<'a> {
    hostname: &'a str,
    // Without it, distributions that prefer a full name make up `<hostname>.localdomain`.
    fqdn: &'a str,
    preserve_hostname: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    users: Vec<User<'a>>,
    disable_root: bool,
    ssh_pwauth: bool,
    ssh_deletekeys: bool,
    // Only the one that `ssh_keys` brings, so none is made: an RSA key takes a third of a first boot. An empty
    // list would do, but cloud-init's schema calls it an error.
    ssh_genkeytypes: [&'a str; 1],
    ssh_keys: HostKey<'a>,
    growpart: Growpart<'a>,
    resize_rootfs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swap<'a>>,
    // After the users are made; written for root alone to read, as all of this is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runcmd: Vec<[String; 3]>,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sudo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<&'a str>,
    lock_passwd: bool,
    ssh_authorized_keys: &'a [String],
}

#[derive(Serialize)]
struct HostKey<'a> {
    ed25519_private: &'a str,
    ed25519_public: &'a str,
}

#[derive(Serialize)]
struct Growpart<'a> {
    mode: &'a str,
    devices: [&'a str; 1],
}

#[derive(Serialize)]
struct Swap<'a> {
    filename: &'a str,
    /// Bytes.
    size: u64,
}

fn hand_over(handed: &Handed, seed: &Seed) -> [String; 3] {
    let script = super::hand_over::script(handed, seed.username.unwrap_or_default());
    ["sh".to_owned(), "-c".to_owned(), script]
}

/// The `#cloud-config` text.
pub(super) fn render(seed: &Seed) -> anyhow::Result<String> {
    let mut users = vec![User {
        name: "root",
        sudo: None,
        shell: None,
        lock_passwd: true,
        ssh_authorized_keys: seed.authorized_keys,
    }];
    if let Some(name) = seed.username.filter(|name| *name != "root") {
        users.push(User {
            name,
            sudo: Some("ALL=(ALL) NOPASSWD:ALL"),
            shell: Some("/bin/bash"),
            lock_passwd: true,
            ssh_authorized_keys: seed.authorized_keys,
        });
    }
    let config = UserData {
        hostname: seed.hostname.split('.').next().unwrap_or(seed.hostname),
        fqdn: seed.hostname,
        preserve_hostname: false,
        timezone: seed.timezone,
        users,
        disable_root: false,
        ssh_pwauth: false,
        ssh_deletekeys: true,
        ssh_genkeytypes: ["ed25519"],
        ssh_keys: HostKey {
            ed25519_private: seed.host_key_private,
            ed25519_public: seed.host_key_public,
        },
        growpart: Growpart {
            mode: "auto",
            devices: ["/"],
        },
        resize_rootfs: true,
        swap: seed.swap_mib.filter(|mib| *mib > 0).map(|mib| Swap {
            filename: "/swap.img",
            size: mib << 20,
        }),
        runcmd: seed
            .handed
            .map(|handed| hand_over(handed, seed))
            .into_iter()
            .collect(),
    };
    Ok(format!("#cloud-config\n{}", super::yaml(&config)?))
}
