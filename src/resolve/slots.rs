//! Which subnets a deployment gets: the ones that it has, the ones forced, or the next free ones.

use crate::actual::Actual;
use crate::addresses::overlap;
use crate::deployment::{Identity, Slot};
use crate::names;
use crate::topology::network::Forward;
use crate::topology::{NetworkSpec, Topology};
use crate::yaml::Problems;
use ipnet::IpNet;
use std::net::IpAddr;

/// `--net_subnet` and `--data_subnet`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forced {
    /// Third octet.
    pub net: Option<u8>,
    /// Third octet.
    pub data_net: Option<u8>,
}

impl Forced {
    fn over(self, slot: Slot) -> Slot {
        Slot {
            net: self.net.map_or(slot.net, |net| net.to_string()),
            data_net: self.data_net.map_or(slot.data_net, |net| net.to_string()),
        }
    }

    /// The slot with which a topology is checked before the hypervisor is known.
    pub fn provisional(self, prefix: Option<&str>) -> Slot {
        self.over(candidates(prefix).next().unwrap_or(Slot {
            net: "0".into(),
            data_net: "24".into(),
        }))
    }
}

/// The slots in the order of preference: infrared's 0 and 24 without a prefix; with one 10 and 24, 20 and 34, …
fn candidates(prefix: Option<&str>) -> Box<dyn Iterator<Item = Slot>> {
    let slot = |net: u32, data_net: u32| Slot {
        net: net.to_string(),
        data_net: data_net.to_string(),
    };
    match prefix {
        None => Box::new(std::iter::once(slot(0, 24))),
        Some(_) => Box::new(
            (0..10)
                .flat_map(move |offset| (0..24).map(move |n| (10 + 10 * n + offset, 24 + 10 * n + offset)))
                .filter(|(_, data_net)| *data_net < 255)
                .map(move |(net, data_net)| slot(net, data_net)),
        ),
    }
}

/// Chooses the slot, the same on all hypervisors; `load` renders the topology for a slot.
///
/// # Errors
/// The topology's own problems, or subnets that are taken.
pub fn choose(
    forced: Forced,
    hosts: &[(&Identity, &Actual)],
    load: &dyn Fn(&Slot) -> Result<Topology, Problems>,
) -> Result<(Slot, Topology), Problems> {
    let has_networks = hosts
        .iter()
        .any(|(id, actual)| actual.networks_of(id.uuid).next().is_some());
    let with_record = hosts
        .iter()
        .find_map(|(id, actual)| Some((id, actual.facts.record.as_ref()?)));
    if let Some((id, record)) = with_record {
        let wanted = forced.over(record.slot.clone());
        if wanted != record.slot && has_networks {
            let mut problems = Problems::default();
            problems
                .push(
                    None,
                    format!(
                        "deployment '{}' has the subnets {} and {}, not {} and {}",
                        id.name, record.slot.net, record.slot.data_net, wanted.net, wanted.data_net
                    ),
                )
                .hint("leave --net_subnet and --data_subnet away, or make the deployment anew after --kill");
            return Err(problems);
        }
        match checked(wanted, hosts, load) {
            // A run that was killed before it made its networks lost the subnets that it had chosen.
            Err(_) if !has_networks => {}
            settled => return settled,
        }
    }
    let (name, prefix) = hosts
        .first()
        .map_or(("", None), |(id, _)| (id.name.as_str(), id.prefix.as_deref()));
    let mut first_refusal = None;
    for candidate in candidates(prefix).map(|slot| forced.over(slot)) {
        match checked(candidate, hosts, load) {
            Ok(found)
                if hosts
                    .iter()
                    .all(|(id, actual)| fits_existing(&found.1, id, actual)) =>
            {
                return Ok(found);
            }
            Ok(_) => {}
            Err(problems) => {
                first_refusal.get_or_insert(problems);
            }
        }
    }
    Err(first_refusal.unwrap_or_else(|| {
        let mut problems = Problems::default();
        problems
            .push(
                None,
                format!("the networks of deployment '{name}' fit no subnets of this topology"),
            )
            .hint("name the --topology-network that it was made from, or make it anew after --kill");
        problems
    }))
}

/// A lost record is read back from the networks: the slot is the one that gives the addresses they have.
fn fits_existing(topology: &Topology, id: &Identity, actual: &Actual) -> bool {
    topology
        .networks
        .iter()
        .filter(|spec| spec.forward != Forward::Bridge)
        .all(|spec| {
            let name = names::prefixed(id.prefix.as_deref(), &spec.name);
            let found = actual.networks_of(id.uuid).find(|n| n.name == name);
            let address = |n: &crate::steps::networks::read::ActualNetwork| {
                n.addresses.iter().map(|a| a.address).find(IpAddr::is_ipv4)
            };
            found.is_none_or(|n| address(n) == spec.ip_address.map(IpAddr::from))
        })
}

fn checked(
    slot: Slot,
    hosts: &[(&Identity, &Actual)],
    load: &dyn Fn(&Slot) -> Result<Topology, Problems>,
) -> Result<(Slot, Topology), Problems> {
    let topology = load(&slot)?;
    let mut problems = Problems::default();
    for (id, actual) in hosts {
        check_free(&topology, id, actual, &mut problems);
    }
    match problems.is_empty() {
        true => Ok((slot, topology)),
        false => Err(problems),
    }
}

/// Reports the subnets that are taken on a host.
fn check_free(topology: &Topology, id: &Identity, actual: &Actual, problems: &mut Problems) {
    let own = |name: &str| actual.networks_of(id.uuid).any(|n| n.name == name);
    let taken = taken(id, actual);
    for spec in &topology.networks {
        let name = names::prefixed(id.prefix.as_deref(), &spec.name);
        // The address of a bridge is one of its LAN, where others have theirs.
        let is_lan = spec.forward == Forward::Bridge && !(spec.is_openvswitch() && spec.nic.is_none());
        if own(&name) || is_lan {
            continue;
        }
        let ipv4 = spec.subnet().map(IpNet::from);
        let ipv6 = spec.ipv6.as_ref().and_then(|side| side.subnet()).map(IpNet::from);
        let on_switch = spec.host_addresses().filter_map(|(of, address)| {
            let key = match (of == spec.name, address.contains(':')) {
                (true, true) => "ipv6_address",
                (true, false) => "ipv4_address",
                _ => "portgroups",
            };
            Some((address.parse::<IpNet>().ok()?.trunc(), key))
        });
        for (subnet, key) in ipv4
            .map(|n| (n, "ip_address"))
            .into_iter()
            .chain(ipv6.map(|n| (n, "ipv6.ip_address")))
            .chain(on_switch)
        {
            let Some((subnet, (other, whose))) = overlap(&[subnet], &taken) else {
                continue;
            };
            problems
                .push(
                    None,
                    format!(
                        "subnet {subnet} of network '{name}' is taken on '{}' by {other} ({whose})",
                        id.host
                    ),
                )
                .hint(format!(
                    "choose another with --net_subnet or --data_subnet, or with {}",
                    overrides(spec, key)
                ));
        }
    }
}

/// What a user must override to move a subnet: its address, and all that must lie in it.
fn overrides(spec: &NetworkSpec, key: &str) -> String {
    let v6 = spec.ipv6.as_ref().filter(|_| key.starts_with("ipv6"));
    let (start, dhcp, floating) = match v6 {
        Some(side) => ("ipv6.", side.dhcp.is_some(), false),
        None => ("", spec.dhcp.is_some(), spec.floating_ip.is_some()),
    };
    let mut keys = vec![key.to_owned()];
    for (range, there) in [
        (format!("{start}dhcp.range"), dhcp),
        ("floating_ip".to_owned(), floating),
    ] {
        if there {
            keys.extend([format!("{range}.start"), format!("{range}.end")]);
        }
    }
    let said: Vec<String> = keys
        .iter()
        .map(|key| format!("-e override.networks.{}.{key}=…", spec.key))
        .collect();
    said.join(" ")
}

/// The subnets of everybody else on the host.
fn taken(id: &Identity, actual: &Actual) -> Vec<(IpNet, String)> {
    let ours = |bridge: &str| {
        actual
            .networks_of(id.uuid)
            .any(|n| n.bridge.as_deref() == Some(bridge))
            || actual.switch_devices_of(id.uuid).any(|device| device == bridge)
    };
    let networks = actual
        .networks
        .iter()
        .filter(|n| n.owner.as_ref().is_none_or(|owner| owner.uuid != id.uuid))
        .flat_map(|n| {
            n.addresses
                .iter()
                .map(|a| (a.net, format!("network '{}'", n.name)))
        });
    let routes = actual.facts.routes.iter().filter(|(_, device)| !ours(device));
    networks
        .chain(routes.map(|(net, device)| (*net, format!("a route over '{device}'"))))
        .collect()
}
