//! The VLANs of running guests: Open vSwitch keeps a port as it was plugged in, whatever became of its port group.

use super::{Work, template};
use crate::addresses::Mac;
use crate::deployment::{Deployment, Nic, Portgroup, Switch};
use crate::plan::{Action, Kind, Verb};
use crate::remote::{Cmd, Host};
use crate::steps::Step;
use crate::steps::domains::read::ActualDomain;
use crate::steps::host::openvswitch::read::{OpenVswitch, Port};
use anyhow::{Context, Result};
use roxmltree::Document;
use std::collections::BTreeSet;
use std::fmt;
use virt::domain::Domain;
use virt::sys;

/// What a port lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vlans {
    tag: Option<u16>,
    trunks: BTreeSet<u16>,
    native: bool,
}

impl Vlans {
    /// As libvirt plugs a NIC into a port group; without one it lets all through.
    fn of_group(group: Option<&Portgroup>) -> Vlans {
        let Some(group) = group else {
            return Vlans::default();
        };
        let native = group.vlans.iter().find(|(_, native)| **native).map(|(id, _)| *id);
        match group.trunk {
            true => Vlans {
                tag: native,
                trunks: group.vlans.keys().copied().collect(),
                native: native.is_some(),
            },
            false => Vlans {
                tag: group.vlans.keys().next().copied(),
                ..Vlans::default()
            },
        }
    }

    fn of_port(port: &Port) -> Vlans {
        Vlans {
            tag: port.tag,
            trunks: port.trunks.clone(),
            native: port.mode.as_deref() == Some("native-untagged"),
        }
    }
}

impl fmt::Display for Vlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trunks: Vec<String> = self.trunks.iter().map(u16::to_string).collect();
        match (self.tag, &trunks[..]) {
            (None, []) => f.write_str("all VLANs"),
            (Some(tag), []) => write!(f, "VLAN {tag}"),
            (None, trunks) => write!(f, "the trunk {}", trunks.join(", ")),
            (Some(tag), trunks) => write!(f, "the trunk {} with {tag} untagged", trunks.join(", ")),
        }
    }
}

/// The actions that move running NICs into their VLANs.
pub fn converge(
    deployment: &Deployment,
    actual: &[ActualDomain],
    found: Option<&OpenVswitch>,
) -> Vec<Action> {
    let mut actions = Vec::new();
    let Some(found) = found else { return actions };
    for node in &deployment.nodes {
        let running = |domain: &&ActualDomain| domain.name == node.name && domain.state.is_running();
        let Some(domain) = actual.iter().find(running) else {
            continue;
        };
        for nic in &node.nics {
            let network = deployment
                .networks
                .iter()
                .find(|network| network.name == nic.network);
            let Some((network, switch)) = network.and_then(|n| Some((n, n.switch.as_ref()?))) else {
                continue;
            };
            let wanted = Vlans::of_group(group(switch, nic));
            let port = found.port_of(&nic.mac.to_string());
            let is = match port.map(Vlans::of_port) {
                Some(is) if is == wanted => continue,
                Some(is) => format!("in {is}, wanted {wanted}"),
                None => format!("no port of the bridge '{}'", network.bridge),
            };
            let reason = format!("its running NIC {} on '{}' is {is}", nic.mac, nic.network);
            let work = Work::Vlans {
                name: domain.name.clone(),
                nic: Box::new(nic.clone()),
                bridge: network.bridge.clone(),
                port: port.map(|port| port.name.clone()),
                vlans: wanted,
            };
            let host = &deployment.id.host;
            actions.push(Action::new(
                Step::Domains,
                Verb::Update,
                Kind::Domain,
                &node.name,
                host,
                reason,
                work,
            ));
        }
    }
    actions
}

/// The port group of a NIC: the one that it names, else the network's default.
fn group<'a>(switch: &'a Switch, nic: &Nic) -> Option<&'a Portgroup> {
    let mut groups = switch.portgroups.iter();
    match &nic.portgroup {
        Some(name) => groups.find(|group| group.name == *name),
        None => groups.find(|group| group.default),
    }
}

/// Moves a running NIC into its VLANs; onto the bridge, when that was made anew under it.
///
/// # Errors
/// libvirt's, or the hypervisor's.
pub fn apply(
    domain: &Domain,
    host: &Host,
    nic: &Nic,
    bridge: &str,
    port: Option<&str>,
    vlans: &Vlans,
) -> Result<()> {
    let list = vlans
        .trunks
        .iter()
        .map(u16::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let set = [
        format!("tag={}", vlans.tag.map_or("[]".to_owned(), |tag| tag.to_string())),
        format!("trunks=[{list}]"),
        format!(
            "vlan_mode={}",
            if vlans.native { "native-untagged" } else { "[]" }
        ),
    ];
    let cmd = Cmd::new("ovs-vsctl").args(["--timeout=20", "--"]);
    let cmd = match port {
        Some(port) => {
            // So that libvirt knows of it, too. It can when the port group changed under the NIC, not when the NIC changed
            // its port group: then its running definition names the old one until the restart.
            let xml = template::interface(nic)?;
            if let Err(error) = domain.update_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_LIVE) {
                tracing::info!("libvirt leaves the running NIC {} as it is: {error}", nic.mac);
            }
            cmd.args(["set", "port", port]).args(set)
        }
        None => {
            let (device, interface) = tap(domain, nic.mac)?;
            // What libvirt notes of a port that it plugs in, and finds it by.
            let ids = [
                format!("external_ids:attached-mac=\"{}\"", nic.mac),
                format!("external_ids:iface-id=\"{interface}\""),
                format!("external_ids:vm-id=\"{}\"", domain.uuid()?),
                "external_ids:iface-status=active".to_owned(),
            ];
            cmd.args(["--may-exist", "add-port", bridge, &device])
                .args(set)
                .args(["--", "set", "interface", &device])
                .args(ids)
        }
    };
    host.text(&cmd).context("asking Open vSwitch")?;
    Ok(())
}

/// The device behind a running NIC, and libvirt's name for it on Open vSwitch.
fn tap(domain: &Domain, mac: Mac) -> Result<(String, String)> {
    let xml = domain.xml_desc(0)?;
    let document = Document::parse(&xml)?;
    let attribute = |nic: &roxmltree::Node<'_, '_>, element: &str, key: &str| {
        let found = nic.descendants().find(|n| n.has_tag_name(element))?;
        found.attribute(key).map(str::to_owned)
    };
    let mut nics = document.descendants().filter(|n| n.has_tag_name("interface"));
    let nic = nics
        .find(|nic| attribute(nic, "mac", "address").and_then(|text| text.parse().ok()) == Some(mac))
        .with_context(|| format!("it has no running NIC {mac}"))?;
    let device = attribute(&nic, "target", "dev").context("its NIC has no device")?;
    Ok((
        device,
        attribute(&nic, "parameters", "interfaceid").unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_groups_become_what_libvirt_plugs_in() {
        let group = |trunk, vlans: &[(u16, bool)]| Portgroup {
            name: "group".into(),
            default: false,
            trunk,
            vlans: vlans.iter().copied().collect(),
        };
        let shown = |group: &Portgroup| Vlans::of_group(Some(group)).to_string();
        assert_eq!(shown(&group(false, &[(5, false)])), "VLAN 5");
        assert_eq!(
            shown(&group(true, &[(5, true), (10, false)])),
            "the trunk 5, 10 with 5 untagged"
        );
        assert_eq!(shown(&group(true, &[(5, false), (10, false)])), "the trunk 5, 10");
        assert_eq!(shown(&group(false, &[])), "all VLANs");
        let port = Port {
            tag: Some(5),
            trunks: BTreeSet::from([5, 10]),
            mode: Some("native-untagged".into()),
            ..Port::default()
        };
        assert_eq!(
            Vlans::of_port(&port),
            Vlans::of_group(Some(&group(true, &[(5, true), (10, false)])))
        );
    }
}
