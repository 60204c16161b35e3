//! Which disks lie over base images: all that libvirt knows, of whoever, whether it runs or not, and all in the folders that it or
//! irs knows. No image is opened by QEMU for it: a guest may have written what it likes.

use super::cache::Cache;
use super::named;
use crate::image::{
    self,
    below::{Below, below},
};
use crate::libvirt::Libvirt;
use crate::remote::{Cmd, Host};
use crate::steps::domains::read::{self, ActualDomain};
use crate::steps::host::pools::{self, ActualPool};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// How many files one command looks at: its arguments have their limit.
const AT_ONCE: usize = 200;
/// How deep disks may lie in the folder of images: `irs-NAME/DISK`, and what somebody has beside it.
const DEPTH: &str = "4";
/// No chain is longer.
const ROUNDS: usize = 64;

/// A disk over a base image, or a chain of images that cannot be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// The environment, where it is one of irs's.
    pub deployment: Option<String>,
    /// The node or the other domain, where it is one's disk.
    pub domain: Option<String>,
    /// The file.
    pub file: String,
}

/// Who lies over what.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// By the bases' names in the cache.
    pub of: BTreeMap<String, BTreeSet<User>>,
    /// Those whose chains cannot be read: any base may be under them. Each with why.
    pub unread: BTreeMap<User, String>,
}

/// Looks for all disks over the bases of a cache.
///
/// # Errors
/// libvirt's and the hypervisor's.
pub fn read(host: &Host, libvirt: &Libvirt, cache: &Cache) -> Result<Usage> {
    let domains = read::read(libvirt, "")?;
    let pools = pools::read(libvirt, &|_| false)?;
    let mut owners: BTreeMap<String, BTreeSet<(Option<String>, String)>> = BTreeMap::new();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let mut must: BTreeSet<String> = BTreeSet::new();
    let mut seen = Seen::default();
    for (domain, disks) in named::by_domains(libvirt)? {
        let deployment = deployment_of(&domains, &domain);
        for disk in disks {
            let owner = (deployment.clone(), domain.clone());
            owners.entry(disk.path.clone()).or_default().insert(owner);
            let plain = seen.plain.entry(disk.path.clone()).or_insert(true);
            *plain &= disk.is_plain;
            if disk.counts {
                must.insert(disk.path.clone());
            }
            wanted.insert(disk.path);
        }
    }
    let mut folders = folders(&cache.folder, &pools);
    // A pool without a folder, as one of LVM, has its volumes.
    wanted.extend(volumes(libvirt, &pools)?);
    let beside = wanted.iter().filter_map(|path| path.rsplit_once('/'));
    let beside: BTreeSet<String> = beside.map(|(folder, _)| folder.to_owned()).collect();
    folders.extend(
        beside
            .into_iter()
            .filter(|f| f.starts_with('/') && !f.starts_with("/dev") && !f.is_empty())
            .map(|f| (f, "1")),
    );
    for _ in 0..ROUNDS {
        let new: Vec<String> = wanted
            .iter()
            .filter(|path| !seen.asked.contains(*path))
            .cloned()
            .collect();
        if new.is_empty() && folders.is_empty() {
            break;
        }
        seen.look(host, &std::mem::take(&mut folders), &new)?;
        wanted.extend(seen.below.values().flatten().cloned());
    }
    Ok(seen.usage(cache, &owners, &must))
}

fn deployment_of(domains: &[ActualDomain], name: &str) -> Option<String> {
    let domain = domains.iter().find(|domain| domain.name == name)?;
    Some(domain.mark.as_ref()?.owner.deployment.clone())
}

/// Folders with how deep they are looked into; one in another one's reach is left out.
fn folders(cache: &str, pools: &[ActualPool]) -> BTreeMap<String, &'static str> {
    let mut folders: BTreeMap<String, &'static str> = BTreeMap::new();
    let targets = pools.iter().filter_map(|pool| pool.target.clone());
    folders.extend(
        targets
            .filter(|target| target.starts_with('/'))
            .map(|target| (target, "1")),
    );
    folders.insert(cache.trim_end_matches('/').to_owned(), DEPTH);
    folders
}

fn volumes(libvirt: &Libvirt, pools: &[ActualPool]) -> Result<BTreeSet<String>> {
    let mut paths = BTreeSet::new();
    for pool in pools.iter().filter(|pool| pool.active && pool.target.is_none()) {
        let Some(pool) = libvirt.pool(&pool.name)? else {
            continue;
        };
        let volumes = pool.list_all_volumes(0)?;
        paths.extend(
            volumes
                .iter()
                .filter_map(|volume| volume.path().ok())
                .filter(|path| path.starts_with('/')),
        );
    }
    Ok(paths)
}

/// What was seen of files.
#[derive(Debug, Default)]
struct Seen {
    asked: BTreeSet<String>,
    /// Of those that domains name: whether all take it for a plain disk.
    plain: BTreeMap<String, bool>,
    /// By path.
    ids: BTreeMap<String, String>,
    heads: BTreeMap<String, Vec<u8>>,
    /// What each lies over, by path.
    below: BTreeMap<String, Vec<String>>,
    /// Those that are not there.
    missing: BTreeSet<String>,
    /// Those that cannot be read, with why.
    strange: BTreeMap<String, String>,
}

impl Seen {
    fn look(&mut self, host: &Host, folders: &BTreeMap<String, &str>, files: &[String]) -> Result<()> {
        let mut folders: Vec<&str> = folders
            .iter()
            .flat_map(|(folder, depth)| [folder.as_str(), depth])
            .collect();
        let mut parts = files.chunks(AT_ONCE);
        loop {
            let part = parts.next().unwrap_or_default();
            if part.is_empty() && folders.is_empty() {
                return Ok(());
            }
            let count = (folders.len() / 2).to_string();
            let args: Vec<&str> = [count.as_str()]
                .into_iter()
                .chain(folders.drain(..))
                .chain(part.iter().map(String::as_str))
                .collect();
            let text = host
                .text(&Cmd::script(include_str!("usage.sh"), &args))
                .context("looking at the disks that may lie over base images")?;
            self.asked.extend(part.iter().cloned());
            let new = self.take(&text);
            self.judge(host, new)?;
        }
    }

    /// Takes an answer; gives the files that are new.
    fn take(&mut self, text: &str) -> Vec<String> {
        let mut fields = text.split('\0');
        let mut new = Vec::new();
        while let (Some(kind), Some(path)) = (fields.next(), fields.next()) {
            let path = path.to_owned();
            match kind {
                "S" => {
                    let id = fields.next().unwrap_or_default().to_owned();
                    self.asked.insert(path.clone());
                    self.ids.insert(path, id);
                }
                "H" => {
                    let head = image::from_hex(fields.next().unwrap_or_default());
                    new.push(path.clone());
                    self.heads.insert(path, head);
                }
                "M" => drop(self.missing.insert(path)),
                _ => {}
            }
        }
        new
    }

    fn judge(&mut self, host: &Host, new: Vec<String>) -> Result<()> {
        for path in new {
            if self.plain.get(&path) == Some(&true) {
                continue;
            }
            let head = self.heads.get(&path).cloned().unwrap_or_default();
            let mut found = below(&head, &path);
            if let Below::At(at, length) = found {
                let [from, length] = [at, length].map(|n| n.to_string());
                let cmd = Cmd::new("od").args(["-An", "-v", "-tx1", "-j", &from, "-N", &length, "--", &path]);
                let output = host.run(&cmd)?;
                found = image::below::named(&image::from_hex(&output.text()), &path);
            }
            match found {
                Below::Nothing | Below::At(..) => {}
                Below::Files(files) => drop(self.below.insert(path, files)),
                Below::Unknown(why) => drop(self.strange.insert(path, why.to_owned())),
            }
        }
        Ok(())
    }

    fn usage(
        &self,
        cache: &Cache,
        owners: &BTreeMap<String, BTreeSet<(Option<String>, String)>>,
        must: &BTreeSet<String>,
    ) -> Usage {
        let base_by_id: BTreeMap<&str, &str> = cache
            .bases
            .iter()
            .map(|base| (base.id.as_str(), base.name.as_str()))
            .collect();
        let known: Vec<&str> = cache.bases.iter().map(|base| base.name.as_str()).collect();
        // A base that is gone has a seal only: what lies over it lies over nothing else.
        let is_base_name = |path: &str| {
            path.rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with("irs-base-"))
        };
        let base_at = |path: &str| {
            let by_id = self
                .ids
                .get(path)
                .and_then(|id| base_by_id.get(id.as_str()))
                .copied();
            by_id.or_else(|| {
                let name = path.rsplit('/').next().unwrap_or_default();
                known
                    .iter()
                    .find(|known| **known == name)
                    .copied()
                    .filter(|_| self.missing.contains(path))
            })
        };
        let mut usage = Usage::default();
        let tops = self
            .ids
            .keys()
            .chain(must.iter().filter(|path| self.missing.contains(*path)));
        for top in tops {
            let users = users(top, owners, cache);
            let mut stack = vec![top.clone()];
            let mut done = BTreeSet::new();
            while let Some(path) = stack.pop() {
                if !done.insert(path.clone()) {
                    continue;
                }
                if let Some(base) = base_at(&path) {
                    let is_itself = path == *top && !owners.contains_key(top);
                    if !is_itself {
                        usage
                            .of
                            .entry(base.to_owned())
                            .or_default()
                            .extend(users.iter().cloned());
                    }
                    continue;
                }
                // Whatever else names it, as a text that is no path; not what irs itself knows of it.
                let text = self.heads.get(&path).map(Vec::as_slice).unwrap_or_default();
                let is_seal = is_base_name(&path) && path.ends_with(".seal");
                if !self.below.contains_key(&path) && !is_seal {
                    let names = known.iter().filter(|name| contains(text, name.as_bytes()));
                    for name in names.filter(|name| text.trim_ascii_end() != name.as_bytes()) {
                        usage
                            .of
                            .entry((*name).to_owned())
                            .or_default()
                            .extend(users.iter().cloned());
                    }
                }
                let why = match self.strange.get(&path) {
                    Some(why) => Some(why.clone()),
                    None if self.missing.contains(&path)
                        && !is_base_name(&path)
                        && (path != *top || must.contains(top)) =>
                    {
                        Some(format!("'{path}' is not there"))
                    }
                    None => None,
                };
                if let Some(why) = why {
                    usage
                        .unread
                        .extend(users.iter().map(|user| (user.clone(), why.clone())));
                }
                stack.extend(self.below.get(&path).into_iter().flatten().cloned());
            }
        }
        // What lies under a node's disk is the node's: its own line is enough.
        for users in usage.of.values_mut() {
            let under: BTreeSet<String> = users
                .iter()
                .filter(|user| user.domain.is_some())
                .flat_map(|user| self.below.get(&user.file).into_iter().flatten().cloned())
                .collect();
            users.retain(|user| user.domain.is_some() || !under.contains(&user.file));
        }
        usage
    }
}

fn users(
    path: &str,
    owners: &BTreeMap<String, BTreeSet<(Option<String>, String)>>,
    cache: &Cache,
) -> Vec<User> {
    match owners.get(path) {
        Some(owners) => owners
            .iter()
            .map(|(deployment, domain)| User {
                deployment: deployment.clone(),
                domain: Some(domain.clone()),
                file: path.to_owned(),
            })
            .collect(),
        None => {
            let inside = path
                .strip_prefix(cache.folder.trim_end_matches('/'))
                .unwrap_or_default();
            let of = inside.strip_prefix("/irs-").and_then(|rest| rest.split_once('/'));
            vec![User {
                deployment: of.map(|(name, _)| name.to_owned()),
                domain: None,
                file: path.to_owned(),
            }]
        }
    }
}

fn contains(text: &[u8], name: &[u8]) -> bool {
    text.windows(name.len()).any(|window| window == name)
}

#[cfg(test)]
mod tests;
