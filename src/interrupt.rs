//! Signals: the first Ctrl-C or SIGTERM stops at a safe point, the second stops now.

use std::sync::atomic::{AtomicUsize, Ordering};

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// Whether the run was asked to stop.
pub fn requested() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 0
}

/// Counts the signals; the first one is announced by `announce`, the second ends the process.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn listen(announce: impl Fn()) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if SIGNALS.fetch_add(1, Ordering::Relaxed) > 0 {
            // The calls under way cannot be cancelled: the hypervisor finishes them, the next run takes it from there.
            eprintln!("stopped now: the same command goes on from here");
            std::process::exit(crate::error::Exit::Interrupted as i32);
        }
        announce();
    }
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
