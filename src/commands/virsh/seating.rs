//! What is to be on which hypervisor: nodes are seated, DHCP ranges divided, and each hypervisor gets a model of its own.

use super::connect::{Chosen, Site};
use super::fleet::{Crew, Each};
use super::input::Request;
use super::ironic;
use crate::actual::Actual;
use crate::deployment::Deployment;
use crate::fleet::{self, Member, Seat, Share};
use crate::resolve;
use crate::resolve::counts::{self, Counts};
use crate::resolve::part::{Others, Part};
use crate::resolve::placement::{self, Host};
use crate::steps::host::record::KeySecret;
use crate::topology::Topology;
use crate::topology::network::Forward;
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::Result;
use std::collections::BTreeSet;

/// A hypervisor, and what there must be on it.
pub(super) struct Seated {
    pub(super) site: Site,
    /// What is there, with what the blueprint knows of it besides; none where there is no blueprint.
    pub(super) known: Option<Actual>,
    pub(super) deployment: Deployment,
    /// What its record must say of all hypervisors.
    pub(super) fleet: Vec<Member>,
    /// The secret that all records of the environment share; none where a single one makes its own.
    pub(super) secret: Option<KeySecret>,
    /// What all hypervisors have for Ironic.
    pub(super) ironic: ironic::Shared,
    /// The network file.
    pub(super) network: String,
}

/// Resolves the topology for all hypervisors.
///
/// # Errors
/// Everything that cannot be on one of them.
pub(super) fn seat(request: &Request, chosen: Chosen, crew: &Crew, ui: &Ui) -> Result<Each<Seated>> {
    let Chosen {
        sites,
        absent,
        network,
        slot,
        topology,
    } = chosen;
    let knowns: Vec<Option<Actual>> = sites.iter().map(|(_, site)| known(site)).collect();
    let looks = || {
        let pairs = sites.iter().zip(&knowns);
        pairs.map(|((_, site), known)| (site, known.as_ref().unwrap_or(&site.actual)))
    };
    let unfinished = sites
        .iter()
        .find_map(|(_, site)| counts::unfinished(&site.actual));
    if let Some(note) = counts::resumes(&request.wanted, &topology, unfinished) {
        ui.note(&note);
    }
    let nodes: Vec<Vec<Seat>> = looks()
        .map(|(site, known)| counts::present(&site.id, known))
        .collect();
    let elsewhere = absent.iter().flat_map(|member| &member.nodes);
    let present: Vec<Seat> = nodes.iter().flatten().chain(elsewhere).cloned().collect();
    let all = counts::targets(&request.wanted, &topology, &present, unfinished);
    let hosts = hosts(request, &sites, &nodes, &absent);
    let seating = placement::seat(&topology, &all, &hosts, &request.ways.dealt, request.placement)
        .map_err(Problems::into_fault)?;
    seating.notes.iter().for_each(|note| ui.note(note));
    for (at, _) in crew.failed() {
        let lost = placement::left_out(crew.host(at), &seating.of[at], &hosts[at].present, &topology);
        lost.iter().for_each(|warning| ui.warn(warning));
    }
    if crew.is_several() {
        apart(request, &topology, &sites, ui);
    }

    let found: Vec<fleet::Found<'_>> = sites.iter().map(|(_, site)| site.found()).collect();
    let planned: Vec<Vec<Seat>> = sites
        .iter()
        .zip(&nodes)
        .map(|((at, _), there)| seats(&seating.of[*at], there, &topology))
        .collect();
    let members = fleet::members(&found, &planned, absent.clone(), request.ways.all.len());
    let mut records = sites
        .iter()
        .filter_map(|(_, site)| site.actual.facts.record.as_ref());
    let secret = match records.next() {
        _ if !crew.is_several() => None,
        Some(record) => Some(record.secret.clone()),
        None => Some(KeySecret::new()?),
    };
    let mut problems = Problems::default();
    let mut deployments: Vec<Deployment> = Vec::new();
    for (position, (site, known)) in looks().enumerate() {
        let mut others = Others::default();
        for (other, (there, actual)) in looks().enumerate().filter(|(other, _)| *other != position) {
            others.note(&there.id, actual);
            others.note_fixed(&topology, &seating.of[sites[other].0], &there.id);
        }
        deployments
            .iter()
            .for_each(|planned| others.note_planned(planned));
        let member = members.iter().find(|member| member.uuid == site.id.uuid);
        let part = Part {
            counts: seating.of[sites[position].0].clone(),
            all: all.clone(),
            share: member.map_or(Share::WHOLE, |member| member.share),
            others,
        };
        match resolve::deployment(&request.wanted, &topology, slot.clone(), &site.id, known, &part) {
            Ok(deployment) => deployments.push(deployment),
            Err(found) => problems.append_new(found),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let for_ironic = ironic::shared(request, &sites, &deployments)?;
    let seated = sites.into_iter().zip(knowns).zip(deployments);
    Ok(seated
        .map(|(((at, site), known), deployment)| {
            let seated = Seated {
                known,
                deployment,
                fleet: members.clone(),
                secret: secret.clone(),
                ironic: for_ironic.clone(),
                network: network.clone(),
                site,
            };
            (at, seated)
        })
        .collect())
}

/// What is there, with what the blueprint knows of it.
fn known(site: &Site) -> Option<Actual> {
    let folder = site.request.wanted.storage.deployment_folder(&site.id.name);
    let before = site.actual.facts.blueprint.as_ref();
    before.map(|before| before.known(&site.actual, &site.id, &folder))
}

/// All hypervisors of the request, also those that are left out, and behind them those that it does not name.
fn hosts<'a>(
    request: &'a Request,
    sites: &'a Each<Site>,
    nodes: &[Vec<Seat>],
    absent: &'a [Member],
) -> Vec<Host<'a>> {
    let mut hosts: Vec<Host<'_>> = request
        .ways
        .all
        .iter()
        .map(|way| Host {
            name: &way.host,
            present: Vec::new(),
            memory: None,
        })
        .collect();
    for ((at, site), nodes) in sites.iter().zip(nodes) {
        hosts[*at].present.clone_from(nodes);
        hosts[*at].memory = Some(site.actual.facts.memory_available);
    }
    for member in absent {
        match hosts
            .iter_mut()
            .find(|host| host.name == member.address && host.memory.is_none())
        {
            Some(host) => host.present.clone_from(&member.nodes),
            None => hosts.push(Host {
                name: &member.address,
                present: member.nodes.clone(),
                memory: None,
            }),
        }
    }
    hosts
}

/// The nodes that a hypervisor has and that it is to have.
fn seats(counts: &Counts, there: &[Seat], topology: &Topology) -> Vec<Seat> {
    let mut seats: BTreeSet<Seat> = there.iter().cloned().collect();
    for spec in &topology.node_types {
        seats.extend(counts.indexes(&spec.file_name).into_iter().map(|index| Seat {
            file: spec.file_name.clone(),
            index,
            node_type: spec.name.clone(),
        }));
    }
    seats.into_iter().collect()
}

/// Says, when there are networks to be made, which of them do not join the hypervisors' nodes.
fn apart(request: &Request, topology: &Topology, sites: &Each<Site>, ui: &Ui) {
    let new = sites
        .iter()
        .any(|(_, site)| site.actual.networks_of(site.id.uuid).next().is_none());
    let spans = |forward, nic: bool, switch: bool| forward == Forward::Bridge && (nic || !switch);
    let apart: Vec<&str> = topology
        .networks
        .iter()
        .filter(|spec| !spans(spec.forward, spec.nic.is_some(), spec.is_openvswitch()))
        .map(|spec| spec.name.as_str())
        .collect();
    if new && !apart.is_empty() {
        let them = if apart.len() == 1 { "it" } else { "them" };
        ui.note(&format!(
            "note: each of the {} hypervisors has a {} of its own: nodes on different ones do not reach each other over {them}, \
             only over networks with 'forward: bridge' and a 'nic'",
            request.ways.all.len(),
            apart.join(", "),
        ));
    }
}
