//! What a snapshot laid over a disk: the node writes there, and the disk itself must stay as it is.

use super::change::lies_over;
use super::read::ActualDomain;
use crate::xml::edit::child;
use roxmltree::Document;

/// The file that a domain has under a device in place of a disk's own one.
pub fn over(found: &ActualDomain, dev: &str, file: &str) -> Option<String> {
    let document = Document::parse(found.definition.reveal()).ok()?;
    let devices = child(document.root_element(), "devices")?;
    let disks = devices.children().filter(|n| n.has_tag_name("disk"));
    let of_dev = |n: &roxmltree::Node<'_, '_>| {
        child(*n, "target").and_then(|target| target.attribute("dev")) == Some(dev)
    };
    let disk = disks.into_iter().find(of_dev)?;
    let source = child(disk, "source")?.attribute("file")?;
    (source != file && lies_over(disk, file)).then(|| source.to_owned())
}
