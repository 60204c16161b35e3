//! What random files are made of.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces of YAML and Jinja, keys, values of all kinds, and what has no place in a file.
const WORDS: &[&str] = &[
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "\n\n",
    "\r\n",
    "\t",
    " ",
    ": ",
    ":",
    "- ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "[]",
    "{}",
    "? ",
    "&a ",
    "*a",
    "*b",
    "<<: *a",
    "<<: ",
    "! ",
    "!!str ",
    "!!int ",
    "!x ",
    "|\n",
    ">\n",
    "|+\n",
    "'",
    "\"",
    "''",
    "\"\"",
    "#",
    " # ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "@",
    "`",
    "\\",
    "\"\\u0000\"",
    "\"\\x1b\"",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{f0000}",
    "\u{fffff}",
    "\0",
    "é",
    "😀",
    "{{ net }}",
    "{{ data_net }}",
    "{{ net + 1 | string }}",
    "{{ net | int + 1 }}",
    "{{",
    "}}",
    "{% if net %}",
    "{% endif %}",
    "{% for i in range(3) %}",
    "{% endfor %}",
    "{{ i }}",
    "{% set x = 1 %}",
    "{% set x %}",
    "{% endset %}",
    "{# ",
    " #}",
    "{% raw %}",
    "{% endraw %}",
    "{{ x }}",
    "{{ undefined.x }}",
    "{{ net.x }}",
    "{{ [] | first }}",
    "{{ \"\\udb80\\udc01\" }}",
    "{{- net -}}",
    "{%- if 1 -%}",
    "{% macro m() %}",
    "{% endmacro %}",
    "{{ m() }}",
    "{{ prefix }}",
    "{{ vswitch_type }}",
    "{{ 'a' * 99 }}",
    "{{ net / 0 }}",
    "{{ net[0:9] }}",
    "0",
    "1",
    "-1",
    "2",
    "64",
    "4096",
    "99999999999999999999",
    "1.5",
    "0x10",
    "1e9",
    "yes",
    "no",
    "maybe",
    "null",
    "~",
    "true",
    "NaN",
    ".inf",
    "20G",
    "1M",
    "-1G",
    "0",
    "9999999T",
    "controller",
    "undercloud",
    "default",
    "management",
    "data",
    "external",
    "net1",
    "net2",
    "a<b&c",
    "$(id)",
    "'; reboot",
    "../../etc",
    "/dev/vda",
    "vdb",
    "sda",
    "hda",
    "vdz",
    "virtio",
    "scsi",
    "sata",
    "ide",
    "e1000",
    "10.0.0.1",
    "10.0.0.255",
    "172.16.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "255.255.255.0",
    "24",
    "::",
    "fd00::1",
    "2001:db8::1/64",
    "10.0.0.1/24",
    "name",
    "cpu",
    "memory",
    "disks",
    "disk1",
    "size",
    "dev",
    "bus",
    "cache",
    "preallocation",
    "import_url",
    "path",
    "interfaces",
    "network",
    "model",
    "portgroup",
    "connect_to",
    "hub",
    "bridged",
    "external_network",
    "provision_network",
    "groups",
    "image",
    "os",
    "type",
    "deploy_os",
    "networks",
    "nodes",
    "forward",
    "nat",
    "route",
    "open",
    "bridge",
    "none",
    "ip_address",
    "netmask",
    "dhcp",
    "range",
    "start",
    "end",
    "ipv6",
    "prefix",
    "mtu",
    "domain",
    "dns",
    "srvs",
    "port",
    "target",
    "virtualport_type",
    "openvswitch",
    "portgroups",
    "vlans",
    "id",
    "native",
    "trunk",
    "vlan_id",
    "ips",
    "introspection_macs",
    "52:54:00:00:00:01",
    "floating_ip",
    "swap",
    "guest_agent",
    "machine_type",
    "cpumodel",
];

/// A word, or any short text.
pub fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => select(WORDS).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[ -~]{0,12}",
    ]
}

/// Words one after the other.
pub fn soup() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(word(), 0..60).prop_map(|words| words.concat().into_bytes())
}

/// What is done to a file that is right.
#[derive(Clone, Debug)]
pub enum Change {
    /// Put a word in, anywhere.
    Insert(Index, String),
    /// Take a stretch out.
    Cut(Index, u8),
    /// Give a line's key another value.
    Value(Index, String),
    /// Give a line another key.
    Key(Index, String),
    /// Say a line twice, or once more elsewhere.
    Repeat(Index, Index),
    /// Leave a line out.
    Drop(Index),
    /// Move a line to the right or left.
    Indent(Index, i8),
    /// Another byte.
    Byte(Index, u8),
}

/// A few changes.
pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        2 => (any::<Index>(), word()).prop_map(|(at, word)| Change::Insert(at, word)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, length)| Change::Cut(at, length)),
        6 => (any::<Index>(), word()).prop_map(|(at, word)| Change::Value(at, word)),
        2 => (any::<Index>(), word()).prop_map(|(at, word)| Change::Key(at, word)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
        2 => any::<Index>().prop_map(Change::Drop),
        1 => (any::<Index>(), -4..=4i8).prop_map(|(at, by)| Change::Indent(at, by)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
    ];
    prop::collection::vec(change, 1..6)
}

/// Changes the text.
pub fn changed(text: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for change in changes {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        if bytes.is_empty() || lines.is_empty() {
            break;
        }
        let count = lines.len();
        match change {
            Change::Insert(at, word) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, word.bytes());
                continue;
            }
            Change::Cut(at, length) => {
                let at = at.index(bytes.len());
                let end = bytes.len().min(at + usize::from(*length) / 8);
                bytes.drain(at..end);
                continue;
            }
            Change::Byte(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
                continue;
            }
            Change::Value(at, word) => {
                let line = &mut lines[at.index(count)];
                if let Some((key, _)) = line.split_once(": ") {
                    *line = format!("{key}: {word}\n");
                }
            }
            Change::Key(at, word) => {
                let line = &mut lines[at.index(count)];
                let indent = line.len() - line.trim_start().len();
                if let Some((_, value)) = line.split_once(':') {
                    *line = format!("{}{word}:{value}", " ".repeat(indent));
                }
            }
            Change::Repeat(from, to) => {
                let line = lines[from.index(count)].clone();
                lines.insert(to.index(count), line);
            }
            Change::Drop(at) => {
                lines.remove(at.index(count));
            }
            Change::Indent(at, by) => {
                let line = &mut lines[at.index(count)];
                let indent = line.len() - line.trim_start().len();
                let wanted = indent.saturating_add_signed(isize::from(*by));
                *line = format!("{}{}", " ".repeat(wanted), line.trim_start());
            }
        }
        bytes = lines.concat().into_bytes();
    }
    bytes
}
