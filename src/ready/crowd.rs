//! Many nodes that are waited for at once: what one question answers for all of them is asked once, and only some log in at a
//! time.

use crate::apply::Tools;
use crate::libvirt::sys::dhcp_leases;
use crate::steps::domains::state::State;
use crate::steps::networks::servers;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many nodes are asked at once whether they answer: each is a login to the hypervisor first.
const PLACES: usize = 32;
/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);

type Answer = Option<(Instant, Arc<BTreeSet<String>>)>;

/// What those who wait share.
#[derive(Default)]
pub struct Crowd {
    running: Mutex<Answer>,
    leases: Mutex<BTreeMap<String, Answer>>,
    silent: Mutex<Answer>,
    busy: Mutex<usize>,
    left: Condvar,
}

/// The right to ask a node, until it is dropped.
pub struct Place<'a>(&'a Crowd);

impl Crowd {
    /// The state of a domain: that of those which run is known from one list.
    ///
    /// # Errors
    /// When a call fails, or the domain is gone.
    pub fn state(&self, name: &str, tools: &Tools) -> Result<State> {
        let list = || {
            let running = tools.libvirt.running()?;
            running.iter().map(|domain| Ok(domain.name()?)).collect()
        };
        if fresh(&mut lock(&self.running), list)?.contains(name) {
            return Ok(State::Running);
        }
        let domain = tools.libvirt.domain(name)?.context("its domain is gone")?;
        State::of(&domain)
    }

    /// Whether a NIC has been given an address on a network; no, when libvirt does not tell.
    pub fn has_lease(&self, network: &str, mac: &str, tools: &Tools) -> bool {
        let list = || {
            let found = tools.libvirt.network(network)?.context("it is gone")?;
            let leases = dhcp_leases(&found)?.into_iter();
            Ok(leases.map(|lease| lease.mac.to_lowercase()).collect())
        };
        let mut all = lock(&self.leases);
        let known = fresh(all.entry(network.to_owned()).or_default(), list);
        known.is_ok_and(|macs| macs.contains(&mac.to_lowercase()))
    }

    /// Whether a network's DHCP server ought to run and does not.
    pub fn is_silent(&self, network: &str, tools: &Tools) -> bool {
        let list = || servers::missing(&tools.host);
        fresh(&mut lock(&self.silent), list).is_ok_and(|silent| silent.contains(network))
    }

    /// Waits for a place among those who ask their nodes now.
    pub fn place(&self) -> Place<'_> {
        let busy = lock(&self.busy);
        let mut busy = self
            .left
            .wait_while(busy, |busy| *busy >= PLACES)
            .unwrap_or_else(PoisonError::into_inner);
        *busy += 1;
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *lock(&self.0.busy) -= 1;
        self.0.left.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer that is fresh enough; the others wait while one asks.
fn fresh(
    answer: &mut Answer,
    ask: impl FnOnce() -> Result<BTreeSet<String>>,
) -> Result<Arc<BTreeSet<String>>> {
    if let Some((when, known)) = answer
        && when.elapsed() < FRESH
    {
        return Ok(Arc::clone(known));
    }
    let known = Arc::new(ask()?);
    *answer = Some((Instant::now(), Arc::clone(&known)));
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_question_serves_all_and_places_are_bounded() {
        let asked = AtomicUsize::new(0);
        let answer = Mutex::new(None);
        let (crowd, now, most) = (Crowd::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 * PLACES {
                scope.spawn(|| {
                    let known = fresh(&mut lock(&answer), || {
                        asked.fetch_add(1, Ordering::Relaxed);
                        Ok(BTreeSet::from(["a".to_owned()]))
                    });
                    assert!(known.unwrap().contains("a"));
                    let _place = crowd.place();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= PLACES);
        // It may have grown old meanwhile on a slow machine, not for each.
        assert!(asked.load(Ordering::Relaxed) < PLACES);
        let mut old = Some((
            Instant::now().checked_sub(FRESH).unwrap(),
            Arc::new(BTreeSet::new()),
        ));
        assert!(
            fresh(&mut old, || Ok(BTreeSet::from(["b".to_owned()])))
                .unwrap()
                .contains("b")
        );
        assert!(fresh(&mut None, || anyhow::bail!("no")).is_err());
    }
}
