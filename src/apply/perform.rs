//! Doing one action, in the room of its step.

use super::Tools;
use crate::apply;
use crate::deployment::ImageSource;
use crate::interrupt;
use crate::names;
use crate::patience;
use crate::plan::{Action, Verb, Work};
use crate::remote::News;
use crate::steps::disks::Materials;
use crate::steps::image::Base;
use crate::steps::start::Watch;
use crate::steps::{self, Step};
use crate::units::format_elapsed;
use anyhow::{Context, Result};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

/// Does an action.
///
/// # Errors
/// Its step's, with the action on top.
pub(super) fn perform(action: &Action, tools: &Tools) -> Result<()> {
    let Tools {
        host,
        libvirt,
        id,
        record,
        ..
    } = tools;
    let began = Instant::now();
    let what = format!("{} {} '{}'", action.verb, action.kind, action.name);
    tracing::info!(host = action.host, "{what}: {}", action.reason);
    let verb = match action.verb {
        Verb::Restart => "restarting",
        _ if action.step == Step::Start => "starting",
        Verb::Create => "creating",
        Verb::Update => "changing",
        Verb::Remove => "removing",
    };
    // Images show how far they are, and a guest has its time to go down.
    let quick = action.step != Step::Image && action.verb != Verb::Restart;
    let doing = || format!("{verb} {} '{}' on '{}'", action.kind, action.name, action.host);
    let _waiting = quick.then(|| patience::waiting(doing()));
    let pool = names::pool(&id.name);
    let result = match &action.work {
        Work::Host(work) => steps::host::apply::apply(work, libvirt, host, id),
        Work::Networks(work) => steps::networks::apply::apply(work, libvirt, host, id),
        Work::Image(work) => fetch(action, work, tools),
        Work::Customize(work) => customize(action, work, tools),
        Work::Disks(work) => {
            let materials = Materials {
                bases: bases(tools).clone(),
                customized: customized(tools).clone(),
                ..tools.materials.clone()
            };
            let place = (pool.as_str(), tools.setting.folder.as_str());
            steps::disks::apply::apply(work, (libvirt, host), place, record.as_ref(), &materials)
        }
        Work::Domains(work) => {
            steps::domains::apply::apply(work, libvirt, host, id, &tools.setting, record.as_ref())
        }
        Work::Start(work) => {
            let watch = Watch {
                ui: &tools.ui,
                goes_on: &|| goes_on(tools),
                leads: &|| leads(tools),
            };
            steps::start::apply(work, libvirt, tools.setting.virt_type, &watch)
                .map_err(|error| steps::start::fallen::explain(host, libvirt, work.name(), error))
        }
    };
    if let Err(error) = result {
        tracing::debug!(host = action.host, "{what}: failed: {error:#}");
        return Err(match apply::is_stop(&error) {
            true => error,
            false => error.context(doing()),
        });
    }
    tracing::debug!(
        host = action.host,
        "{what}: done in {}",
        format_elapsed(began.elapsed())
    );
    interrupt::point(&point_name(action));
    Ok(())
}

/// Whether a run may go on with what takes its time.
///
/// # Errors
/// When it was asked to stop, or its lease is lost.
fn goes_on(tools: &Tools) -> Result<()> {
    if interrupt::requested() {
        return Err(super::stopped());
    }
    leads(tools)
}

/// Whether it is still this run that may change things.
///
/// # Errors
/// When its lease is lost.
fn leads(tools: &Tools) -> Result<()> {
    match (tools.lease_lost)() {
        true => Err(super::lease_lost(tools).into()),
        false => Ok(()),
    }
}

fn bases(tools: &Tools) -> MutexGuard<'_, BTreeMap<ImageSource, Base>> {
    tools.bases.lock().unwrap_or_else(PoisonError::into_inner)
}

fn customized(tools: &Tools) -> MutexGuard<'_, BTreeMap<ImageSource, Base>> {
    tools.customized.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets libguestfs make an image take its nodes' seeds, where it needs that.
fn customize(action: &Action, work: &steps::image::customize::Work, tools: &Tools) -> Result<()> {
    let base = bases(tools).get(&work.source).cloned();
    let base = base.context("the image is not in the cache")?;
    let label = action.name.rsplit('/').next().unwrap_or(&action.name);
    tools.ui.note(&format!(
        "{label}: libguestfs works on it, which takes seconds, or a minute by emulation, and is done once"
    ));
    let customisation = tools.materials.customisation();
    let emulated = tools.setting.virt_type == "qemu";
    let joined = Cell::new(false);
    let hear = |news| {
        if matches!(news, News::Joined) && !joined.replace(true) {
            tools
                .ui
                .note(&format!("{label}: an earlier run began this, it goes on"));
        }
        leads(tools)
    };
    let make = || {
        let place = (&tools.host, &tools.storage);
        steps::image::customize::apply(place, (&base, work.how), &customisation, emulated, &hear)
    };
    let mut made = make()?;
    // As with a base that was fetched.
    if let Some(first) = &made
        && !is_held(tools, first)?
    {
        made = make()?;
    }
    if made.is_some()
        && let Some(first) = work.unheard.first()
    {
        let text = format!("'cloud_init' of '{first}' is not heard: there is no cloud-init in {label}");
        tools.ui.warn(&text);
    }
    match made {
        Some(made) if !is_held(tools, &made)? => {
            return Err(steps::image::hold::vanished(&made.path).into());
        }
        Some(made) => drop(customized(tools).insert(work.source.clone(), made)),
        None => tools
            .ui
            .note(&format!("{label}: its nodes are told by cloud-init")),
    }
    Ok(())
}

/// Keeps a base in the cache for as long as this run lasts; whether it is there still.
fn is_held(tools: &Tools, base: &Base) -> Result<bool> {
    let gone = steps::image::hold::hold(&tools.host, &tools.storage, &tools.id.name, &[base])?;
    Ok(gone.is_empty())
}

fn fetch(action: &Action, work: &steps::image::Work, tools: &Tools) -> Result<()> {
    let size = match work {
        steps::image::Work::Download { size, .. } => *size,
        steps::image::Work::Upload { size, .. } | steps::image::Work::Unpack { size, .. } => Some(*size),
    };
    // The last part tells images apart, and leaves room for the bar.
    let label = action.name.rsplit('/').next().unwrap_or(&action.name);
    let label = label.split(['?', '#']).next().unwrap_or(label);
    let transfer = tools.ui.transfer(label, size);
    let joined = Cell::new(false);
    let hear = |news| {
        match news {
            News::Joined if !joined.replace(true) => {
                let text = format!("{label}: an earlier run began this download, it goes on");
                tools.ui.note(&text);
            }
            News::Joined => {}
            News::Size(bytes) => transfer.position(bytes),
        }
        leads(tools)
    };
    let bring = || steps::image::apply::apply(work, &tools.host, &tools.storage, &hear);
    let mut base = bring()?;
    // Somebody may clear up the cache between its coming and our saying that we need it.
    if !is_held(tools, &base)? {
        base = bring()?;
        if !is_held(tools, &base)? {
            return Err(steps::image::hold::vanished(&base.path).into());
        }
    }
    transfer.done();
    bases(tools).insert(work.source(), base);
    Ok(())
}

/// The name under which a test can stop the run after an action: `record`, `pool`, `network`, …, `remove-domain`.
fn point_name(action: &Action) -> String {
    let name = match &action.work {
        Work::Host(steps::host::Work::Record { .. }) => "record",
        Work::Host(steps::host::Work::RemoveFolder { .. }) => "folder",
        Work::Host(steps::host::Work::Access(_)) => "access",
        Work::Host(steps::host::Work::Bridge(_)) => "bridge",
        Work::Host(steps::host::Work::Prepare(_)) => "prepare",
        Work::Host(steps::host::Work::OpenVswitch(_)) => "openvswitch",
        Work::Host(_) => "pool",
        Work::Networks(work) if work.is_reservation() => "reservation",
        Work::Networks(_) => "network",
        Work::Image(_) => "image",
        Work::Customize(_) => "customize",
        Work::Disks(steps::disks::Work::Seed(_)) => "seed",
        Work::Disks(_) => "volume",
        Work::Domains(steps::domains::Work::Remove { .. }) => "domain",
        Work::Domains(_) => "define",
        Work::Start(steps::start::Work::Restart { .. }) => "restart",
        Work::Start(_) => "start",
    };
    if action.verb == Verb::Remove {
        format!("remove-{name}")
    } else {
        name.to_owned()
    }
}
