//! Many reservations of a network that is there, at once. libvirt takes a third of a second and more for each one that
//! it changes in a running network, as it writes the firewall's rules anew each time. So the definition gets them all in one
//! go, and a network that nothing is plugged into gets them by starting again.

use super::Tune;
use super::edit::{Edit, Entry};
use super::read;
use crate::libvirt::{Libvirt, settled};
use crate::remote::{Cmd, Host};
use crate::steps::host::facts::Facts;
use crate::xml::edit::{Edits, child};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};
use virt::network::Network;
use virt::sys;

/// From how many on they are changed at once.
pub const MANY: usize = 9;

/// Many changes of reservations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// Its bridge.
    pub bridge: String,
    /// The changes, in their order.
    pub edits: Vec<Edit>,
    /// Whether it may start again: nothing was plugged into it when that was planned.
    pub restart: bool,
    /// What its bridge is made to be then, beyond libvirt's words.
    pub tune: Option<Tune>,
}

/// What a bridge is to be again after a new start: what the network says, and a querier that it has today.
pub fn tuned(bridge: &str, wanted: Option<Tune>, facts: &Facts) -> Option<Tune> {
    let asks = facts.bridges.get(bridge).is_some_and(|bridge| bridge.querier);
    let present = asks.then(|| Tune {
        bridge: bridge.to_owned(),
        hub: None,
        querier: true,
    });
    match (wanted, present) {
        (Some(wanted), Some(present)) => Some(Tune {
            hub: wanted.hub,
            ..present
        }),
        (wanted, present) => wanted.or(present),
    }
}

/// Whose reservations they are, in a few words.
pub fn owners(edits: &[Edit]) -> String {
    let mut names: Vec<&str> = edits.iter().filter_map(Edit::node).collect();
    // As people count: node-9 before node-10.
    names.sort_by_key(|name| (name.len(), *name));
    names.dedup();
    match names.as_slice() {
        [first, second, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second} and {} more", rest.len())
        }
        names => names.join(" and "),
    }
}

impl Bulk {
    /// Does it; gives back whether the network was started again.
    ///
    /// # Errors
    /// libvirt's.
    pub fn apply(&self, network: &Network, libvirt: &Libvirt, host: &Host) -> Result<bool> {
        let xml = network.xml_desc(sys::VIR_NETWORK_XML_INACTIVE)?;
        let changed = defined(&xml, self.edits.iter().filter(|edit| edit.config))?;
        if changed != xml {
            libvirt
                .define_network(&changed)
                .context("changing its definition")?;
        }
        let live: Vec<&Edit> = self.edits.iter().filter(|edit| edit.live).collect();
        if live.is_empty() || !network.is_active()? {
            return Ok(false);
        }
        if self.restart && self.is_unused(host)? {
            settled(network.destroy(), false, || network.is_active()).context("stopping it")?;
            crate::interrupt::point("restart-network");
            settled(network.create(), true, || network.is_active()).context("starting it again")?;
            return Ok(true);
        }
        for edit in live {
            let only_live = Edit {
                config: false,
                ..edit.clone()
            };
            only_live.apply(network)?;
        }
        Ok(false)
    }

    /// Whether nothing is plugged into its bridge now, by whomever.
    fn is_unused(&self, host: &Host) -> Result<bool> {
        let cmd = Cmd::script(r#"ls -- "/sys/class/net/$1/brif""#, &[&self.bridge]);
        Ok(host
            .text(&cmd)
            .context("looking for what is plugged into it")?
            .trim()
            .is_empty())
    }
}

/// The definition with these changes; all else stays as it was written.
fn defined<'a>(xml: &str, edits: impl Iterator<Item = &'a Edit>) -> Result<String> {
    let document = Document::parse(xml)?;
    let sides: Vec<Node<'_, '_>> = document
        .root_element()
        .children()
        .filter(|node| node.has_tag_name("ip"))
        .filter_map(|ip| child(ip, "dhcp"))
        .collect();
    let is_v6 = |dhcp: &Node<'_, '_>| {
        let ip = dhcp.parent().and_then(|ip| ip.attribute("address"));
        ip.is_some_and(|address| address.contains(':'))
    };
    let mut changes = Edits::default();
    for edit in edits {
        let Entry::Host(host) = &edit.entry else { continue };
        let side = sides.iter().find(|dhcp| is_v6(dhcp) == host.ip.is_ipv6());
        let side = side.with_context(|| format!("it gives out no addresses of the family of {}", host.ip))?;
        let there = side
            .children()
            .find(|node| node.has_tag_name("host") && read::reservation(*node).as_ref() == Some(host));
        match (edit.add, there) {
            (true, None) => changes.append(*side, format!("  {}\n    ", edit.entry.xml()?))?,
            (false, Some(old)) => changes.replace(old, ""),
            _ => {}
        }
    }
    Ok(changes.apply(xml))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Reservation;

    const XML: &str = "<network>
  <name>a</name>
  <ip address='10.0.0.1' netmask='255.255.0.0'>
    <dhcp>
      <range start='10.0.0.2' end='10.0.9.9'/>
      <host mac='52:54:00:00:00:01' name='a-0' ip='10.0.0.2'/>
      <host mac='52:54:00:00:00:02' name='by hand' ip='10.0.0.3'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='fd00::1' prefix='64'>
    <dhcp>
      <range start='fd00::2' end='fd00::9'/>
    </dhcp>
  </ip>
</network>
";

    fn edit(last: u8, ip: &str, add: bool) -> Edit {
        let reservation = Reservation {
            mac: format!("52:54:00:00:00:{last:02x}").parse().unwrap(),
            ip: ip.parse().unwrap(),
            name: format!("a-{}", last - 1),
        };
        Edit {
            entry: Entry::Host(reservation),
            add,
            config: true,
            live: true,
        }
    }

    #[test]
    fn entries_come_and_go_on_their_side_and_all_else_stays() {
        let edits = [
            edit(1, "10.0.0.2", false),
            edit(3, "10.0.0.4", true),
            edit(4, "fd00::4", true),
            // It is gone already.
            edit(5, "10.0.0.6", false),
        ];
        let changed = defined(XML, edits.iter()).unwrap();
        let read = read::parse(&format!(
            "{}<uuid>{}</uuid></network>",
            &changed[..changed.rfind("</").unwrap()],
            uuid::Uuid::nil()
        ))
        .unwrap();
        let ips: Vec<String> = read.reservations.iter().map(|r| r.ip.to_string()).collect();
        assert_eq!(ips, ["10.0.0.3", "10.0.0.4", "fd00::4"]);
        assert!(changed.contains("name='by hand'"));
        assert_eq!(
            defined(&changed, edits[1..3].iter()).unwrap(),
            changed,
            "a second time"
        );
        let none = "<network><ip address='10.0.0.1'/></network>";
        assert!(defined(none, edits[1..].iter()).is_err());
    }
}
