//! NetworkManager: a profile for the bridge and one for its port, as keyfiles. The NIC's own profile stays as it is: the
//! port's comes before it by its priority, and gone it leaves the NIC to it.

use super::super::program::Program;
use super::super::{HostBridge, Mark};
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result};
use ipnet::IpNet;
use uuid::Uuid;

const FOLDER: &str = "/etc/NetworkManager/system-connections";
/// The comment that says which profile the NIC had.
const WAS: &str = "# was ";

/// Reads a keyfile; `None` without a path, or when there is none.
pub fn read(host: &Host, path: Option<&str>) -> Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    let script = r#"[ ! -e "$1" ] || cat -- "$1""#;
    let text = host
        .text(&Cmd::script(script, &[path]).secret())
        .with_context(|| format!("reading the profile '{path}'"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// The files of the bridge's profile and of its port's.
pub fn paths(mark: &Mark) -> [String; 2] {
    ["", "-port"].map(|what| format!("{FOLDER}/irs-{}{what}.nmconnection", mark.bridge))
}

fn uuids(mark: &Mark) -> [Uuid; 2] {
    ["bridge", "port"].map(|what| {
        let name = format!("irs {what} {} {}", mark.bridge, mark.nic);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    })
}

/// The program that brings the two profiles up; `was` is the NIC's profile now, its UUID and its text.
pub fn take_over(wanted: &HostBridge, mark: &Mark, mac: &str, was: Option<(&str, &str)>) -> Program {
    let ([bridge, port], [bridge_file, port_file]) = (uuids(mark), paths(mark));
    let name = &wanted.name;
    // Again for a bridge that lacks something: the NIC's profile is our own port's then.
    let was = was.filter(|(uuid, _)| *uuid != port.to_string());
    let profile = Keyfile::parse(was.map_or("", |(_, text)| text));
    let mut apply = vec![
        format!("put 0 {bridge_file}"),
        format!("put 1 {port_file}"),
        format!("nmcli connection load {bridge_file} {port_file}"),
        // With DHCP it gets nowhere before its port is there.
        format!("nmcli --wait 0 connection up uuid {bridge}"),
        format!("nmcli --wait 25 connection up uuid {port}"),
        format!("ip link set dev {name} alias {}", mark.text()),
    ];
    if let Some(mtu) = wanted.mtu {
        apply.push(format!("ip link set dev {} mtu {mtu}", wanted.nic));
    }
    let mut undo = vec![
        format!("nmcli connection delete uuid {port}"),
        format!("nmcli connection delete uuid {bridge}"),
        format!("del {port_file}"),
        format!("del {bridge_file}"),
    ];
    undo.extend(was.map(|(uuid, _)| format!("nmcli connection up uuid {uuid}")));
    let kind = profile.get("connection", "type").unwrap_or("ethernet");
    let priority = profile
        .get("connection", "autoconnect-priority")
        .and_then(|text| text.parse::<i32>().ok())
        .unwrap_or(0)
        .saturating_add(100)
        .min(999);
    let mut of_bridge = format!(
        "# {}\n[connection]\nid=irs-{name}\nuuid={bridge}\ntype=bridge\ninterface-name={name}\nautoconnect-priority={priority}\n\
         autoconnect-slaves=1\n\n[bridge]\nstp=false\nforward-delay=0\nmac-address={mac}\n",
        mark.text()
    );
    for (section, v4) in [("ipv4", true), ("ipv6", false)] {
        let own = wanted.addresses.iter().filter(|a| a.addr().is_ipv4() == v4);
        of_bridge += &addresses(&profile, section, &own.collect::<Vec<_>>());
    }
    let mut of_port = format!("# {}\n", mark.text());
    of_port.extend(was.map(|(uuid, _)| format!("{WAS}{uuid}\n")));
    of_port += &format!(
        "[connection]\nid=irs-{name}-port\nuuid={port}\ntype={kind}\ninterface-name={}\nautoconnect-priority={priority}\n\
         master={bridge}\nslave-type=bridge\n",
        wanted.nic
    );
    // What a bond or a VLAN is, and how the wire is used, is the port's.
    let general = ["connection", "ipv4", "ipv6", "proxy", "user"];
    for (section, lines) in profile
        .sections
        .iter()
        .filter(|(s, _)| !general.contains(&s.as_str()))
    {
        of_port += &format!("\n[{section}]\n");
        let mtu = |line: &&String| wanted.mtu.is_none() || !line.starts_with("mtu=");
        for line in lines.iter().filter(mtu) {
            of_port += &format!("{line}\n");
        }
        if section == kind {
            of_port.extend(wanted.mtu.map(|mtu| format!("mtu={mtu}\n")));
        }
    }
    if !profile.sections.iter().any(|(section, _)| section == kind) && kind == "ethernet" {
        of_port += "\n[ethernet]\n";
        of_port.extend(wanted.mtu.map(|mtu| format!("mtu={mtu}\n")));
    }
    Program {
        apply,
        undo,
        files: vec![of_bridge, of_port],
    }
}

/// A section of addresses as the NIC's profile has it, with those that the bridge gets besides.
fn addresses(profile: &Keyfile, section: &str, own: &[&IpNet]) -> String {
    let mut text = format!("\n[{section}]\n");
    let present = profile.section(section);
    let method = profile.get(section, "method");
    let none = method.is_none_or(|method| matches!(method, "disabled" | "ignore" | "link-local"));
    match (none, own.is_empty()) {
        (true, true) => {
            let quiet = if section == "ipv4" {
                "disabled"
            } else {
                "link-local"
            };
            text += &format!("method={}\n", method.unwrap_or(quiet));
        }
        (true, false) => text += "method=manual\nnever-default=true\n",
        (false, _) => {}
    }
    if !none {
        present.iter().for_each(|line| text += &format!("{line}\n"));
    }
    let taken = present
        .iter()
        .filter(|line| !none && line.starts_with("address"))
        .count();
    for (position, address) in own.iter().enumerate() {
        text += &format!("address{}={address}\n", 1 + taken + position);
    }
    text
}

/// The program that gives the NIC to the profile that it had; `bridge` and `port` are our profiles' texts.
pub fn release(mark: &Mark, bridge: &str, port: &str) -> Program {
    let ([bridge_uuid, port_uuid], [bridge_file, port_file]) = (uuids(mark), paths(mark));
    let was = port.lines().find_map(|line| line.strip_prefix(WAS));
    let mut apply = vec![
        format!("nmcli connection delete uuid {port_uuid}"),
        format!("nmcli connection delete uuid {bridge_uuid}"),
        format!("del {port_file}"),
        format!("del {bridge_file}"),
    ];
    apply.push(format!("gone {}", mark.bridge));
    // What the profile says of it comes after.
    apply.push(format!("ip link set dev {} mtu {}", mark.nic, mark.mtu));
    let was = was.filter(|uuid| uuid.parse::<Uuid>().is_ok());
    apply.extend(was.map(|uuid| format!("nmcli --wait 25 connection up uuid {uuid}")));
    let undo = vec![
        format!("put 0 {bridge_file}"),
        format!("put 1 {port_file}"),
        format!("nmcli connection load {bridge_file} {port_file}"),
        format!("nmcli --wait 0 connection up uuid {bridge_uuid}"),
        format!("nmcli --wait 25 connection up uuid {port_uuid}"),
        format!("ip link set dev {} alias {}", mark.bridge, mark.text()),
    ];
    Program {
        apply,
        undo,
        files: vec![bridge.to_owned(), port.to_owned()],
    }
}

/// A keyfile: its sections with their lines, in order.
struct Keyfile {
    sections: Vec<(String, Vec<String>)>,
}

impl Keyfile {
    fn parse(text: &str) -> Keyfile {
        let mut sections: Vec<(String, Vec<String>)> = Vec::new();
        for line in text.lines().map(str::trim) {
            let name = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
            match (name, sections.last_mut()) {
                (Some(name), _) => sections.push((name.to_owned(), Vec::new())),
                (None, Some((_, lines))) if !line.is_empty() && !line.starts_with('#') => {
                    lines.push(line.to_owned())
                }
                _ => {}
            }
        }
        Keyfile { sections }
    }

    fn section(&self, name: &str) -> &[String] {
        let found = self.sections.iter().find(|(section, _)| section == name);
        found.map_or(&[], |(_, lines)| lines)
    }

    fn get(&self, section: &str, key: &str) -> Option<&str> {
        let value = |line: &'_ String| -> Option<usize> {
            let (name, _) = line.split_once('=')?;
            (name.trim() == key).then_some(name.len() + 1)
        };
        let lines = self.section(section).iter();
        lines.filter_map(|line| Some(line[value(line)?..].trim())).next()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::program::tests::both;
    use super::*;

    /// As NetworkManager 1.42 writes it for `nmcli connection add type ethernet …`.
    const PROFILE: &str = "[connection]\nid=lan\nuuid=5e0c2d0d-1a5f-4f0e-9e4d-0a1b2c3d4e5f\ntype=ethernet\ninterface-name=lan0\n\
        timestamp=1700000000\n\n[ethernet]\nmtu=1500\n\n[ipv4]\naddress1=192.0.2.5/24,192.0.2.1\ndns=192.0.2.1;\nmethod=manual\n\n\
        [ipv6]\naddr-gen-mode=eui64\nmethod=auto\n\n[proxy]\n";

    fn wanted(addresses: &[&str]) -> (HostBridge, Mark) {
        let wanted = HostBridge {
            name: "br1".into(),
            nic: "lan0".into(),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            mtu: Some(9000),
            network: "br1".into(),
            deployment: "default".into(),
            again: false,
            runtime_only: false,
        };
        let mark = Mark {
            bridge: "br1".into(),
            nic: "lan0".into(),
            deployment: "default".into(),
            mtu: 1500,
            down: false,
            ipv6: true,
            addresses: wanted.addresses.clone(),
        };
        (wanted, mark)
    }

    #[test]
    fn the_bridge_gets_the_addresses_of_the_nics_profile_and_the_profile_stays() {
        let (wanted, mark) = wanted(&["198.51.100.1/24"]);
        let uuid = "5e0c2d0d-1a5f-4f0e-9e4d-0a1b2c3d4e5f";
        let program = take_over(&wanted, &mark, "0a:6c:ed:96:98:0e", Some((uuid, PROFILE)));
        insta::assert_snapshot!("taken_over", both(&program));
        let back = release(&mark, &program.files[0], &program.files[1]);
        insta::assert_snapshot!("given_back", both(&back));
        assert_eq!(back.files, program.files);
    }

    #[test]
    fn a_nic_without_a_profile_gives_no_addresses() {
        let (bare, mark) = wanted(&[]);
        let program = take_over(&bare, &mark, "0a:6c:ed:96:98:0e", None);
        assert!(program.files[0].ends_with("[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=link-local\n"));
        let (own, mark) = wanted(&["198.51.100.1/24"]);
        let program = take_over(&own, &mark, "0a:6c:ed:96:98:0e", None);
        let v4 = "[ipv4]\nmethod=manual\nnever-default=true\naddress1=198.51.100.1/24\n";
        assert!(program.files[0].contains(v4), "{}", program.files[0]);
    }
}
