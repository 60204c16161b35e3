//! Making, starting, changing and removing networks.

use super::edit::srv_values;
use super::{Tune, Work, portgroup, remnant, revive, shape};
use crate::deployment::{Identity, Network};
use crate::error::{Exit, Fault};
use crate::libvirt::{Libvirt, gone, settled};
use crate::mark::{self, Owner};
use crate::remote::{Cmd, Host};
use crate::steps::host::facts::LooseNic;
use crate::xml;
use crate::xml::values;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use virt::sys;

/// Does one action.
///
/// # Errors
/// libvirt's, with the network's name.
pub fn apply(work: &Work, libvirt: &Libvirt, host: &Host, id: &Identity) -> Result<()> {
    match work {
        Work::Create { network, plug: nics } => {
            create(network, libvirt, host, id)?;
            plug(host, &network.bridge, nics)
        }
        Work::Start {
            network: name,
            again,
            tune: more,
            bridge,
            plug: nics,
        } => in_turn(libvirt, name, |network| {
            if *again {
                settled(network.destroy(), false, || network.is_active()).context("stopping it")?;
            }
            remnant::sweep(host, network)?;
            start(network)?;
            plug(host, bridge, nics)?;
            tune(host, more.as_ref())
        }),
        Work::Portgroups {
            network: name,
            changes,
        } => in_turn(libvirt, name, |network| {
            changes
                .iter()
                .try_for_each(|change| portgroup::apply(network, change))
        }),
        Work::Tune(more) => tune(host, Some(more)),
        Work::Revive(name) => in_turn(libvirt, name, revive::revive),
        Work::Autostart(name) => in_turn(libvirt, name, |network| Ok(network.set_autostart(true)?)),
        Work::Edit { network: name, edits } => {
            let removes_only = edits.iter().all(|edit| !edit.add);
            if removes_only && libvirt.network(name)?.is_none() {
                return Ok(());
            }
            in_turn(libvirt, name, |network| {
                edits.iter().try_for_each(|edit| edit.apply(network))
            })
        }
        Work::Reserve { network: name, bulk } => {
            let removes_only = bulk.edits.iter().all(|edit| !edit.add);
            if removes_only && libvirt.network(name)?.is_none() {
                return Ok(());
            }
            in_turn(libvirt, name, |network| {
                match bulk.apply(network, libvirt, host)? {
                    true => tune(host, bulk.tune.as_ref()),
                    false => Ok(()),
                }
            })
        }
        Work::Define {
            network: name,
            definition,
        } => in_turn(libvirt, name, |network| {
            let xml = definition.edit(&network.xml_desc(sys::VIR_NETWORK_XML_INACTIVE)?)?;
            libvirt.define_network(&xml).map(|_| ())
        }),
        Work::Reshape {
            network: wanted,
            restart,
        } => in_turn(libvirt, &wanted.name, |network| {
            let xml = network.xml_desc(sys::VIR_NETWORK_XML_INACTIVE)?;
            let ports = match restart {
                true => shape::ports(host, network)?,
                false => Vec::new(),
            };
            let defined = libvirt.define_network(&shape::reshaped(&xml, wanted, id)?)?;
            if *restart {
                settled(defined.destroy(), false, || defined.is_active()).context("stopping it")?;
                start(&defined)?;
                shape::plug(host, &wanted.bridge, &ports)?;
                tune(host, Tune::of(wanted).as_ref())?;
            }
            Ok(())
        }),
        Work::Plug { bridge, nics } => plug(host, bridge, nics),
        Work::Remove(name) => {
            let Some(network) = libvirt.network(name)? else {
                return Ok(());
            };
            remnant::sweep(host, &network)?;
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

fn tune(host: &Host, tune: Option<&Tune>) -> Result<()> {
    let Some(tune) = tune else { return Ok(()) };
    let mut cmd = Cmd::new("ip").args(["link", "set", "dev", &tune.bridge, "type", "bridge"]);
    if let Some(hub) = tune.hub {
        let ageing = Tune::ageing_time(hub).to_string();
        let mask = Tune::GROUP_FORWARD_MASK.to_string();
        cmd = cmd.args(["ageing_time", &ageing, "group_fwd_mask", &mask]);
    }
    if tune.querier {
        cmd = cmd.args(["mcast_querier", "1"]);
    }
    host.text(&cmd)
        .with_context(|| format!("setting up its bridge '{}'", tune.bridge))?;
    Ok(())
}

/// Works on a network while no other action does: a definition that is read, changed and written must not lose what
/// another one adds meanwhile.
fn in_turn(
    libvirt: &Libvirt,
    name: &str,
    act: impl FnOnce(&virt::network::Network) -> Result<()>,
) -> Result<()> {
    static TURNS: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let turn = {
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.to_owned()).or_default())
    };
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let network = libvirt.network(name)?.context("it is gone")?;
    if network.is_persistent()? {
        return act(&network);
    }
    // Undefined while it runs: what it runs by becomes its definition, or a change of that would have no place.
    let defined = libvirt
        .define_network(&network.xml_desc(sys::VIR_NETWORK_XML_INACTIVE)?)
        .context("defining it again")?;
    defined.set_autostart(true)?;
    act(&defined)
}

fn start(network: &virt::network::Network) -> Result<()> {
    let started = settled(network.create(), true, || network.is_active());
    started.map_err(|error| match error.message() {
        // libvirt's check of a host that has its own routes from router advertisements.
        text if text.contains("accept_ra") => Fault::new(Exit::Failed, format!("starting it: {text}"))
            .hint("the hypervisor would lose its IPv6 routes when it forwards: set net.ipv6.conf.all.accept_ra=2 there with sysctl, and make it last in /etc/sysctl.d")
            .into(),
        _ => anyhow::Error::from(error).context("starting it"),
    })
}

/// Plugs the host's ends of running NICs into a bridge.
fn plug(host: &Host, bridge: &str, nics: &[LooseNic]) -> Result<()> {
    for nic in nics {
        let cmd = Cmd::new("ip").args(["link", "set", "dev", &nic.tap, "master", bridge, "up"]);
        host.text(&cmd)
            .with_context(|| format!("plugging a NIC of '{}' into it", nic.domain))?;
    }
    Ok(())
}

fn create(network: &Network, libvirt: &Libvirt, host: &Host, id: &Identity) -> Result<()> {
    let defined = libvirt
        .define_network(&template(network, id)?)
        .context("defining it")?;
    defined
        .set_autostart(true)
        .context("making it start with the host")?;
    start(&defined)?;
    tune(host, Tune::of(network).as_ref())
}

/// The XML of a network.
///
/// # Errors
/// When the template does not fit: a fault of the program.
pub fn template(network: &Network, id: &Identity) -> Result<String> {
    let srvs: Vec<_> = network.srvs.iter().map(srv_values).collect();
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
    let switch = match &network.switch {
        None => None,
        Some(switch) => {
            let groups = switch
                .portgroups
                .iter()
                .map(portgroup::template)
                .collect::<Result<Vec<_>>>()?;
            let indented = groups.iter().map(|xml| xml::indented(xml, 2));
            Some(values! { portgroups => indented.collect::<Vec<_>>() })
        }
    };
    let owner = Owner {
        deployment: id.name.clone(),
        uuid: id.uuid,
    };
    xml::render(
        include_str!("network.xml"),
        values! {
            mark => xml::indented(&mark::for_network(&owner, network.wire.as_ref())?, 0),
            network => values! {
                name => network.name, uuid => network.uuid.to_string(), forward => network.forward.mode(), bridge => network.bridge,
                mtu => network.mtu, domain => network.domain, srvs, switch, ipv4, ipv6, reservations,
            },
        },
    )
}
