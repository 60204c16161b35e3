//! `irs forward`: ports of nodes as ports of this machine, over ssh.

mod spec;
mod tunnel;

use super::ssh::logins;
use crate::cli::forward::Forward;
use crate::error::{Exit, Fault, FaultContext};
use crate::interrupt;
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;
use serde::Serialize;
use spec::Spec;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use tunnel::{News, Tunnel};

/// Runs `irs forward`.
///
/// # Errors
/// `Usage` for nodes that are not there, `Failed` for a port that cannot be had, `Unreachable` when a node's ssh ends.
pub async fn run(args: &Forward, ui: &Ui) -> Result<()> {
    let all = settled(args)?;
    if all.iter().any(|one| !one.local.ip().is_loopback()) {
        ui.warn("whoever reaches this machine reaches these ports of the nodes");
    }
    let mut by_login: BTreeMap<&str, Vec<&Settled>> = BTreeMap::new();
    for one in &all {
        by_login.entry(&one.login).or_default().push(one);
    }
    let (say, mut news) = tokio::sync::mpsc::unbounded_channel();
    let config = logins(&args.environment)?.config;
    let mut tunnels = Vec::new();
    for (at, (login, ports)) in by_login.iter().enumerate() {
        let ports: Vec<(SocketAddr, u16)> = ports.iter().map(|one| (one.local, one.port)).collect();
        let say = say.clone();
        // By this thread, which lives as long as the program: ssh ends with it.
        tunnels.push(Tunnel::start(&config, login, &ports, move |what| {
            let _ = say.send((at, what));
        })?);
    }
    let serve = async {
        let mut ready = 0;
        while let Some((at, what)) = news.recv().await {
            match what {
                News::Ready => {
                    ready += 1;
                    if ready == tunnels.len() {
                        tell(&all, ui)?;
                    }
                }
                News::Ended => return Err(tunnels[at].fault(ready == tunnels.len()).into()),
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = serve => ended,
        () = interrupt::arrived() => Ok(()),
        heard = interrupt::listen(|| (), || ()) => Ok(heard?),
    }
}

/// A forwarding with its login and its port here.
struct Settled {
    /// As ssh is to be told.
    login: String,
    /// The node.
    node: String,
    local: SocketAddr,
    port: u16,
    /// Keeps a port that was chosen from being chosen twice.
    _held: Option<TcpListener>,
}

fn settled(args: &Forward) -> Result<Vec<Settled>> {
    let logins = logins(&args.environment)?;
    let mut problems = Problems::default();
    let mut specs = Vec::new();
    for text in &args.forwards {
        let spec = Spec::parse(text).and_then(|spec| {
            let node = logins.find(spec.operand().host)?;
            Ok((spec.operand().with(&node.name), node.name.clone(), spec))
        });
        match spec {
            Ok(spec) => specs.push(spec),
            Err(fault) => {
                let problem = problems.push(None, fault.message);
                if let Some(hint) = fault.hint {
                    problem.hint(hint);
                }
            }
        }
    }
    if args.local_port.is_some() && !matches!(&specs[..], [(_, _, spec)] if spec.local.is_none()) {
        problems
            .push(None, "--local-port is for one NODE:PORT")
            .hint("write LOCAL:NODE:PORT for each");
    }
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let settle = |(login, node, spec): (String, String, Spec)| {
        let bind = spec.bind.unwrap_or(args.bind);
        let held = hold(bind, spec.local.or(args.local_port).unwrap_or(0))?;
        Ok(Settled {
            login,
            node,
            local: held.local_addr()?,
            port: spec.port,
            _held: Some(held),
        })
    };
    let mut all = specs.into_iter().map(settle).collect::<Result<Vec<_>>>()?;
    // From here on they are ssh's.
    all.iter_mut().for_each(|one| one._held = None);
    Ok(all)
}

fn hold(bind: IpAddr, port: u16) -> Result<TcpListener> {
    TcpListener::bind((bind, port)).fault(|| {
        let message = format!("port {port} of {bind} cannot be had");
        Fault::new(Exit::Failed, message).hint("NODE:PORT without LOCAL takes a port that is free")
    })
}

/// What is told of the ports, in the shape of `--format json`.
#[derive(Serialize)]
struct Told<'a> {
    /// In the order of the command line.
    forwards: Vec<ToldPort<'a>>,
}

/// A port of a node.
#[derive(Serialize)]
struct ToldPort<'a> {
    /// The node.
    node: &'a str,
    /// Its port.
    port: u16,
    /// The address of this machine that leads there.
    address: String,
    /// The port of that address.
    local_port: u16,
}

fn tell(all: &[Settled], ui: &Ui) -> Result<()> {
    for one in all {
        ui.result(&format!("{} -> {}:{}", one.local, one.node, one.port));
    }
    let forwards = all
        .iter()
        .map(|one| ToldPort {
            node: &one.node,
            port: one.port,
            address: one.local.ip().to_string(),
            local_port: one.local.port(),
        })
        .collect();
    ui.json(&Told { forwards })?;
    ui.note("Ctrl-C ends it");
    Ok(())
}
