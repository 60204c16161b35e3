//! netplan: its files are set aside as they are, and one file says what they said, with the NIC's addresses at the bridge. When
//! the last bridge goes, they come back.

use super::super::program::Program;
use super::super::{HostBridge, Mark};
use crate::error::{Exit, Fault};
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result, bail};
use ipnet::IpNet;
use serde_yaml::{Mapping, Value};

/// The bridges over NICs that netplan rules; irs's own.
const OURS: &str = "/etc/netplan/90-irs-bridges.yaml";
/// How a file that is set aside ends, so that netplan does not read it.
const KEPT: &str = ".irs-kept";

/// netplan's configuration as it is.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Everything merged, as `netplan get` prints it.
    merged: String,
    /// The files in /etc/netplan that netplan reads, ours not among them.
    files: Vec<String>,
    /// The files that we set aside.
    kept: Vec<String>,
    /// Our file's text.
    ours: Option<String>,
}

/// Reads it.
///
/// # Errors
/// When `netplan get` fails, as versions before 0.100 do.
pub fn read(host: &Host) -> Result<State> {
    let merged = host
        .text(&Cmd::new("netplan").arg("get").secret())
        .context("reading netplan's configuration (netplan 0.100 or later is needed)")?;
    let list = host.text(&Cmd::script(
        "ls -d /etc/netplan/*.yaml /etc/netplan/*.yaml.irs-kept 2>/dev/null; true",
        &[],
    ))?;
    let (kept, files) = list
        .lines()
        .filter(|path| *path != OURS && !path.contains(char::is_whitespace))
        .map(str::to_owned)
        .partition(|path: &String| path.ends_with(KEPT));
    let ours = list.lines().any(|path| path == OURS);
    let ours = ours.then(|| host.text(&Cmd::new("cat").args(["--", OURS]).secret()));
    Ok(State {
        merged,
        files,
        kept,
        ours: ours.transpose()?,
    })
}

/// The keys of a device that say how it is addressed.
const ADDRESSED: &[&str] = &[
    "addresses",
    "dhcp4",
    "dhcp6",
    "dhcp-identifier",
    "dhcp4-overrides",
    "dhcp6-overrides",
    "gateway4",
    "gateway6",
    "nameservers",
    "routes",
    "routing-policy",
    "accept-ra",
    "ipv6-privacy",
    "link-local",
    "ipv6-address-generation",
    "ipv6-address-token",
];

/// The program that moves the NIC's addresses to the bridge.
///
/// # Errors
/// When netplan does not know the NIC.
pub fn take_over(state: &State, wanted: &HostBridge, mark: &Mark, mac: &str) -> Result<Program> {
    let mut config = parse(&state.merged)?;
    let (kind, key) = find(&config, &wanted.nic).ok_or_else(|| unknown(&wanted.nic))?;
    let mut marks = marks(state);
    let before = marks.iter().position(|other| other.bridge == mark.bridge);
    let before = before.map(|position| marks.remove(position));
    // Again for a bridge that lacks something: it has what was the NIC's.
    let present = section(&mut config, "bridges")?.remove(wanted.name.as_str());
    let present = match (&before, present) {
        (Some(_), Some(Value::Mapping(bridge))) => Some(bridge),
        _ => None,
    };
    let again = present.is_some();
    let mut bridge = present.unwrap_or_default();
    let device = device(&mut config, &kind, &key).context("the entry of the NIC is no mapping")?;
    if !again {
        for name in ADDRESSED {
            if let Some(value) = device.remove(*name) {
                bridge.insert((*name).into(), value);
            }
        }
        device.insert("dhcp4".into(), false.into());
        device.insert("dhcp6".into(), false.into());
        device.insert("link-local".into(), Value::Sequence(Vec::new()));
    }
    if let Some(mtu) = wanted.mtu {
        device.insert("mtu".into(), mtu.into());
    }
    let mut parameters = Mapping::new();
    parameters.insert("stp".into(), false.into());
    parameters.insert("forward-delay".into(), 0.into());
    bridge.insert("interfaces".into(), Value::Sequence(vec![key.into()]));
    bridge.insert("macaddress".into(), mac.into());
    bridge.insert("parameters".into(), Value::Mapping(parameters));
    let added = before.map_or(Vec::new(), |before| before.addresses);
    let addresses = bridge
        .entry("addresses".into())
        .or_insert(Value::Sequence(Vec::new()));
    if let Value::Sequence(list) = addresses {
        list.retain(|value| address(value).is_none_or(|a| !added.contains(&a)));
        list.extend(mark.addresses.iter().map(|a| Value::from(a.to_string())));
        if list.is_empty() {
            bridge.remove("addresses");
        }
    }
    section(&mut config, "bridges")?.insert(wanted.name.as_str().into(), Value::Mapping(bridge));
    marks.push(mark.clone());
    let mut program = change(state, Some(&text(&marks, &config)?));
    program
        .apply
        .push(format!("ip link set dev {} alias {}", mark.bridge, mark.text()));
    Ok(program)
}

/// The program that moves them back; with the last bridge, that brings the files back as they were.
///
/// # Errors
/// When what is there cannot be read.
pub fn release(state: &State, mark: &Mark) -> Result<Program> {
    let mut marks = marks(state);
    marks.retain(|other| other.bridge != mark.bridge);
    if marks.is_empty() {
        let mut program = change(state, None);
        program.apply.push(format!("gone {}", mark.bridge));
        return Ok(program);
    }
    let mut config = parse(&state.merged)?;
    let bridge = section(&mut config, "bridges")?.remove(mark.bridge.as_str());
    let own = |value: &Value| address(value).is_some_and(|a| mark.addresses.contains(&a));
    if let (Some(Value::Mapping(mut bridge)), Some((kind, key))) = (bridge, find(&config, &mark.nic)) {
        let device = device(&mut config, &kind, &key).context("the entry of the NIC is no mapping")?;
        for name in ["dhcp4", "dhcp6", "link-local"] {
            device.remove(name);
        }
        device.insert("mtu".into(), mark.mtu.into());
        for name in ADDRESSED {
            if let Some(mut value) = bridge.remove(*name) {
                if let Value::Sequence(list) = &mut value {
                    list.retain(|value| !own(value));
                }
                device.insert((*name).into(), value);
            }
        }
    }
    let mut program = change(state, Some(&text(&marks, &config)?));
    program.apply.push(format!("gone {}", mark.bridge));
    Ok(program)
}

/// Our file in place of the others, or, without one, the others again.
fn change(state: &State, ours: Option<&str>) -> Program {
    let mut program = Program::default();
    let (apply, undo) = (&mut program.apply, &mut program.undo);
    match ours {
        Some(text) => {
            apply.extend(state.files.iter().map(|path| format!("keep {path}")));
            apply.push(format!("put 0 {OURS}"));
            program.files.push(text.to_owned());
        }
        None => {
            apply.push(format!("del {OURS}"));
            let originals = state.kept.iter().filter_map(|path| path.strip_suffix(KEPT));
            apply.extend(originals.map(|path| format!("back {path}")));
        }
    }
    match &state.ours {
        Some(text) => {
            if ours.is_none() {
                let originals = state.kept.iter().filter_map(|path| path.strip_suffix(KEPT));
                undo.extend(originals.map(|path| format!("keep {path}")));
                program.files.push(String::new());
            }
            program.files.push(text.clone());
            undo.push(format!("put 1 {OURS}"));
        }
        None => undo.push(format!("del {OURS}")),
    }
    if ours.is_some() {
        undo.extend(state.files.iter().map(|path| format!("back {path}")));
    }
    // A mistake in the file shows before anything is applied.
    apply.push("netplan generate".into());
    apply.push("netplan apply".into());
    undo.push("netplan apply".into());
    program
}

fn address(value: &Value) -> Option<IpNet> {
    value.as_str()?.parse().ok()
}

fn parse(text: &str) -> Result<Value> {
    serde_yaml::from_str(text).context("reading what 'netplan get' says")
}

fn text(marks: &[Mark], config: &Value) -> Result<String> {
    let comments: String = marks.iter().map(|mark| format!("# {}\n", mark.text())).collect();
    Ok(comments + &serde_yaml::to_string(config)?)
}

fn marks(state: &State) -> Vec<Mark> {
    let lines = state.ours.as_deref().unwrap_or_default().lines();
    lines
        .filter_map(|line| Mark::parse(line.strip_prefix("# ")?))
        .collect()
}

fn section<'a>(config: &'a mut Value, name: &str) -> Result<&'a mut Mapping> {
    let network = config.get_mut("network").and_then(Value::as_mapping_mut);
    let Some(network) = network else {
        bail!("netplan has no 'network'")
    };
    let found = network
        .entry(name.into())
        .or_insert(Value::Mapping(Mapping::new()));
    found
        .as_mapping_mut()
        .with_context(|| format!("netplan's '{name}' is no mapping"))
}

/// The kind and the key of a NIC's entry: it may be named by what it is set to.
fn find(config: &Value, nic: &str) -> Option<(String, String)> {
    let network = config.get("network")?;
    ["ethernets", "bonds", "vlans"].into_iter().find_map(|kind| {
        let entries = network.get(kind)?.as_mapping()?;
        let named = entries.iter().find(|(key, value)| {
            let set = value.get("set-name").or_else(|| value.get("match")?.get("name"));
            key.as_str() == Some(nic) || set.and_then(Value::as_str) == Some(nic)
        });
        Some((kind.to_owned(), named?.0.as_str()?.to_owned()))
    })
}

fn device<'a>(config: &'a mut Value, kind: &str, key: &str) -> Option<&'a mut Mapping> {
    config
        .get_mut("network")?
        .get_mut(kind)?
        .get_mut(key)?
        .as_mapping_mut()
}

fn unknown(nic: &str) -> Fault {
    Fault::new(Exit::Failed, format!("netplan has no entry for the NIC '{nic}'"))
        .hint("add one in /etc/netplan, or make the bridge yourself: an existing one is used as it is")
}

#[cfg(test)]
mod tests {
    use super::super::super::program::tests::both;
    use super::*;

    /// As `netplan get` of 0.106 prints it.
    const MERGED: &str = "network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    uplink:\n      match:\n        macaddress: \"0a:6c:ed:96:98:0e\"\n      \
        dhcp6: true\n      set-name: \"lan0\"\n      addresses:\n      - \"192.0.2.5/24\"\n      nameservers:\n        addresses:\n        - 192.0.2.1\n      \
        routes:\n      - to: \"default\"\n        via: \"192.0.2.1\"\n    eth1:\n      dhcp4: true\n";

    fn mark() -> Mark {
        Mark {
            bridge: "br1".into(),
            nic: "lan0".into(),
            deployment: "default".into(),
            mtu: 1500,
            down: false,
            ipv6: true,
            addresses: vec!["198.51.100.1/24".parse().unwrap()],
        }
    }

    fn wanted(bridge: &str, nic: &str) -> HostBridge {
        HostBridge {
            name: bridge.into(),
            nic: nic.into(),
            addresses: mark().addresses,
            mtu: None,
            network: bridge.into(),
            deployment: "default".into(),
            again: false,
            runtime_only: false,
        }
    }

    fn first() -> State {
        State {
            merged: MERGED.into(),
            files: vec!["/etc/netplan/50-cloud-init.yaml".into()],
            ..State::default()
        }
    }

    #[test]
    fn the_bridge_gets_what_the_nic_had_and_the_files_come_back() {
        let program = take_over(&first(), &wanted("br1", "lan0"), &mark(), "0a:6c:ed:96:98:0e").unwrap();
        insta::assert_snapshot!("taken_over", both(&program));
        let after = State {
            merged: program.files[0].clone(),
            files: Vec::new(),
            kept: vec!["/etc/netplan/50-cloud-init.yaml.irs-kept".into()],
            ours: Some(program.files[0].clone()),
        };
        insta::assert_snapshot!("given_back", both(&release(&after, &mark()).unwrap()));

        // With a second bridge the first one's NIC goes back by itself.
        let other = Mark {
            bridge: "br2".into(),
            nic: "eth1".into(),
            addresses: Vec::new(),
            ..mark()
        };
        let second = take_over(&after, &wanted("br2", "eth1"), &other, "0a:00:00:00:00:02").unwrap();
        let both_there = State {
            merged: second.files[0].clone(),
            ours: Some(second.files[0].clone()),
            ..after
        };
        let left = parse(&release(&both_there, &mark()).unwrap().files[0]).unwrap();
        let uplink = &left["network"]["ethernets"]["uplink"];
        assert_eq!(uplink["addresses"], parse("['192.0.2.5/24']").unwrap());
        assert_eq!(uplink["dhcp6"], Value::from(true));
        assert!(
            left["network"]["bridges"].get("br1").is_none()
                && left["network"]["bridges"].get("br2").is_some()
        );
    }

    #[test]
    fn a_bridge_that_is_mended_keeps_what_it_has() {
        let made = take_over(&first(), &wanted("br1", "lan0"), &mark(), "0a:6c:ed:96:98:0e").unwrap();
        let after = State {
            merged: made.files[0].clone(),
            files: Vec::new(),
            kept: vec!["/etc/netplan/50-cloud-init.yaml.irs-kept".into()],
            ours: Some(made.files[0].clone()),
        };
        let again = HostBridge {
            mtu: Some(9000),
            ..wanted("br1", "lan0")
        };
        let mark = Mark {
            addresses: vec!["198.51.100.2/24".parse().unwrap()],
            ..mark()
        };
        let program = take_over(&after, &again, &mark, "0a:6c:ed:96:98:0e").unwrap();
        let config = parse(&program.files[0]).unwrap();
        let bridge = &config["network"]["bridges"]["br1"];
        let addresses = parse("[192.0.2.5/24, 198.51.100.2/24]").unwrap();
        assert_eq!(
            (&bridge["addresses"], &bridge["dhcp6"]),
            (&addresses, &Value::from(true))
        );
        assert!(bridge["routes"].is_sequence() && bridge["nameservers"].is_mapping());
        let uplink = &config["network"]["ethernets"]["uplink"];
        assert_eq!(
            (&uplink["mtu"], &uplink["dhcp6"]),
            (&Value::from(9000), &Value::from(false))
        );
        assert_eq!(program.files[0].matches("# irs:").count(), 1);
        assert_eq!(program.files[1], made.files[0]);
    }

    #[test]
    fn a_nic_that_netplan_does_not_know_is_not_taken() {
        let why = take_over(&first(), &wanted("br1", "eth9"), &mark(), "").unwrap_err();
        assert_eq!(why.to_string(), "netplan has no entry for the NIC 'eth9'");
    }
}
