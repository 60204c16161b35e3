//! Work that may take any time and memory, as what templates ask for does.
//!
//! minijinja counts instructions, and one of them may double a text: forty lines fill any memory. So rendering has a
//! thread of its own, which is left behind when it goes too far; the run ends then anyway.

use rustix::time::{ClockId, clock_gettime};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How much of the processors the program may use meanwhile; on a busy machine that takes longer.
const TIME: Duration = Duration::from_secs(5);
/// How long the work may take at most.
const PATIENCE: Duration = Duration::from_secs(120);
/// By how many KiB the program may grow meanwhile.
const MEMORY_KIB: u64 = 256 * 1024;
const STACK: usize = 16 << 20;
const POLL: Duration = Duration::from_millis(3);

/// What the work took too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    Time,
    Memory,
    /// The system has no thread for it, or it panicked.
    Failed,
}

/// Does the work, unless it takes too much.
pub(super) fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Excess> {
    let (sender, receiver) = channel();
    let before = resident_kib();
    let (started, used) = (Instant::now(), processor_time());
    let spawned = thread::Builder::new().stack_size(STACK).spawn(move || {
        // Nobody waits any more when it was too late.
        let _ = sender.send(work());
    });
    if spawned.is_err() {
        return Err(Excess::Failed);
    }
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => return Err(Excess::Failed),
            Err(RecvTimeoutError::Timeout)
                if processor_time().saturating_sub(used) > TIME || started.elapsed() > PATIENCE =>
            {
                return Err(Excess::Time);
            }
            Err(RecvTimeoutError::Timeout) if resident_kib() > before + MEMORY_KIB => {
                return Err(Excess::Memory);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// What the threads of this process have used together.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// The memory of this process; 0 where the system does not say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_within_bounds_is_done() {
        assert_eq!(run(|| 7), Ok(7));
    }
}
