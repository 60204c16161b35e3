//! The first round trips of a run: connections, leases, what is there, and which subnets it gets.

use super::fleet::{Crew, Each};
use super::ground::{self, Ground};
use super::input::Request;
use super::make::{load, network_of};
use super::{Session, joined};
use crate::actual::{self, Actual};
use crate::apply;
use crate::deployment::{Identity, ImageSource, Slot};
use crate::error::{Exit, Fault};
use crate::fleet::{self, Member};
use crate::lease::{self, Lease};
use crate::remote::{Cmd, Host};
use crate::resolve::slots;
use crate::steps::image;
use crate::steps::image::locate::Inspected;
use crate::topology::{self, Topology};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long another run may take to choose its subnets.
const SUBNET_WAIT: Duration = Duration::from_secs(120);

/// What the first round trips to a hypervisor give.
pub(super) struct Connected {
    pub(super) session: Session,
    pub(super) ground: Ground,
    pub(super) lease: Option<Arc<Lease>>,
    pub(super) subnets: Option<Lease>,
    pub(super) inspected: Option<Result<Inspected>>,
}

/// An open libvirt on a ground that bears a run, and the lease on the deployment there.
type Opened = ((Session, Ground), Option<Arc<Lease>>);

/// Connects to all hypervisors.
pub(super) fn connect(request: &Request, crew: &mut Crew, ui: &Ui) -> Result<Each<Connected>> {
    if !crew.is_several() {
        return Ok(vec![(0, connect_one(request, ui)?)]);
    }
    let opened = open(request, crew, !request.dry_run, ui)?;
    let connected = |(at, ((session, ground), lease))| {
        let connected = Connected {
            session,
            ground,
            lease,
            subnets: None,
            inspected: None,
        };
        (at, connected)
    };
    Ok(opened.into_iter().map(connected).collect())
}

/// The leases and libvirt have a connection of their own each: all at once. A workspace that is new will most likely
/// need the subnets' lease (if another run has it just now, it is waited for when it is known to be needed), and what
/// a local image holds, which takes a while to hash.
fn connect_one(request: &Request, ui: &Ui) -> Result<Connected> {
    let host = Host::connect(request.host(), request.client())?;
    let new = !request.dry_run && request.known.is_none();
    std::thread::scope(|scope| {
        let lease = (!request.dry_run)
            .then(|| scope.spawn(|| super::lease(request, &host, request.deployment(), ui)));
        // Whoever waits for another run must not hold what that run may need.
        let subnets = (new && !request.wait)
            .then(|| scope.spawn(|| Lease::subnets(&host, &lease::who(), Duration::ZERO).ok()));
        let inspected = match &request.wanted.image {
            ImageSource::File(file) if new => Some(scope.spawn(|| image::locate::inspect(file))),
            _ => None,
        };
        let stood = ground::stand(&host, request);
        let lease = lease.map(joined).transpose()?;
        let (session, ground) = stood?;
        Ok(Connected {
            lease,
            subnets: subnets.and_then(joined),
            session,
            ground,
            inspected: inspected.map(joined),
        })
    })
}

/// Opens libvirt on several hypervisors, at once, and takes the leases on the deployment there: one after the other, in
/// an order that is the same for every run, so that two runs never wait for each other.
pub(super) fn open(request: &Request, crew: &mut Crew, leases: bool, ui: &Ui) -> Result<Each<Opened>> {
    let hosts = crew.each(crew.all(), |at, ()| {
        let request = request.to(at);
        let host = Host::connect(request.host(), request.client())?;
        let machine = machine(&host)?;
        Ok((machine, host))
    })?;
    let mut order: Vec<(&String, usize, &Host)> = hosts
        .iter()
        .map(|(at, (machine, host))| (machine, *at, host))
        .collect();
    order.sort_by_key(|(machine, at, _)| (*machine, *at));
    if let Some(twice) = order.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let (one, other) = (crew.host(twice[0].1), crew.host(twice[1].1));
        let message = format!("'{one}' and '{other}' are one machine");
        bail!(Fault::new(Exit::Usage, message).hint("name it once"));
    }
    let (sessions, mut held) = std::thread::scope(|scope| {
        let sessions: Vec<_> = hosts
            .iter()
            .map(|(at, (_, host))| (*at, scope.spawn(|| ground::stand(host, request))))
            .collect();
        let mut held: BTreeMap<usize, Result<Arc<Lease>>> = BTreeMap::new();
        for (_, at, host) in order.iter().filter(|_| leases) {
            let lease = super::lease(request, host, request.deployment(), ui);
            let ends = lease.is_err() && !request.keep_going;
            held.insert(*at, lease);
            if ends {
                break;
            }
        }
        let sessions: Vec<_> = sessions
            .into_iter()
            .map(|(at, thread)| (at, joined(thread)))
            .collect();
        (sessions, held)
    });
    if let Some(at) = held.iter().find(|(_, lease)| lease.is_err()).map(|(at, _)| *at)
        && !request.keep_going
        && let Some(Err(error)) = held.remove(&at)
    {
        // Those after it were not asked for.
        return crew.sort(vec![(at, Err(error))]);
    }
    let results = sessions.into_iter().map(|(at, session)| {
        let lease = held.remove(&at).transpose();
        (at, lease.and_then(|lease| Ok((session?, lease))))
    });
    crew.sort(ground::first(results.collect(), request.keep_going)?)
}

/// What tells a machine from all others, as long as it runs: clones may share the one, namespaces the other.
fn machine(host: &Host) -> Result<String> {
    let script = r#"cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id 2>/dev/null || echo "$1""#;
    host.text(&Cmd::script(script, &[host.name()]))
}

/// A hypervisor of a run, and what is on it.
pub(super) struct Site {
    /// The request to it.
    pub(super) request: Request,
    pub(super) session: Session,
    pub(super) ground: Ground,
    pub(super) lease: Option<Arc<Lease>>,
    pub(super) subnets: Option<Lease>,
    pub(super) inspected: Option<Result<Inspected>>,
    pub(super) actual: Actual,
    pub(super) id: Identity,
}

impl Site {
    /// As the environment sees it.
    pub(super) fn found(&self) -> fleet::Found<'_> {
        fleet::Found {
            host: &self.id.host,
            uuid: self.id.uuid,
            record: self.actual.facts.record.as_ref(),
            is_marked: self.actual.domains_of(self.id.uuid).next().is_some()
                || self.actual.networks_of(self.id.uuid).next().is_some(),
        }
    }

    /// Does something of it; what is behind a failure goes on top of it.
    pub(super) fn explained<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        work().map_err(|error| apply::explain_lost((&self.session.host, &self.session.libvirt), error))
    }

    fn read(&mut self) -> Result<()> {
        let request = &self.request;
        self.actual = self.explained(|| {
            actual::read(
                &self.session.host,
                &self.session.libvirt,
                &request.wanted.storage,
                request.deployment(),
            )
        })?;
        if let Some(fault) = &self.actual.facts.record_fault {
            bail!(Fault::new(Exit::Failed, fault).hint(
                "remove that file: the next run writes it anew from the marks; or remove the deployment with --kill"
            ));
        }
        self.id = self
            .actual
            .identity(request.deployment(), request.prefix.as_deref(), request.host());
        Ok(())
    }

    /// Whether there are networks to be made, for which subnets must be chosen.
    fn lacks_networks(&self, topology: &Topology) -> bool {
        let found = self.actual.networks_of(self.id.uuid);
        found.filter(|network| network.wire.is_none()).count() < topology.networks.len()
    }
}

/// Which subnets, on what is there now.
pub(super) struct Chosen {
    pub(super) sites: Each<Site>,
    /// The hypervisors that the environment lives on, too, and that are not among them.
    pub(super) absent: Vec<Member>,
    pub(super) network: String,
    pub(super) slot: Slot,
    pub(super) topology: Topology,
}

/// Chooses the subnets; under the host-wide leases when there are networks to be made.
pub(super) fn choose(request: &Request, connected: Each<Connected>, crew: &mut Crew) -> Result<Chosen> {
    let mut sites = crew.each(connected, |at, connected| {
        let Connected {
            session,
            ground,
            lease,
            subnets,
            inspected,
        } = connected;
        let request = session
            .at_its_folder(&request.to(at))
            .map_err(|error| apply::explain_lost((&session.host, &session.libvirt), error))?;
        Ok(Site {
            id: Actual::default().identity(request.deployment(), None, request.host()),
            actual: Actual::default(),
            request,
            session,
            ground,
            lease,
            subnets,
            inspected,
        })
    })?;
    loop {
        sites = crew.each(sites, |_, mut site| site.read().map(|()| site))?;
        let found: Vec<fleet::Found<'_>> = sites.iter().map(|(_, site)| site.found()).collect();
        fleet::one_environment(request.deployment(), &found)?;
        let mut absent = fleet::absent(&found);
        absent.retain(|member| !request.forgotten.contains(&member.address));
        not_named(request, &absent, crew)?;
        let records = || {
            sites
                .iter()
                .filter_map(|(_, site)| site.actual.facts.record.as_ref())
        };
        let network = network_of(request, records().find(|record| record.network.is_some()));
        let mut present = Vec::new();
        for (_, site) in &sites {
            let domains = site.actual.domains_of(site.id.uuid);
            let marks = domains.filter_map(|domain| domain.mark.as_ref());
            present.extend(marks.flat_map(|mark| [mark.node_type.clone(), mark.file_name.clone()]));
        }
        let seats = absent.iter().flat_map(|member| &member.nodes);
        present.extend(seats.flat_map(|seat| [seat.node_type.clone(), seat.file.clone()]));
        let files = topology::Request {
            present,
            ..request.topology.clone()
        };
        let load = |slot: &Slot| load(&files, request.prefix.as_deref(), Some(&network), slot);
        let hosts: Vec<(&Identity, &Actual)> =
            sites.iter().map(|(_, site)| (&site.id, &site.actual)).collect();
        let (slot, topology) = slots::choose(request.forced, &hosts, &load).map_err(Problems::into_fault)?;
        let mut lacking = Vec::new();
        for (_, site) in &mut sites {
            match site.lacks_networks(&topology) {
                false => site.subnets = None,
                true if site.subnets.is_none() => {
                    lacking.push((site.actual.facts.uuid, site.id.host.clone()))
                }
                true => {}
            }
        }
        if request.dry_run || lacking.is_empty() {
            return Ok(Chosen {
                sites,
                absent,
                network,
                slot,
                topology,
            });
        }
        // The same order for every run.
        lacking.sort();
        for (_, host) in lacking {
            for (_, site) in sites.iter_mut().filter(|(_, site)| site.id.host == host) {
                site.subnets = Some(Lease::subnets(&site.session.host, &lease::who(), SUBNET_WAIT)?);
            }
        }
    }
}

/// Refuses a run that does not name all hypervisors that the environment lives on: it would count wrongly, or forget some.
pub(super) fn not_named(request: &Request, absent: &[Member], crew: &Crew) -> Result<()> {
    let left_out = crew.failed().count();
    if absent.is_empty() || request.keep_going && left_out > 0 {
        return Ok(());
    }
    let list: Vec<String> = absent
        .iter()
        .map(|member| format!("'{}'", member.address))
        .collect();
    let mut all: Vec<&str> = request.ways.all.iter().map(|way| way.host.as_str()).collect();
    all.extend(absent.iter().map(|member| member.address.as_str()));
    Err(Fault::new(
        Exit::Usage,
        format!(
            "deployment '{}' lives on {}, too, and this run does not name {}",
            request.deployment(),
            list.join(" and "),
            if list.len() == 1 { "it" } else { "them" }
        ),
    )
    .hint(format!("name all of them: --host-address {}", all.join(",")))
    .into())
}
