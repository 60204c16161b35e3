//! What a libvirtd that was killed leaves of a network that it was just starting, and never looks at again: the bridge,
//! and a DHCP server on it.

use super::read::{self, ActualNetwork};
use crate::addresses::Mac;
use crate::remote::{Cmd, Host};
use crate::steps::host::bridges::links::Link;
use anyhow::{Context, Result};
use virt::network::Network;
use virt::sys;

/// Whether a device is the bridge of a network that is not started: it has the MAC that libvirt gave to that network.
pub fn is_bridge_of(network: &ActualNetwork, link: &Link) -> bool {
    let mac = link.mac.parse::<Mac>().ok();
    network.bridge.as_ref() == Some(&link.name) && network.mac.is_some() && mac == network.mac
}

/// Removes what is left of a network that is not started.
///
/// # Errors
/// When it cannot be removed.
pub fn sweep(host: &Host, network: &Network) -> Result<()> {
    if network.is_active()? {
        return Ok(());
    }
    let found = read::parse(&network.xml_desc(sys::VIR_NETWORK_XML_INACTIVE)?)?;
    // A network on a bridge of the host's own has no MAC.
    let (Some(bridge), Some(mac)) = (&found.bridge, found.mac) else {
        return Ok(());
    };
    let arguments = [&found.name[..], bridge, &mac.to_string()];
    host.text(&Cmd::script(include_str!("sweep.sh"), &arguments))
        .context("removing what libvirt left of it")?;
    Ok(())
}
