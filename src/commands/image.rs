//! `irs image`: the cache of base images on hypervisors.

mod list;
mod prune;
mod pull;
mod removal;
mod rm;
mod sight;
mod verify;

use super::connection::{self, Silent, Way};
use super::virsh::{blocking, spec};
use crate::cli::image::{CacheFlags, Command, Image};
use crate::deployment::Storage;
use crate::error::{Exit, Fault, Report};
use crate::ui::Ui;
use crate::yaml::Problems;
use crate::{apply, interrupt};
use anyhow::Result;
use serde::Serialize;

/// Runs `irs image`.
///
/// # Errors
/// See the exit codes of [`crate::error::Exit`].
pub async fn run(args: &Image, ui: &Ui) -> Result<()> {
    let announce = || {
        if interrupt::has_changed() {
            ui.note("stopping at the next safe point; once more stops now");
        }
    };
    let leave = || ui.leave("stopped now: the same command goes on from here");
    let work = async {
        match &args.command {
            Command::List(args) => list::run(args, ui).await,
            Command::Pull(args) => pull::run(args, ui).await,
            Command::Rm(args) => rm::run(args, ui).await,
            Command::Prune(args) => prune::run(args, ui).await,
            Command::Verify(args) => verify::run(args, ui).await,
        }
    };
    tokio::select! {
        result = work => result,
        error = interrupt::listen(announce, leave) => Err(error.map_or_else(Into::into, |()| apply::stopped())),
    }
}

/// Which hypervisors, and which folder there.
fn place(flags: &CacheFlags, ui: &Ui) -> Result<(Vec<Way>, String)> {
    let mut problems = Problems::default();
    let pool = Storage::default().pool;
    let storage = spec::storage(flags.disk_pool.as_deref(), &pool, &mut problems);
    connection::check_hosts(&flags.connect.host_address, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_fault());
    }
    let ways = connection::looked_at(&flags.connect, &flags.workspace, ui)?;
    Ok((ways, storage.folder))
}

/// What several hypervisors say.
struct Several<T> {
    /// Those that answer.
    hosts: Vec<T>,
    /// Those that do not.
    silent: Vec<Silent>,
}

impl<T: Serialize + Clone> Several<T> {
    /// Prints it, with an error beside it when the command fails in the end; of one hypervisor alone, its own object.
    fn print<J: Serialize>(
        &self,
        ui: &Ui,
        fails: bool,
        json: impl Fn(Vec<T>, Vec<Silent>) -> J,
    ) -> Result<()> {
        let all = || json(self.hosts.clone(), self.silent.clone());
        match (&self.hosts[..], self.silent.is_empty()) {
            ([one], true) if fails => ui.json_with_error(one),
            ([one], true) => ui.json(one),
            (_, true) if !fails => ui.json(&all()),
            _ => ui.json_with_error(&all()),
        }
    }
}

/// Whether an error says nothing of whether its hypervisor answers.
fn is_ours(error: &anyhow::Error) -> bool {
    let exit = error.downcast_ref::<Fault>().map(|fault| fault.exit);
    apply::is_stop(error) || exit == Some(Exit::Usage)
}

/// Does the same on each hypervisor, on all at once; one alone that does not answer is the error.
async fn on_each<T: Send + 'static>(
    ways: Vec<Way>,
    work: impl Fn(&Way) -> Result<T> + Send + Sync + 'static,
) -> Result<Several<T>> {
    let is_alone = ways.len() == 1;
    let read = blocking(move || Ok(connection::at_once(ways, |way| (work(&way), way))));
    let mut several = Several {
        hosts: Vec::new(),
        silent: Vec::new(),
    };
    for (result, way) in read.await? {
        match result {
            Ok(one) => several.hosts.push(one),
            Err(error) if is_alone || is_ours(&error) => return Err(error),
            Err(error) => several.silent.push(Silent {
                host: way.host,
                error: Report::of(&error),
            }),
        }
    }
    Ok(several)
}
