//! `user-data`: who may log in, by which host key the node is known, how it is called, and what its file adds.

use serde::Serialize;

use super::{Seed, early};
use crate::ironic::Handed;

/// What a node's file may say otherwise.
#[derive(Serialize)]
struct Defaults<'a> {
    // cloud-init would write /etc/hosts anew from a template with each boot, where an image says so.
    manage_etc_hosts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    disable_root: bool,
    ssh_pwauth: bool,
    growpart: Growpart<'a>,
    resize_rootfs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap: Option<Swap<'a>>,
}

/// What is done before that which a node's file adds.
#[derive(Serialize)]
struct Before<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<Extended<'a>>,
    bootcmd: [String; 1],
    // After the users are made; written for root alone to read, as all of this is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runcmd: Vec<[String; 3]>,
}

/// The users: of several entries of one name cloud-init takes each key from the first one that has it.
#[derive(Serialize)]
struct Users<'a> {
    users: Vec<User<'a>>,
}

/// What irs knows the node by.
#[derive(Serialize)]
struct Own<'a> {
    hostname: &'a str,
    // Without it, distributions that prefer a full name make up `<hostname>.localdomain`.
    fqdn: &'a str,
    preserve_hostname: bool,
    ssh_deletekeys: bool,
    // Only the one that `ssh_keys` brings, so none is made: an RSA key takes a third of a first boot. An empty
    // list would do, but cloud-init's schema calls it an error.
    ssh_genkeytypes: [&'a str; 1],
    ssh_keys: HostKey<'a>,
}

/// All of it, where a node's file adds nothing.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    own: Own<'a>,
    #[serde(flatten)]
    defaults: Defaults<'a>,
    #[serde(flatten)]
    users: Users<'a>,
    #[serde(flatten)]
    before: Before<'a>,
}

/// A part with the way in which cloud-init lays it over those before it; without one, its keys replace theirs.
#[derive(Serialize)]
struct Part<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    merge_how: Option<&'a str>,
    #[serde(flatten)]
    part: T,
}

#[derive(Serialize)]
struct Archived {
    #[serde(rename = "type")]
    kind: &'static str,
    content: String,
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

/// A user of irs's whose keys the node's file says, too.
#[derive(Serialize)]
struct Extended<'a> {
    name: &'a str,
    ssh_authorized_keys: Vec<&'a str>,
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

/// cloud-init's words for lists that are joined, and all else left as it is.
const IN_FRONT: &str = "list(prepend)+dict(no_replace,recurse_list)+str()";
const BEHIND: &str = "list(append)+dict(no_replace,recurse_list)+str()";

fn hand_over(handed: &Handed, seed: &Seed) -> [String; 3] {
    let script = super::hand_over::script(handed, seed.username.unwrap_or_default());
    ["sh".to_owned(), "-c".to_owned(), script]
}

fn users<'a>(seed: &Seed<'a>) -> Users<'a> {
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
    Users { users }
}

/// The keys of irs's users of whom the node's file has keys, too: its own would replace irs's.
fn extended<'a>(seed: &Seed<'a>, users: &Users<'a>) -> Vec<Extended<'a>> {
    let Some(added) = seed.cloud_init else {
        return Vec::new();
    };
    let entry = |user: &User<'a>| {
        let theirs = added.keys.get(user.name)?;
        let keys = seed.authorized_keys.iter().chain(theirs);
        Some(Extended {
            name: user.name,
            ssh_authorized_keys: keys.map(String::as_str).collect(),
        })
    };
    users.users.iter().filter_map(entry).collect()
}

fn defaults<'a>(seed: &Seed<'a>) -> Defaults<'a> {
    Defaults {
        manage_etc_hosts: false,
        timezone: seed.timezone,
        locale: seed.locale,
        disable_root: false,
        ssh_pwauth: false,
        growpart: Growpart {
            mode: "auto",
            devices: ["/"],
        },
        resize_rootfs: true,
        swap: seed.swap_mib.filter(|mib| *mib > 0).map(|mib| Swap {
            filename: "/swap.img",
            size: mib << 20,
        }),
    }
}

fn own<'a>(seed: &Seed<'a>) -> Own<'a> {
    Own {
        hostname: seed.hostname,
        fqdn: seed.fqdn,
        preserve_hostname: false,
        ssh_deletekeys: true,
        ssh_genkeytypes: ["ed25519"],
        ssh_keys: HostKey {
            ed25519_private: seed.host_key_private,
            ed25519_public: seed.host_key_public,
        },
    }
}

/// One `#cloud-config`; or an archive of several, where a node's file adds to it: cloud-init merges them in their order.
/// First what the file may say otherwise, then the file's own, then what must be there whatever it says.
pub(super) fn render(seed: &Seed) -> anyhow::Result<String> {
    let users = users(seed);
    let before = Before {
        users: extended(seed, &users),
        bootcmd: [early::script(seed)],
        runcmd: seed
            .handed
            .map(|handed| hand_over(handed, seed))
            .into_iter()
            .collect(),
    };
    let Some(added) = seed.cloud_init else {
        return part(&Whole {
            own: own(seed),
            defaults: defaults(seed),
            users,
            before,
        });
    };
    let joined = |merge_how| Some(merge_how);
    let contents = [
        part(&defaults(seed))?,
        format!("#cloud-config\n{}\n", added.text),
        part(&Part {
            merge_how: joined(IN_FRONT),
            part: before,
        })?,
        part(&Part {
            merge_how: joined(BEHIND),
            part: users,
        })?,
        part(&own(seed))?,
    ];
    let archive = contents.map(|content| Archived {
        kind: "text/cloud-config",
        content,
    });
    Ok(format!("#cloud-config-archive\n{}", super::yaml(&archive)?))
}

fn part(config: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("#cloud-config\n{}", super::yaml(config)?))
}
