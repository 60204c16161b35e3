//! Waiting for what does not end: a call into libvirt cannot be cancelled, and a frozen file system under a disk holds one
//! for ever. It is told what is waited for.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// How long nobody wonders.
const LIMIT: Duration = Duration::from_secs(10);

/// Something that is waited for, until it is dropped.
pub struct Waiting(u64);

struct Entry {
    since: Instant,
    what: String,
    told: bool,
}

#[derive(Default)]
struct Waits {
    next: u64,
    all: BTreeMap<u64, Entry>,
}

static WAITS: Mutex<Waits> = Mutex::new(Waits {
    next: 0,
    all: BTreeMap::new(),
});

/// Notes that something is waited for, in words that follow "waiting for".
pub fn waiting(what: impl Into<String>) -> Waiting {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let long = locked().long(Instant::now());
                if let Some(text) = long {
                    tracing::warn!("{text}");
                }
            }
        });
    });
    Waiting(locked().add(what.into(), Instant::now()))
}

fn locked() -> std::sync::MutexGuard<'static, Waits> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Waiting {
    fn drop(&mut self) {
        locked().all.remove(&self.0);
    }
}

impl Waits {
    fn add(&mut self, what: String, now: Instant) -> u64 {
        let id = self.next;
        self.next += 1;
        let entry = Entry {
            since: now,
            what,
            told: false,
        };
        self.all.insert(id, entry);
        id
    }

    /// What has taken long and was not told yet.
    fn long(&mut self, now: Instant) -> Option<String> {
        let long = self.all.values_mut();
        let long = long.filter(|entry| !entry.told && now.duration_since(entry.since) >= LIMIT);
        let words: Vec<&str> = long
            .map(|entry| {
                entry.told = true;
                entry.what.as_str()
            })
            .collect();
        let (first, others) = words.split_first()?;
        let others = match others.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let stop = match crate::interrupt::has_changed() {
            true => "Ctrl-C stops after it, a second one at once",
            false => "Ctrl-C stops",
        };
        Some(format!(
            "still waiting for {first}{others}, after {} s: {stop}",
            LIMIT.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_once() {
        let mut waits = Waits::default();
        let began = Instant::now();
        let first = waits.add("libvirt on 'hv1'".to_owned(), began);
        waits.add("creating volume 'a'".to_owned(), began);
        assert_eq!(waits.long(began + LIMIT / 2), None);
        let told = waits.long(began + LIMIT).unwrap();
        assert!(
            told.starts_with("still waiting for libvirt on 'hv1' and 1 more, after 10 s: Ctrl-C stops"),
            "{told}"
        );
        assert_eq!(waits.long(began + LIMIT * 2), None);
        waits.add("another".to_owned(), began);
        waits.all.remove(&first);
        assert!(waits.long(began + LIMIT * 2).unwrap().contains("another"));
    }
}
