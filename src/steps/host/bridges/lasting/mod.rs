//! Bridges that outlive the next boot: as profiles of NetworkManager, or in netplan's files.

mod netplan;
mod network_manager;

use super::links::{Links, Ruler};
use super::program::Program;
use super::{HostBridge, Mark};
use crate::remote::Host;
use anyhow::Result;

/// The program that makes a bridge by way of what rules its NIC.
///
/// # Errors
/// When its files cannot be read.
pub fn take_over(
    host: &Host,
    ruler: &Ruler,
    links: &Links,
    wanted: &HostBridge,
    mark: &Mark,
) -> Result<Program> {
    match ruler {
        Ruler::NetworkManager { profile, file } => {
            let text = network_manager::read(host, file.as_deref())?;
            let was = profile.as_deref().zip(text.as_deref());
            let mac = links.get(&wanted.nic).map(|nic| nic.mac.as_str());
            let [bridge, port] = network_manager::paths(mark);
            let bridge = network_manager::read(host, Some(&bridge))?;
            let port = network_manager::read(host, Some(&port))?;
            let before = links.mark(&wanted.name).map_or(Vec::new(), |mark| mark.addresses);
            let ours = bridge.as_deref().zip(port.as_deref());
            Ok(network_manager::take_over(
                wanted,
                mark,
                mac.unwrap_or_default(),
                was,
                ours.map(|(bridge, port)| ([bridge, port], &before[..])),
            ))
        }
        Ruler::Netplan => {
            let state = netplan::read(host)?;
            let mac = links.get(&wanted.nic).map(|nic| nic.mac.as_str());
            netplan::take_over(&state, wanted, mark, mac.unwrap_or_default())
        }
    }
}

/// The program that gives the NIC back by way of what rules it.
///
/// # Errors
/// When its files cannot be read.
pub fn release(host: &Host, ruler: &Ruler, mark: &Mark) -> Result<Program> {
    match ruler {
        Ruler::NetworkManager { .. } => {
            let [bridge, port] = network_manager::paths(mark);
            let bridge = network_manager::read(host, Some(&bridge))?;
            let port = network_manager::read(host, Some(&port))?;
            Ok(network_manager::release(
                mark,
                &bridge.unwrap_or_default(),
                &port.unwrap_or_default(),
            ))
        }
        Ruler::Netplan => netplan::release(&netplan::read(host)?, mark),
    }
}
