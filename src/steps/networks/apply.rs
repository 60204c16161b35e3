//! Making, starting, changing and removing networks.

use super::{Tune, Work};
use crate::deployment::{Identity, Network, Reservation};
use crate::libvirt::{Libvirt, gone, settled};
use crate::remote::{Cmd, Host};
use crate::xml::values;
use crate::{mark, xml};
use anyhow::{Context, Result};
use virt::sys;

/// Does one action.
///
/// # Errors
/// libvirt's, with the network's name.
pub fn apply(work: &Work, libvirt: &Libvirt, host: &Host, id: &Identity) -> Result<()> {
    match work {
        Work::Create(network) => {
            create(network, libvirt, id)?;
            Tune::of(network).map_or(Ok(()), |wire| tune(host, &wire))
        }
        Work::Start {
            network: name,
            tune: wire,
        } => {
            with(libvirt, name, |network| {
                settled(network.create(), true, || network.is_active()).context("starting it")
            })?;
            wire.as_ref().map_or(Ok(()), |wire| tune(host, wire))
        }
        Work::Tune(wire) => tune(host, wire),
        Work::Autostart(name) => with(libvirt, name, |network| Ok(network.set_autostart(true)?)),
        Work::Reserve {
            network: name,
            stale,
            reservation,
        } => with(libvirt, name, |network| {
            for old in stale {
                update(network, sys::VIR_NETWORK_UPDATE_COMMAND_DELETE, old)?;
            }
            update(network, sys::VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, reservation)
        }),
        Work::Release {
            network: name,
            reservation,
        } => match libvirt.network(name)? {
            None => Ok(()),
            Some(network) => update(&network, sys::VIR_NETWORK_UPDATE_COMMAND_DELETE, reservation),
        },
        Work::Remove(name) => {
            let Some(network) = libvirt.network(name)? else {
                return Ok(());
            };
            settled(network.destroy(), false, || network.is_active()).context("stopping it")?;
            gone(network.undefine()).or_else(|error| {
                // A network that was only started has no definition to remove: it went with the stop.
                if libvirt.network(name)?.is_none() {
                    Ok(())
                } else {
                    Err(error.into())
                }
            })
        }
    }
}

fn tune(host: &Host, wire: &Tune) -> Result<()> {
    let ageing = wire.ageing_time().to_string();
    let mask = Tune::GROUP_FORWARD_MASK.to_string();
    let cmd = Cmd::new("ip")
        .args(["link", "set", "dev", &wire.bridge, "type", "bridge"])
        .args(["ageing_time", &ageing, "group_fwd_mask", &mask]);
    host.text(&cmd).context("making its bridge a wire")?;
    Ok(())
}

fn with(
    libvirt: &Libvirt,
    name: &str,
    act: impl FnOnce(&virt::network::Network) -> Result<()>,
) -> Result<()> {
    act(&libvirt.network(name)?.context("it is gone")?)
}

fn create(network: &Network, libvirt: &Libvirt, id: &Identity) -> Result<()> {
    let defined = libvirt
        .define_network(&template(network, id)?)
        .context("defining it")?;
    defined
        .set_autostart(true)
        .context("making it start with the host")?;
    settled(defined.create(), true, || defined.is_active()).context("starting it")
}

/// The XML of a network.
///
/// # Errors
/// When the template does not fit: a fault of the program.
pub fn template(network: &Network, id: &Identity) -> Result<String> {
    let srvs: Vec<_> = network
        .srvs
        .iter()
        .map(|srv| {
            values! {
                service => srv.service, protocol => srv.protocol, domain => srv.domain, target => srv.target,
                port => srv.port, priority => srv.priority, weight => srv.weight,
            }
        })
        .collect();
    let reservations: Vec<_> = network
        .reservations
        .iter()
        .map(|r| values! { mac => r.mac.to_string(), duid => r.ip.is_ipv6().then(|| r.mac.duid()), name => r.name, ip => r.ip })
        .collect();
    let ipv4 = network
        .ipv4
        .as_ref()
        .map(|side| values! { address => side.address, prefix => side.net.prefix_len(), dhcp => side.dhcp });
    let ipv6 = network
        .ipv6
        .as_ref()
        .map(|side| values! { address => side.address, prefix => side.net.prefix_len(), dhcp => side.dhcp });
    xml::render(
        include_str!("network.xml"),
        values! {
            namespace => mark::NAMESPACE,
            version => mark::VERSION,
            wire => network.wire.as_ref().map(|wire| values! { from => wire.from, to => wire.to, nth => wire.nth, hub => wire.hub }),
            owner => values! { deployment => id.name, uuid => id.uuid.to_string() },
            network => values! {
                name => network.name, uuid => network.uuid.to_string(), forward => network.forward.mode(), bridge => network.bridge,
                mtu => network.mtu, domain => network.domain, srvs, ipv4, ipv6, reservations,
            },
        },
    )
}

/// `net-update`, on the definition and, when the network runs, on it too.
fn update(
    network: &virt::network::Network,
    command: sys::virNetworkUpdateCommand,
    reservation: &Reservation,
) -> Result<()> {
    let Reservation { mac, ip, name } = reservation;
    let duid = ip.is_ipv6().then(|| mac.duid());
    let xml = xml::render(
        "<host {% if duid %}id='{{ duid }}'{% else %}mac='{{ mac }}'{% endif %} name='{{ name }}' ip='{{ ip }}'/>",
        values! { duid, mac => mac.to_string(), name, ip },
    )?;
    let mut flags = sys::VIR_NETWORK_UPDATE_AFFECT_CONFIG;
    if network.is_active()? {
        flags |= sys::VIR_NETWORK_UPDATE_AFFECT_LIVE;
    }
    let side = super::read::parse(&network.xml_desc(sys::VIR_NETWORK_XML_INACTIVE)?)?
        .addresses
        .iter()
        .position(|address| address.address.is_ipv4() == ip.is_ipv4())
        .with_context(|| format!("it has no subnet of the family of {ip}"))?;
    Ok(network.update(
        command,
        sys::VIR_NETWORK_SECTION_IP_DHCP_HOST,
        i32::try_from(side)?,
        &xml,
        flags,
    )?)
}
