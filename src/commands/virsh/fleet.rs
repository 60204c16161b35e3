//! The hypervisors of a run: the same is done on all of them at once. One that fails ends the run, and before its first
//! change so on all of them; with `--keep-going` it is left out.

use super::input::Request;
use super::persist::is_lost;
use crate::error::{Exit, Fault, Report, chain_faults};
use crate::ui::Ui;
use crate::{apply, interrupt};
use anyhow::Result;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

/// The hypervisors of a run, and which of them failed.
pub struct Crew {
    hosts: Vec<String>,
    keep_going: bool,
    ui: Ui,
    failed: Vec<(usize, anyhow::Error)>,
    halt: Arc<AtomicBool>,
}

/// Something of each of some hypervisors, by their numbers.
pub type Each<T> = Vec<(usize, T)>;

impl Crew {
    /// All of a request's.
    pub fn new(request: &Request, ui: &Ui) -> Crew {
        Crew {
            hosts: request.ways.all.iter().map(|way| way.host.clone()).collect(),
            keep_going: request.keep_going,
            ui: ui.clone(),
            failed: Vec::new(),
            halt: Arc::default(),
        }
    }

    /// The numbers of all hypervisors.
    pub fn all(&self) -> Each<()> {
        (0..self.hosts.len()).map(|at| (at, ())).collect()
    }

    /// Whether there are several.
    pub fn is_several(&self) -> bool {
        self.hosts.len() > 1
    }

    /// The hypervisor of that number, as it was typed.
    pub fn host(&self, at: usize) -> &str {
        &self.hosts[at]
    }

    /// The streams, with the hypervisor's name before what is said of it where there are several.
    pub fn ui(&self, at: usize) -> Ui {
        match self.is_several() {
            true => self.ui.of(&self.hosts[at]),
            false => self.ui.clone(),
        }
    }

    /// What the others look at between their steps.
    pub fn halt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.halt)
    }

    /// Lets the others stop after the steps that they are in, unless the run is to go on without this one.
    pub fn stop_others(&self) {
        self.halt.store(!self.keep_going, Ordering::Relaxed);
    }

    /// Does the same for some hypervisors at once.
    ///
    /// # Errors
    /// The first failure; with `--keep-going` only when nobody is left.
    pub fn each<T: Send, R: Send>(
        &mut self,
        items: Each<T>,
        work: impl Fn(usize, T) -> Result<R> + Sync,
    ) -> Result<Each<R>> {
        let work = &work;
        let results = std::thread::scope(|scope| {
            let mut items = items.into_iter();
            let last = items.next_back();
            let threads: Vec<_> = items
                .map(|(at, item)| (at, scope.spawn(move || work(at, item))))
                .collect();
            let last = last.map(|(at, item)| (at, work(at, item)));
            let mut results: Each<Result<R>> = threads
                .into_iter()
                .map(|(at, thread)| (at, super::joined(thread)))
                .collect();
            results.extend(last);
            results
        });
        self.sort(results)
    }

    /// Takes note of what failed.
    ///
    /// # Errors
    /// The first failure; with `--keep-going` only when nobody is left.
    pub fn sort<R>(&mut self, results: Each<Result<R>>) -> Result<Each<R>> {
        let mut good = Vec::new();
        let mut failures = Vec::new();
        for (at, result) in results {
            match result {
                Ok(result) => good.push((at, result)),
                Err(error) => failures.push((at, error)),
            }
        }
        if let Some(stopped) = failures.iter().position(|(_, error)| apply::is_stop(error)) {
            return Err(failures.swap_remove(stopped).1);
        }
        // What only stopped since another one failed says nothing.
        failures.sort_by_key(|(_, error)| is_halt(error));
        if !self.is_several() {
            return match failures.pop() {
                Some((_, error)) => Err(error),
                None => Ok(good),
            };
        }
        let goes_on = self.keep_going && !good.is_empty();
        for (at, error) in failures.iter().skip(usize::from(!goes_on)) {
            if !is_halt(error) {
                let what = if goes_on { "is left out" } else { "fails, too" };
                self.ui
                    .warn(&format!("'{}' {what}: {}", self.hosts[*at], in_a_line(error)));
            }
        }
        if goes_on {
            self.failed.extend(failures);
            return Ok(good);
        }
        match failures.into_iter().next() {
            Some((at, error)) => Err(self.of_host(at, error)),
            None => Ok(good),
        }
    }

    /// A failure that ends the run, with the hypervisor that it is of.
    fn of_host(&self, at: usize, error: anyhow::Error) -> anyhow::Error {
        let host = &self.hosts[at];
        if is_lost(&error) {
            // It names its host, and is tried again.
            return error;
        }
        let message = match interrupt::has_changed() {
            false => format!("'{host}' fails, and so nothing was changed on any hypervisor"),
            true => format!("'{host}' fails, and so the others stopped after the step that they were in"),
        };
        let go_on = match interrupt::has_changed() {
            false => "--keep-going works on the others",
            true => "the same command goes on from here; --keep-going works on the others meanwhile",
        };
        wrapped(error, message, (!self.keep_going).then_some(go_on))
    }

    /// Which hypervisors are left out.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &anyhow::Error)> {
        self.failed.iter().map(|(at, error)| (*at, error))
    }

    /// The end of a run: with `--keep-going` it is a failure when one was left out.
    ///
    /// # Errors
    /// That of the first one that was.
    pub fn end(self) -> Result<()> {
        let names: Vec<String> = self
            .failed
            .iter()
            .map(|(at, _)| format!("'{}'", self.hosts[*at]))
            .collect();
        let Some((_, error)) = self.failed.into_iter().next() else {
            return Ok(());
        };
        let message = format!(
            "{} of {} hypervisors {} left out: {}",
            names.len(),
            self.hosts.len(),
            if names.len() == 1 { "was" } else { "were" },
            names.join(", ")
        );
        Err(wrapped(
            error,
            message,
            Some("the same command does there what is left"),
        ))
    }
}

/// A message on top of a failure, which stays what it is.
fn wrapped(error: anyhow::Error, message: String, more: Option<&str>) -> anyhow::Error {
    let hint = Report::of(&error).hint;
    let hint: Vec<&str> = hint.as_deref().into_iter().chain(more).collect();
    let inner = chain_faults(&error).next();
    let mut fault = Fault::new(inner.map_or(Exit::Failed, |fault| fault.exit), message).hint(hint.join("; "));
    fault.problems = inner.map(|fault| fault.problems.clone()).unwrap_or_default();
    fault.passing = is_lost(&error);
    error.context(fault)
}

/// An error with its causes, in one line.
pub fn in_a_line(error: &anyhow::Error) -> String {
    let report = Report::of(error);
    let parts: Vec<&str> = std::iter::once(&report.message)
        .chain(&report.causes)
        .map(String::as_str)
        .collect();
    parts.join(": ")
}

fn is_halt(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<apply::Halted>())
}

/// Waits for all of some futures, which go on side by side.
pub async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    enum Slot<F, T> {
        Pending(Pin<Box<F>>),
        Done(Option<T>),
    }
    let mut slots: Vec<_> = futures.into_iter().map(|f| Slot::Pending(Box::pin(f))).collect();
    poll_fn(|context| {
        for slot in &mut slots {
            if let Slot::Pending(future) = slot
                && let Poll::Ready(done) = future.as_mut().poll(context)
            {
                *slot = Slot::Done(Some(done));
            }
        }
        match slots.iter().all(|slot| matches!(slot, Slot::Done(_))) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    let done = |slot| match slot {
        Slot::Done(done) => done,
        Slot::Pending(_) => None,
    };
    slots.into_iter().filter_map(done).collect()
}
