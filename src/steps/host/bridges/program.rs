//! What is to be done to the links, as lines that a fixed script on the hypervisor carries out, and how to take it back.
//! Pure: it looks at the links as they are.
//!
//! A line is a verb and its words: `ip …` runs iproute2, `sys KEY VALUE` writes below /proc/sys, `like A B` gives B the
//! IPv6 settings of A, `put N PATH` installs the staged file N, `keep PATH` and `back PATH` set a file aside and back,
//! `del PATH` removes one, `gone LINK` removes a link that may be gone, `nmcli …` and `netplan …` run these. No word has a blank.

mod lines;

use super::links::{Address, FOREVER, Link, Links, Route};
use super::{HostBridge, Mark};
use ipnet::IpNet;
use lines::{address, addresses, remove, routes};

/// A change and its reverse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// What is done, in order; it stops at the first failure.
    pub apply: Vec<String>,
    /// What takes it back, whatever was done of it.
    pub undo: Vec<String>,
    /// Files that `put` installs, by number.
    pub files: Vec<String>,
}

/// Makes the bridge, or what is missing of it, and moves the NIC's addresses and routes onto it.
///
/// # Errors
/// What stands in the way, in words.
pub fn take_over(links: &Links, wanted: &HostBridge) -> Result<(Program, Mark), String> {
    let (name, nic_name) = (wanted.name.as_str(), wanted.nic.as_str());
    let nic = links
        .get(nic_name)
        .ok_or_else(|| format!("there is no NIC '{nic_name}'"))?;
    movable(links, nic)?;
    let present = links.get(name);
    let had = links.mark(name);
    let added = had.as_ref().map_or(&[][..], |mark| &mark.addresses);
    let has = |link: &Link, net| link.own_addresses().any(|a| a.net() == Some(net));
    let there = |net| present.is_some_and(|bridge| has(bridge, net)) || has(nic, net);
    // What the NIC came with goes back to it, though the topology names it too.
    let ours = |net: &&IpNet| added.contains(net) || !there(**net);
    let addresses_of_ours = wanted.addresses.iter().filter(ours).copied().collect();
    let no_longer = |a: &&Address| {
        a.net()
            .is_some_and(|net| added.contains(&net) && !wanted.addresses.contains(&net))
    };
    let stale: Vec<&Address> = present.map_or(Vec::new(), |bridge| {
        bridge.own_addresses().filter(no_longer).collect()
    });
    let mark = Mark {
        addresses: addresses_of_ours,
        deployment: wanted.deployment.clone(),
        ..had.clone().unwrap_or_else(|| Mark::new(wanted, nic))
    };
    let mut program = Program::default();
    let apply = &mut program.apply;
    match present {
        None => {
            apply.push(add_bridge(name, &nic.mac));
            apply.push(format!("like {nic_name} {name}"));
        }
        Some(bridge) if bridge.linkinfo.data.stp_state != 0 => {
            // One after the other: with a spanning tree Linux takes no delay below two seconds.
            apply.push(format!("ip link set dev {name} type bridge stp_state 0"));
            apply.push(format!("ip link set dev {name} type bridge forward_delay 0"));
        }
        Some(_) => {}
    }
    apply.push(format!("ip link set dev {name} alias {}", mark.text()));
    if let Some(mtu) = wanted.mtu.filter(|mtu| *mtu != nic.mtu) {
        apply.push(format!("ip link set dev {nic_name} mtu {mtu}"));
    }
    let moves = nic.master.as_deref() != Some(name) || nic.own_addresses().next().is_some();
    if moves {
        apply.push(format!("ip -4 address flush dev {nic_name}"));
        // The port has no addresses of its own, IPv6's link-local one included.
        apply.push(format!("sys net/ipv6/conf/{nic_name}/disable_ipv6 1"));
        apply.push(format!("ip link set dev {nic_name} master {name}"));
    }
    apply.push(format!("ip link set dev {nic_name} up"));
    apply.push(format!("ip link set dev {name} up"));
    if let Some(bridge) = present.filter(|_| !stale.is_empty()) {
        apply.extend(remove(bridge, &stale));
    }
    if moves {
        apply.extend(addresses(nic, name, true));
    }
    let own: Vec<_> = wanted.addresses.iter().filter(|own| !there(**own)).collect();
    apply.extend(own.iter().map(|own| format!("ip address add {own} dev {name}")));
    if moves {
        apply.extend(routes(links, nic, name));
    }

    let undo = &mut program.undo;
    match present {
        None => {
            undo.push(format!("ip link set dev {nic_name} nomaster"));
            undo.push(format!("ip link delete dev {name}"));
        }
        Some(bridge) => {
            if nic.master.as_deref() != Some(name) {
                undo.push(format!("ip link set dev {nic_name} nomaster"));
                undo.push(format!("ip -4 address flush dev {name}"));
                undo.push(format!("ip -6 address flush dev {name} scope global"));
                undo.extend(addresses(bridge, name, true));
                undo.extend(routes(links, bridge, name));
            }
            undo.extend(
                own.iter()
                    .map(|own| format!("ip address delete {own} dev {name}")),
            );
            undo.extend(stale.iter().map(|a| address(a, name, name, true)));
        }
    }
    if nic.master.as_deref() != Some(name) {
        undo.extend(settle_nic(links, nic, &Mark::new(wanted, nic)));
    } else {
        undo.push(format!("ip link set dev {nic_name} mtu {}", nic.mtu));
    }
    Ok((program, mark))
}

/// Moves everything of the bridge back onto its NIC, but what irs added, and removes the bridge.
///
/// # Errors
/// What stands in the way, in words.
pub fn release(links: &Links, mark: &Mark) -> Result<Program, String> {
    let mut program = Program::default();
    let Some(bridge) = links.get(&mark.bridge) else {
        return Ok(program);
    };
    let name = mark.bridge.as_str();
    let others: Vec<&str> = links
        .ports(name)
        .map(|port| port.name.as_str())
        .filter(|port| *port != mark.nic)
        .collect();
    if !others.is_empty() {
        return Err(format!(
            "the bridge '{name}' still has the ports {}",
            others.join(", ")
        ));
    }
    movable(links, bridge)?;
    let (apply, undo) = (&mut program.apply, &mut program.undo);
    let nic = links
        .get(&mark.nic)
        .filter(|nic| nic.master.as_deref() == Some(name));
    if let Some(nic) = nic {
        let mut plain = bridge.clone();
        plain
            .addresses
            .retain(|a| !a.net().is_some_and(|net| mark.addresses.contains(&net)));
        apply.push(format!("ip -4 address flush dev {name}"));
        apply.push(format!("ip link set dev {} nomaster", nic.name));
        apply.extend(settle_nic(links, &plain, mark));
    }
    apply.push(format!("ip link delete dev {name}"));

    undo.push(add_bridge(name, &bridge.mac));
    undo.extend(nic.map(|nic| format!("like {} {name}", nic.name)));
    undo.push(format!("ip link set dev {name} alias {}", mark.text()));
    if let Some(nic) = nic {
        undo.push(format!("ip -4 address flush dev {}", nic.name));
        undo.push(format!("sys net/ipv6/conf/{}/disable_ipv6 1", nic.name));
        undo.push(format!("ip link set dev {} mtu {}", nic.name, nic.mtu));
        undo.push(format!("ip link set dev {} master {name}", nic.name));
        undo.push(format!("ip link set dev {} up", nic.name));
    }
    undo.push(format!("ip link set dev {name} up"));
    undo.extend(addresses(bridge, name, true));
    undo.extend(routes(links, bridge, name));
    Ok(program)
}

/// The NIC of a mark out of its bridge, as it was before, with the addresses and routes that `from` has now.
fn settle_nic(links: &Links, from: &Link, mark: &Mark) -> Vec<String> {
    let name = &mark.nic;
    let mut lines = vec![format!("ip link set dev {name} mtu {}", mark.mtu)];
    if mark.ipv6 {
        // Also what makes the link-local address again.
        lines.push(format!("sys net/ipv6/conf/{name}/disable_ipv6 0"));
    }
    lines.push(match mark.down {
        true => format!("ip link set dev {name} down"),
        false => format!("ip link set dev {name} up"),
    });
    lines.extend(addresses(from, name, false));
    if !mark.down {
        lines.extend(routes(links, from, name));
    }
    lines
}

fn add_bridge(name: &str, mac: &str) -> String {
    format!(
        "ip link add name {name} address {mac} type bridge stp_state 0 forward_delay 0 \
         nf_call_iptables 0 nf_call_ip6tables 0 nf_call_arptables 0"
    )
}

/// Whether a link's routes can be moved: not those that share their way with another NIC.
fn movable(links: &Links, link: &Link) -> Result<(), String> {
    let shared = |route: &&Route| {
        route
            .nexthops
            .iter()
            .any(|hop| hop.dev.as_deref() == Some(&link.name))
    };
    match links.routes.iter().find(shared) {
        None => Ok(()),
        Some(route) => Err(format!(
            "the route to '{}' goes over '{}' and others at once, and would not survive",
            route.dst, link.name
        )),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::links::tests::sample;
    use super::*;

    fn wanted() -> HostBridge {
        HostBridge {
            name: "br1".into(),
            nic: "lan0".into(),
            addresses: vec!["198.51.100.1/24".parse().unwrap()],
            mtu: Some(1400),
            network: "br1".into(),
            deployment: "default".into(),
            again: false,
            runtime_only: true,
        }
    }

    /// A program as a snapshot shows it.
    pub fn both(program: &Program) -> String {
        let mut text = format!(
            "{}\n── undo\n{}",
            program.apply.join("\n"),
            program.undo.join("\n")
        );
        for (number, file) in program.files.iter().enumerate() {
            text += &format!("\n── file {number}\n{}", file.trim_end());
        }
        text
    }

    #[test]
    fn a_nic_gives_its_addresses_and_routes_to_the_bridge_and_gets_them_back() {
        let (program, mark) = take_over(&sample(), &wanted()).unwrap();
        insta::assert_snapshot!("a_nic_taken_over", both(&program));
        assert_eq!((mark.mtu, mark.down), (1500, false));
    }

    #[test]
    fn a_bridge_gives_back_what_it_has_but_what_irs_added() {
        let mut links = sample();
        let (_, mark) = take_over(&links, &wanted()).unwrap();
        for link in &mut links.all {
            match link.name.as_str() {
                "lan0" => {
                    link.addresses.clear();
                    link.master = Some("br1".into());
                }
                "br0" => {
                    link.name = "br1".into();
                    let lan = sample().get("lan0").unwrap().addresses.clone();
                    link.addresses = lan[..1].to_vec();
                    link.addresses.push(Address {
                        local: "198.51.100.1".parse().unwrap(),
                        ..lan[1].clone()
                    });
                }
                "eth5" => link.master = None,
                _ => {}
            }
        }
        for route in &mut links.routes {
            route.dev = Some("br1".into());
        }
        let program = release(&links, &mark).unwrap();
        insta::assert_snapshot!("a_nic_given_back", both(&program));

        links.all.iter_mut().find(|l| l.name == "eth5").unwrap().master = Some("br1".into());
        assert_eq!(
            release(&links, &mark),
            Err("the bridge 'br1' still has the ports eth5".into())
        );
        links.all.retain(|l| l.name != "br1");
        assert_eq!(release(&links, &mark), Ok(Program::default()));
    }

    #[test]
    fn the_mark_holds_what_irs_added_and_what_is_wanted_no_longer_goes() {
        let own = |list: &[&str]| HostBridge {
            addresses: list.iter().map(|a| a.parse().unwrap()).collect(),
            ..wanted()
        };
        // lan0 came with 192.0.2.5.
        let (program, mark) = take_over(&sample(), &own(&["192.0.2.5/24", "192.0.2.9/24"])).unwrap();
        assert_eq!(mark.addresses, ["192.0.2.9/24".parse().unwrap()]);
        let add = "ip address add 192.0.2.9/24 dev br1".to_owned();
        assert!(program.apply.contains(&add));

        let mut links = sample();
        let nic = links.get("lan0").unwrap().clone();
        for link in &mut links.all {
            if link.name == "br0" {
                link.name = "br1".into();
                link.alias = Some(mark.text());
                link.addresses = nic.addresses.clone();
                let added = Address {
                    local: "192.0.2.9".parse().unwrap(),
                    ..nic.addresses[1].clone()
                };
                link.addresses.insert(0, added);
            } else if link.name == "lan0" {
                link.addresses.clear();
                link.master = Some("br1".into());
            }
        }
        let (program, mark) = take_over(&links, &own(&["192.0.2.5/24"])).unwrap();
        assert!(mark.addresses.is_empty());
        let gone = program
            .apply
            .iter()
            .position(|line| line == "ip address delete 192.0.2.9/24 dev br1");
        // The kernel takes the others of a subnet along with its first one.
        let again = program
            .apply
            .iter()
            .position(|line| line.starts_with("ip address replace 192.0.2.5/24 "));
        assert!(gone.is_some() && gone < again, "{}", both(&program));
        let back = |line: &String| line.starts_with("ip address add 192.0.2.9/24 ");
        assert!(program.undo.iter().any(back), "{}", both(&program));
    }

    #[test]
    fn a_route_over_two_nics_stands_in_the_way() {
        let mut links = sample();
        links.routes[0].dev = None;
        links.routes[0].nexthops = ["lan0", "eth5"]
            .map(|dev| super::super::links::NextHop {
                dev: Some(dev.into()),
            })
            .into();
        let why = take_over(&links, &wanted()).unwrap_err();
        assert_eq!(
            why,
            "the route to 'default' goes over 'lan0' and others at once, and would not survive"
        );
    }
}
