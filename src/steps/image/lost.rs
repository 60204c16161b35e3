//! Base images that are gone from the cache, or not as they were placed, while disks lie over them.

use super::{Located, Work, index_name, packed, unconverted};
use crate::actual::Actual;
use crate::deployment::{Deployment, ImageSource};
use crate::error::{Exit, Fault};
use crate::yaml::Problem;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Such an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its path on the hypervisor.
    pub path: String,
    /// Whether there is no such file at all.
    gone: bool,
    /// Whether libguestfs made it: nothing brings it back then.
    customised: bool,
    /// The files that say which URL had this content.
    indexes: Vec<String>,
    /// The deployment's disks that lie over it.
    disks: BTreeSet<String>,
}

impl Lost {
    /// `gone|changed[-customised] FOLDER-LESS-NAME [INDEX…] / [DISK…]`; nothing for one that no disk lies over: it is a cache.
    pub fn parse(line: &str, folder: &str) -> Option<Lost> {
        let (image, disks) = line.split_once(" / ")?;
        let mut words = image.split_whitespace();
        let (how, name) = (words.next()?, words.next()?);
        let disks: BTreeSet<String> = disks.split_whitespace().map(str::to_owned).collect();
        (!disks.is_empty()).then(|| Lost {
            path: format!("{}/{name}", folder.trim_end_matches('/')),
            gone: how.starts_with("gone"),
            customised: how.ends_with("-customised"),
            indexes: words.map(str::to_owned).collect(),
            disks,
        })
    }

    /// Its name in the cache.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The nodes whose disks lie over it; a disk of none that the model knows stands for itself.
    fn nodes(&self, deployment: &Deployment) -> BTreeSet<String> {
        let owner = |volume: &String| {
            let mut nodes = deployment.nodes.iter();
            nodes
                .find(|node| node.disks.iter().any(|disk| disk.volume == *volume))
                .map_or_else(|| volume.clone(), |node| node.name.clone())
        };
        self.disks.iter().map(owner).collect()
    }

    /// What is wrong, in words that follow its name.
    pub fn what(&self, deployment: &Deployment) -> String {
        let how = match self.gone {
            true => "is gone",
            false => "was changed or cut short since it was placed",
        };
        let nodes: Vec<String> = self.nodes(deployment).into_iter().collect();
        format!("{how}, and nodes lie over it: {}", nodes.join(", "))
    }

    /// The way out where nothing is known to have its content.
    fn hint(&self, deployment: &Deployment) -> String {
        let nodes: Vec<String> = self.nodes(deployment).into_iter().collect();
        if self.customised {
            return format!(
                "libguestfs made it, and would not make the same again: put the file back, or make the nodes anew: --remove-nodes {}",
                nodes.join(",")
            );
        }
        format!(
            "--force-image-download puts it back if --image-url still has the same content; else put the file back, or make the nodes \
             anew: --remove-nodes {}",
            nodes.join(",")
        )
    }

    /// Whether this work brings it back, as far as anybody knows before.
    pub fn comes_by(&self, work: &Work) -> bool {
        if self.customised {
            return false;
        }
        match work {
            Work::Upload { name, .. } => name == self.name() || unconverted(name) == self.name(),
            Work::Download { url, .. } => self.indexes.contains(&index_name(url)),
            Work::Unpack { sha256, .. } => self.indexes.contains(&packed::index_name(sha256)),
        }
    }

    /// The refusal of the next run, as far as who only looks can know: where an image came from, a URL or a file of some
    /// client, the command knows that made the nodes.
    pub fn problem(&self, deployment: &Deployment) -> Option<Problem> {
        self.customised.then(|| Problem {
            place: None,
            message: self.what(deployment),
            hint: Some(self.hint(deployment)),
        })
    }
}

/// Why this work is to be done, when it brings one of them back.
pub fn reason(lost: &[Lost], work: &Work, deployment: &Deployment) -> Option<String> {
    let lost = lost.iter().find(|lost| lost.comes_by(work))?;
    Some(format!("'{}' {}", lost.path, lost.what(deployment)))
}

/// Sees to it that what comes is what lay there: a base is never exchanged under disks. Gives back what to warn of.
///
/// # Errors
/// `Failed`, for one that nothing brings back.
pub fn bring_back(
    deployment: &Deployment,
    actual: &Actual,
    located: &mut BTreeMap<ImageSource, Located>,
    force: bool,
) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for lost in &actual.facts.lost_bases {
        let told = format!("base image '{}' {}", lost.path, lost.what(deployment));
        let mut works = located.values_mut().filter_map(|located| match located {
            Located::Missing(work) => Some(work),
            Located::Cached(_) => None,
        });
        match works.find(|work| lost.comes_by(work)) {
            Some(Work::Download { must_be, .. } | Work::Unpack { must_be, .. }) => {
                *must_be = Some(lost.name().to_owned())
            }
            // As it was, also where it would be converted now.
            Some(Work::Upload { name, .. }) => lost.name().clone_into(name),
            None if force && !lost.customised => {
                warnings.push(format!("{told}; whether what comes is the same will show"))
            }
            None => return Err(Fault::new(Exit::Failed, told).hint(lost.hint(deployment)).into()),
        }
        let nodes = lost.nodes(deployment);
        let running: Vec<&str> = actual
            .domains
            .iter()
            .filter(|domain| domain.state.is_running() && nodes.contains(&domain.name))
            .map(|domain| domain.name.as_str())
            .collect();
        if !running.is_empty() {
            warnings.push(format!(
                "nodes run over what is left of base image '{}', and must be shut down and started once it is back: {}",
                lost.path,
                running.join(", ")
            ));
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::Blueprint;
    use crate::deployment::{Identity, Storage};

    #[test]
    fn a_base_is_missed_only_where_a_disk_lies_over_it() {
        let lost = Lost::parse(
            "gone irs-base-ab.qcow2 irs-url-1 / a-0-disk1.qcow2 a-1-disk1.qcow2",
            "/srv/",
        )
        .unwrap();
        assert_eq!(
            (lost.path.as_str(), lost.name()),
            ("/srv/irs-base-ab.qcow2", "irs-base-ab.qcow2")
        );
        assert_eq!((lost.indexes.len(), lost.disks.len(), lost.gone), (1, 2, true));
        assert_eq!(Lost::parse("changed irs-base-ab.qcow2 / ", "/srv"), None);
        let without_url = Lost::parse("changed irs-base-ab.qcow2 / a-0-disk1.qcow2", "/srv").unwrap();
        assert!(without_url.indexes.is_empty() && !without_url.gone);
        // It came from a file of a client's: the same command brings it back.
        let empty = r#"{"version":1,"uuid":"00000000-0000-0000-0000-000000000002","pool":"p","bridges":[],"networks":[],"nodes":[]}"#;
        let id = Identity {
            name: "default".into(),
            prefix: None,
            uuid: uuid::Uuid::nil(),
            host: "hv".into(),
        };
        let storage = Storage {
            folder: "/srv".into(),
            pool: "p".into(),
        };
        let blueprint: Blueprint = serde_json::from_str(empty).unwrap();
        let deployment = blueprint.deployment(&id, &storage);
        assert!(without_url.problem(&deployment).is_none());
        let customised = Lost::parse("gone-customised irs-base-ab.qcow2 / a", "/srv").unwrap();
        assert!(customised.problem(&deployment).is_some());
    }

    #[test]
    fn what_had_its_content_brings_it_back() {
        let url = "http://h/a.qcow2".to_owned();
        let line = format!("changed irs-base-ab.qcow2 {} / a-0-disk1.qcow2", index_name(&url));
        let lost = Lost::parse(&line, "/srv").unwrap();
        let download = |url: &str| Work::Download {
            source: ImageSource::Url(url.into()),
            urls: vec![url.into()],
            getting: std::sync::Arc::default(),
            url: url.into(),
            checksum: None,
            size: None,
            virtual_size: None,
            seen: String::new(),
            must_be: None,
            astray: false,
        };
        assert!(lost.comes_by(&download(&url)) && !lost.comes_by(&download("http://h/b.qcow2")));
        let customised = Lost::parse(&line.replace("changed", "gone-customised"), "/srv").unwrap();
        assert!(customised.gone && !customised.comes_by(&download(&url)));
        let upload = |name: &str| Work::Upload {
            file: "a".into(),
            virtual_size: 1,
            size: 1,
            name: name.into(),
        };
        assert!(lost.comes_by(&upload("irs-base-ab.qcow2")) && !lost.comes_by(&upload("irs-base-cd.qcow2")));
    }
}
