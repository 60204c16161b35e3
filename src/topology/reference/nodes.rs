//! The keys of node files.

use super::Default::{Nothing, Required, Said, Value};
use super::Kind::{Any, Boolean, Either, Free, Integer, List, Mapping, Mappings, Name, Size, Text, Words};
use super::{Table, doc};
use crate::customize::Customize;
use crate::topology::interface::MODELS;
use crate::topology::{disk, firmware};
use crate::units::{GIB, MIB};

/// A node file.
pub const NODE: Table = Table {
    title: "A node file",
    keys: &[
        doc(
            "name",
            Name("name"),
            Said("the file's name"),
            "nodes are called `name-0`, `name-1`; files of one name share the numbers",
        ),
        doc(
            "host",
            Text("hypervisor"),
            Said("`--placement`"),
            "the hypervisor that new nodes go to, as `--host-address` names it; existing ones stay where they are",
        ),
        doc(
            "cpu",
            Either(&[Integer(1, 1024, ""), Mapping(&CPU)]),
            Required,
            "virtual CPUs",
        ),
        doc(
            "cpumodel",
            Either(&[Text("model"), Mapping(&CPU_MODEL)]),
            Value("host-passthrough"),
            "none (libvirt's default), host-passthrough, host-model or a model of libvirt's, with features as virt-install \
             writes them: `Nehalem,+vmx,-svm`; with host-passthrough a node can be migrated only to a host with the same CPU",
        ),
        doc(
            "memory",
            Integer(64, 64 * 1024 * 1024, "MiB"),
            Required,
            "memory of a node",
        ),
        doc("swap", Integer(0, 1024 * 1024, "MiB"), Value("0"), "swap file"),
        doc(
            "cloud_init",
            Free("cloud-config"),
            Nothing,
            "what the nodes get at their first boot beside irs's own, merged as cloud-init merges, `merge_how` included; what \
             changes later is for new nodes only",
        ),
        doc("deploy_os", Boolean, Value("yes"), "no: the disks stay blank"),
        doc(
            "os",
            Mapping(&OS),
            Nothing,
            "which operating system it is made for",
        ),
        doc(
            "disks",
            Mappings(&DISK),
            Nothing,
            "in the order of the file; needed by a node with an operating system",
        ),
        doc(
            "interfaces",
            Either(&[List(&Mapping(&INTERFACE)), Mappings(&INTERFACE)]),
            Said("the network file's"),
            "NICs in order",
        ),
        doc(
            "external_network",
            Either(&[Name("name of a network"), Mapping(&EXTERNAL)]),
            Said("the network file's"),
            "where the node is reached; needed by a node with an operating system",
        ),
        doc(
            "provision_network",
            Either(&[Name("name of a network"), Mapping(&EXTERNAL)]),
            Said("the network file's"),
            "where the node is provisioned",
        ),
        doc("groups", List(&Name("name")), Nothing, "Ansible groups"),
        doc("image", Mapping(&IMAGE), Nothing, "for the inventory"),
        doc(
            "supports_libguestfs",
            Boolean,
            Value("yes"),
            "no: the image takes no customisation: no seed, no user is made, and it is ready when it runs",
        ),
        doc(
            "customize",
            Words(|| Customize::WORDS.iter().map(|(word, _)| *word).collect()),
            Said("`--customize`"),
            "how a new node is told who it is: by cloud-init, by what libguestfs puts into its image, or not at all",
        ),
        doc("guest_agent", Boolean, Value("yes"), "the guest agent's channel"),
        doc(
            "machine_type",
            Name("word"),
            Said("libvirt's"),
            "the chipset: q35, pc or a version of them",
        ),
        doc(
            "bootmode",
            Words(|| firmware::MODES.iter().map(|(word, _)| *word).collect()),
            Said("`--bootmode`"),
            "its firmware; with uefi the default machine type is q35",
        ),
        doc(
            "secure_boot",
            Boolean,
            Value("no"),
            "UEFI with secure boot on and the vendors' keys in it, on q35",
        ),
        doc(
            "tpm",
            Text("yes, no, 2.0 or 1.2"),
            Said("no, or what an existing node has"),
            "an emulated TPM, 2.0 unless said; the hypervisor needs swtpm",
        ),
        doc(
            "import_url",
            Text("URL or path"),
            Said("`--image-url`"),
            "an image of the node's own, on its first disk",
        ),
        doc(
            "ips",
            List(&Either(&[
                Integer(1, u32::MAX as u64, ""),
                Text("address"),
                List(&Text("address")),
            ])),
            Said("free ones"),
            "fixed addresses, an entry for each node in the order of their numbers: 8 is the eighth address of each of \
             its subnets; or addresses, each in the subnet of one of its networks",
        ),
        doc(
            "introspection_macs",
            List(&Text("MAC")),
            Said("chosen ones"),
            "fixed MACs, one for each node in the order of their numbers",
        ),
        doc(
            "introspection_nets",
            List(&Name("network")),
            Said("`provision_network`, else the first one"),
            "the network of the NIC that gets the MAC, one for each node",
        ),
    ],
    unused: &["prefix", "flavor", "flavor_id"],
};

/// `cpu` of a node file, in its long form.
pub const CPU: Table = Table::new(
    "`cpu`",
    &[
        doc("sockets", Integer(1, 1024, ""), Value("1"), "sockets"),
        doc("cores", Integer(1, 1024, ""), Value("1"), "cores of each socket"),
        doc(
            "threads",
            Integer(1, 1024, ""),
            Value("1"),
            "threads of each core",
        ),
    ],
);

/// `cpumodel` of a node file, in its long form.
pub const CPU_MODEL: Table = Table::new(
    "`cpumodel`",
    &[
        doc("name", Name("model"), Required, "the model"),
        doc(
            "features",
            Either(&[List(&Text("feature")), Any]),
            Nothing,
            "`[vmx, -svm]`, or `{vmx: require, svm: disable}`; also force, optional, forbid",
        ),
    ],
);

/// `os` of a node file.
pub const OS: Table = Table::new(
    "`os`",
    &[
        doc("type", Name("word"), Value("linux"), "its family"),
        doc("variant", Name("word"), Value("rhel7.0"), "an osinfo short name"),
    ],
);

/// `image` of a node file.
pub const IMAGE: Table = Table::new(
    "`image`",
    &[
        doc(
            "ssh_user",
            Name("word"),
            Nothing,
            "who logs in, for the inventory",
        ),
        doc(
            "ansible_connection",
            Name("word"),
            Nothing,
            "Ansible's connection plugin",
        ),
    ],
);

/// A disk.
pub const DISK: Table = Table::new(
    "A disk",
    &[
        doc(
            "dev",
            Text("/dev/vda, /dev/vdb, …"),
            Said("the next free one"),
            "the device in the guest",
        ),
        doc("size", Size(MIB, 64 * 1024 * GIB), Required, "virtual size"),
        doc(
            "bus",
            Words(disk::Bus::words),
            Said("`--disk-bus`"),
            "what the disk hangs on",
        ),
        doc(
            "cache",
            Words(disk::Cache::words),
            Value("unsafe"),
            "unsafe ignores flushes: fast, lost with the host",
        ),
        doc(
            "preallocation",
            Words(disk::Preallocation::words),
            Value("metadata"),
            "of blank disks; falloc and full make a disk with an image a full copy",
        ),
        doc(
            "import_url",
            Text("URL or path"),
            Nothing,
            "an image that the disk begins with, fetched as `--image-url` is: an overlay on it, or with preallocation falloc or full a copy",
        ),
        doc(
            "path",
            Text("path"),
            Said("the pool"),
            "on the hypervisor: the folder in which irs makes the disk, or an existing file that is used as it is, and stays",
        ),
    ],
);

/// An interface.
pub const INTERFACE: Table = Table::new(
    "An interface",
    &[
        doc(
            "network",
            Name("name of a network"),
            Required,
            "of a host's bridge when `bridged`",
        ),
        doc(
            "bridged",
            Boolean,
            Value("no"),
            "plugged straight into a bridge of the host, or that of a network; made when several NICs are, and it is neither",
        ),
        doc(
            "model",
            Words(|| MODELS.to_vec()),
            Said("virtio"),
            "NIC model; with `connect_to` the one at the far end",
        ),
        doc("portgroup", Name("name"), Nothing, "port group of the network"),
        doc(
            "connect_to",
            Name("name of a node type"),
            Nothing,
            "wires to all nodes of that type, each to each, in place of a network; `None` (no switch is asked for) leaves the interface out",
        ),
        doc(
            "hub",
            Boolean,
            Value("no"),
            "the wires of `connect_to` learn no addresses",
        ),
        doc(
            "src_model",
            Words(|| MODELS.to_vec()),
            Said("virtio"),
            "NIC model of the wires of `connect_to` at this end",
        ),
    ],
);

/// `external_network` as a mapping.
pub const EXTERNAL: Table = Table::new(
    "`external_network`",
    &[
        doc(
            "network",
            Name("name of a network"),
            Required,
            "one of the node's networks",
        ),
        doc("bridged", Boolean, Value("no"), "infrared's, changes nothing"),
    ],
);
