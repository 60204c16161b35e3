//! What irs writes on a bridge that it made: in the kernel it lives and dies with the bridge.

use super::HostBridge;
use super::links::Link;
use ipnet::IpNet;

/// How a mark begins.
const BEGIN: &str = "irs:";

/// What irs did to a bridge and its NIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The device.
    pub bridge: String,
    /// The NIC that it took over.
    pub nic: String,
    /// The deployment that had it made.
    pub deployment: String,
    /// The NIC's MTU before.
    pub mtu: u32,
    /// Whether the NIC was down before.
    pub down: bool,
    /// Whether the NIC had IPv6 before.
    pub ipv6: bool,
    /// The addresses that irs added.
    pub addresses: Vec<IpNet>,
}

impl Mark {
    /// The mark of a bridge that is to be made over this NIC.
    pub fn new(wanted: &HostBridge, nic: &Link) -> Mark {
        Mark {
            bridge: wanted.name.clone(),
            nic: wanted.nic.clone(),
            deployment: wanted.deployment.clone(),
            mtu: nic.mtu,
            down: !nic.is_up(),
            // A NIC that is up has at least a link-local address, unless IPv6 is off.
            ipv6: wanted.again || !nic.is_up() || nic.addresses.iter().any(|a| a.family == "inet6"),
            addresses: wanted.addresses.clone(),
        }
    }

    /// The mark as one word of at most 255 bytes, the kernel's limit on an alias.
    pub fn text(&self) -> String {
        let addresses: String = self.addresses.iter().map(|a| format!(",address={a}")).collect();
        let down = if self.down { ",down" } else { "" };
        let ipv6 = if self.ipv6 { ",ipv6" } else { "" };
        format!(
            "{BEGIN}bridge={},nic={},deployment={},mtu={}{addresses}{down}{ipv6}",
            self.bridge, self.nic, self.deployment, self.mtu
        )
    }

    /// Reads a mark; `None` for what is none.
    pub fn parse(text: &str) -> Option<Mark> {
        let fields: Vec<(&str, &str)> = text
            .trim()
            .strip_prefix(BEGIN)?
            .split(',')
            .map(|field| field.split_once('=').unwrap_or((field, "")))
            .collect();
        let get = |key: &str| fields.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
        Some(Mark {
            bridge: get("bridge")?.to_owned(),
            nic: get("nic")?.to_owned(),
            deployment: get("deployment")?.to_owned(),
            mtu: get("mtu")?.parse().ok()?,
            down: get("down").is_some(),
            ipv6: get("ipv6").is_some(),
            addresses: fields
                .iter()
                .filter(|(key, _)| *key == "address")
                .filter_map(|(_, value)| value.parse().ok())
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_as_it_was_written_and_fits_an_alias() {
        let mark = Mark {
            bridge: "irs-0123456789".into(),
            nic: "enp94s0f0np0vf1".into(),
            deployment: "x".repeat(40),
            mtu: 9000,
            down: true,
            ipv6: false,
            addresses: vec![
                "192.168.100.100/24".parse().unwrap(),
                "2001:db8:1111:2222:3333:4444:5555:6666/64".parse().unwrap(),
            ],
        };
        assert!(mark.text().len() <= 255 && !mark.text().contains(char::is_whitespace));
        assert_eq!(Mark::parse(&mark.text()), Some(mark.clone()));
        let plain = Mark {
            down: false,
            ipv6: true,
            addresses: Vec::new(),
            ..mark
        };
        assert_eq!(Mark::parse(&format!(" {}\n", plain.text())), Some(plain));
        assert_eq!(Mark::parse("uplink to rack 4"), None);
        assert_eq!(Mark::parse("irs:nic=eth0"), None);
    }
}
