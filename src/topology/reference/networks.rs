//! The keys of network files.

use super::Default::{Nothing, Required, Said, Value};
use super::Kind::{Boolean, Either, Integer, List, Mapping, Mappings, Name, Text, Words};
use super::nodes::{EXTERNAL, INTERFACE};
use super::{Table, doc};
use crate::topology::network::Forward;

/// A network file.
pub const FILE: Table = Table {
    title: "A network file",
    keys: &[
        doc(
            "networks",
            Mappings(&NETWORK),
            Required,
            "the networks by key: `net1`, `net2`",
        ),
        doc(
            "nodes",
            Mappings(&WIRING),
            Nothing,
            "by the node's `name`, or `default`: for node files that do not say it",
        ),
    ],
    unused: &["l3appliance_config", "cidrs"],
};

/// An entry of `nodes`.
pub const WIRING: Table = Table::new(
    "An entry of `nodes`",
    &[
        doc(
            "interfaces",
            Either(&[List(&Mapping(&INTERFACE)), Mappings(&INTERFACE)]),
            Nothing,
            "NICs in order",
        ),
        doc(
            "external_network",
            Either(&[Name("name of a network"), Mapping(&EXTERNAL)]),
            Nothing,
            "where the node is reached",
        ),
        doc(
            "provision_network",
            Either(&[Name("name of a network"), Mapping(&EXTERNAL)]),
            Nothing,
            "where the node is provisioned",
        ),
    ],
);

/// A network.
pub const NETWORK: Table = Table::new(
    "A network",
    &[
        doc(
            "name",
            Name("name"),
            Said("its key"),
            "what interfaces call it; the prefix comes before it",
        ),
        doc(
            "forward",
            Either(&[Words(Forward::words), Mapping(&FORWARD)]),
            Value("none"),
            "none is isolated; bridge is a bridge of the host over `nic`, with its addresses",
        ),
        doc("nic", Text("NIC"), Said("the main one"), "of a bridged network"),
        doc(
            "external_connectivity",
            Boolean,
            Value("no"),
            "infrared's mark for networks that reach the outside",
        ),
        doc("ip_address", Text("IPv4 address"), Nothing, "the host's"),
        doc(
            "netmask",
            Text("255.255.255.0, or 24"),
            Said("required with `ip_address`"),
            "8 to 30 ones",
        ),
        doc("dhcp", Mapping(&DHCP), Nothing, "DHCP server"),
        doc(
            "floating_ip",
            Mapping(&RANGE),
            Nothing,
            "set aside for floating addresses",
        ),
        doc("ipv6", Mapping(&IPV6), Nothing, "its IPv6 subnet"),
        doc("domain", Name("name"), Nothing, "DNS domain"),
        doc(
            "dns",
            Mapping(&DNS),
            Nothing,
            "what its DNS server says besides names",
        ),
        doc(
            "mtu",
            Integer(576, 65535, "bytes"),
            Said("`--host-network-mtu-size`, else the host's"),
            "of its bridge, of the NICs on it and inside new nodes; 1280 at least with IPv6",
        ),
        doc(
            "virtualport_type",
            Words(|| vec!["openvswitch"]),
            Nothing,
            "the network is a bridge of Open vSwitch, made on the host unless it is there; needs `forward: bridge`",
        ),
        doc(
            "portgroups",
            List(&Mapping(&PORTGROUP)),
            Nothing,
            "VLANs under a name, on a bridge of Open vSwitch",
        ),
        doc(
            "ipv4_address",
            Text("IPv4 address with length"),
            Nothing,
            "of the host on an Open vSwitch bridge",
        ),
        doc(
            "ipv6_address",
            Text("IPv6 address with length"),
            Nothing,
            "of the host on an Open vSwitch bridge",
        ),
    ],
);

/// `forward` as a mapping.
pub const FORWARD: Table = Table::new(
    "`forward`",
    &[
        doc(
            "type",
            Words(Forward::words),
            Said("`mode`"),
            "`forward: {type: nat}` is `forward: nat`",
        ),
        doc("mode", Words(Forward::words), Nothing, "another name for `type`"),
    ],
);

/// `dhcp`.
pub const DHCP: Table = Table::new(
    "`dhcp`",
    &[
        doc("range", Mapping(&RANGE), Required, "what the server gives away"),
        doc(
            "subnet_cidr",
            Text("subnet"),
            Nothing,
            "must be the network's own",
        ),
        doc(
            "subnet_gateway",
            Text("address"),
            Nothing,
            "must be in the subnet",
        ),
    ],
);

/// A range of addresses.
pub const RANGE: Table = Table::new(
    "A range",
    &[
        doc("start", Text("address"), Required, "the first"),
        doc("end", Text("address"), Required, "the last"),
    ],
);

/// `ipv6`.
pub const IPV6: Table = Table::new(
    "`ipv6`",
    &[
        doc("ip_address", Text("IPv6 address"), Required, "the host's"),
        doc(
            "prefix",
            Integer(8, 126, "bits"),
            Required,
            "length of the subnet's prefix",
        ),
        doc("dhcp", Mapping(&DHCP), Nothing, "DHCPv6 server"),
    ],
);

/// `dns`.
pub const DNS: Table = Table::new(
    "`dns`",
    &[doc("srvs", List(&Mapping(&SRV)), Nothing, "SRV records")],
);

/// A DNS service.
pub const SRV: Table = Table::new(
    "A DNS service",
    &[
        doc("name", Name("name"), Required, "the service: `ldap`"),
        doc(
            "protocol",
            Words(|| vec!["tcp", "udp"]),
            Required,
            "the transport protocol",
        ),
        doc(
            "domain",
            Name("name"),
            Said("the network's"),
            "where it is looked up",
        ),
        doc("port", Integer(1, 65535, ""), Required, "its port there"),
        doc("target", Name("name"), Required, "the host that serves it"),
        doc("priority", Integer(0, 65535, ""), Nothing, "lower is tried first"),
        doc("weight", Integer(0, 65535, ""), Nothing, "share among equals"),
    ],
);

/// A port group.
pub const PORTGROUP: Table = Table::new(
    "A port group",
    &[
        doc("name", Name("name"), Required, "what interfaces call it"),
        doc(
            "default",
            Boolean,
            Value("no"),
            "that of interfaces which name none",
        ),
        doc("trunk", Boolean, Value("no"), "packets keep their VLAN tags"),
        doc("vlan_id", Integer(1, 4094, ""), Nothing, "its one VLAN"),
        doc("vlans", List(&Mapping(&VLAN)), Nothing, "the VLANs of a trunk"),
        doc(
            "ipv4_address",
            Text("IPv4 address with length"),
            Nothing,
            "of the host",
        ),
        doc(
            "ipv6_address",
            Text("IPv6 address with length"),
            Nothing,
            "of the host",
        ),
    ],
);

/// A VLAN of a port group.
pub const VLAN: Table = Table::new(
    "A VLAN of a port group",
    &[
        doc("id", Integer(1, 4094, ""), Required, "the VLAN's number"),
        doc("native", Boolean, Value("no"), "its packets go untagged"),
        doc(
            "ipv4_address",
            Text("IPv4 address with length"),
            Nothing,
            "of the host",
        ),
        doc(
            "ipv6_address",
            Text("IPv6 address with length"),
            Nothing,
            "of the host",
        ),
    ],
);
