//! Is a node ready: does a login as its user work, and has cloud-init finished? If not, why?

pub mod cloud_init;
pub mod console;
mod crowd;
mod first_boot;

use crate::apply::{self, Tools};
use crate::error::{Exit, Fault};
use crate::interrupt;
use crate::remote::{Cmd, Host};
use crate::ssh::node::{self, LoginFailure, NodeKey};
use crate::steps::domains::state::State;
use crate::steps::host::bridges::lan::{self, LanNic};
use crate::steps::start::fallen;
use crate::ui::NodeLine;
use anyhow::Result;
use console::Console;
use crowd::Crowd;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A guest's sshd penalises who asks more often.
const PAUSE: Duration = Duration::from_secs(2);
/// How long one attempt to log in may take.
const ATTEMPT: Duration = Duration::from_secs(20);

/// How long the looks under way may go on after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// Of so many looks at a LAN one wakes the neighbours up.
const SWEEPS: u32 = 5;

/// A node that is waited for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The domain.
    pub name: String,
    /// Where it will answer; on a LAN that has to be found out.
    pub address: Option<IpAddr>,
    /// Its NIC on a LAN, when its address there has to be found out.
    pub lan: Option<LanNic>,
    /// Whether it is reached without the hypervisor.
    pub direct: bool,
    /// Whether the node gets that address by the network's DHCP, and not from its seed.
    pub by_dhcp: bool,
    /// The network of that address.
    pub network: String,
    /// The NIC of that address.
    pub mac: String,
    /// Who logs in.
    pub user: String,
    /// The node's SSH host key.
    pub host_key: String,
    /// The log of its serial console, when there is one.
    pub serial_file: Option<String>,
}

/// Waits for all nodes at once; gives back the names of those that are ready, and what is wrong with the others.
pub async fn wait(
    targets: Vec<Target>,
    tools: &Arc<Tools>,
    key: &NodeKey,
    timeout: Duration,
) -> (Vec<(String, IpAddr)>, Result<()>) {
    let deadline = Instant::now() + timeout;
    let mut tasks = tokio::task::JoinSet::new();
    let crowd = Arc::new(Crowd::default());
    for target in targets {
        let (tools, key, crowd) = (Arc::clone(tools), key.clone(), Arc::clone(&crowd));
        tasks.spawn_blocking(move || {
            let line = tools.ui.node(&target.name);
            let result = wait_for(&target, &tools, &key, &crowd, deadline, &line);
            match &result {
                Ok((address, warnings)) if warnings.is_empty() => line.done(&format!("ready at {address}")),
                Ok((address, _)) => line.done(&format!("ready at {address}, with warnings")),
                Err(error) => line.failed(&error.to_string()),
            }
            for warning in result.iter().flat_map(|(_, warnings)| warnings) {
                tools.ui.warn(&format!("{}: {warning}", target.name));
            }
            (target.name, result)
        });
    }
    let mut ready = Vec::new();
    let mut failures = Vec::new();
    let cut = async {
        interrupt::arrived().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(cut);
    loop {
        // A login under way may take long, and nothing is lost with it.
        let finished = tokio::select! {
            finished = tasks.join_next() => finished,
            () = &mut cut => None,
        };
        let Some(finished) = finished else { break };
        match finished {
            Ok((name, Ok((address, _)))) => ready.push((name, address)),
            Ok((name, Err(error))) => failures.push((name, error)),
            Err(panic) => failures.push((String::new(), panic.into())),
        }
    }
    ready.sort();
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    if interrupt::requested() {
        return (ready, Err(apply::stopped()));
    }
    let others: Vec<String> = failures
        .iter()
        .skip(1)
        .map(|(name, error)| format!("{name}: {error}"))
        .collect();
    let result = match failures.into_iter().next() {
        None => Ok(()),
        Some((name, error)) => {
            let error = if others.is_empty() {
                error
            } else {
                error.context(format!("also not ready: {}", others.join("; ")))
            };
            Err(error.context(format!("node '{name}' did not get ready")))
        }
    };
    (ready, result)
}

/// What is known of a node while it is waited for.
#[derive(Default)]
struct Waiting {
    session: Option<node::NodeSession>,
    refusals: u32,
    found: Option<IpAddr>,
    looks: u32,
    /// Whether nobody was there to give it an address at the last look.
    silent: bool,
}

impl Waiting {
    /// Where the node answers: on a LAN, as its agent or the host's neighbours say.
    fn address(&mut self, target: &Target, tools: &Tools) -> Result<IpAddr, String> {
        let Some(lan) = &target.lan else {
            return target.address.ok_or_else(|| "it has no address".to_owned());
        };
        if let Some(found) = self.found {
            return Ok(found);
        }
        self.looks += 1;
        let sweep = self.looks.is_multiple_of(SWEEPS);
        let nics = std::slice::from_ref(lan);
        let found = lan::find(&tools.host, &tools.libvirt, nics, sweep).map_err(|e| format!("{e:#}"))?;
        self.found = found.get(&target.name).copied();
        self.found.ok_or_else(|| {
            format!(
                "no address on the LAN of bridge '{}' yet: neither its guest agent nor the host's neighbours tell one",
                lan.bridge
            )
        })
    }

    fn forget(&mut self) {
        self.found = None;
    }
}

/// What one look at a node says.
enum Look {
    Ready(IpAddr, Vec<String>),
    NotYet(String),
    Never(anyhow::Error),
}

fn wait_for(
    target: &Target,
    tools: &Tools,
    key: &NodeKey,
    crowd: &Crowd,
    deadline: Instant,
    line: &NodeLine,
) -> Result<(IpAddr, Vec<String>)> {
    let console = Console::open(target, tools);
    let mut state = Waiting::default();
    loop {
        let begun = Instant::now();
        let reason = match look(target, tools, key, crowd, &mut state) {
            Look::Ready(address, warnings) => return Ok((address, warnings)),
            Look::Never(error) => return Err(console.beside(tools, error)),
            Look::NotYet(reason) => reason,
        };
        line.set(&reason);
        if (tools.lease_lost)() {
            return Err(apply::lease_lost(tools).into());
        }
        if Instant::now() >= deadline {
            let fault = Fault::new(Exit::Failed, format!("it is not ready in time: {reason}"))
                .hint("run the same command again to wait on, or give it longer with --timeout SECONDS");
            return Err(console.beside(tools, fault.into()));
        }
        // A guest that refuses our key counts that against us: ask it more and more seldom.
        let pause = PAUSE * (1 + state.refusals.min(4));
        let pause = pause
            .saturating_sub(begun.elapsed())
            .max(Duration::from_millis(200))
            .min(deadline.saturating_duration_since(Instant::now()));
        if interrupt::pause(pause) {
            return Err(apply::stopped());
        }
    }
}

fn look(target: &Target, tools: &Tools, key: &NodeKey, crowd: &Crowd, waiting: &mut Waiting) -> Look {
    match crowd.state(&target.name, tools) {
        Ok(State::Running) => {}
        Ok(State::Broken) => {
            let fault = Fault::new(
                Exit::Failed,
                "it is paused with an internal error of the emulator",
            );
            let hint = hint_for_fallen(tools.setting.virt_type, &target.name);
            return Look::Never(with_last_words(fault.hint(hint), &target.name, tools));
        }
        Ok(state) => {
            let fault = Fault::new(Exit::Failed, format!("its domain is {}", state.name())).hint(format!(
                "see /var/log/libvirt/qemu/{}.log on the hypervisor; the same command starts it again",
                target.name
            ));
            return Look::Never(with_last_words(fault, &target.name, tools));
        }
        Err(error) => return Look::Never(apply::explain(tools, error)),
    }
    let address = match waiting.address(target, tools) {
        Ok(address) => address,
        Err(reason) => return Look::NotYet(reason),
    };
    let here = Host::here();
    if waiting.session.is_none() {
        let place = crowd.place();
        if interrupt::requested() {
            return Look::NotYet("not asked any more".into());
        }
        let login = node::login_through(
            if target.direct { &here } else { &tools.host },
            address,
            &target.user,
            key,
            &target.host_key,
            ATTEMPT,
        );
        drop(place);
        match login {
            Ok(open) => waiting.session = Some(open),
            Err(LoginFailure::NoAnswer(_))
                if target.by_dhcp && !crowd.has_lease(&target.network, &target.mac, tools) =>
            {
                // libvirt does not start it again by itself; one that is just started anew is back at the next look.
                let silent = crowd.is_silent(&target.network, tools);
                if silent && waiting.silent {
                    return Look::Never(silent_server(&target.network));
                }
                waiting.silent = silent;
                return Look::NotYet("no DHCP request yet".into());
            }
            Err(LoginFailure::NoAnswer(_)) => {
                // On a LAN it may have been given another one meanwhile.
                waiting.forget();
                let from = match target.direct {
                    true => ", which is reached from this machine without the hypervisor",
                    false => "",
                };
                return Look::NotYet(format!("no answer on port 22 of {address}{from}"));
            }
            Err(LoginFailure::HostKeyMismatch(_)) => {
                return Look::NotYet("another host key than its seed's answers".into());
            }
            Err(LoginFailure::KeyRefused) => {
                waiting.refusals += 1;
                return Look::NotYet(format!("the key is refused for '{}'", target.user));
            }
            Err(LoginFailure::Other(error)) => return Look::NotYet(format!("logging in: {error}")),
        }
    }
    let Some(open) = waiting.session.as_mut() else {
        return Look::NotYet("logging in".into());
    };
    match cloud_init::ask(open) {
        Ok(cloud_init::Progress::Finished { warnings }) => Look::Ready(address, warnings),
        Ok(cloud_init::Progress::Working(stage)) => Look::NotYet(stage),
        Ok(cloud_init::Progress::Failed(error)) => {
            let fault = Fault::new(Exit::Failed, error);
            Look::Never(
                fault
                    .hint("log in and read /var/log/cloud-init.log and /var/log/cloud-init-output.log, or /var/lib/irs/first-boot/log where there is no cloud-init")
                    .into(),
            )
        }
        Err(error) => {
            waiting.session = None;
            Look::NotYet(format!("the connection was lost: {error}"))
        }
    }
}

/// What to do about a node that the emulator stopped.
pub fn hint_for_fallen(virt_type: &str, node: &str) -> String {
    match virt_type {
        "kvm" => "KVM may not carry guests on this host: remove the nodes with --remove-nodes and make them with --virt-type qemu (slow)".to_owned(),
        _ => format!("see /var/log/libvirt/qemu/{node}.log on the hypervisor; after 'virsh destroy {node}' there the same command starts it again"),
    }
}

fn silent_server(network: &str) -> anyhow::Error {
    let message = format!("the DHCP and DNS server of its network '{network}' ended (dnsmasq)");
    let fault = Fault::new(Exit::Failed, message);
    fault
        .hint("the same command starts it again; the hypervisor's journal may say why it ended")
        .into()
}

fn with_last_words(fault: Fault, domain: &str, tools: &Tools) -> anyhow::Error {
    match fallen::last_words(&tools.host, domain) {
        Some(words) => words.context(fault),
        None => fault.into(),
    }
}

/// The end of a serial log on the hypervisor.
fn tail(tools: &Tools, file: &str) -> Option<String> {
    let cmd = Cmd::new("tail").args(["-c", "2000", "--", file]);
    tools.host.text(&cmd).ok()
}
