//! Which networks a node's NICs are on, and which of them it is reached through.

use crate::yaml::{Fields, Place, Problems, Tree, Value, nearest, shown};

use super::name;
use super::network::{NetworkSpec, Networks};
use super::reference::names;
use super::reference::networks::WIRING;
use super::reference::nodes::{EXTERNAL, INTERFACE};

/// The keys of an interface.
pub const KEYS: &[&str] = &names::<{ INTERFACE.keys.len() }>(&INTERFACE);
/// The keys of `external_network`.
pub const EXTERNAL_KEYS: &[&str] = &names::<{ EXTERNAL.keys.len() }>(&EXTERNAL);
/// The keys of an entry of a network file's `nodes`.
pub const WIRING_KEYS: &[&str] = &names::<{ WIRING.keys.len() }>(&WIRING);

/// The NIC models of libvirt on QEMU.
pub const MODELS: &[&str] = &[
    "virtio",
    "virtio-transitional",
    "virtio-non-transitional",
    "e1000",
    "e1000e",
    "e1000-82544gc",
    "e1000-82545em",
    "igb",
    "rtl8139",
    "vmxnet3",
    "pcnet",
    "ne2k_pci",
    "i82550",
    "i82551",
    "i82557a",
    "i82557b",
    "i82557c",
    "i82558a",
    "i82558b",
    "i82559a",
    "i82559b",
    "i82559c",
    "i82559er",
    "i82562",
    "i82801",
    "usb-net",
    "spapr-vlan",
];

/// What `connect_to: "{{ vswitch_type }}"` says when no switch is asked for.
pub(super) const NO_SWITCH: &str = "None";
/// How many names a hint lists.
const MAX_NAMES: usize = 60;
/// How many NICs a node may have.
const MAX_INTERFACES: usize = 64;

/// One NIC of a node type.
#[derive(Clone, Debug)]
pub struct InterfaceSpec {
    /// Where it stands.
    pub place: Place,
    /// The `name` of its network; of a host's bridge when `bridged`.
    pub network: String,
    /// Plugged straight into a bridge of the host.
    pub bridged: bool,
    /// QEMU's NIC model, virtio when there is none.
    pub model: Option<String>,
    /// A port group of the network.
    pub portgroup: Option<String>,
    /// The node type at the other end of the wires that this NIC stands for: one to each of its nodes.
    pub connect_to: Option<String>,
    /// Whether the wires pass every frame on, as a hub does, and learn no addresses.
    pub hub: bool,
    /// NIC model of these wires at this end; `model` is the one at the other end.
    pub src_model: Option<String>,
}

/// A network name that a file mentions.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub(super) network: String,
    pub(super) place: Place,
}

/// What a node file, or an entry of a network file's `nodes`, says about the NICs.
#[derive(Clone, Debug)]
pub(super) struct Wiring {
    pub(super) place: Place,
    /// The name of the entry; of a node file's own wiring nothing.
    pub(super) key: String,
    /// Whether some of it was faulty and has been reported: nothing follows from what else it lacks.
    pub(super) broken: bool,
    pub(super) interfaces: Option<Vec<InterfaceSpec>>,
    pub(super) external_network: Option<Mention>,
    pub(super) provision_network: Option<Mention>,
}

/// Reads the three wiring keys.
pub(super) fn read_wiring(fields: &Fields<'_>, key: &str, place: &Place, problems: &mut Problems) -> Wiring {
    let before = problems.len();
    let interfaces = fields.get("interfaces").and_then(|tree| {
        // Older infrared documentation has a mapping nic1, nic2, … here.
        let items: Vec<&Tree> = match &tree.value {
            Value::Map(entries) => entries.iter().map(|(_, v)| v).collect(),
            _ => tree.list(&fields.what("interfaces"), problems)?.iter().collect(),
        };
        if let Some(item) = items.get(MAX_INTERFACES) {
            problems
                .push(
                    item.place.clone(),
                    format!("{} has more than {MAX_INTERFACES} interfaces", fields.of),
                )
                .hint("a virtual machine has no more slots");
        }
        Some(
            items
                .into_iter()
                .take(MAX_INTERFACES)
                .filter_map(|item| read_one(item, &fields.of, problems))
                .collect(),
        )
    });
    let mention = |key: &str, problems: &mut Problems| {
        let tree = fields.get(key)?;
        let tree = match tree.value {
            Value::Map(_) => {
                let inner = Fields::new(fields.what(key), tree, EXTERNAL_KEYS, problems);
                inner.boolean("bridged", problems);
                inner.required("network", problems)?
            }
            _ => tree,
        };
        let network = tree.string(&fields.what(key), problems)?;
        Some(Mention {
            network,
            place: tree.place.clone(),
        })
    };
    let external_network = mention("external_network", problems);
    let provision_network = mention("provision_network", problems);
    Wiring {
        place: place.clone(),
        key: key.to_owned(),
        broken: problems.len() > before
            || !fields.readable
            || WIRING_KEYS.iter().any(|key| fields.is_broken(key)),
        interfaces,
        external_network,
        provision_network,
    }
}

fn read_one(tree: &Tree, of: &str, problems: &mut Problems) -> Option<InterfaceSpec> {
    let fields = Fields::new(format!("an interface of {of}"), tree, KEYS, problems);
    let word = |key: &str, problems: &mut Problems| {
        let tree = fields.get(key)?;
        let text = tree.string(&fields.what(key), problems)?;
        name::check(&format!("'{key}'"), &text, &tree.place, problems).then_some(text)
    };
    let portgroup = word("portgroup", problems);
    let connect_to = word("connect_to", problems);
    let model = |key: &str, problems: &mut Problems| {
        let tree = fields.get(key)?;
        let known: Vec<(&str, &str)> = MODELS.iter().map(|model| (*model, *model)).collect();
        tree.choice(&fields.what(key), &known, problems)
            .map(str::to_owned)
    };
    let (model, src_model) = (model("model", problems), model("src_model", problems));
    let bridged = fields.boolean("bridged", problems).unwrap_or(false);
    let hub = fields.boolean("hub", problems).unwrap_or(false);
    let network = fields.required("network", problems)?;
    let name = match bridged {
        true => word("network", problems)?,
        // It is one of the networks' names, or not known.
        false => network.string(&fields.what("network"), problems)?,
    };
    Some(InterfaceSpec {
        place: network.place.clone(),
        network: name,
        bridged,
        model,
        portgroup,
        connect_to,
        hub,
        src_model,
    })
}

/// Reports networks and port groups that the network file does not have.
pub(super) fn check_wiring(wiring: &mut Wiring, networks: &Networks, problems: &mut Problems) {
    let before = problems.len();
    let plain = |i: &&InterfaceSpec| !i.bridged && i.connect_to.is_none();
    for interface in wiring.interfaces.iter().flatten().filter(plain) {
        let Some(network) = find(networks, &interface.network, &interface.place, problems) else {
            continue;
        };
        let Some(portgroup) = &interface.portgroup else {
            continue;
        };
        let names = network.portgroups.iter().map(|p| p.name.as_str());
        let known = names.clone().any(|n| n == portgroup);
        if !known && (!network.portgroups_broken || nearest(portgroup, names.clone()).is_some()) {
            let message = format!(
                "network '{}' has no port group '{}'",
                network.name,
                shown(portgroup)
            );
            problems
                .push(interface.place.clone(), message)
                .hint(suggestion(portgroup, names));
        }
    }
    for mention in wiring.external_network.iter().chain(&wiring.provision_network) {
        let host_bridge = wiring
            .interfaces
            .iter()
            .flatten()
            .any(|i| i.bridged && i.network == mention.network);
        if !host_bridge {
            find(networks, &mention.network, &mention.place, problems);
        }
    }
    wiring.broken |= networks.broken || problems.len() > before;
}

fn find<'a>(
    networks: &'a Networks,
    name: &str,
    place: &Place,
    problems: &mut Problems,
) -> Option<&'a NetworkSpec> {
    let known = &networks.known;
    let found = known.iter().find(|n| n.name == name);
    let names = known.iter().map(|n| n.name.as_str());
    // It may be the one that could not be read, unless it looks like another.
    if found.is_some() || (networks.broken && nearest(name, names.clone()).is_none()) {
        return found;
    }
    let hint = match known.iter().find(|n| n.key == name) {
        Some(network) => format!(
            "networks are named by their 'name': did you mean '{}'?",
            network.name
        ),
        None => suggestion(name, names),
    };
    problems
        .push(
            place.clone(),
            format!("the network '{}' is not known", shown(name)),
        )
        .hint(hint);
    None
}

/// "did you mean", or the list of what there is.
pub(super) fn suggestion<'a>(word: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, names.clone()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => match names.map(shown).collect::<Vec<_>>() {
            names if names.is_empty() => "there is none".to_owned(),
            names if names.len() > MAX_NAMES => {
                format!("known are {}, …", names[..MAX_NAMES].join(", "))
            }
            names => format!("known are {}", names.join(", ")),
        },
    }
}
