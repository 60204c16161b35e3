//! The disks that domains name: as they are defined, as they run, and in their snapshots.

use crate::libvirt::{self, Libvirt};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};
use std::collections::BTreeSet;
use virt::domain::Domain;

/// A disk as a domain's definition, its state, or a snapshot names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Absolute.
    pub(super) path: String,
    /// Whether it must be there: an empty drive's CD need not.
    pub(super) counts: bool,
    /// Whether QEMU takes it for a plain disk, whatever a guest has written there.
    pub(super) is_plain: bool,
}

/// What all domains name: as they are defined, as they run, and in their snapshots.
///
/// # Errors
/// libvirt's; a definition that cannot be read.
pub(super) fn by_domains(libvirt: &Libvirt) -> Result<Vec<(String, Vec<Named>)>> {
    let domains = libvirt.all_domains()?;
    let with_snapshots: BTreeSet<String> = libvirt
        .domains_with_snapshots()?
        .iter()
        .filter_map(|domain| domain.name().ok())
        .collect();
    let read = libvirt::of_each(&domains, |domain| -> Result<(String, Vec<Named>)> {
        let name = domain.name()?;
        let named = texts(domain, with_snapshots.contains(&name));
        match named {
            Ok(texts) => {
                let mut all = Vec::new();
                for text in &texts {
                    let document =
                        Document::parse(text).with_context(|| format!("reading domain '{name}'"))?;
                    all.extend(disks_in(document.root(), &|pool, name| {
                        volume(libvirt, pool, name)
                    })?);
                }
                Ok((name, all))
            }
            // It vanished meanwhile.
            Err(_) if libvirt.domain(&name)?.is_none() => Ok((name, Vec::new())),
            Err(error) => Err(error.context(format!("reading domain '{name}'"))),
        }
    });
    read.into_iter().collect()
}

fn texts(domain: &Domain, has_snapshots: bool) -> Result<Vec<String>> {
    let mut texts = vec![domain.xml_desc(0)?];
    if domain.is_active()? && domain.is_persistent()? {
        texts.push(domain.xml_desc(virt::sys::VIR_DOMAIN_XML_INACTIVE)?);
    }
    if has_snapshots {
        for snapshot in domain.list_all_snapshots(0)? {
            texts.push(snapshot.xml_desc(0)?);
        }
    }
    Ok(texts)
}

/// Where a pool has a volume.
type Volume<'a> = &'a dyn Fn(&str, &str) -> Result<Option<String>>;

/// The disks in a definition or a snapshot, with what lies under them as libvirt knows it.
fn disks_in(root: Node<'_, '_>, volume: Volume<'_>) -> Result<Vec<Named>> {
    let mut found = Vec::new();
    for source in root.descendants().filter(|node| node.has_tag_name("source")) {
        let Some(disk) = source.ancestors().find(|node| node.has_tag_name("disk")) else {
            continue;
        };
        let path = match (
            source.attribute("file"),
            source.attribute("dev"),
            source.attribute("pool"),
        ) {
            (Some(path), ..) | (None, Some(path), _) => Some(path.to_owned()),
            (None, None, Some(pool)) => volume(pool, source.attribute("volume").unwrap_or_default())?,
            _ => None,
        };
        let is_top = source.parent() == Some(disk);
        let format = disk
            .children()
            .find(|node| node.has_tag_name("driver"))
            .and_then(|node| node.attribute("type"));
        let drive = matches!(disk.attribute("device"), Some("cdrom" | "floppy"));
        let counts = !drive && (!is_top || format.is_some_and(|format| format != "raw"));
        found.extend(path.filter(|path| path.starts_with('/')).map(|path| Named {
            path,
            counts,
            is_plain: is_top && format == Some("raw"),
        }));
    }
    Ok(found)
}

fn volume(libvirt: &Libvirt, pool: &str, volume: &str) -> Result<Option<String>> {
    match libvirt.pool(pool)? {
        Some(pool) if pool.is_active()? => {
            let volume = libvirt.volume(&pool, volume)?;
            Ok(volume.and_then(|volume| volume.path().ok()))
        }
        // Its folder is looked into all the same.
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(xml: &str) -> Vec<Named> {
        let volume = |pool: &str, volume: &str| Ok((pool == "images").then(|| format!("/srv/{volume}")));
        disks_in(Document::parse(xml).unwrap().root(), &volume).unwrap()
    }

    fn disk(path: &str, counts: bool, is_plain: bool) -> Named {
        Named {
            path: path.to_owned(),
            counts,
            is_plain,
        }
    }

    #[test]
    fn every_kind_of_disk_is_found_with_what_lies_under_it() {
        let found = named(
            "<domain><devices>
               <disk type='file' device='disk'><driver type='qcow2'/><source file='/a/top'/>
                 <backingStore type='file'><format type='qcow2'/><source file='/a/mid'/>
                   <backingStore type='block'><format type='raw'/><source dev='/dev/vg/base'/></backingStore></backingStore></disk>
               <disk type='block'><driver type='raw'/><source dev='/dev/sda'/></disk>
               <disk type='volume'><driver type='qcow2'/><source pool='images' volume='v'/></disk>
               <disk type='volume'><driver type='qcow2'/><source pool='gone' volume='v'/></disk>
               <disk type='network'><driver type='raw'/><source protocol='nbd' name='x'/></disk>
               <disk type='file'><source file='/a/unsaid'/></disk>
               <filesystem type='mount'><source dir='/home'/></filesystem>
             </devices></domain>",
        );
        let expected = [
            disk("/a/top", true, false),
            disk("/a/mid", true, false),
            disk("/dev/vg/base", true, false),
            // Whatever its guest has written there.
            disk("/dev/sda", false, true),
            disk("/srv/v", true, false),
            disk("/a/unsaid", false, false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_under_a_raw_disk_counts_and_no_drive_does() {
        let found = named(
            "<domainsnapshot><domain><devices>
               <disk device='disk'><driver type='raw'/><source file='/a/copy'/>
                 <backingStore><format type='qcow2'/><source file='/a/under'/></backingStore></disk>
               <disk device='cdrom'><driver type='qcow2'/><source file='/a/cd'/></disk>
               <disk device='floppy'><driver type='raw'/><source file='/a/floppy'/></disk>
             </devices></domain></domainsnapshot>",
        );
        let expected = [
            disk("/a/copy", false, true),
            disk("/a/under", true, false),
            disk("/a/cd", false, false),
            disk("/a/floppy", false, true),
        ];
        assert_eq!(found, expected);
    }
}
