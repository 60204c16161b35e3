//! The cloud-init NoCloud seed of a node: a small FAT volume labelled `CIDATA`, made in memory.
//!
//! It is attached as a disk on the bus of the disk that the node boots from: that one its kernel knows.
//! The same input gives the same bytes, so that a seed can be compared with what it should be.

mod console;
mod early;
mod first_boot;
mod hand_over;
pub mod hosts;
mod locale;
mod network_config;
mod user_data;
mod volume;

pub use hand_over::script as hand_over;
pub use volume::SMALLEST;

use crate::ironic::Handed;
use crate::topology::cloud_init::CloudInit;
use anyhow::Context;
use ipnet::IpNet;
use serde::Serialize;
use std::net::IpAddr;

/// What a node is told at its first boot.
#[derive(Clone)]
pub struct Seed<'a> {
    /// cloud-init's instance id: another one makes cloud-init start over.
    pub instance_id: &'a str,
    /// The node's name.
    pub hostname: &'a str,
    /// Its full name, with its domain where it has one.
    pub fqdn: &'a str,
    /// The sudo user to make beside root.
    pub username: Option<&'a str>,
    /// Public keys, in OpenSSH's one-line form, that may log in as root and as `username`.
    pub authorized_keys: &'a [String],
    /// The node's ed25519 host key, in OpenSSH's private format.
    pub host_key_private: &'a str,
    /// The public half of the host key, in OpenSSH's one-line form.
    pub host_key_public: &'a str,
    /// tz name; `None` leaves the image's.
    pub timezone: Option<&'a str>,
    /// As `de_DE.UTF-8`; `None` leaves the image's.
    pub locale: Option<&'a str>,
    /// Certificates that the node trusts, one each, in PEM.
    pub certificates: &'a [String],
    /// The lines of /etc/hosts for the environment's nodes.
    pub hosts: Option<&'a str>,
    /// What the node's file adds to all this.
    pub cloud_init: Option<&'a CloudInit>,
    /// Swap file in MiB; `None` and 0 make none.
    pub swap_mib: Option<u64>,
    /// The NICs in the order of the domain: the first becomes `eth0`.
    pub nics: &'a [SeedNic],
    /// What lets an undercloud power nodes.
    pub handed: Option<&'a Handed>,
    /// Whether it has what is read where there is no cloud-init.
    pub first_boot: bool,
}

/// How the node sets up one of its NICs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedNic {
    /// MAC address, by which the NIC is found.
    pub mac: String,
    /// Ask DHCP for an IPv4 address.
    pub dhcp4: bool,
    /// Ask DHCPv6 for an IPv6 address.
    pub dhcp6: bool,
    /// Fixed addresses with their prefix lengths.
    pub addresses: Vec<IpNet>,
    /// Routers for what is outside the subnets of the fixed addresses; name servers too, where DHCP tells none.
    pub gateways: Vec<IpAddr>,
    /// This is the NIC of `external_network`: it gives the default route, and boot waits for it.
    pub external: bool,
    /// Where names without a domain are looked up, where no DHCP says it.
    pub search: Option<String>,
    /// MTU in bytes; `None` is the kernel's default.
    pub mtu: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MetaData<'a> {
    instance_id: &'a str,
    local_hostname: &'a str,
}

/// The seed's volume, a multiple of 64 KiB. Fails only when it cannot be formatted.
pub fn image(seed: &Seed) -> anyhow::Result<Vec<u8>> {
    let meta = MetaData {
        instance_id: seed.instance_id,
        local_hostname: seed.fqdn,
    };
    let mut files = vec![
        ("meta-data", yaml(&meta)?),
        ("network-config", network_config::render(seed.nics)?),
        ("user-data", user_data::render(seed)?),
    ];
    if seed.first_boot {
        files.push((first_boot::NAME, first_boot::render(seed)?));
    }
    volume::build(&files).with_context(|| format!("building the cloud-init seed of '{}'", seed.hostname))
}

/// YAML in its JSON form. cloud-init reads YAML 1.1, where a plain `52:54:00:12:34:56` is a number in base 60
/// and `no` is false; serde_yaml writes 1.2 and leaves such text plain.
fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod hosts_tests;
