//! What Open vSwitch says of its bridges.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The key of the deployment's UUID in `external_ids`.
pub const OWNER: &str = "irs-uuid";
/// The key of the deployment's name.
pub const DEPLOYMENT: &str = "irs-deployment";
/// The key of the addresses that irs gave a port.
pub const ADDRESSES: &str = "irs-addresses";
/// The key of NICs that were down before they became a port.
pub const WAS_DOWN: &str = "irs-was-down";

/// Open vSwitch on a hypervisor.
#[derive(Clone, Debug, Default)]
pub struct OpenVswitch {
    /// Why it does not answer, when it is installed and does not.
    pub fault: Option<String>,
    /// Whether the kernel has its module, loaded or not.
    pub kernel: bool,
    /// Its bridges.
    pub bridges: Vec<Bridge>,
}

/// A bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The device.
    pub name: String,
    /// The deployment that irs made it for.
    pub owner: Option<Uuid>,
    /// That deployment's name.
    pub deployment: Option<String>,
    /// Its ports.
    pub ports: Vec<Port>,
}

/// A port of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// The device.
    pub name: String,
    /// The deployment that irs made it for.
    pub owner: Option<Uuid>,
    /// Its VLAN, or the one that goes untagged in its trunk.
    pub tag: Option<u16>,
    /// The VLANs of its trunk; all of them when there is none.
    pub trunks: BTreeSet<u16>,
    /// `vlan_mode`, when one is said.
    pub mode: Option<String>,
    /// Addresses that irs gave it.
    pub noted: Vec<String>,
    /// Whether it was down before it became a port.
    pub was_down: bool,
    /// The guest's NIC behind it, as libvirt notes it.
    pub guest_mac: Option<String>,
}

impl OpenVswitch {
    /// Reads the answer of `ovs-vsctl --format=json` to three lists: bridges, ports, interfaces.
    pub fn parse(output: &str, kernel: bool) -> OpenVswitch {
        let tables: Vec<Table> = output.lines().filter_map(Table::parse).collect();
        let [bridges, ports, interfaces] = &tables[..] else {
            return OpenVswitch {
                fault: Some(output.trim().to_owned()),
                kernel,
                bridges: Vec::new(),
            };
        };
        let ports: BTreeMap<String, Port> = ports.rows(|row| {
            let ids = row.map("external_ids");
            let macs = row
                .set("interfaces")
                .into_iter()
                .filter_map(|uuid| interfaces.by_uuid(&uuid));
            let mut macs = macs.filter_map(|interface| interface.map("external_ids").remove("attached-mac"));
            Some((
                row.uuid()?,
                Port {
                    name: row.text("name")?,
                    owner: ids.get(OWNER).and_then(|uuid| uuid.parse().ok()),
                    tag: row.numbers("tag").first().copied(),
                    trunks: row.numbers("trunks").into_iter().collect(),
                    mode: row.text("vlan_mode"),
                    noted: words(ids.get(ADDRESSES)),
                    was_down: ids.contains_key(WAS_DOWN),
                    guest_mac: macs.next(),
                },
            ))
        });
        let bridges: BTreeMap<String, Bridge> = bridges.rows(|row| {
            let ids = row.map("external_ids");
            let name = row.text("name")?;
            let of_bridge = row
                .set("ports")
                .into_iter()
                .filter_map(|uuid| ports.get(&uuid).cloned());
            Some((
                name.clone(),
                Bridge {
                    owner: ids.get(OWNER).and_then(|uuid| uuid.parse().ok()),
                    deployment: ids.get(DEPLOYMENT).cloned(),
                    ports: of_bridge.collect(),
                    name,
                },
            ))
        });
        OpenVswitch {
            fault: None,
            kernel,
            bridges: bridges.into_values().collect(),
        }
    }

    /// The bridge of that name.
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.name == name)
    }

    /// The port behind which a guest's NIC is.
    pub fn port_of(&self, mac: &str) -> Option<&Port> {
        let mut ports = self.bridges.iter().flat_map(|bridge| &bridge.ports);
        ports.find(|port| port.guest_mac.as_deref() == Some(mac))
    }
}

fn words(text: Option<&String>) -> Vec<String> {
    let words = text.into_iter().flat_map(|text| text.split_whitespace());
    words.map(str::to_owned).collect()
}

/// A table of Open vSwitch's database.
struct Table {
    headings: Vec<String>,
    data: Vec<Vec<Value>>,
}

struct Row<'a> {
    headings: &'a [String],
    cells: &'a [Value],
}

impl Table {
    fn parse(line: &str) -> Option<Table> {
        let json: Value = serde_json::from_str(line).ok()?;
        let list = |value: &Value| value.as_array().cloned();
        let headings = list(&json["headings"])?;
        let data = list(&json["data"])?;
        Some(Table {
            headings: headings
                .iter()
                .filter_map(|h| h.as_str().map(str::to_owned))
                .collect(),
            data: data.iter().filter_map(list).collect(),
        })
    }

    fn all(&self) -> impl Iterator<Item = Row<'_>> {
        self.data.iter().map(|cells| Row {
            headings: &self.headings,
            cells,
        })
    }

    fn rows<T>(&self, read: impl Fn(Row<'_>) -> Option<(String, T)>) -> BTreeMap<String, T> {
        self.all().filter_map(read).collect()
    }

    fn by_uuid(&self, uuid: &str) -> Option<Row<'_>> {
        self.all().find(|row| row.uuid().as_deref() == Some(uuid))
    }
}

impl Row<'_> {
    fn cell(&self, column: &str) -> Option<&Value> {
        let position = self.headings.iter().position(|heading| heading == column)?;
        self.cells.get(position)
    }

    fn uuid(&self) -> Option<String> {
        self.set("_uuid").into_iter().next()
    }

    /// A word; an empty set is none.
    fn text(&self, column: &str) -> Option<String> {
        self.cell(column)?.as_str().map(str::to_owned)
    }

    /// A column that may hold one value, written plainly, or a set of them.
    fn values(&self, column: &str) -> Vec<Value> {
        let Some(cell) = self.cell(column) else {
            return Vec::new();
        };
        match cell.get(0).and_then(Value::as_str) {
            Some("set") => cell[1].as_array().cloned().unwrap_or_default(),
            _ => vec![cell.clone()],
        }
    }

    /// The UUIDs of a column.
    fn set(&self, column: &str) -> Vec<String> {
        let values = self.values(column);
        let uuids = values.iter().filter_map(|value| value[1].as_str());
        uuids.map(str::to_owned).collect()
    }

    fn numbers(&self, column: &str) -> Vec<u16> {
        let values = self.values(column);
        values
            .iter()
            .filter_map(|value| u16::try_from(value.as_u64()?).ok())
            .collect()
    }

    fn map(&self, column: &str) -> BTreeMap<String, String> {
        let pairs = self.cell(column).and_then(|cell| cell[1].as_array().cloned());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let pairs = pairs.unwrap_or_default();
        pairs
            .iter()
            .filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Open vSwitch 3.1 answers, with a guest of libvirt's in a trunk.
    const ANSWER: &str = concat!(
        r#"{"data":[["data",["map",[["irs-deployment","lab"],["irs-uuid","05b68b84-a8a9-51eb-8668-7ab58c0d3f13"]]],["set",[["uuid","p1"],["uuid","p2"]]]]],"headings":["name","external_ids","ports"]}"#,
        "\n",
        r#"{"data":[[["uuid","p1"],"data",["set",[]],["set",[]],["set",[]],["map",[["irs-addresses","10.0.0.1/24 2001:db8::1/64"]]],["uuid","i1"]],[["uuid","p2"],"vnet0",5,["set",[10,20]],"native-untagged",["map",[]],["uuid","i2"]]],"headings":["_uuid","name","tag","trunks","vlan_mode","external_ids","interfaces"]}"#,
        "\n",
        r#"{"data":[[["uuid","i1"],["map",[]]],[["uuid","i2"],["map",[["attached-mac","52:54:00:00:00:01"]]]]],"headings":["_uuid","external_ids"]}"#,
        "\n"
    );

    #[test]
    fn bridges_ports_and_guests_are_read() {
        let found = OpenVswitch::parse(ANSWER, false);
        assert_eq!(found.fault, None);
        let bridge = found.bridge("data").unwrap();
        assert_eq!(bridge.deployment.as_deref(), Some("lab"));
        assert!(bridge.owner.is_some());
        assert_eq!(bridge.ports[0].noted, ["10.0.0.1/24", "2001:db8::1/64"]);
        let guest = found.port_of("52:54:00:00:00:01").unwrap();
        assert_eq!((guest.tag, &guest.trunks), (Some(5), &BTreeSet::from([10, 20])));
        assert_eq!(guest.mode.as_deref(), Some("native-untagged"));
    }

    #[test]
    fn a_silent_daemon_is_a_fault() {
        let said = "ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file or directory)";
        assert_eq!(OpenVswitch::parse(said, true).fault.as_deref(), Some(said));
    }
}
