//! A network whose dnsmasq was killed: libvirt takes it for started, and its nodes get no address.

use anyhow::{Context, Result};
use virt::network::Network;
use virt::sys;

/// A record that is there for a moment only.
const RECORD: &str = "<txt name='irs' value='starts the server'/>";

/// Makes libvirt start the network's dnsmasq, without a stop of the network: it does so whenever it has something new to
/// tell it. So a DNS record comes and goes.
///
/// # Errors
/// libvirt's, when dnsmasq does not start.
pub fn revive(network: &Network) -> Result<()> {
    let update = |command| {
        let live = sys::VIR_NETWORK_UPDATE_AFFECT_LIVE;
        network.update(command, sys::VIR_NETWORK_SECTION_DNS_TXT, -1, RECORD, live)
    };
    // One that a killed run left would be in the way.
    let _ = update(sys::VIR_NETWORK_UPDATE_COMMAND_DELETE);
    update(sys::VIR_NETWORK_UPDATE_COMMAND_ADD_LAST).context("starting its dnsmasq")?;
    Ok(update(sys::VIR_NETWORK_UPDATE_COMMAND_DELETE)?)
}
