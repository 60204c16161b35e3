//! The shape of a network, which cannot change under nodes: forward mode, bridge, subnets. Where somebody edited it, and
//! the topology is the one that the network was made from, its definition gets it back.

use super::apply;
use super::read::{self, ActualAddress, ActualNetwork};
use super::unchangeable::differences;
use crate::deployment::{Identity, Network};
use crate::remote::{Cmd, Host};
use crate::xml::edit::{Edits, child, text_of};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};

/// What brings a network's shape back.
#[derive(Clone, Debug)]
pub struct Repair {
    /// What somebody made of it, in words.
    pub reason: String,
    /// Whether it runs by that, too, and must start again.
    pub restart: bool,
    /// The network as it is then.
    pub after: ActualNetwork,
}

/// How a network gets its shape back.
pub fn repair(network: &Network, found: &ActualNetwork) -> Option<Repair> {
    let wrong = differences(network, found);
    let live = found.live.as_deref().map(|live| differences(network, live));
    let live = live.unwrap_or_default();
    if wrong.is_empty() && live.is_empty() {
        return None;
    }
    let restart = !live.is_empty() || (found.active && !found.persistent);
    let words = if wrong.is_empty() { &live } else { &wrong };
    let when = if restart { ": it starts again" } else { "" };
    Some(Repair {
        reason: format!("somebody gave it {}{when}", words.join(", ")),
        restart,
        after: after(network, found, restart),
    })
}

/// The network once its definition has the shape again, and it was started by that where it has to be.
fn after(network: &Network, found: &ActualNetwork, restart: bool) -> ActualNetwork {
    let mut after = found.clone();
    after.forward = network.forward.mode().map(str::to_owned);
    after.bridge = Some(network.bridge.clone());
    after.virtualport = network.switch.as_ref().map(|_| "openvswitch".to_owned());
    for v4 in [true, false]
        .into_iter()
        .filter(|v4| !has_side(network, found, *v4))
    {
        after.reservations.retain(|there| there.ip.is_ipv4() != v4);
        let own = network.reservations.iter().filter(|own| own.ip.is_ipv4() == v4);
        after.reservations.extend(own.cloned());
        after.addresses.retain(|side| side.address.is_ipv4() != v4);
        after.addresses.extend(side(network, v4));
    }
    if restart {
        after.live = None;
    }
    after
}

/// The addresses of a family, as they would be read.
pub fn side(network: &Network, v4: bool) -> Option<ActualAddress> {
    match v4 {
        true => network.ipv4.as_ref().map(|side| ActualAddress {
            address: side.address.into(),
            net: side.net.into(),
            dhcp: side.dhcp.map(|(start, end)| (start.into(), end.into())),
        }),
        false => network.ipv6.as_ref().map(|side| ActualAddress {
            address: side.address.into(),
            net: side.net.into(),
            dhcp: side.dhcp.map(|(start, end)| (start.into(), end.into())),
        }),
    }
}

/// Whether it has the network's address of that family.
fn has_side(network: &Network, found: &ActualNetwork, v4: bool) -> bool {
    let there = found.addresses.iter().find(|side| side.address.is_ipv4() == v4);
    let place = |side: &ActualAddress| (side.address, side.net);
    there.map(place) == side(network, v4).as_ref().map(place)
}

/// A definition with the network's shape; all else of it stays.
///
/// # Errors
/// When it cannot be read.
pub fn reshaped(xml: &str, network: &Network, id: &Identity) -> Result<String> {
    let found = read::parse(xml)?;
    let wanted = apply::template(network, id)?;
    let (from, to) = (Document::parse(&wanted)?, Document::parse(xml)?);
    let (new, old) = (from.root_element(), to.root_element());
    let mut edits = Edits::default();
    let mut put = |old_ones: Vec<Node<'_, '_>>, new_one: Option<Node<'_, '_>>| -> Result<()> {
        old_ones
            .into_iter()
            .for_each(|element| edits.replace(element, ""));
        new_one.map_or(Ok(()), |element| {
            edits.append(old, format!("  {}\n", text_of(&from, element)))
        })
    };
    let word =
        |root, tag, key| child(root, tag).and_then(|n: Node<'_, '_>| n.attribute(key).map(str::to_owned));
    for (tag, key) in [("forward", "mode"), ("bridge", "name"), ("virtualport", "type")] {
        if word(new, tag, key) != word(old, tag, key) {
            put(child(old, tag).into_iter().collect(), child(new, tag))?;
        }
    }
    for v4 in [true, false]
        .into_iter()
        .filter(|v4| !has_side(network, &found, *v4))
    {
        let of = |root: Node<'_, '_>| -> Vec<usize> {
            let sides = root.children().enumerate().filter(|(_, n)| n.has_tag_name("ip"));
            let is_v4 = |n: &Node<'_, '_>| n.attribute("family") != Some("ipv6");
            sides.filter(|(_, n)| is_v4(n) == v4).map(|(at, _)| at).collect()
        };
        let pick = |at: usize| old.children().nth(at);
        let own = of(new).first().and_then(|at| new.children().nth(*at));
        put(of(old).into_iter().filter_map(pick).collect(), own)?;
    }
    Ok(edits.apply(xml))
}

/// The ports of the bridge that a network runs with: libvirt's stop leaves them behind.
///
/// # Errors
/// When the hypervisor cannot be asked.
pub fn ports(host: &Host, running: &virt::network::Network) -> Result<Vec<String>> {
    let Some(bridge) = read::parse(&running.xml_desc(0)?)?.bridge else {
        return Ok(Vec::new());
    };
    let cmd = Cmd::script(
        r#"cd "/sys/class/net/$1/brif" 2>/dev/null && ls || true"#,
        &[&bridge],
    );
    let listed = host.text(&cmd).context("looking for the ports of its bridge")?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// Plugs what is there still of these ports into a bridge.
///
/// # Errors
/// When one cannot be plugged.
pub fn plug(host: &Host, bridge: &str, ports: &[String]) -> Result<()> {
    if ports.is_empty() {
        return Ok(());
    }
    let script = r#"bridge=$1; shift
for port; do [ ! -e "/sys/class/net/$port" ] || ip link set dev "$port" master "$bridge" up || exit; done"#;
    let words: Vec<&str> = [bridge]
        .into_iter()
        .chain(ports.iter().map(String::as_str))
        .collect();
    host.text(&Cmd::script(script, &words))
        .context("plugging its nodes into it again")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::networks::change::tests::{found, network};
    use crate::topology::network::Forward;
    use uuid::Uuid;

    #[test]
    fn a_definition_gets_its_shape_back_and_keeps_what_others_wrote() {
        let wanted = network();
        let id = Identity {
            name: "default".into(),
            prefix: None,
            uuid: Uuid::from_u128(2),
            host: "hv".into(),
        };
        let made = apply::template(&wanted, &id).unwrap();
        let edited = made
            .replace("mode=\"nat\"", "mode=\"route\"")
            .replace("10.0.0.", "10.9.0.")
            .replace("</network>", "<theirs/></network>");
        let seen = ActualNetwork {
            live: None,
            ..read::parse(&edited).unwrap()
        };
        let repair = repair(&wanted, &seen).unwrap();
        assert_eq!(
            repair.reason,
            "somebody gave it another forward mode: route, wanted nat, another IPv4 subnet: 10.9.0.1/24, wanted 10.0.0.1/24"
        );
        let again = reshaped(&edited, &wanted, &id).unwrap();
        assert!(again.contains("<theirs/>") && !again.contains("10.9."), "{again}");
        let back = read::parse(&again).unwrap();
        assert!(differences(&wanted, &back).is_empty());
        // What the plan goes on with is what is there then.
        assert_eq!((back.addresses.len(), back.reservations.len()), (2, 3));
        for reservation in &back.reservations {
            assert!(repair.after.reservations.contains(reservation));
        }
        assert_eq!(reshaped(&again, &wanted, &id).unwrap(), again);
    }

    #[test]
    fn one_that_runs_by_it_starts_again() {
        let wanted = network();
        let mut seen = found(&wanted);
        assert!(repair(&wanted, &seen).is_none());
        seen.live.as_mut().unwrap().forward = None;
        let repair = repair(&wanted, &seen).unwrap();
        assert!(
            repair.restart && repair.reason.ends_with(": it starts again"),
            "{}",
            repair.reason
        );
        assert!(
            !differences(
                &Network {
                    forward: Forward::Open,
                    ..wanted
                },
                &seen
            )
            .is_empty()
        );
    }
}
