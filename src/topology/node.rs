//! A node type: one file of `nodes/`.

use crate::customize::Customize;
use crate::yaml::{Fields, Place, Problems, Tree, Value, shown};

use super::cloud_init::{self, CloudInit};
use super::cpu::{self, CpuModel, Layout};
use super::disk::{self, DiskSpec};
use super::firmware::{self, Firmware, Tpm};
use super::fixed::{self, FixedNode};
use super::image::{self, Import};
use super::interface::{self, InterfaceSpec, Wiring};
use super::name;
use super::reference::names;
use super::reference::nodes::{IMAGE, NODE, OS};

/// The keys of a node file that mean something here.
pub const KEYS: &[&str] = &names::<{ NODE.keys.len() }>(&NODE);
/// The keys that infrared's files have and irs does not use.
pub const UNUSED_KEYS: &[&str] = NODE.unused;
/// The keys of `os`.
pub const OS_KEYS: &[&str] = &names::<{ OS.keys.len() }>(&OS);
/// The keys of `image`.
pub const IMAGE_KEYS: &[&str] = &names::<{ IMAGE.keys.len() }>(&IMAGE);

/// In MiB: less than 64 boots nothing, more than 64 TiB no host has.
const MEMORY_MIB: std::ops::RangeInclusive<u64> = 64..=64 * 1024 * 1024;

/// A node type, resolved for the networks of this topology.
#[derive(Clone, Debug)]
pub struct NodeType {
    /// The name of its file, as `--topology-nodes` has it.
    pub file_name: String,
    /// Where the file starts.
    pub place: Place,
    /// What its nodes are called: `name-0`, `name-1`.
    pub name: String,
    /// The hypervisor that new nodes go to, and where that is said.
    pub host: Option<(String, Place)>,
    /// How many `--topology-nodes` asks for.
    pub count: u32,
    /// Virtual CPUs of a node.
    pub cpu: u32,
    /// How they are laid out, when the file says it.
    pub cpu_layout: Option<Layout>,
    /// What CPU the guest sees.
    pub cpumodel: CpuModel,
    /// Memory of a node in MiB.
    pub memory_mib: u64,
    /// Where the memory is said.
    pub memory_place: Place,
    /// Size of the swap file in MiB, 0 for none.
    pub swap_mib: u64,
    /// Whether the node gets an operating system (else its disks stay blank).
    pub deploy_os: bool,
    /// infrared's `os.type`, `linux` by default.
    pub os_type: String,
    /// infrared's `os.variant`, an osinfo short name.
    pub os_variant: String,
    /// The disks in the order of the file.
    pub disks: Vec<DiskSpec>,
    /// Ansible groups of the node.
    pub groups: Vec<String>,
    /// The NICs in order.
    pub interfaces: Vec<InterfaceSpec>,
    /// The `name` of the network through which the node is reached; always there on a node with an OS.
    pub external_network: Option<String>,
    /// The `name` of the network that the node is provisioned over.
    pub provision_network: Option<String>,
    /// Whether the domain has the guest agent's channel.
    pub guest_agent: bool,
    /// libvirt's machine type, when the default will not do.
    pub machine_type: Option<String>,
    /// Where the machine type is said.
    pub machine_place: Place,
    /// Its own firmware, which wins over `--bootmode`.
    pub firmware: Option<Firmware>,
    /// Its TPM: none, or one; nothing when the file does not say.
    pub tpm: Option<Option<Tpm>>,
    /// User for SSH to the node, which wins over `--image-ssh_user`.
    pub ssh_user: Option<String>,
    /// Ansible's connection plugin, which wins over `--image-ansible_connection`.
    pub ansible_connection: Option<String>,
    /// Whether the image can be customised by libguestfs.
    pub supports_libguestfs: bool,
    /// How its nodes are told who they are, which wins over `--customize`.
    pub customize: Option<Customize>,
    /// An image of its own in place of `--image-url`.
    pub import: Option<Import>,
    /// What its nodes get at their first boot beside irs's own.
    pub cloud_init: Option<CloudInit>,
    /// What `ips` and `introspection_macs` fix, by the nodes' numbers; shorter where they say nothing.
    pub fixed: Vec<FixedNode>,
    pub(super) said: fixed::Said,
}

/// Reads a node file; its wiring comes beside it, as the network file may have to supply it.
pub(super) fn read(
    file_name: &str,
    count: u32,
    tree: &Tree,
    problems: &mut Problems,
    notes: &mut Vec<String>,
) -> (NodeType, Wiring) {
    let of = format!("node '{file_name}'");
    let known: Vec<&str> = KEYS.iter().chain(UNUSED_KEYS).copied().collect();
    let fields = Fields::new(of.clone(), tree, &known, problems);
    for key in UNUSED_KEYS {
        if let (Some(_), Some(place)) = (fields.get(key), fields.key_place(key)) {
            notes.push(format!("{place}: the key '{key}' is not used"));
        }
    }
    let memory = fields.required("memory", problems);
    let (cpu, cpu_layout) = fields
        .required("cpu", problems)
        .and_then(|tree| cpu::read(tree, &fields, problems))
        .unwrap_or((1, None));
    let empty = Tree::plain(tree.place.clone(), "");
    let os = Fields::new(
        format!("'os' of {of}"),
        fields.get("os").unwrap_or(&empty),
        OS_KEYS,
        problems,
    );
    let image = fields.get("image").unwrap_or(&empty);
    let image = Fields::new(format!("'image' of {of}"), image, IMAGE_KEYS, problems);
    let before = problems.len();
    let name = word(&fields, "name", problems).unwrap_or_else(|| file_name.to_owned());
    let name_broken = problems.len() > before || fields.is_broken("name");
    let before = problems.len();
    let deploy_os = fields.boolean("deploy_os", problems).unwrap_or(true);
    let os_broken = problems.len() > before || fields.is_broken("deploy_os");
    let node = NodeType {
        file_name: file_name.to_owned(),
        place: tree.place.clone(),
        name,
        host: host(&fields, problems),
        count,
        cpu,
        cpu_layout,
        cpumodel: cpu::read_model(&fields, problems),
        memory_mib: memory
            .and_then(|t| mebibytes(t, &fields, problems))
            .unwrap_or(*MEMORY_MIB.start()),
        memory_place: memory.map_or(&tree.place, |t| &t.place).clone(),
        swap_mib: fields.integer("swap", 0..=1024 * 1024, problems).unwrap_or(0),
        deploy_os,
        os_type: word(&os, "type", problems).unwrap_or_else(|| "linux".to_owned()),
        os_variant: word(&os, "variant", problems).unwrap_or_else(|| "rhel7.0".to_owned()),
        disks: disk::read(fields.map("disks", problems), &of, problems),
        groups: groups(&fields, problems),
        interfaces: Vec::new(),
        external_network: None,
        provision_network: None,
        guest_agent: fields.boolean("guest_agent", problems).unwrap_or(true),
        machine_type: word(&fields, "machine_type", problems),
        machine_place: fields
            .get("machine_type")
            .map_or(&tree.place, |t| &t.place)
            .clone(),
        firmware: firmware::read(&fields, problems),
        tpm: firmware::read_tpm(&fields, problems),
        ssh_user: word(&image, "ssh_user", problems),
        ansible_connection: word(&image, "ansible_connection", problems),
        supports_libguestfs: fields.boolean("supports_libguestfs", problems).unwrap_or(true),
        customize: fields.choice("customize", &Customize::WORDS, problems),
        import: image::read(&fields, "import_url", problems),
        cloud_init: cloud_init::read(&fields, problems, notes),
        fixed: Vec::new(),
        said: fixed::read(&fields, problems),
    };
    check(&node, &fields, os_broken, problems);
    let mut wiring = interface::read_wiring(&fields, "", &tree.place, problems);
    // Neither what the nodes are called nor whether they need an external_network is known then.
    wiring.broken |= name_broken || os_broken;
    (node, wiring)
}

/// What the keys of a node ask of one another.
fn check(node: &NodeType, fields: &Fields<'_>, os_broken: bool, problems: &mut Problems) {
    let machine = node.machine_type.as_deref();
    firmware::check(fields, machine, node.firmware, &node.disks, problems);
    if !node.supports_libguestfs && node.deploy_os && node.swap_mib > 0 {
        let place = fields.key_place("swap").unwrap_or(&fields.place);
        problems
            .push(
                place.clone(),
                format!("{} has 'swap', and its image takes no customisation", fields.of),
            )
            .hint("leave out swap, or supports_libguestfs: no");
    }
    if let Some(how) = node.customize
        && how != Customize::None
        && !node.supports_libguestfs
    {
        let place = fields.key_place("customize").unwrap_or(&fields.place);
        problems
            .push(
                place.clone(),
                format!(
                    "{} says how its image is customised, and that it takes no customisation",
                    fields.of
                ),
            )
            .hint("leave out customize, or supports_libguestfs: no");
    }
    if let (Some(_), false, Some(place)) = (
        &node.cloud_init,
        node.supports_libguestfs,
        fields.key_place("cloud_init"),
    ) {
        problems
            .push(
                place.clone(),
                format!(
                    "{} has 'cloud_init', and its image takes no customisation",
                    fields.of
                ),
            )
            .hint("leave out cloud_init, or supports_libguestfs: no");
    }
    let diskless = fields
        .get("disks")
        .is_none_or(|t| t.value == Value::Map(Vec::new()));
    if node.deploy_os && diskless && !os_broken {
        let place = fields.key_place("disks").unwrap_or(&fields.place);
        problems
            .push(
                place.clone(),
                format!("{} gets an operating system and has no disk", fields.of),
            )
            .hint("add disks: {disk1: {size: 40G}}, or deploy_os: no");
    }
}

/// A value that goes into XML, the seed or the inventory.
fn word(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    let tree = fields.get(key)?;
    let text = tree.string(&fields.what(key), problems)?;
    name::check(&format!("'{key}'"), &text, &tree.place, problems).then_some(text)
}

/// A name as `--host-address` has it.
fn host(fields: &Fields<'_>, problems: &mut Problems) -> Option<(String, Place)> {
    let tree = fields.get("host")?;
    let text = tree.string(&fields.what("host"), problems)?;
    if text.trim().is_empty() || text.contains(',') || text.contains(char::is_whitespace) {
        problems
            .push(
                tree.place.clone(),
                format!(
                    "'{}' in 'host' of {} is not a hypervisor",
                    shown(&text),
                    fields.of
                ),
            )
            .hint("say one of those that --host-address names");
        return None;
    }
    Some((text, tree.place.clone()))
}

fn mebibytes(tree: &Tree, fields: &Fields<'_>, problems: &mut Problems) -> Option<u64> {
    let before = problems.len();
    let mib = tree.integer(&fields.what("memory"), MEMORY_MIB, problems);
    if mib.is_none() {
        for problem in &mut problems.0[before..] {
            problem.hint("memory is a number of MiB without a unit, from 64: 8192 for 8 GiB");
        }
    }
    mib
}

fn groups(fields: &Fields<'_>, problems: &mut Problems) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for tree in fields.list("groups", problems) {
        let Some(group) = tree.string(&format!("a group of {}", fields.of), problems) else {
            continue;
        };
        if name::check("group", &group, &tree.place, problems) && !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}
