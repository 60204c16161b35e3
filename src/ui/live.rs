//! The live lines of a terminal: drawn below what was said, drawn again as they change, and gone in the end.

use super::cut;
use super::frame::{self, Line};
use super::{Inner, Ui, locked};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(100);

/// The lines of this process's terminal, for who asks on it without a [`Ui`].
static CURRENT: Mutex<Weak<Inner>> = Mutex::new(Weak::new());
/// How many ask.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// What is drawn.
#[derive(Default)]
pub(super) struct Live {
    lines: BTreeMap<u64, Line>,
    next: u64,
    /// When each step began.
    began: BTreeMap<u64, Instant>,
    /// The rows that stand there, by their widths.
    drawn: Vec<usize>,
    /// Nothing is drawn any more.
    hidden: bool,
    /// Whether a thread draws.
    ticking: bool,
}

impl Live {
    /// What takes the rows away that stand there; a screen that has become narrower has broken them.
    fn erase(&mut self, columns: usize) -> String {
        let height: usize = self
            .drawn
            .drain(..)
            .map(|width| width.div_ceil(columns.max(1)).max(1))
            .sum();
        match height {
            0 => String::new(),
            1 => "\r\x1b[J".to_owned(),
            _ => format!("\r\x1b[{}A\x1b[J", height - 1),
        }
    }

    /// What draws the lines as they are now.
    fn draw(&mut self, size: (usize, usize), colours: bool) -> String {
        if self.hidden || self.lines.is_empty() || HELD.load(Ordering::Relaxed) > 0 {
            return String::new();
        }
        for (id, line) in &mut self.lines {
            if let (Line::Step { since, .. }, Some(began)) = (line, self.began.get(id)) {
                *since = began.elapsed();
            }
        }
        let lines: Vec<Line> = self.lines.values().cloned().collect();
        let rows = frame::rows(&lines, size, colours);
        self.drawn = rows.iter().map(|row| cut::width_seen(row)).collect();
        rows.join("\n")
    }
}

/// A line of its own; dropped, it is gone.
pub(super) struct LiveLine {
    ui: Ui,
    id: u64,
}

impl LiveLine {
    /// A line, where there are live ones.
    pub(super) fn new(ui: &Ui, line: Line) -> Option<LiveLine> {
        let mut live = ui.live()?;
        let id = live.next;
        live.next += 1;
        if matches!(line, Line::Step { .. }) {
            live.began.insert(id, Instant::now());
        }
        live.lines.insert(id, line);
        if !live.ticking {
            live.ticking = true;
            let inner = Arc::downgrade(&ui.inner);
            std::thread::spawn(move || tick(&inner));
        }
        drop(live);
        Some(LiveLine { ui: ui.clone(), id })
    }

    /// Changes it; it is drawn in a moment.
    pub(super) fn change(&self, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self
            .ui
            .live()
            .as_mut()
            .and_then(|live| live.lines.get_mut(&self.id))
        {
            change(line);
        }
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        if let Some(mut live) = self.ui.live() {
            live.lines.remove(&self.id);
            live.began.remove(&self.id);
        }
        self.ui.quietly(|_| ());
    }
}

/// Draws until there is nothing to draw.
fn tick(inner: &Weak<Inner>) {
    loop {
        {
            let Some(inner) = inner.upgrade() else { return };
            let ui = Ui { inner, host: None };
            // The lock must be free again before anything is drawn.
            let is_over = ui.live().is_none_or(|mut live| {
                let is_over = live.lines.is_empty() || live.hidden;
                live.ticking &= !is_over;
                is_over
            });
            if is_over {
                return;
            }
            ui.quietly(|_| ());
        }
        std::thread::sleep(EVERY);
    }
}

impl Ui {
    fn live(&self) -> Option<MutexGuard<'_, Live>> {
        let live = self.inner.live.as_ref()?;
        Some(live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives `work` stderr while the live lines are out of the way.
    pub(super) fn quietly<T>(&self, work: impl FnOnce(&mut dyn Write) -> T) -> T {
        let Some(mut live) = self.live() else {
            return work(&mut **locked(&self.inner.err));
        };
        let mut err = locked(&self.inner.err);
        let size = super::screen::size_of(std::io::stderr());
        let mut said = Said(live.erase(size.1).into_bytes());
        let result = work(&mut said);
        said.0.extend(live.draw(size, self.inner.colour).into_bytes());
        // One write, so that nothing flickers.
        let _ = err.write_all(&said.0);
        let _ = err.flush();
        result
    }

    /// Does `work`, which writes to another stream of perhaps the same terminal, while the live lines are out of the way.
    pub(super) fn without_lines(&self, work: impl FnOnce()) {
        let Some(mut live) = self.live() else {
            return work();
        };
        let mut err = locked(&self.inner.err);
        let size = super::screen::size_of(std::io::stderr());
        let _ = err.write_all(live.erase(size.1).as_bytes());
        let _ = err.flush();
        work();
        let _ = err.write_all(live.draw(size, self.inner.colour).as_bytes());
        let _ = err.flush();
    }

    /// The live lines go for good: threads that are left behind may still have some. A stream that hangs is not waited for.
    pub(super) fn hide_lines(&self) {
        let Some(live) = &self.inner.live else { return };
        let mut live = match live.try_lock() {
            Ok(live) => live,
            Err(TryLockError::Poisoned(live)) => live.into_inner(),
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(EVERY);
                let Ok(live) = live.try_lock() else { return };
                live
            }
        };
        live.hidden = true;
        let erase = live.erase(super::screen::size_of(std::io::stderr()).1);
        let _ = std::io::stderr().write_all(erase.as_bytes());
    }

    /// Makes these lines the ones that wait while somebody asks on the terminal.
    pub(super) fn register(&self) {
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&self.inner);
    }
}

/// What is to be written at once.
struct Said(Vec<u8>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// While this lives no live line is drawn: a question stands on the terminal.
pub struct Held(());

/// Takes the live lines away until the answer is there.
pub fn hold() -> Held {
    HELD.fetch_add(1, Ordering::Relaxed);
    let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
    if let Some(inner) = current {
        Ui { inner, host: None }.quietly(|_| ());
    }
    Held(())
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
}
