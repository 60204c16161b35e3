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

/// The program that brings the two profiles up. `was` is the NIC's profile now, its UUID and its text; `ours` the texts of
/// those two when they are there already, and the addresses that irs added then.
pub fn take_over(
    wanted: &HostBridge,
    mark: &Mark,
    mac: &str,
    was: Option<(&str, &str)>,
    ours: Option<([&str; 2], &[IpNet])>,
) -> Program {
    let ([bridge, port], [bridge_file, port_file]) = (uuids(mark), paths(mark));
    let name = &wanted.name;
    let load = |first: usize| {
        [
            format!("put {first} {bridge_file}"),
            format!("put {} {port_file}", first + 1),
            format!("nmcli connection load {bridge_file} {port_file}"),
            // With DHCP it gets nowhere before its port is there.
            format!("nmcli --wait 0 connection up uuid {bridge}"),
            format!("nmcli --wait 25 connection up uuid {port}"),
        ]
    };
    let mut apply = load(0).to_vec();
    apply.push(format!("ip link set dev {name} alias {}", mark.text()));
    if let Some(mtu) = wanted.mtu {
        apply.push(format!("ip link set dev {} mtu {mtu}", wanted.nic));
    }
    if let Some(([bridge_text, port_text], added)) = ours {
        let was = port_text.lines().find_map(|line| line.strip_prefix(WAS));
        let mut of_bridge = Keyfile::parse(bridge_text);
        of_bridge.without(added);
        let of_port = Keyfile::parse(port_text);
        return Program {
            apply,
            undo: load(2).to_vec(),
            files: vec![
                bridge_profile(wanted, mark, mac, &of_bridge, 0),
                port_profile(wanted, mark, was, &of_port, 0),
                bridge_text.to_owned(),
                port_text.to_owned(),
            ],
        };
    }
    let profile = Keyfile::parse(was.map_or("", |(_, text)| text));
    let mut undo = vec![
        format!("nmcli connection delete uuid {port}"),
        format!("nmcli connection delete uuid {bridge}"),
        format!("del {port_file}"),
        format!("del {bridge_file}"),
    ];
    undo.extend(was.map(|(uuid, _)| format!("nmcli connection up uuid {uuid}")));
    let files = vec![
        bridge_profile(wanted, mark, mac, &profile, 100),
        port_profile(wanted, mark, was.map(|(uuid, _)| uuid), &profile, 100),
    ];
    Program { apply, undo, files }
}

/// The priority of a profile, and so much more.
fn priority(profile: &Keyfile, more: i32) -> i32 {
    let said = profile.get("connection", "autoconnect-priority");
    let said = said.and_then(|text| text.parse::<i32>().ok()).unwrap_or(0);
    said.saturating_add(more).min(999)
}

/// The bridge's profile, with the addresses of `profile`.
fn bridge_profile(wanted: &HostBridge, mark: &Mark, mac: &str, profile: &Keyfile, more: i32) -> String {
    let (name, [uuid, _]) = (&wanted.name, uuids(mark));
    let priority = priority(profile, more);
    let mut text = format!(
        "# {}\n[connection]\nid=irs-{name}\nuuid={uuid}\ntype=bridge\ninterface-name={name}\nautoconnect-priority={priority}\n\
         autoconnect-slaves=1\n\n[bridge]\nstp=false\nforward-delay=0\nmac-address={mac}\n",
        mark.text()
    );
    for (section, v4) in [("ipv4", true), ("ipv6", false)] {
        let own = mark.addresses.iter().filter(|a| a.addr().is_ipv4() == v4);
        text += &addresses(profile, section, &own.collect::<Vec<_>>());
    }
    text
}

/// The port's profile: what a bond or a VLAN is, and how the wire is used, as in `profile`.
fn port_profile(wanted: &HostBridge, mark: &Mark, was: Option<&str>, profile: &Keyfile, more: i32) -> String {
    let (name, [bridge, port]) = (&wanted.name, uuids(mark));
    let priority = priority(profile, more);
    let kind = profile.get("connection", "type").unwrap_or("ethernet");
    let mut of_port = format!("# {}\n", mark.text());
    of_port.extend(was.map(|uuid| format!("{WAS}{uuid}\n")));
    of_port += &format!(
        "[connection]\nid=irs-{name}-port\nuuid={port}\ntype={kind}\ninterface-name={}\nautoconnect-priority={priority}\n\
         master={bridge}\nslave-type=bridge\n",
        wanted.nic
    );
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
    of_port
}

/// A section of addresses as the NIC's profile has it, with those that the bridge gets besides.
fn addresses(profile: &Keyfile, section: &str, own: &[&IpNet]) -> String {
    let mut text = format!("\n[{section}]\n");
    let present = profile.section(section);
    let method = profile.get(section, "method");
    let bare = method == Some("manual") && !present.iter().any(|line| is_address(line));
    let method = method.filter(|_| !bare);
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
    let taken = present.iter().filter(|line| !none && is_address(line)).count();
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

/// Whether a line is `address1=…`: not `addr-gen-mode=…` nor the like.
fn is_address(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default().trim();
    let number = key.strip_prefix("address");
    number.is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
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

    /// Takes these addresses out, and numbers those that are left anew.
    fn without(&mut self, gone: &[IpNet]) {
        for (section, lines) in &mut self.sections {
            if !matches!(section.as_str(), "ipv4" | "ipv6") {
                continue;
            }
            let value = |line: &str| {
                line.split_once('=')
                    .map_or(String::new(), |(_, v)| v.trim().to_owned())
            };
            let is_gone = |line: &str| {
                let address = value(line);
                let address = address.split(',').next().and_then(|text| text.parse().ok());
                address.is_some_and(|a: IpNet| gone.contains(&a))
            };
            lines.retain(|line| !is_address(line) || !is_gone(line));
            let left = lines.iter_mut().filter(|line| is_address(line));
            for (position, line) in left.enumerate() {
                *line = format!("address{}={}", position + 1, value(line));
            }
        }
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
        let program = take_over(&wanted, &mark, "0a:6c:ed:96:98:0e", Some((uuid, PROFILE)), None);
        insta::assert_snapshot!("taken_over", both(&program));
        let back = release(&mark, &program.files[0], &program.files[1]);
        insta::assert_snapshot!("given_back", both(&back));
        assert_eq!(back.files, program.files);
    }

    #[test]
    fn a_bridge_that_is_mended_keeps_what_it_has() {
        let (first, mark) = wanted(&["198.51.100.1/24"]);
        let uuid = "5e0c2d0d-1a5f-4f0e-9e4d-0a1b2c3d4e5f";
        let made = take_over(&first, &mark, "0a:6c:ed:96:98:0e", Some((uuid, PROFILE)), None);
        let ours = [made.files[0].as_str(), made.files[1].as_str()];
        let (same, _) = wanted(&["198.51.100.1/24"]);
        let again = take_over(
            &same,
            &mark,
            "0a:6c:ed:96:98:0e",
            None,
            Some((ours, &mark.addresses)),
        );
        assert_eq!(again.files[..2], made.files[..]);
        assert_eq!(again.files[2..], made.files[..]);
        assert!(again.undo[0].starts_with("put 2 ") && again.undo[1].starts_with("put 3 "));

        let (other, changed) = wanted(&["198.51.100.2/24"]);
        let other = take_over(
            &other,
            &changed,
            "0a:6c:ed:96:98:0e",
            None,
            Some((ours, &mark.addresses)),
        );
        assert_eq!(
            other.files[0].replace("198.51.100.2/24", "198.51.100.1/24"),
            made.files[0]
        );
        assert!(other.files[0].contains("address1=192.0.2.5/24,192.0.2.1\n"));
        assert!(other.files[1].contains(&format!("# was {uuid}\n")));
    }

    #[test]
    fn a_bridge_whose_only_address_goes_has_none() {
        let (own, mark) = wanted(&["198.51.100.1/24"]);
        let made = take_over(&own, &mark, "0a:6c:ed:96:98:0e", None, None);
        let ours = [made.files[0].as_str(), made.files[1].as_str()];
        let (bare, none) = wanted(&[]);
        let program = take_over(
            &bare,
            &none,
            "0a:6c:ed:96:98:0e",
            None,
            Some((ours, &mark.addresses)),
        );
        assert!(program.files[0].ends_with("[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=link-local\n"));
    }

    #[test]
    fn a_nic_without_a_profile_gives_no_addresses() {
        let (bare, mark) = wanted(&[]);
        let program = take_over(&bare, &mark, "0a:6c:ed:96:98:0e", None, None);
        assert!(program.files[0].ends_with("[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=link-local\n"));
        let (own, mark) = wanted(&["198.51.100.1/24"]);
        let program = take_over(&own, &mark, "0a:6c:ed:96:98:0e", None, None);
        let v4 = "[ipv4]\nmethod=manual\nnever-default=true\naddress1=198.51.100.1/24\n";
        assert!(program.files[0].contains(v4), "{}", program.files[0]);
    }
}
