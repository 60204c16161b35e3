//! Changes of a network that is there: entries of its server by `net-update`, the rest in its definition.

use crate::deployment::Reservation;
use crate::mark::{self, Owner, Wire};
use crate::topology::network::Srv;
use crate::xml;
use crate::xml::edit::{child, text_of};
use crate::xml::values;
use anyhow::{Context, Result};
use std::net::IpAddr;
use virt::network::Network;
use virt::sys;

/// An entry that libvirt adds and removes by itself, also while the network runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An address of DHCP or DHCPv6.
    Host(Reservation),
    /// What DHCP or DHCPv6 gives out.
    Range(IpAddr, IpAddr),
    /// A DNS service.
    Srv(Srv),
}

/// One change of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The entry.
    pub entry: Entry,
    /// Whether it comes or goes.
    pub add: bool,
    /// In the definition.
    pub config: bool,
    /// In the network as it runs.
    pub live: bool,
}

impl Edit {
    /// The name in the reservation that it is about.
    pub fn node(&self) -> Option<&str> {
        match &self.entry {
            Entry::Host(reservation) => Some(&reservation.name),
            _ => None,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// libvirt's.
    pub fn apply(&self, network: &Network) -> Result<()> {
        let live = self.live && network.is_active()?;
        let mut flags = 0;
        if self.config {
            flags |= sys::VIR_NETWORK_UPDATE_AFFECT_CONFIG;
        }
        if live {
            flags |= sys::VIR_NETWORK_UPDATE_AFFECT_LIVE;
        }
        if flags == 0 {
            return Ok(());
        }
        let command = match self.add {
            true => sys::VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
            false => sys::VIR_NETWORK_UPDATE_COMMAND_DELETE,
        };
        let (section, parent) = match &self.entry {
            Entry::Host(host) => (sys::VIR_NETWORK_SECTION_IP_DHCP_HOST, side(network, host.ip)?),
            Entry::Range(start, _) => (sys::VIR_NETWORK_SECTION_IP_DHCP_RANGE, side(network, *start)?),
            Entry::Srv(_) => (sys::VIR_NETWORK_SECTION_DNS_SRV, -1),
        };
        Ok(network.update(command, section, parent, &self.entry.xml()?, flags)?)
    }
}

impl Entry {
    /// The element that libvirt knows it by.
    ///
    /// # Errors
    /// For text that XML cannot hold.
    pub(super) fn xml(&self) -> Result<String> {
        match self {
            Entry::Host(Reservation { mac, ip, name }) => xml::render(
                "<host {% if duid %}id='{{ duid }}'{% else %}mac='{{ mac }}'{% endif %} name='{{ name }}' ip='{{ ip }}'/>",
                values! { duid => ip.is_ipv6().then(|| mac.duid()), mac => mac.to_string(), name, ip },
            ),
            Entry::Range(start, end) => xml::render(
                "<range start='{{ start }}' end='{{ end }}'/>",
                values! { start, end },
            ),
            Entry::Srv(srv) => xml::render(include_str!("srv.xml"), values! { srv => srv_values(srv) }),
        }
    }
}

/// A DNS service as the templates see it.
pub fn srv_values(srv: &Srv) -> minijinja::Value {
    values! {
        service => srv.service, protocol => srv.protocol, domain => srv.domain, target => srv.target,
        port => srv.port, priority => srv.priority, weight => srv.weight,
    }
}

/// Which `<ip>` of the network is of the family of `ip`.
fn side(network: &Network, ip: IpAddr) -> Result<i32> {
    let flags = match network.is_persistent()? {
        true => sys::VIR_NETWORK_XML_INACTIVE,
        false => 0,
    };
    let sides = super::read::parse(&network.xml_desc(flags)?)?.addresses;
    let side = sides
        .iter()
        .position(|side| side.address.is_ipv4() == ip.is_ipv4());
    Ok(i32::try_from(side.with_context(|| {
        format!("it has no subnet of the family of {ip}")
    })?)?)
}

/// The parts of a definition that libvirt changes by a new definition only; `None` leaves a part as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// The DNS domain, or that there is none.
    pub domain: Option<Option<String>>,
    /// Bytes, or that the host's default holds.
    pub mtu: Option<Option<u32>>,
    /// Spanning tree is to be off on this bridge.
    pub no_stp: Option<String>,
    /// irs's mark, which is gone.
    pub mark: Option<(Owner, Option<Wire>)>,
}

impl Definition {
    /// The XML with these parts; all else stays, whoever wrote it.
    ///
    /// # Errors
    /// When the XML cannot be read.
    pub fn edit(&self, xml: &str) -> Result<String> {
        let mut text = xml.to_owned();
        if let Some(domain) = &self.domain {
            let element = domain
                .as_ref()
                .map(|name| xml::render(r#"<domain name="{{ name }}" localOnly="yes"/>"#, values! { name }));
            text = xml::with_child(&text, "domain", element.transpose()?.as_deref())?;
        }
        if let Some(mtu) = self.mtu {
            let element = mtu.map(|size| format!(r#"<mtu size="{size}"/>"#));
            text = xml::with_child(&text, "mtu", element.as_deref())?;
        }
        if let Some(bridge) = &self.no_stp {
            let element = xml::render(
                r#"<bridge name="{{ bridge }}" stp="off" delay="0"/>"#,
                values! { bridge },
            )?;
            text = xml::with_child(&text, "bridge", Some(&element))?;
        }
        if let Some((owner, wire)) = &self.mark {
            text = with_mark(&text, &mark::for_network(owner, wire.as_ref())?)?;
        }
        Ok(text)
    }
}

/// The XML with a mark besides what others keep in its metadata.
fn with_mark(xml: &str, mark: &str) -> Result<String> {
    let document = roxmltree::Document::parse(xml)?;
    let metadata = child(document.root_element(), "metadata").map(|metadata| text_of(&document, metadata));
    let others = metadata.and_then(|text| Some(&text[text.find('>')? + 1..text.rfind("</")?]));
    let metadata = format!("<metadata>{}{mark}</metadata>", others.unwrap_or_default());
    xml::with_child(xml, "metadata", Some(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use roxmltree::Document;

    const XML: &str = "<network>\n  <name>a</name>\n  <mtu size='1400'/>\n  <!-- ours -->\n  <dns><host ip='1.2.3.4'><hostname>x</hostname></host></dns>\n</network>\n";

    #[test]
    fn parts_of_a_definition_change_and_all_else_stays() {
        let edit = Definition {
            domain: Some(Some("a&b".into())),
            mtu: Some(Some(9000)),
            no_stp: None,
            mark: None,
        };
        let edited = edit.edit(XML).unwrap();
        assert!(edited.contains("<!-- ours -->") && edited.contains("<hostname>x</hostname>"));
        let document = Document::parse(&edited).unwrap();
        let all = |name: &str, key: &str| -> Vec<String> {
            let found = document.descendants().filter(|n| n.has_tag_name(name));
            found
                .filter_map(|n| n.attribute(key))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(all("mtu", "size"), ["9000"]);
        assert_eq!(all("domain", "name"), ["a&b"]);

        let none = Definition {
            domain: Some(None),
            mtu: Some(None),
            no_stp: None,
            mark: None,
        };
        let bare = none.edit(&edited).unwrap();
        assert!(!bare.contains("<mtu") && !bare.contains("<domain"), "{bare}");
        assert_eq!(Definition::default().edit(XML).unwrap(), XML);
    }

    #[test]
    fn a_lost_mark_comes_back_beside_what_others_noted() {
        let owner = Owner {
            deployment: "lab".into(),
            uuid: uuid::Uuid::from_u128(7),
        };
        let edit = Definition {
            mark: Some((owner.clone(), None)),
            ..Definition::default()
        };
        let theirs = "<metadata><t:note xmlns:t='urn:theirs'>x</t:note></metadata>";
        for noted in ["", theirs, "<metadata/>"] {
            let edited = edit.edit(&XML.replace("<!-- ours -->", noted)).unwrap();
            let document = Document::parse(&edited).unwrap();
            assert_eq!(
                mark::of_network(document.root_element()),
                Some(owner.clone()),
                "{edited}"
            );
            assert_eq!(edited.contains("t:note"), noted == theirs);
        }
    }
}
