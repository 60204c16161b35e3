//! Which bridges must be made, repaired or given up, and why. Pure.

use super::links::{Links, Ruler};
use super::{HostBridge, Mark, Work, program};
use crate::actual::Actual;
use crate::deployment::Identity;
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::steps::host;
use crate::yaml::Problems;
use ipnet::IpNet;

/// What is said of a change under our own feet.
const CARRIES: &str =
    "; this very connection goes over it: the change is taken back unless irs can connect anew";

/// The actions that bring a deployment's bridges to what they should be.
///
/// # Errors
/// What cannot be made, or not in a lasting way.
pub fn converge(bridges: &[HostBridge], links: &Links, host: &str) -> Result<Vec<Action>, Problems> {
    let mut actions = Vec::new();
    let mut problems = Problems::default();
    for wanted in bridges {
        let reasons = reasons(wanted, links);
        if reasons.is_empty() {
            continue;
        }
        let ruler = links.rulers.get(&wanted.nic);
        let made = links.get(&wanted.name).is_some();
        if ruler.is_none() && !wanted.runtime_only {
            problems
                .push(
                    None,
                    format!(
                        "bridge '{}' over '{}' would not outlive the next boot of '{host}': neither NetworkManager nor a file of netplan's knows that NIC",
                        wanted.name, wanted.nic
                    ),
                )
                .hint("accept that with --bridge-runtime-only, or make the bridge yourself: an existing one is used as it is");
            continue;
        }
        if let Some(Ruler::NetworkManager {
            profile: Some(uuid),
            file: None,
        }) = ruler
        {
            problems
                .push(
                    None,
                    format!(
                        "the NIC '{}' of '{host}' has the NetworkManager profile {uuid}, which is not in NetworkManager's own format",
                        wanted.nic
                    ),
                )
                .hint("bring it there with 'nmcli connection migrate', or make the bridge yourself: an existing one is used as it is");
            continue;
        }
        if let Err(why) = program::take_over(links, wanted) {
            problems
                .push(
                    None,
                    format!("bridge '{}' cannot be made on '{host}': {why}", wanted.name),
                )
                .hint("make the bridge yourself: an existing one is used as it is");
            continue;
        }
        let verb = if made { Verb::Update } else { Verb::Create };
        let mut reason = reasons.join("; ");
        if links
            .ours
            .as_ref()
            .is_some_and(|ours| [&wanted.nic, &wanted.name].contains(&ours))
        {
            reason += CARRIES;
        }
        actions.push(action(
            verb,
            &wanted.name,
            host,
            reason,
            Work::TakeOver(Box::new(wanted.clone())),
        ));
    }
    if !bridges.is_empty() && links.filtered == Some(true) {
        let reason = "frames between nodes and their LAN would pass the host's IP firewall".to_owned();
        actions.push(action(
            Verb::Update,
            "bridge-nf-call",
            host,
            reason,
            Work::Unfilter,
        ));
    }
    if problems.is_empty() {
        Ok(actions)
    } else {
        Err(problems)
    }
}

/// What a bridge lacks, in words.
fn reasons(wanted: &HostBridge, links: &Links) -> Vec<String> {
    let mut reasons = Vec::new();
    let Some(nic) = links.get(&wanted.nic) else {
        return vec![format!("its NIC '{}' is not there", wanted.nic)];
    };
    let moving = match nic.shown_addresses() {
        list if list.is_empty() => String::new(),
        list => format!(", whose {list} with the routes move to it"),
    };
    let new = |own: &&IpNet| !nic.own_addresses().any(|a| a.net() == Some(**own));
    let bridge = match links.get(&wanted.name) {
        None => {
            let own: Vec<IpNet> = wanted.addresses.iter().filter(new).copied().collect();
            let own = match list(&own) {
                list if list.is_empty() => String::new(),
                list => format!("; it gets {list}"),
            };
            return vec![format!(
                "there is no such bridge; it takes '{}' over{moving}{own}",
                nic.name
            )];
        }
        Some(bridge) => bridge,
    };
    if nic.master.as_deref() != Some(&wanted.name) {
        reasons.push(format!("the NIC '{}' is not in it{moving}", nic.name));
    } else if !moving.is_empty() {
        reasons.push(format!(
            "the NIC '{}' in it has addresses of its own{moving}",
            nic.name
        ));
    }
    for link in [bridge, nic].into_iter().filter(|link| !link.is_up()) {
        reasons.push(format!("'{}' is down", link.name));
    }
    if bridge.linkinfo.data.stp_state != 0 {
        reasons.push("it has a spanning tree, which keeps ports silent at first".into());
    }
    let has = |own: &&IpNet| bridge.own_addresses().any(|a| a.net() == Some(**own));
    for own in wanted.addresses.iter().filter(|own| !has(own)) {
        reasons.push(format!("it lacks the address {own}"));
    }
    for gone in links.mark(&wanted.name).iter().flat_map(|mark| &mark.addresses) {
        if !wanted.addresses.contains(gone) {
            reasons.push(format!("the topology has no longer {gone}"));
        }
    }
    if let Some(mtu) = wanted.mtu.filter(|mtu| *mtu != nic.mtu) {
        reasons.push(format!("the MTU of '{}' is {}, wanted {mtu}", nic.name, nic.mtu));
    }
    let ruled = links.rulers.contains_key(&wanted.nic);
    if ruled && !wanted.runtime_only && !links.lasting.contains_key(&wanted.name) {
        reasons.push("it would end with the next boot".into());
    }
    reasons
}

/// The actions that give NICs back when nobody uses their bridges any more; `gone` tells what this run removes.
///
/// `own` is the deployment that goes; without one, all go.
pub fn release(actual: &Actual, id: &Identity, own: Option<&Identity>) -> Vec<Action> {
    let links = &actual.facts.links;
    let deployments = actual.deployments();
    let goes = |owner: Option<uuid::Uuid>| match own {
        None => true,
        Some(own) => owner == Some(own.uuid),
    };
    let used = |bridge: &str| {
        let networks = actual
            .networks
            .iter()
            .filter(|n| !goes(n.owner.as_ref().map(|o| o.uuid)));
        let domains = actual
            .domains
            .iter()
            .filter(|d| !goes(d.mark.as_ref().map(|m| m.owner.uuid)));
        networks.into_iter().any(|n| n.bridge.as_deref() == Some(bridge))
            || domains
                .flat_map(|d| &d.nics)
                .any(|n| n.bridge.as_deref() == Some(bridge))
    };
    let ours = |mark: &Mark| {
        let uses = actual
            .networks
            .iter()
            .any(|n| n.owner.is_some() && n.bridge.as_deref() == Some(&mark.bridge));
        own.is_none_or(|own| {
            uses || own.name == mark.deployment || !deployments.contains(mark.deployment.as_str())
        })
    };
    let marks = links.marks();
    let mut actions: Vec<Action> = marks
        .iter()
        .filter(|mark| ours(mark) && !used(&mark.bridge))
        .map(|mark| {
            let reason = match links.get(&mark.bridge) {
                Some(bridge) => {
                    let addresses = bridge.own_addresses().filter_map(|a| a.net());
                    let theirs: Vec<IpNet> = addresses.filter(|a| !mark.addresses.contains(a)).collect();
                    let back = match list(&theirs) {
                        list if list.is_empty() => String::new(),
                        list => format!(" with {list} and the routes"),
                    };
                    format!("no network uses it any more; '{}' is given back{back}", mark.nic)
                }
                None => "it is gone, and its files are left".into(),
            };
            let carries = links.ours.as_deref() == Some(&mark.bridge);
            let reason = if carries { reason + CARRIES } else { reason };
            action(
                Verb::Remove,
                &mark.bridge,
                &id.host,
                reason,
                Work::Release(mark.clone()),
            )
        })
        .collect();
    if links.unfiltered_by_us && actions.len() == marks.len() {
        let reason = "no bridge of irs's is left".to_owned();
        actions.push(action(
            Verb::Remove,
            "bridge-nf-call",
            &id.host,
            reason,
            Work::Refilter,
        ));
    }
    actions
}

fn list(addresses: &[IpNet]) -> String {
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    list.join(", ")
}

fn action(verb: Verb, name: &str, host: &str, reason: String, work: Work) -> Action {
    Action::new(
        Step::Host,
        verb,
        Kind::Host,
        name,
        host,
        reason,
        host::Work::Bridge(work),
    )
}
