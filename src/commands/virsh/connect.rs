//! The first round trips of a run: connections, leases, what is there, and which subnets it gets.

use super::input::Request;
use super::make::{load, network_of};
use super::{Session, joined};
use crate::actual::{self, Actual};
use crate::deployment::{Identity, ImageSource, Slot};
use crate::error::{Exit, Fault};
use crate::lease::{self, Lease};
use crate::remote::Host;
use crate::resolve::slots;
use crate::steps::image;
use crate::steps::image::locate::Inspected;
use crate::topology::{self, Topology};
use crate::ui::Ui;
use crate::yaml::Problems;
use anyhow::{Result, bail};
use std::sync::Arc;
use std::time::Duration;

/// How long another run may take to choose its subnets.
const SUBNET_WAIT: Duration = Duration::from_secs(120);

/// What the first round trips give.
pub(super) struct Connected {
    pub(super) session: Session,
    pub(super) lease: Option<Arc<Lease>>,
    pub(super) subnets: Option<Lease>,
    pub(super) inspected: Option<Result<Inspected>>,
}

/// The leases and libvirt have a connection of their own each: all at once. A workspace that is new will most likely
/// need the subnets' lease (if another run has it just now, it is waited for when it is known to be needed), and what
/// a local image holds, which takes a while to hash.
pub(super) fn connect(request: &Request, ui: &Ui) -> Result<Connected> {
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
        let session = Session::on(host.clone());
        let lease = lease.map(joined).transpose()?;
        Ok(Connected {
            lease,
            subnets: subnets.and_then(joined),
            session: session?,
            inspected: inspected.map(joined),
        })
    })
}

/// Which subnets, on what is there now.
pub(super) struct Chosen {
    pub(super) actual: Actual,
    pub(super) id: Identity,
    pub(super) network: String,
    pub(super) slot: Slot,
    pub(super) topology: Topology,
    pub(super) subnets: Option<Lease>,
}

/// Chooses the subnets; under the host-wide lease when there are networks to be made.
pub(super) fn choose(request: &Request, session: &Session, mut subnets: Option<Lease>) -> Result<Chosen> {
    loop {
        let actual = actual::read(
            &session.host,
            &session.libvirt,
            &request.wanted.storage,
            request.deployment(),
        )?;
        if let Some(fault) = &actual.facts.record_fault {
            bail!(Fault::new(Exit::Failed, fault).hint(
                "remove that file: the next run writes it anew from the marks; or remove the deployment with --kill"
            ));
        }
        let id = actual.identity(request.deployment(), request.prefix.as_deref(), request.host());
        let network = network_of(request, actual.facts.record.as_ref());
        let marks = actual
            .domains_of(id.uuid)
            .filter_map(|domain| domain.mark.as_ref());
        let files = topology::Request {
            present: marks
                .flat_map(|mark| [mark.node_type.clone(), mark.file_name.clone()])
                .collect(),
            ..request.topology.clone()
        };
        let load = |slot: &Slot| load(&files, request.prefix.as_deref(), Some(&network), slot);
        let (slot, topology) =
            slots::choose(request.forced, &id, &actual, &load).map_err(Problems::into_fault)?;
        let subnets_made = actual
            .networks_of(id.uuid)
            .filter(|network| network.wire.is_none());
        let made = subnets_made.count() >= topology.networks.len();
        if made {
            subnets = None;
        }
        if request.dry_run || made || subnets.is_some() {
            return Ok(Chosen {
                actual,
                id,
                network,
                slot,
                topology,
                subnets,
            });
        }
        subnets = Some(Lease::subnets(&session.host, &lease::who(), SUBNET_WAIT)?);
    }
}
