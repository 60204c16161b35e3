//! The keys of node files.

use super::Default::{Nothing, Required, Said, Value};
use super::Kind::{Boolean, Either, Integer, List, Mapping, Mappings, Name, Size, Text, Words};
use super::{Table, doc};
use crate::topology::disk;
use crate::topology::interface::MODELS;
use crate::units::{GIB, MIB};

/// A node file.
pub const NODE: Table = Table {
    title: "A node file",
    keys: &[
        doc(
            "name",
            Name("name"),
            Said("the file's name"),
            "nodes are called `name-0`, `name-1`",
        ),
        doc("cpu", Integer(1, 1024, ""), Required, "virtual CPUs"),
        doc(
            "cpumodel",
            Name("word"),
            Value("host-passthrough"),
            "host-passthrough, host-model or a model of libvirt's",
        ),
        doc(
            "memory",
            Integer(64, 64 * 1024 * 1024, "MiB"),
            Required,
            "memory of a node",
        ),
        doc("swap", Integer(0, 1024 * 1024, "MiB"), Value("0"), "swap file"),
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
            "no: the image takes no customisation (not supported yet on nodes with an operating system)",
        ),
        doc("guest_agent", Boolean, Value("yes"), "the guest agent's channel"),
        doc(
            "machine_type",
            Name("word"),
            Said("libvirt's"),
            "the chipset: q35, pc or a version of them",
        ),
        doc(
            "import_url",
            Text("URL"),
            Said("`--image-url`"),
            "an image of the node's own (not supported yet)",
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
            "of blank disks; falloc and full make a disk with an operating system a full copy",
        ),
        doc(
            "import_url",
            Text("URL"),
            Nothing,
            "an image that the disk is a copy of (not supported yet)",
        ),
        doc(
            "path",
            Text("path"),
            Said("the pool"),
            "folder or file of the disk (not supported yet)",
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
            "plugged straight into a bridge of the host, or that of a network",
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
