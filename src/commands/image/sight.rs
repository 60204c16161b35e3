//! The cache of one hypervisor, and who lies over what is in it.

use super::Way;
use crate::commands::virsh::Session;
use crate::remote::Host;
use crate::steps::image::cache::{self, Cache, Cached};
use crate::steps::image::usage::{self, Usage, User};
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was found on a hypervisor.
pub struct Sight {
    /// As it was typed.
    pub host: String,
    /// The machine and its libvirt.
    pub session: Session,
    /// What lies in the cache: read before the disks are looked at.
    pub cache: Cache,
    /// Who lies over it.
    pub usage: Usage,
}

/// Who lies over a base image.
#[derive(Clone, Debug, Serialize)]
pub struct UserReport {
    /// The environment, when it is one of irs's.
    deployment: Option<String>,
    /// The node, or the virtual machine that irs did not make; none when no machine has the disk.
    domain: Option<String>,
    /// The disk.
    file: String,
}

/// Looks at a hypervisor.
///
/// # Errors
/// When it, or its libvirt, cannot be asked.
pub fn look(way: &Way, folder: &str) -> Result<Sight> {
    let host = Host::connect(&way.host, &way.client)?;
    let session = Session::on(host)?;
    let cache = cache::read(&session.host, folder)?;
    let usage = usage::read(&session.host, &session.libvirt, &cache)?;
    Ok(Sight {
        host: way.host.clone(),
        session,
        cache,
        usage,
    })
}

impl Sight {
    /// Who lies over an image, in order.
    pub fn users(&self, base: &Cached) -> Vec<UserReport> {
        let users = self.usage.of.get(&base.name).into_iter().flatten();
        users.map(UserReport::of).collect()
    }

    /// The chains that cannot be read, in words.
    pub fn unread(&self) -> Vec<String> {
        let said = |(user, why): (&User, &String)| format!("{}: {why}", said_of(&UserReport::of(user)));
        self.usage.unread.iter().map(said).collect()
    }

    /// Why an image stays, when it must.
    pub fn why_kept(&self, base: &Cached) -> Option<String> {
        let users = self.users(base);
        if !users.is_empty() {
            return Some(format!("in use by {}", together(&users)));
        }
        if let Some(who) = &base.needed_by {
            return Some(format!("needed by a run of {who}"));
        }
        if base.is_open {
            return Some("open in a process of the hypervisor".into());
        }
        let unread = self.unread();
        let first = unread.first()?;
        Some(format!(
            "it may lie under a disk whose chain cannot be read: {first}"
        ))
    }
}

impl UserReport {
    fn of(user: &User) -> UserReport {
        UserReport {
            deployment: user.deployment.clone(),
            domain: user.domain.clone(),
            file: user.file.clone(),
        }
    }
}

fn said_of(user: &UserReport) -> String {
    match (&user.deployment, &user.domain) {
        (_, Some(domain)) => format!("'{}' of '{domain}'", user.file),
        (_, None) => format!("'{}'", user.file),
    }
}

/// Users in a few words: environments with their nodes, other machines, files that no machine has.
pub fn together(users: &[UserReport]) -> String {
    let mut nodes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut others: BTreeSet<String> = BTreeSet::new();
    for user in users {
        match (&user.deployment, &user.domain) {
            (Some(deployment), Some(domain)) => drop(nodes.entry(deployment).or_default().insert(domain)),
            (None, Some(domain)) => drop(others.insert(format!("domain '{domain}'"))),
            (_, None) => drop(others.insert(format!("'{}'", user.file))),
        }
    }
    let of = |(deployment, nodes): (&&str, &BTreeSet<&str>)| {
        format!(
            "{deployment} ({})",
            Vec::from_iter(nodes.iter().copied()).join(" ")
        )
    };
    let all: Vec<String> = nodes.iter().map(of).chain(others).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_told_by_environment() {
        let user = |deployment: Option<&str>, domain: Option<&str>| UserReport {
            deployment: deployment.map(str::to_owned),
            domain: domain.map(str::to_owned),
            file: "/srv/x".into(),
        };
        let users = [
            user(Some("b"), Some("b-0")),
            user(Some("a"), Some("a-1")),
            user(Some("a"), Some("a-0")),
            user(None, Some("vm")),
            user(Some("a"), None),
        ];
        assert_eq!(together(&users), "a (a-0 a-1), b (b-0), '/srv/x', domain 'vm'");
    }
}
