//! irs's own mark in libvirt metadata: what it made, for which deployment, and what the outputs need.
//!
//! Ownership is this mark, never a name.

use crate::virtopts::Extra;
use crate::xml::{self, values};
use anyhow::{Context, Result, bail};
use roxmltree::Node as XmlNode;
use std::net::IpAddr;
use uuid::Uuid;

/// The XML namespace of the marks.
pub const NAMESPACE: &str = "urn:irs:libvirt";

/// The format that this program writes; it reads this one and older ones.
pub const VERSION: u32 = 1;

/// The deployment that a domain or a network belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The prefix, or `default`.
    pub deployment: String,
    /// The deployment's UUID.
    pub uuid: Uuid,
}

/// A wire between two nodes: what irs says of the network that it is made of.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Wire {
    /// The domain whose interface says `connect_to`.
    pub from: String,
    /// The domain at the other end.
    pub to: String,
    /// Which of several wires from the one's type to the other's.
    pub nth: u32,
    /// Whether it learns no addresses.
    pub hub: bool,
}

impl Wire {
    /// Whether it joins the same NICs.
    pub fn is_same(&self, other: &Wire) -> bool {
        self.from == other.from && self.to == other.to && self.nth == other.nth
    }
}

/// What irs says of a domain that it made: enough for another laptop to write the same outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMark {
    /// Whose it is.
    pub owner: Owner,
    /// The `name` key of its node file.
    pub node_type: String,
    /// The name of its node file: several may have one `name` key.
    pub file_name: String,
    /// Its number among the nodes of its type.
    pub index: u32,
    /// Whether its first disk has an operating system.
    pub has_os: bool,
    /// Whether it has a seed, by which irs can log in.
    pub has_seed: bool,
    /// infrared's `os.type`.
    pub os_type: String,
    /// infrared's `os.variant`.
    pub os_variant: String,
    /// The pool of its volumes.
    pub pool: String,
    /// Its volumes in that pool, the seed included.
    pub volumes: Vec<String>,
    /// Its disks outside of that pool that irs made, as paths.
    pub files: Vec<String>,
    /// Index of the NIC through which it is reached.
    pub external: Option<usize>,
    /// Where it is reached, when no network reserves that address.
    pub address: Option<IpAddr>,
    /// Inventory groups.
    pub groups: Vec<String>,
    /// The SSH user.
    pub user: String,
    /// Ansible's connection plugin.
    pub ansible_connection: String,
    /// The node's SSH host key, `ssh-ed25519 AAAA…`.
    pub host_key: Option<String>,
    /// Public halves of the keys that may log in.
    pub login_keys: Vec<String>,
    /// The log of the serial console.
    pub serial_file: Option<String>,
    /// What `--virtopts` added.
    pub extras: Vec<Extra>,
}

impl NodeMark {
    /// In what it differs from another one of the same node, in words.
    pub fn difference(&self, other: &NodeMark) -> String {
        let parts = [
            ("groups", self.groups != other.groups),
            ("external_network", self.external != other.external),
            ("the user to log in as", self.user != other.user),
            (
                "ansible_connection",
                self.ansible_connection != other.ansible_connection,
            ),
            ("the serial log", self.serial_file != other.serial_file),
            ("virtopts", self.extras != other.extras),
            (
                "os",
                (&self.os_type, &self.os_variant) != (&other.os_type, &other.os_variant),
            ),
        ];
        let different: Vec<&str> = parts
            .into_iter()
            .filter_map(|(name, differs)| differs.then_some(name))
            .collect();
        match different.is_empty() {
            true => "irs's mark".to_owned(),
            false => different.join(", "),
        }
    }
}

/// Finds irs's element among the children of a domain's or network's `<metadata>`.
fn element<'a>(root: XmlNode<'a, 'a>, name: &str) -> Option<XmlNode<'a, 'a>> {
    let metadata = root.children().find(|n| n.has_tag_name("metadata"))?;
    metadata.children().find(|n| n.has_tag_name((NAMESPACE, name)))
}

fn owner(mark: XmlNode<'_, '_>) -> Result<Owner> {
    let version: u32 = attribute(mark, "version")?
        .parse()
        .context("reading the mark's version")?;
    if version > VERSION {
        bail!("it was made by a newer irs (format {version}, this one knows {VERSION})");
    }
    Ok(Owner {
        deployment: attribute(mark, "deployment")?.to_owned(),
        uuid: attribute(mark, "uuid")?
            .parse()
            .context("reading the deployment's UUID")?,
    })
}

fn attribute<'a>(node: XmlNode<'a, '_>, name: &str) -> Result<&'a str> {
    node.attribute(name)
        .with_context(|| format!("irs's mark has no '{name}'"))
}

fn texts(mark: XmlNode<'_, '_>, name: &str) -> Vec<String> {
    mark.children()
        .filter(|n| n.has_tag_name((NAMESPACE, name)))
        .filter_map(|n| n.text().map(|text| text.trim().to_owned()))
        .collect()
}

/// The mark of a network's XML, when irs made it. One that cannot be read, broken or of a newer irs, counts as
/// somebody else's: what carries it is not touched.
pub fn of_network(network: XmlNode<'_, '_>) -> Option<Owner> {
    element(network, "network").and_then(|mark| readable(owner(mark)))
}

/// The mark of a network, as XML.
///
/// # Errors
/// When the template does not fit: a fault of the program.
pub fn for_network(owner: &Owner, wire: Option<&Wire>) -> Result<String> {
    let mark = xml::render(
        include_str!("steps/networks/mark.xml"),
        values! {
            namespace => NAMESPACE,
            version => VERSION,
            owner => values! { deployment => owner.deployment, uuid => owner.uuid.to_string() },
            wire => wire.map(|wire| values! { from => wire.from, to => wire.to, nth => wire.nth, hub => wire.hub }),
        },
    )?;
    Ok(mark.trim_end().to_owned())
}

/// The wire that a network's mark says it is.
pub fn wire_of_network(network: XmlNode<'_, '_>) -> Option<Wire> {
    let mark = element(network, "network")?;
    Some(Wire {
        from: mark.attribute("from")?.to_owned(),
        to: mark.attribute("to")?.to_owned(),
        nth: mark.attribute("nth")?.parse().ok()?,
        hub: mark.attribute("hub") == Some("yes"),
    })
}

/// The mark of a domain's XML, when irs made it; see [`of_network`].
pub fn of_domain(domain: XmlNode<'_, '_>) -> Option<NodeMark> {
    let mark = element(domain, "node")?;
    let mut read = readable(node(mark))?;
    // NICs come and go with the wires of other nodes: the address tells where it is now.
    if let Some(mac) = mark.attribute("external-mac") {
        let nics = domain.descendants().filter(|n| n.has_tag_name("interface"));
        let mut macs =
            nics.filter_map(|n| n.children().find(|n| n.has_tag_name("mac"))?.attribute("address"));
        read.external = macs.position(|found| found == mac);
    }
    Some(read)
}

fn readable<T>(mark: Result<T>) -> Option<T> {
    mark.inspect_err(|error| {
        tracing::warn!("a mark of irs cannot be read and is taken for somebody else's: {error:#}")
    })
    .ok()
}

fn node(mark: XmlNode<'_, '_>) -> Result<NodeMark> {
    let first = |name| texts(mark, name).into_iter().next();
    Ok(NodeMark {
        owner: owner(mark)?,
        node_type: attribute(mark, "type")?.to_owned(),
        file_name: mark
            .attribute("of")
            .unwrap_or(attribute(mark, "type")?)
            .to_owned(),
        index: attribute(mark, "index")?
            .parse()
            .context("reading the node's index")?,
        has_os: mark.attribute("os") == Some("yes"),
        has_seed: mark.attribute("os") == Some("yes") && mark.attribute("seed") != Some("no"),
        os_type: mark.attribute("os-type").unwrap_or_default().to_owned(),
        os_variant: mark.attribute("os-variant").unwrap_or_default().to_owned(),
        pool: attribute(mark, "pool")?.to_owned(),
        volumes: texts(mark, "volume"),
        files: texts(mark, "file")
            .into_iter()
            .filter(|path| is_disk(path))
            .collect(),
        external: mark.attribute("external").and_then(|text| text.parse().ok()),
        address: mark.attribute("address").and_then(|text| text.parse().ok()),
        groups: texts(mark, "group"),
        user: mark.attribute("user").unwrap_or("root").to_owned(),
        ansible_connection: mark.attribute("connection").unwrap_or("ssh").to_owned(),
        host_key: first("host-key"),
        login_keys: texts(mark, "login-key"),
        serial_file: first("serial-file").filter(|path| is_log(path)),
        extras: extras(mark),
    })
}

/// Whether irs may have made a disk at that path. What a mark names is removed as root: whoever can write a mark is not to
/// choose any file of the hypervisor.
fn is_disk(path: &str) -> bool {
    is_plain(path) && path.ends_with(".qcow2")
}

/// Whether irs may have let a serial console be logged there.
fn is_log(path: &str) -> bool {
    is_plain(path) && path.starts_with("/var/lib/libvirt/qemu/") && path.ends_with("-serial.log")
}

/// Whether a path is absolute, leads nowhere up, and consists of letters, digits and . _ - + : @ =: what a topology may
/// say of a disk, and so all that a mark can have of irs's.
pub fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=".contains(c);
    path.starts_with('/') && path.chars().all(plain) && !path.split('/').any(|part| part == "..")
}

fn extras(mark: XmlNode<'_, '_>) -> Vec<Extra> {
    mark.children()
        .filter(|n| n.has_tag_name((NAMESPACE, "extra")))
        .map(|extra| Extra {
            tag: extra.attribute("tag").unwrap_or_default().to_owned(),
            xml: extra.text().unwrap_or_default().to_owned(),
            device: extra.attribute("device") == Some("yes"),
            raw: extra.attribute("raw") == Some("yes"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_cannot_name_any_file_for_removal() {
        let read = |inner: &str| {
            let xml = format!(
                "<domain><metadata><irs:node xmlns:irs='{NAMESPACE}' version='1' deployment='a' uuid='{}' type='x' index='0' pool='irs-a'>{inner}</irs:node></metadata></domain>",
                Uuid::nil()
            );
            of_domain(roxmltree::Document::parse(&xml).unwrap().root_element()).unwrap()
        };
        let mark = read(
            "<irs:file>/srv/x-0-disk1.qcow2</irs:file><irs:file>/etc/shadow</irs:file><irs:file>/srv/../etc/a.qcow2</irs:file>\
             <irs:file>/srv/a b.qcow2</irs:file><irs:file>relative.qcow2</irs:file><irs:serial-file>/etc/shadow</irs:serial-file>",
        );
        assert_eq!(mark.files, ["/srv/x-0-disk1.qcow2"]);
        assert_eq!(mark.serial_file, None);
        let log = "/var/lib/libvirt/qemu/x-0-serial.log";
        let mark = read(&format!("<irs:serial-file>{log}</irs:serial-file>"));
        assert_eq!(mark.serial_file.as_deref(), Some(log));
    }
}
