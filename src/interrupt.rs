//! Signals: the first Ctrl-C, SIGTERM or SIGHUP (a closed terminal) stops at a safe point, the second stops now.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

static SIGNALS: AtomicUsize = AtomicUsize::new(0);
static ARRIVED: Notify = Notify::const_new();
static CHANGING: AtomicBool = AtomicBool::new(false);

/// How long a sleeping thread may take to notice a signal.
const NAP: Duration = Duration::from_millis(50);

/// Whether the run was asked to stop.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 0
}

/// Notes that the first change is about to be made: from here on a signal waits for a safe point.
pub fn changing() {
    CHANGING.store(true, Ordering::Relaxed);
}

/// Whether changes were begun.
pub fn has_changed() -> bool {
    CHANGING.load(Ordering::Relaxed)
}

/// Sleeps for `time`, or until the run is asked to stop; whether it was.
pub fn pause(time: Duration) -> bool {
    let end = Instant::now() + time;
    while !requested() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(left.min(NAP));
    }
    true
}

/// Waits until the run is asked to stop.
pub async fn arrived() {
    loop {
        let notified = ARRIVED.notified();
        tokio::pin!(notified);
        // From here on a signal is not missed.
        notified.as_mut().enable();
        if requested() {
            return;
        }
        notified.await;
    }
}

/// What comes first: the end of `work`, which may be left in the middle, or a signal, as none.
pub async fn unless_stopped<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = arrived() => None,
    }
}

/// Counts the signals; the first one is announced by `announce`, the second ends the process after `leave`.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn listen(announce: impl Fn(), leave: impl Fn()) -> std::io::Result<()> {
    let ignored = ignored();
    // What the caller had ignored stays so: `nohup`, or a script's background job.
    let heard = |kind: SignalKind| match ignored & (1 << (kind.as_raw_value() - 1)) {
        0 => signal(kind).map(Some),
        _ => Ok(None),
    };
    let mut interrupt = heard(SignalKind::interrupt())?;
    let mut terminate = heard(SignalKind::terminate())?;
    let mut hangup = heard(SignalKind::hangup())?;
    loop {
        tokio::select! {
            () = next(&mut interrupt) => {}
            () = next(&mut terminate) => {}
            () = next(&mut hangup) => {}
        }
        if SIGNALS.fetch_add(1, Ordering::Relaxed) > 0 {
            // The calls under way cannot be cancelled: the hypervisor finishes them, the next run takes it from there.
            leave();
            std::process::exit(crate::error::Exit::Interrupted as i32);
        }
        announce();
        ARRIVED.notify_waiters();
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals that this process was started to ignore, bit n - 1 for signal n.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// A named point of a run. With `IRS_KILL_AT=name` or `IRS_KILL_AT=name:n` the process kills itself with SIGKILL
/// when it gets there for the first or n-th time: how the tests show that another run goes on from everywhere.
pub fn point(name: &str) {
    static PASSED: AtomicUsize = AtomicUsize::new(0);
    let Ok(wanted) = std::env::var("IRS_KILL_AT") else {
        return;
    };
    let (point, count) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if point == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == count.parse().unwrap_or(1) {
        crate::libvirt::sys::kill_self();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_ends_in_time_is_not_stopped() {
        assert_eq!(unless_stopped(async { 7 }).await, Some(7));
        assert!(!pause(Duration::from_millis(1)));
    }
}
