//! How far one comes on the way to a hypervisor: its name, its port, a login, its libvirt.

use super::report::{Check, Reached};
use crate::commands::virsh::Session;
use crate::remote::{Cmd, Host, LOCAL};
use crate::ssh::config::{ClientOptions, resolve};
use anyhow::Result;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long a port may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Goes as far as it can.
pub(super) fn checks(host: &str, client: &ClientOptions) -> Reached {
    let mut checks = Vec::new();
    if let Err(last) = go(host, client, &mut checks) {
        checks.push(*last);
    }
    Reached {
        host: host.to_owned(),
        checks,
    }
}

/// The check that failed is the error: nothing comes after it.
fn go(host: &str, client: &ClientOptions, checks: &mut Vec<Check>) -> Result<(), Box<Check>> {
    let step = |what: &'static str| move |error: anyhow::Error| Box::new(Check::of_error(what, &error));
    if host != LOCAL {
        let destination = resolve(host, client).map_err(step("ssh configuration"))?;
        let (name, port) = (destination.hostname.as_str(), destination.port);
        if destination.proxy_jump.is_some() || destination.proxy_command.is_some() {
            checks.push(Check::ok(
                "way",
                format!("'{name}' port {port}, by a proxy of the ssh configuration"),
            ));
        } else {
            let found = (name, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            let addresses = found.map_err(|error| {
                let hint = "name an address, or a Host of your ssh configuration that has a HostName";
                Box::new(unreachable("name", format!("'{name}': {error}"), hint))
            })?;
            let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            checks.push(Check::ok("name", format!("'{name}' is {}", shown.join(", "))));
            checks.push(knock(&addresses)?);
        }
    }
    let began = Instant::now();
    let connected = Host::connect(host, client).map_err(step("login"))?;
    let who = match connected.destination() {
        Some(destination) => format!("as '{}', the host key is known", destination.user),
        None => "none is needed: it is this machine".to_owned(),
    };
    let sudo = if connected.sudo() { ", root by sudo" } else { "" };
    checks.push(Check::ok(
        "login",
        format!("{who}{sudo}, {} ms", began.elapsed().as_millis()),
    ));
    let began = Instant::now();
    connected.check(&Cmd::new("true")).map_err(step("command"))?;
    checks.push(Check::ok(
        "command",
        format!("there and back in {} ms", began.elapsed().as_millis()),
    ));
    let began = Instant::now();
    Session::on(connected).map_err(step("libvirt"))?;
    checks.push(Check::ok(
        "libvirt",
        format!("opens in {} ms", began.elapsed().as_millis()),
    ));
    Ok(())
}

/// Whether something listens at one of the addresses.
fn knock(addresses: &[SocketAddr]) -> Result<Check, Box<Check>> {
    let began = Instant::now();
    let mut why = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(_) => {
                let found = format!("{} answers in {} ms", address.port(), began.elapsed().as_millis());
                return Ok(Check::ok("port", found));
            }
            Err(error) => why = format!("{address}: {error}"),
        }
    }
    let hint = "is the machine up, does sshd run there, and does no firewall keep you from it?";
    Err(Box::new(unreachable("port", why, hint)))
}

fn unreachable(what: &'static str, found: String, hint: &str) -> Check {
    let fault = crate::error::Fault::new(crate::error::Exit::Unreachable, found).hint(hint);
    Check::of_error(what, &fault.into())
}
